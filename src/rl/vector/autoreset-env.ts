import type { Env, Info, Reset, ResetOptions } from "../env.ts";
import type { Space } from "../space.ts";
import { isSpaceArray } from "./batch.ts";
import type { AutoresetMode } from "./vector-env.ts";

/** What one environment of a vector gave in a step. */
export interface Outcome<Observation = unknown> {
  readonly observation: Observation;
  readonly reward: number;
  readonly terminated: boolean;
  readonly truncated: boolean;
  readonly info: Info;
  /** In mode `SameStep`, the end of the episode that was reset within this step. */
  readonly final?: Reset<Observation>;
}

/** The last observation must stay what it is when the reset writes the next one. */
function kept<T>(space: Space<T>, value: T): T {
  if (isSpaceArray(value)) return value.slice() as T;
  return space.kind === "Dict" || space.kind === "Tuple" ? structuredClone(value) : value;
}

/** One environment of a vector, which starts its next episode as the mode says. */
export class AutoresetEnv<Observation, Action> {
  readonly env: Env<Observation, Action>;
  readonly #mode: AutoresetMode;
  #hasEnded = false;

  constructor(env: Env<Observation, Action>, mode: AutoresetMode) {
    this.env = env;
    this.#mode = mode;
  }

  reset(options: ResetOptions): Reset<Observation> {
    this.#hasEnded = false;
    return this.env.reset(options);
  }

  step(action: Action): Outcome<Observation> {
    if (this.#hasEnded && this.#mode === "NextStep") return this.#firstOfEpisode();
    const step = this.env.step(action);
    const isEnd = step.terminated || step.truncated;
    this.#hasEnded = isEnd;
    if (!isEnd || this.#mode !== "SameStep") return step;
    const { info } = step;
    const observation = kept(this.env.observationSpace, step.observation);
    return { ...step, ...this.reset({}), final: { observation, info } };
  }

  #firstOfEpisode(): Outcome<Observation> {
    const reset = this.reset({});
    return { ...reset, reward: 0, terminated: false, truncated: false };
  }
}
