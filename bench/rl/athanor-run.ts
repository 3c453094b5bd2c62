/** One run of Athanor: a recipe as JSON in, lines of JSON out (see protocol.ts). */
import { readFileSync } from "node:fs";
import type { Env, Reset, Step } from "athanor/rl";
import { DiscretizeAction, LqrTracking, make } from "athanor/rl";
import { DDPG, DQN, SAC, TD3, evaluatePolicy, learn } from "athanor/train";
import type { Callback, Training } from "athanor/train";
import type { EvaluationLine, Recipe, RunLine, Spent } from "./protocol.ts";

const recipe = JSON.parse(process.argv[2]) as Recipe;

function say(line: RunLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function makeEnv(): Promise<Env> {
  const env = await make(recipe.env, recipe.envOptions);
  return recipe.algorithm === "dqn" ? new DiscretizeAction(env, { bins: recipe.bins }) : env;
}

/** Mean return of the best policy on the episodes that evaluations play; null where unknown. */
function optimumOf(env: Env): number | null {
  const { unwrapped } = env;
  const steps = env.spec?.maxEpisodeSteps;
  if (!(unwrapped instanceof LqrTracking) || steps == null) return null;
  const { episodes, seed } = recipe.evaluation;
  let total = 0;
  for (let i = 0; i < episodes; i++) {
    let { observation } = env.reset({ seed: seed + i }) as Reset<Float32Array>;
    for (let left = steps; left > 0; left--) {
      const step = env.step(unwrapped.optimalAction(observation, left)) as Step<Float32Array>;
      observation = step.observation;
      total += step.reward;
    }
  }
  return total / episodes;
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Steps per CPU second of the environment alone, with one action drawn before each. */
async function physicsSpeed(seconds = 0.3): Promise<number> {
  using env = await makeEnv();
  env.reset({ seed: 1 });
  env.actionSpace.seed(1);
  const measure = (): number => {
    let steps = 0;
    const start = cpuSeconds();
    while (cpuSeconds() - start < seconds) {
      for (let i = 0; i < 100; i++) {
        const { terminated, truncated } = env.step(env.actionSpace.sample());
        if (terminated || truncated) env.reset();
      }
      steps += 100;
    }
    return steps / (cpuSeconds() - start);
  };
  // Until then the code is compiled.
  measure();
  return measure();
}

/** Wall and CPU seconds since the start, and of these what evaluations took. */
class Clock {
  readonly #start: readonly [number, number] = Clock.now();
  readonly #evaluation: [number, number] = [0, 0];

  static now(): readonly [number, number] {
    return [performance.now() / 1000, cpuSeconds()];
  }

  spent(): Spent {
    const now = Clock.now();
    return {
      wall: now[0] - this.#start[0],
      cpu: now[1] - this.#start[1],
      evaluationWall: this.#evaluation[0],
      evaluationCpu: this.#evaluation[1],
    };
  }

  /** Runs an evaluation and remembers what it took. */
  async evaluating<T>(run: () => Promise<T>): Promise<T> {
    const begin = Clock.now();
    const result = await run();
    Clock.now().forEach((end, i) => (this.#evaluation[i] += end - begin[i]));
    return result;
  }
}

/** Deterministic episodes from the same start states every time. */
class Judge implements Callback {
  readonly #env: Env;
  readonly #clock: Clock;
  readonly #gate: number | null;

  constructor(env: Env, clock: Clock, gate: number | null) {
    this.#env = env;
    this.#clock = clock;
    this.#gate = gate;
  }

  onStep(training: Training): void | Promise<void> {
    if (training.steps % recipe.evaluation.every === 0) return this.#judge(training);
  }

  async #judge(training: Training): Promise<void> {
    const spent = this.#clock.spent();
    const { episodes, seed } = recipe.evaluation;
    const result = await this.#clock.evaluating(() =>
      evaluatePolicy(training.learner, this.#env, { episodes, seed }),
    );
    const returns = result.episodes.map((episode) => episode.return);
    say({ kind: "evaluation", step: training.steps, returns, ...spent } satisfies EvaluationLine);
    const isGood = this.#gate !== null && result.meanReturn >= this.#gate;
    if (recipe.stopAtGate && isGood) training.stop("the goal is reached");
  }
}

const { noise } = recipe;
const shared = {
  seed: recipe.seed,
  learningRate: recipe.learningRate,
  bufferSize: Math.min(recipe.bufferSize, recipe.steps),
  learningStarts: recipe.learningStarts,
  batchSize: recipe.batch,
  tau: recipe.tau,
  gamma: recipe.gamma,
  trainFrequency: 1,
  gradientSteps: 1,
  activation: recipe.activation,
};
const actorCritic = {
  ...shared,
  actorLearningRate: recipe.actorLearningRate,
  randomSteps: recipe.randomSteps,
  netArch: { pi: recipe.policyHidden ?? recipe.hidden, qf: recipe.hidden },
  lastLayerInit: recipe.lastLayerInit,
};

const learners = {
  ddpg: (env: Env) => new DDPG(env, { ...actorCritic, actionNoise: noise }),
  td3: (env: Env) =>
    new TD3(env, {
      ...actorCritic,
      actionNoise: noise,
      policyDelay: recipe.policyDelay,
      targetPolicyNoise: recipe.targetNoise,
      targetNoiseClip: recipe.targetNoiseClip,
    }),
  sac: (env: Env) => new SAC(env, { ...actorCritic, entCoef: `auto_${recipe.firstTemperature}` }),
  dqn: (env: Env) =>
    new DQN(env, {
      ...shared,
      netArch: recipe.hidden,
      explorationFraction: recipe.explorationFraction,
      explorationFinalEps: recipe.finalEpsilon,
      targetUpdateInterval: 1,
    }),
};

/** Name and version of what runs. */
function versions(): string {
  const path = new URL("../../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { readonly version: string };
  return `Athanor ${version}, Node ${process.versions.node}`;
}

async function main(): Promise<void> {
  const physics = await physicsSpeed();
  using env = await makeEnv();
  using judged = await makeEnv();
  using tracked = await make(recipe.env, recipe.envOptions);
  const optimum = optimumOf(tracked);
  const { gateOfOptimum } = recipe;
  const gate = gateOfOptimum === null || optimum === null ? recipe.gate : gateOfOptimum * optimum;
  say({ kind: "ready", versions: versions(), physics, ...(optimum !== null && { optimum }) });
  // Building the nets and compiling the programs is part of what learning takes.
  const clock = new Clock();
  const learner = learners[recipe.algorithm](env);
  const { steps, updates } = await learn(learner, env, {
    totalSteps: recipe.steps,
    seed: recipe.seed,
    callbacks: new Judge(judged, clock, gate),
  });
  say({ kind: "done", steps, updates, ...clock.spent() });
}

await main();
