import { Pcg64 } from "../base/pcg64.ts";
import type { Seed } from "../base/pcg64.ts";
import type { EnvSpec } from "./env-spec.ts";
import type { Frame, RenderMode } from "./frame.ts";
import type { Space } from "./space.ts";

/** Facts beside observations; plain data. */
export type Info = Record<string, unknown>;

/** Options of {@link Env.reset}. */
export interface ResetOptions {
  /** Seeds the environment's generator; without it the generator goes on where it stands. */
  readonly seed?: Seed;
  /** What an environment lets callers choose, such as bounds of the start state. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** What {@link Env.reset} returns. */
export interface Reset<Observation> {
  readonly observation: Observation;
  readonly info: Info;
}

/** What {@link Env.step} returns. */
export interface Step<Observation> {
  /** A value of its own: a later step does not change it. */
  readonly observation: Observation;
  readonly reward: number;
  /** Whether the task itself ended: nothing follows, so a value function must not look further. */
  readonly terminated: boolean;
  /** Whether the episode was cut from outside, by a time limit: the value of what follows counts. */
  readonly truncated: boolean;
  readonly info: Info;
}

/**
 * A task that is acted in step by step, with Gymnasium's meaning of every word.
 *
 * A subclass sets the two spaces and writes {@link Env.reset} and {@link Env.step}; random numbers
 * come from {@link Env.random}, so that `reset({ seed })` repeats an episode.
 *
 * @see Towers et al. 2024, "Gymnasium: A Standard Interface for Reinforcement Learning
 *   Environments".
 */
export abstract class Env<Observation = unknown, Action = unknown> {
  abstract readonly observationSpace: Space<Observation>;
  abstract readonly actionSpace: Space<Action>;
  /** Modes that `render` knows, and frames per second of real time. */
  readonly renderModes: readonly RenderMode[] = [];
  readonly renderFps: number = 30;
  /** The mode chosen when the environment was made. */
  renderMode: RenderMode | null = null;
  /** How the registry made it; null for one made by hand. */
  spec: EnvSpec | null = null;
  #random: Pcg64 | null = null;

  /** The environment's generator: NumPy's `PCG64`, seeded by `reset({ seed })`. */
  get random(): Pcg64 {
    this.#random ??= new Pcg64();
    return this.#random;
  }

  set random(random: Pcg64) {
    this.#random = random;
  }

  /** Begins an episode. Subclasses call `this.begin(options)` first. */
  abstract reset(options?: ResetOptions): Reset<Observation>;

  /** Takes one action. */
  abstract step(action: Action): Step<Observation>;

  /** A picture of the present state in `renderMode`; null where nothing is drawn. */
  render(): Frame | readonly Frame[] | string | null {
    return null;
  }

  /** Frees what the environment holds. Closing twice is allowed. */
  close(): void {}

  /** The environment inside all wrappers. */
  get unwrapped(): Env<unknown, unknown> {
    return this;
  }

  /** Closes it, so that `using` does. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Seeds the generator if the options say so: the first line of every `reset`. */
  protected begin(options: ResetOptions | undefined): void {
    if (options?.seed !== undefined) this.#random = new Pcg64(options.seed);
  }
}
