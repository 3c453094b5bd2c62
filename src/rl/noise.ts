import { CheckpointError, ConfigError } from "../base/errors.ts";
import { Pcg64 } from "../base/pcg64.ts";
import type { Pcg64State } from "../base/pcg64.ts";

/** The state of a noise: plain data, for checkpoints. */
export type NoiseState = Readonly<Record<string, unknown>>;

/** What is added to an action so that a learner sees what else it could do. */
export interface ActionNoise {
  /** Numbers of an action. */
  readonly size: number;
  /** The next noise; a new array of `size` numbers. */
  sample(): Float32Array;
  /** Begins anew, at the start of an episode: correlated noise forgets where it was. */
  reset(): void;
  /** What {@link ActionNoise.loadState} needs to continue from here, with its generator. */
  state(): NoiseState;
  /** @throws {CheckpointError} if the state is of another noise. */
  loadState(state: NoiseState): void;
}

/** Options of {@link GaussianNoise}. */
export interface GaussianNoiseOptions {
  /** Numbers of an action. */
  readonly size: number;
  /** Standard deviation, of all numbers or of each. */
  readonly sigma: number | readonly number[];
  /** @defaultValue 0 */
  readonly mean?: number | readonly number[];
  /**
   * Its state is part of the noise's; noises may share one. @defaultValue one from the system's
   * entropy
   */
  readonly random?: Pcg64;
}

/** Options of {@link OrnsteinUhlenbeckNoise}. */
export interface OrnsteinUhlenbeckNoiseOptions extends GaussianNoiseOptions {
  /** How strongly it is drawn to its mean, per unit of time. @defaultValue 0.15 */
  readonly theta?: number;
  /**
   * Time between two samples. 1 is Lillicrap's; Stable-Baselines3 has 0.01, which is ten times
   * weaker per step and slower by a hundred: the same name, another noise. @defaultValue 1
   */
  readonly dt?: number;
  /** Where an episode begins. @defaultValue 0 */
  readonly initial?: number | readonly number[];
}

/** One number for each of `size`, from one for all or a list. */
function spread(
  caller: string,
  what: string,
  value: number | readonly number[],
  size: number,
  least: number,
): Float64Array {
  const list = typeof value === "number" ? new Float64Array(size).fill(value) : value;
  if (list.length !== size) {
    throw new ConfigError(`${caller}: ${what} must have ${size} numbers, got ${list.length}`);
  }
  const wrong = list.find((each) => !Number.isFinite(each) || each < least);
  if (wrong !== undefined) {
    const range = least === 0 ? "finite and at least 0" : "finite";
    throw new ConfigError(`${caller}: ${what} must be ${range}, got ${wrong}`);
  }
  return Float64Array.from(list);
}

function requireSize(caller: string, size: number): number {
  if (Number.isInteger(size) && size > 0) return size;
  throw new ConfigError(`${caller}: size must be a positive integer, got ${size}`);
}

function requireKind(caller: string, state: NoiseState): void {
  if (state.kind === caller) return;
  throw new CheckpointError(
    `${caller}: the state must be of the same noise, got ${JSON.stringify(state.kind)}; ` +
      "make the noise with which the run was started",
  );
}

/** Independent normal numbers. */
export class GaussianNoise implements ActionNoise {
  readonly size: number;
  readonly sigma: Float64Array;
  readonly mean: Float64Array;
  readonly #random: Pcg64;

  /** @throws {ConfigError} if sigma is negative or a list has another length. */
  constructor(options: GaussianNoiseOptions) {
    const { sigma, mean = 0, random = new Pcg64() } = options;
    this.size = requireSize("GaussianNoise", options.size);
    this.sigma = spread("GaussianNoise", "sigma", sigma, this.size, 0);
    this.mean = spread("GaussianNoise", "mean", mean, this.size, -Infinity);
    this.#random = random;
  }

  sample(): Float32Array {
    const noise = new Float32Array(this.size);
    for (let i = 0; i < this.size; i++) noise[i] = this.#random.normal(this.mean[i], this.sigma[i]);
    return noise;
  }

  reset(): void {}

  state(): NoiseState {
    return { kind: "GaussianNoise", random: this.#random.state() };
  }

  loadState(state: NoiseState): void {
    requireKind("GaussianNoise", state);
    this.#random.setState(state.random as Pcg64State);
  }
}

/**
 * A random walk that is drawn back to its mean, so that steps close in time push the same way:
 *
 *     x ← x + θ (mean − x) dt + σ √dt N(0, 1)
 *
 * Its standard deviation, far from the start, is near σ / √(2 θ) for small θ dt.
 *
 * @see Uhlenbeck and Ornstein 1930; Lillicrap et al. 2015, "Continuous control with deep
 *   reinforcement learning".
 */
export class OrnsteinUhlenbeckNoise implements ActionNoise {
  readonly size: number;
  readonly sigma: Float64Array;
  readonly mean: Float64Array;
  readonly theta: number;
  readonly dt: number;
  readonly #initial: Float64Array;
  readonly #value: Float64Array;
  readonly #random: Pcg64;

  /** @throws {ConfigError} if sigma is negative, dt is not positive, or θ dt is outside [0, 2). */
  constructor(options: OrnsteinUhlenbeckNoiseOptions) {
    const { sigma, mean = 0, theta = 0.15, dt = 1, initial = 0, random = new Pcg64() } = options;
    const caller = "OrnsteinUhlenbeckNoise";
    this.size = requireSize(caller, options.size);
    this.sigma = spread(caller, "sigma", sigma, this.size, 0);
    this.mean = spread(caller, "mean", mean, this.size, -Infinity);
    if (!(dt > 0 && theta * dt >= 0 && theta * dt < 2)) {
      throw new ConfigError(
        `${caller}: dt must be positive and theta × dt in [0, 2), or it grows without end, ` +
          `got theta ${theta} and dt ${dt}`,
      );
    }
    this.theta = theta;
    this.dt = dt;
    this.#initial = spread(caller, "initial", initial, this.size, -Infinity);
    this.#value = this.#initial.slice();
    this.#random = random;
  }

  sample(): Float32Array {
    const x = this.#value;
    const root = Math.sqrt(this.dt);
    for (let i = 0; i < this.size; i++) {
      const drift = this.theta * (this.mean[i] - x[i]) * this.dt;
      x[i] += drift + this.sigma[i] * root * this.#random.standardNormal();
    }
    return Float32Array.from(x);
  }

  reset(): void {
    this.#value.set(this.#initial);
  }

  state(): NoiseState {
    const random = this.#random.state();
    return { kind: "OrnsteinUhlenbeckNoise", value: [...this.#value], random };
  }

  loadState(state: NoiseState): void {
    requireKind("OrnsteinUhlenbeckNoise", state);
    const value = state.value as readonly number[];
    if (value.length !== this.size) {
      throw new CheckpointError(
        `OrnsteinUhlenbeckNoise: the state must have ${this.size} numbers, got ${value.length}; ` +
          "it belongs to other actions",
      );
    }
    this.#value.set(value);
    this.#random.setState(state.random as Pcg64State);
  }
}

/** Options of {@link ScheduledNoise}. */
export interface ScheduledNoiseOptions {
  /** Factor of the first sample. @defaultValue 1 */
  readonly initial?: number;
  /** Factor from sample `steps` on. @defaultValue 0 */
  readonly final?: number;
  /** Samples until the factor is `final`; between, it changes linearly. */
  readonly steps: number;
}

/** A noise whose strength changes linearly with the number of samples taken. */
export class ScheduledNoise implements ActionNoise {
  readonly noise: ActionNoise;
  readonly #initial: number;
  readonly #final: number;
  readonly #steps: number;
  #taken = 0;

  /** @throws {ConfigError} if a factor is negative or `steps` is no positive integer. */
  constructor(noise: ActionNoise, options: ScheduledNoiseOptions) {
    const { initial = 1, final = 0, steps } = options;
    spread("ScheduledNoise", "initial", initial, 1, 0);
    spread("ScheduledNoise", "final", final, 1, 0);
    if (!Number.isInteger(steps) || steps < 1) {
      throw new ConfigError(`ScheduledNoise: steps must be a positive integer, got ${steps}`);
    }
    this.noise = noise;
    this.#initial = initial;
    this.#final = final;
    this.#steps = steps;
  }

  get size(): number {
    return this.noise.size;
  }

  /** What the next sample is multiplied with. */
  get factor(): number {
    const done = Math.min(1, this.#taken / this.#steps);
    return this.#initial + (this.#final - this.#initial) * done;
  }

  sample(): Float32Array {
    const { factor } = this;
    this.#taken++;
    return this.noise.sample().map((each) => each * factor);
  }

  reset(): void {
    this.noise.reset();
  }

  state(): NoiseState {
    return { kind: "ScheduledNoise", taken: this.#taken, noise: this.noise.state() };
  }

  loadState(state: NoiseState): void {
    requireKind("ScheduledNoise", state);
    this.#taken = state.taken as number;
    this.noise.loadState(state.noise as NoiseState);
  }
}

/** A noise for each of several environments, so that an episode's end restarts only its own. */
export class VectorNoise {
  readonly noises: readonly ActionNoise[];

  /**
   * @param create - makes the noise of an environment; give each its own generator.
   * @throws {ConfigError} if there is no environment, or one noise is given twice.
   */
  constructor(numEnvs: number, create: (index: number) => ActionNoise) {
    requireSize("VectorNoise", numEnvs);
    this.noises = Array.from({ length: numEnvs }, (_, index) => create(index));
    if (new Set(this.noises).size === numEnvs) return;
    throw new ConfigError("VectorNoise: create must make a new noise each time, got one twice");
  }

  /** A row for each environment: [numEnvs × size]. */
  sample(): Float32Array {
    const { size } = this.noises[0];
    const rows = new Float32Array(this.noises.length * size);
    this.noises.forEach((noise, index) => rows.set(noise.sample(), index * size));
    return rows;
  }

  /** Restarts the noise of one environment, or of all. */
  reset(index?: number): void {
    if (index !== undefined) this.noises[index].reset();
    else for (const noise of this.noises) noise.reset();
  }

  /** The states of all of them. */
  state(): NoiseState {
    return { kind: "VectorNoise", noises: this.noises.map((noise) => noise.state()) };
  }

  /** @throws {CheckpointError} if the state is of another number of environments. */
  loadState(state: NoiseState): void {
    requireKind("VectorNoise", state);
    const states = state.noises as readonly NoiseState[];
    if (states.length !== this.noises.length) {
      throw new CheckpointError(
        `VectorNoise: the state must be of ${this.noises.length} environments, ` +
          `got ${states.length}`,
      );
    }
    this.noises.forEach((noise, index) => noise.loadState(states[index]));
  }
}
