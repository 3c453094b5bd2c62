import type { Algorithm, Recipe, RecipeNoise } from "./protocol.ts";

/** A published result, drawn as a line across the picture. */
interface Published {
  readonly label: string;
  readonly return: number;
  /** Only in the picture of this algorithm and of all; steps it took. */
  readonly algorithm: Algorithm;
  readonly steps: number;
}

/** A task with the recipe that all contenders share. */
export interface Task {
  readonly name: string;
  readonly title: string;
  /** What `gate` means, as the table says it. */
  readonly goal: string;
  /** Whether the environment exists in Gymnasium, so that peers can run it. */
  readonly hasPeers: boolean;
  readonly recipe: Omit<Recipe, "algorithm" | "seed" | "threads" | "stopAtGate">;
  /** What other algorithms than DDPG do otherwise. */
  readonly otherwise?: Readonly<Partial<Record<Algorithm, Partial<Recipe>>>>;
  /** What Stable-Baselines3's zoo does otherwise for DDPG and TD3. */
  readonly zoo?: Partial<Recipe>;
  readonly published?: readonly Published[];
}

const gaussian: RecipeNoise = { kind: "gaussian", sigma: 0.1 };

const small = {
  envOptions: {},
  hidden: [64, 64],
  policyHidden: null,
  activation: "relu",
  lastLayerInit: null,
  batch: 64,
  learningRate: 1e-3,
  actorLearningRate: null,
  tau: 0.005,
  gamma: 0.99,
  bufferSize: 1_000_000,
  learningStarts: 1000,
  randomSteps: null,
  noise: gaussian,
  policyDelay: 2,
  targetNoise: 0.2,
  targetNoiseClip: 0.5,
  firstTemperature: 1,
  bins: 11,
  explorationFraction: 0.3,
  finalEpsilon: 0.05,
  gateOfOptimum: null,
} as const;

const middle = { ...small, hidden: [128, 128], batch: 128, learningStarts: 10_000 } as const;
const zoo = { hidden: [400, 300], batch: 256 } as const;
const evaluationSeed = 10_000;

const evaluate = (every: number, episodes: number): Recipe["evaluation"] => ({
  every,
  episodes,
  seed: evaluationSeed,
});

/** Results at a million steps that others published, over their own seeds (docs/rl.md). */
function published(
  values: Readonly<Record<string, Readonly<Partial<Record<Algorithm, number>>>>>,
): readonly Published[] {
  return Object.entries(values).flatMap(([source, results]) =>
    Object.entries(results).map(([algorithm, value]) => ({
      label: `${source} ${algorithm.toUpperCase()} ${value}`,
      return: value,
      algorithm: algorithm as Algorithm,
      steps: 1_000_000,
    })),
  );
}

const named: readonly Task[] = [
  {
    name: "pendulum",
    title: "Pendulum-v1",
    goal: "≥ −200 over 20 episodes",
    hasPeers: true,
    recipe: {
      ...small,
      env: "Pendulum-v1",
      steps: 10_000,
      gamma: 0.98,
      evaluation: evaluate(500, 20),
      gate: -200,
    },
    zoo: { ...zoo, learningStarts: 10_000, steps: 20_000, evaluation: evaluate(1000, 20) },
  },
  {
    name: "mountain-car",
    title: "MountainCarContinuous-v0",
    goal: "≥ 90 over 10 episodes",
    hasPeers: true,
    recipe: {
      ...small,
      env: "MountainCarContinuous-v0",
      steps: 20_000,
      noise: { kind: "ornsteinUhlenbeck", sigma: 0.5, theta: 0.15, dt: 1 },
      evaluation: evaluate(1000, 10),
      gate: 90,
    },
    zoo: { ...zoo, learningStarts: 256 },
  },
  {
    name: "inverted-pendulum",
    title: "InvertedPendulum-v5",
    goal: "1000 over 10 episodes",
    hasPeers: true,
    recipe: {
      ...small,
      env: "InvertedPendulum-v5",
      steps: 30_000,
      evaluation: evaluate(2500, 10),
      gate: 1000,
    },
    zoo,
  },
  {
    name: "half-cheetah",
    title: "HalfCheetah-v5",
    goal: "≥ 4800 over 3 episodes",
    hasPeers: true,
    recipe: {
      ...middle,
      env: "HalfCheetah-v5",
      steps: 150_000,
      evaluation: evaluate(5000, 3),
      gate: 4800,
    },
    zoo,
    published: published({
      CleanRL: { ddpg: 10_374, td3: 9583, sac: 9635 },
      "Spinning Up": { ddpg: 10_117, td3: 9755, sac: 11_460 },
    }),
  },
  {
    name: "hopper",
    title: "Hopper-v5",
    goal: "≥ 1500 over 3 episodes",
    hasPeers: true,
    recipe: {
      ...middle,
      env: "Hopper-v5",
      steps: 300_000,
      evaluation: evaluate(10_000, 3),
      gate: 1500,
    },
    otherwise: { td3: { gate: 2900 } },
    zoo,
    published: published({
      CleanRL: { ddpg: 1577, td3: 3135, sac: 2310 },
      "Spinning Up": { ddpg: 1736, td3: 2859, sac: 3535 },
    }),
  },
  {
    name: "reacher",
    title: "Reacher-v5",
    goal: "≥ −5 over 20 episodes",
    hasPeers: true,
    recipe: {
      ...small,
      env: "Reacher-v5",
      steps: 50_000,
      evaluation: evaluate(2500, 20),
      gate: -5,
    },
    zoo,
  },
];

/** Numbers of action dimensions of the tasks called `lqr-8` and so on. */
export const lqrDimensions = [2, 4, 8, 64, 256] as const;

/**
 * Following a target with `d` forces, whose best policy is known: what grows with d is the action.
 *
 * A constant push moves the error twenty times as far, so a policy that follows a critic's first
 * guesses is lost for long: policies are linear and begin near zero, at a low rate, and the critic
 * begins with what random actions did. It is wide, not deep: values are quadratic.
 */
function lqr(d: number): Task {
  const [allowed, isSmall] = d <= 8 ? [1.1, true] : [1.2, false];
  return {
    name: `lqr-${d}`,
    title: `LQR tracking, ${d} action dimensions`,
    goal: `cost ≤ ${allowed} × that of the best policy over 20 episodes`,
    hasPeers: false,
    recipe: {
      ...small,
      env: "LqrTracking-v0",
      envOptions: { d },
      hidden: [d <= 64 ? 256 : 512],
      policyHidden: [],
      activation: "silu",
      lastLayerInit: 3e-3,
      actorLearningRate: isSmall ? 1e-4 : 3e-5,
      batch: 128,
      gamma: 0.8,
      noise: { kind: "gaussian", sigma: 0.3 },
      // Rewards are some hundredths: at SAC's usual 1 the entropy would be all that counts.
      firstTemperature: 1e-3,
      learningStarts: isSmall ? 1000 : 5000,
      steps: lqrSteps(d),
      bins: 3,
      evaluation: evaluate(isSmall ? 1000 : 5000, 20),
      gate: null,
      gateOfOptimum: allowed,
    },
  };
}

function lqrSteps(d: number): number {
  if (d <= 8) return 20_000;
  return d <= 64 ? 75_000 : 150_000;
}

/** All tasks. */
export const tasks: readonly Task[] = [...named, ...lqrDimensions.map(lqr)];

/** Short names for several tasks. */
const groups: Readonly<Record<string, readonly string[]>> = {
  lqr: lqrDimensions.map((d) => `lqr-${d}`),
  argument: ["pendulum", ...lqrDimensions.map((d) => `lqr-${d}`)],
};

/** Tasks by names or groups. @throws {Error} for a name that is none. */
export function tasksNamed(names: readonly string[]): readonly Task[] {
  const wanted = [...new Set(names.flatMap((name) => groups[name] ?? [name]))];
  return wanted.map((name) => {
    const task = tasks.find((one) => one.name === name);
    if (task !== undefined) return task;
    const known = [...tasks.map((one) => one.name), ...Object.keys(groups)].join(", ");
    throw new Error(`--tasks: no task is called "${name}"; known: ${known}`);
  });
}

/** Discrete actions that DQN would need: all combinations of the bins of each dimension. */
export function dqnOutputs(task: Task): number {
  return task.recipe.bins ** (task.recipe.envOptions["d"] ?? 1);
}

/** Nets with more outputs than this are not built. */
export const mostDqnOutputs = 1_000_000;

/** What a run may choose. */
export interface RecipeChoice {
  readonly algorithm: Algorithm;
  readonly seed: number;
  readonly threads: number;
  readonly stopAtGate: boolean;
  /** Steps other than the task's. */
  readonly steps?: number;
  readonly isZoo?: boolean;
}

/** The recipe of one run. */
export function recipeOf(task: Task, choice: RecipeChoice): Recipe {
  const { algorithm, seed, threads, stopAtGate, steps, isZoo = false } = choice;
  return {
    ...task.recipe,
    ...task.otherwise?.[algorithm],
    ...(isZoo && task.zoo),
    ...(steps !== undefined && { steps }),
    algorithm,
    seed,
    threads,
    stopAtGate,
  };
}
