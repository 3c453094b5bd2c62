// An agent that learns to swing a pendulum up: the same in a page and in Node.
import { make } from "athanor/rl";
import type { Env, Frame } from "athanor/rl";
import { DDPG } from "athanor/rl/agents";
import type { Callback, LearnResult, Training } from "athanor/rl/agents";

type PendulumEnv = Env<Float32Array, Float32Array>;

/** A line of the log. */
export interface RunLine {
  readonly step: number;
  readonly criticLoss: number;
  readonly actorLoss: number;
}

/** What a run is made with. */
export interface RunChoices {
  readonly seed: number;
  /** Steps with random actions, before the first update. */
  readonly learningStarts?: number;
}

/** What a caller of {@link PendulumRun.learn} sees and may do. */
export interface LearnChoices {
  readonly totalSteps: number;
  /** Ends the training. */
  readonly signal?: AbortSignal;
  /** After every step. */
  readonly onStep?: (training: Training) => void;
}

const logEvery = 100;

/** DDPG on `Pendulum-v1`, with the settings of `athanor train ddpg --env Pendulum-v1`. */
export class PendulumRun implements Disposable {
  /** Of the episodes so far, exploration included. */
  readonly returns: number[] = [];
  /** Losses, every 100 steps. */
  readonly lines: RunLine[] = [];
  readonly #agent: DDPG;
  readonly #env: PendulumEnv;
  readonly #shown: PendulumEnv;
  readonly #seed: number;
  #observation: Float32Array | null = null;

  constructor(envs: readonly [learned: PendulumEnv, shown: PendulumEnv], choices: RunChoices) {
    const { seed, learningStarts = 1000 } = choices;
    [this.#env, this.#shown] = envs;
    this.#seed = seed;
    this.#agent = new DDPG(this.#env, {
      netArch: [64, 64],
      batchSize: 64,
      gamma: 0.98,
      bufferSize: 50_000,
      learningStarts,
      seed,
    });
  }

  static async make(choices: RunChoices): Promise<PendulumRun> {
    const learned = await make<Float32Array, Float32Array>("Pendulum-v1");
    const options = { renderMode: "rgb_array" } as const;
    const shown = await make<Float32Array, Float32Array>("Pendulum-v1", options);
    return new PendulumRun([learned, shown], choices);
  }

  async learn({ onStep, ...choices }: LearnChoices): Promise<LearnResult> {
    const { returns, lines } = this;
    const watcher: Callback = {
      onEpisodeEnd: (_training, episode) => void returns.push(episode.return),
      onStep: (training) => onStep?.(training),
      onLog({ steps }, values) {
        const { "train/critic_loss": criticLoss, "train/actor_loss": actorLoss } = values;
        if (criticLoss !== undefined) lines.push({ step: steps, criticLoss, actorLoss });
      },
    };
    return this.#agent.learn({ ...choices, seed: this.#seed, logEvery, callbacks: watcher });
  }

  /**
   * The next picture of the policy as it is now, without noise, in an environment of its own:
   * training does not notice.
   */
  nextFrame(): Frame {
    this.#observation ??= this.#shown.reset().observation;
    const action = Float32Array.from(this.#agent.act(this.#observation, 1, false));
    const { observation, terminated, truncated } = this.#shown.step(action);
    this.#observation = terminated || truncated ? null : observation;
    return this.#shown.render() as Frame;
  }

  [Symbol.dispose](): void {
    this.#agent.dispose();
    this.#env.close();
    this.#shown.close();
  }
}
