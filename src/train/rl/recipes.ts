import { ConfigError } from "../../base/errors.ts";
import type { AlgorithmName, LearnerOptions } from "./algorithms.ts";

/** Whose settings a run starts from. */
export type RecipeName = "small" | "wide" | "sb3" | "cleanrl" | "spinningup" | "lillicrap";

const gaussian = { kind: "gaussian", sigma: 0.1 } as const;

/** Settings of nets and updates, without what only policies with noise have. */
const common: Readonly<Record<"small" | "wide", LearnerOptions>> = {
  small: {
    netArch: [64, 64],
    learningRate: 1e-3,
    batchSize: 64,
    gamma: 0.99,
    learningStarts: 1000,
  },
  wide: {
    netArch: [128, 128],
    learningRate: 1e-3,
    batchSize: 128,
    gamma: 0.99,
    learningStarts: 10_000,
  },
};

/**
 * Settings by recipe and algorithm, from the sources that docs/rl.md names. Where theirs would learn
 * from fewer transitions than a batch has, learning starts with a batch.
 */
const recipes: Readonly<
  Record<AlgorithmName, Partial<Readonly<Record<RecipeName, LearnerOptions>>>>
> = {
  ddpg: {
    small: { ...common.small, actionNoise: gaussian },
    wide: { ...common.wide, actionNoise: gaussian },
    sb3: {
      netArch: [400, 300],
      learningRate: 1e-3,
      batchSize: 256,
      actionNoise: null,
      learningStarts: 256,
    },
    cleanrl: {
      netArch: [256, 256],
      learningRate: 3e-4,
      batchSize: 256,
      actionNoise: gaussian,
      learningStarts: 25_000,
      policyDelay: 2,
    },
    spinningup: {
      netArch: [256, 256],
      learningRate: 1e-3,
      batchSize: 100,
      actionNoise: gaussian,
      learningStarts: 1000,
      randomSteps: 10_000,
      trainFrequency: 50,
      gradientSteps: 50,
    },
    lillicrap: {
      netArch: [400, 300],
      actionLayer: 2,
      lastLayerInit: 3e-3,
      actorLearningRate: 1e-4,
      criticLearningRate: 1e-3,
      criticOptimizer: { weightDecay: 1e-2 },
      batchSize: 64,
      tau: 1e-3,
      actionNoise: { kind: "ornsteinUhlenbeck", sigma: 0.2, theta: 0.15, dt: 1 },
      learningStarts: 64,
      randomSteps: 0,
    },
  },
  td3: {
    small: { ...common.small, actionNoise: gaussian },
    wide: { ...common.wide, actionNoise: gaussian },
    sb3: {
      netArch: [400, 300],
      learningRate: 1e-3,
      batchSize: 256,
      actionNoise: null,
      learningStarts: 256,
    },
    cleanrl: {
      netArch: [256, 256],
      learningRate: 3e-4,
      batchSize: 256,
      actionNoise: gaussian,
      learningStarts: 25_000,
    },
  },
  sac: {
    small: { ...common.small },
    wide: { ...common.wide },
    sb3: { netArch: [256, 256], learningRate: 3e-4, batchSize: 256, learningStarts: 256 },
    cleanrl: {
      netArch: [256, 256],
      actorLearningRate: 3e-4,
      criticLearningRate: 1e-3,
      batchSize: 256,
      learningStarts: 5000,
    },
  },
  dqn: {
    small: {
      ...common.small,
      trainFrequency: 1,
      targetUpdateInterval: 200,
      explorationFraction: 0.3,
    },
    wide: { ...common.wide, trainFrequency: 1, targetUpdateInterval: 500 },
    sb3: {},
    cleanrl: {
      netArch: [120, 84],
      learningRate: 2.5e-4,
      bufferSize: 10_000,
      batchSize: 128,
      learningStarts: 10_000,
      trainFrequency: 10,
      targetUpdateInterval: 500,
      explorationFraction: 0.5,
      maxGradNorm: null,
    },
  },
};

/** The recipes there are for an algorithm. */
export function recipesFor(algorithm: AlgorithmName): readonly RecipeName[] {
  return Object.keys(recipes[algorithm]) as RecipeName[];
}

/** How long a task is learned, and when it counts as solved. */
export interface TaskPlan {
  readonly recipe: RecipeName;
  readonly totalSteps: number;
  readonly evalEvery: number;
  readonly evalEpisodes: number;
  /** Mean return at which training ends; null for none. */
  readonly stopAt: number | null;
  /** What the task wants otherwise than the recipe. */
  readonly options: LearnerOptions;
  /** What it wants of DQN beyond that; those of Stable-Baselines3's zoo. */
  readonly dqn: LearnerOptions;
}

const driftingNoise = { kind: "ornsteinUhlenbeck", sigma: 0.5, theta: 0.15, dt: 1 };

/** Plans by environment; noise is left out for algorithms without. */
const plans: Readonly<Record<string, Partial<TaskPlan>>> = {
  "Pendulum-v1": {
    totalSteps: 10_000,
    evalEvery: 1000,
    evalEpisodes: 20,
    stopAt: -200,
    options: { gamma: 0.98 },
  },
  // Without noise that drifts, the goal is never seen and the policy learns to stand still.
  "MountainCarContinuous-v0": {
    totalSteps: 30_000,
    evalEvery: 2500,
    stopAt: 90,
    options: { actionNoise: driftingNoise },
  },
  "CartPole-v1": {
    totalSteps: 50_000,
    evalEvery: 2560,
    stopAt: 475,
    dqn: {
      netArch: [256, 256],
      learningRate: 2.3e-3,
      bufferSize: 100_000,
      trainFrequency: 256,
      gradientSteps: 128,
      targetUpdateInterval: 10,
      explorationFraction: 0.16,
      explorationFinalEps: 0.04,
    },
  },
  "MountainCar-v0": {
    totalSteps: 150_000,
    evalEvery: 5000,
    stopAt: -110,
    dqn: {
      netArch: [256, 256],
      learningRate: 4e-3,
      batchSize: 128,
      bufferSize: 10_000,
      gamma: 0.98,
      trainFrequency: 16,
      gradientSteps: 8,
      targetUpdateInterval: 600,
      explorationFraction: 0.2,
      explorationFinalEps: 0.07,
    },
  },
  "InvertedPendulum-v5": { totalSteps: 30_000, evalEvery: 2500, stopAt: 1000 },
  "InvertedDoublePendulum-v5": { totalSteps: 100_000, evalEvery: 5000, stopAt: 9100 },
  "Reacher-v5": { totalSteps: 100_000, evalEvery: 5000, evalEpisodes: 20, stopAt: -5 },
  "HalfCheetah-v5": {
    recipe: "wide",
    totalSteps: 150_000,
    evalEvery: 10_000,
    evalEpisodes: 3,
    stopAt: 4800,
  },
  "Hopper-v5": { recipe: "wide", totalSteps: 1_000_000, evalEvery: 10_000, stopAt: 3800 },
  "Walker2d-v5": { recipe: "wide", totalSteps: 1_000_000, evalEvery: 10_000 },
  "Swimmer-v5": { recipe: "wide", totalSteps: 1_000_000, evalEvery: 10_000, stopAt: 360 },
};

/** How an environment is learned where nothing else is said; `rewardThreshold` is its registered one. */
export function planOf(env: string, rewardThreshold: number | null): TaskPlan {
  return {
    recipe: "small",
    totalSteps: 100_000,
    evalEvery: 5000,
    evalEpisodes: 10,
    stopAt: rewardThreshold,
    options: {},
    dqn: {},
    ...plans[env],
  };
}

/**
 * Options of an algorithm for a task: those of the recipe, and what the task itself needs unless a
 * recipe was asked for by name.
 *
 * @throws {ConfigError} if the recipe is not one for the algorithm.
 */
export function recipeOptions(
  algorithm: AlgorithmName,
  plan: TaskPlan,
  asked: RecipeName | undefined,
): LearnerOptions {
  const name = asked ?? plan.recipe;
  const options = recipes[algorithm][name];
  if (options === undefined) {
    throw new ConfigError(
      `train ${algorithm}: recipe must be one of ${recipesFor(algorithm).join(", ")}, ` +
        `got ${name}; leave it out for the one of the environment`,
    );
  }
  if (asked !== undefined && asked !== "small" && asked !== "wide") return options;
  const { actionNoise, ...others } = plan.options;
  const hasNoise = "actionNoise" in options && actionNoise !== undefined;
  const special = algorithm === "dqn" ? plan.dqn : {};
  return { ...options, ...others, ...(hasNoise && { actionNoise }), ...special };
}
