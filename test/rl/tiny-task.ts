import { Env } from "athanor/rl";
import type { Info, Pcg64State, Rows, ResetOptions, Step, Transitions } from "athanor/rl";
import { Box, Pcg64 } from "athanor/rl";
import type { Learner, LearnerState, UpdateMetrics } from "athanor/train";
import { tensor, Tensor } from "athanor";

/** A point on a line that is to be brought to 0; starts and pushes come from the environment's generator. */
export class PointEnv extends Env<Float32Array, Float32Array> {
  readonly observationSpace: Box = new Box(-10, 10, { shape: [2] });
  readonly actionSpace: Box = new Box(-1, 1, { shape: [1] });
  readonly limit: number;
  /** Step of all at which the reward is NaN. */
  readonly brokenAt: number;
  closed = 0;
  total = 0;
  #position = 0;
  #velocity = 0;
  #steps = 0;

  constructor(options: { readonly limit?: number; readonly brokenAt?: number } = {}) {
    super();
    this.limit = options.limit ?? 25;
    this.brokenAt = options.brokenAt ?? Infinity;
  }

  reset(options?: ResetOptions): { observation: Float32Array; info: Info } {
    this.begin(options);
    this.#position = this.random.uniform(-2, 2);
    this.#velocity = 0;
    this.#steps = 0;
    return { observation: this.#observation(), info: {} };
  }

  step(action: Float32Array): Step<Float32Array> {
    this.total++;
    this.#steps++;
    this.#velocity = 0.8 * this.#velocity + 0.3 * action[0] + 0.05 * this.random.standardNormal();
    this.#position += this.#velocity;
    const terminated = Math.abs(this.#position) > 8;
    return {
      observation: this.#observation(),
      reward: this.total === this.brokenAt ? NaN : 1 - this.#position ** 2,
      terminated,
      truncated: this.#steps >= this.limit,
      info: { isSuccess: Math.abs(this.#position) < 1 },
    };
  }

  override close(): void {
    this.closed++;
  }

  #observation(): Float32Array {
    return Float32Array.of(this.#position, this.#velocity);
  }
}

/** Searches the weights of a linear policy at random: small, but with every kind of state. */
export class TinyLearner implements Learner {
  readonly algorithm: string;
  readonly observationSpace: Box;
  readonly actionSpace: Box = new Box(-1, 1, { shape: [1] });
  readonly options: Readonly<Record<string, unknown>> = { gamma: 0.9 };
  readonly learningStarts: number = 50;
  readonly trainFrequency: number;
  readonly gradientSteps: number;
  remembered: Transitions[] = [];
  progress = 0;
  episodesEnded = 0;
  updates = 0;
  /** What the critic claims. */
  q = 0;
  weights: Float32Array = Float32Array.of(0, 0);
  #random = new Pcg64(5);
  readonly #metrics: Record<string, Tensor> = {
    critic_loss: tensor(0),
    "train/q_mean": tensor(0),
  };

  constructor(
    options: {
      readonly algorithm?: string;
      readonly trainFrequency?: number;
      readonly gradientSteps?: number;
      /** Largest absolute value of observations. */
      readonly bound?: number;
    } = {},
  ) {
    const bound = options.bound ?? 10;
    this.observationSpace = new Box(-bound, bound, { shape: [2] });
    this.algorithm = options.algorithm ?? "tiny";
    this.trainFrequency = options.trainFrequency ?? 1;
    this.gradientSteps = options.gradientSteps ?? 1;
  }

  act(observations: Rows, count: number, isExploring: boolean): Rows {
    return Float32Array.from({ length: count }, (_, i) => {
      const mean =
        this.weights[0] * observations[2 * i] + this.weights[1] * observations[2 * i + 1];
      const action = isExploring ? mean + 0.3 * this.#random.standardNormal() : mean;
      return Math.max(-1, Math.min(1, action));
    });
  }

  remember(transitions: Transitions): void {
    this.remembered.push(transitions);
  }

  setProgress(done: number): void {
    this.progress = done;
  }

  episodeEnded(): void {
    this.episodesEnded++;
  }

  update(): UpdateMetrics {
    this.updates++;
    const change = Float32Array.from(this.weights, () => 0.003 * this.#random.standardNormal());
    this.weights = this.weights.map((weight, i) => 0.999 * weight - 0.0005 + change[i]);
    this.#metrics["critic_loss"].assign(tensor(1 / this.updates));
    this.#metrics["train/q_mean"].assign(tensor(this.q));
    return this.#metrics;
  }

  state(): LearnerState {
    return {
      tensors: { weights: Tensor.from(this.weights) },
      plain: { random: this.#random.state(), updates: this.updates },
    };
  }

  async loadState({ tensors, plain }: LearnerState): Promise<void> {
    this.weights = (await tensors["weights"].data()) as Float32Array;
    this.#random = Pcg64.fromState(plain["random"] as Pcg64State);
    this.updates = plain["updates"] as number;
  }

  dispose(): void {}
}
