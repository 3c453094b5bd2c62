import { ConfigError, UsageError } from "../../base/errors.ts";
import type { Env, Reset, ResetOptions, Step } from "../env.ts";
import { nameOf, Wrapper } from "./wrapper.ts";

/** Truncates an episode after a number of steps; it does not say that the task ended. */
export class TimeLimit<Observation, Action> extends Wrapper<Observation, Action> {
  readonly maxEpisodeSteps: number;
  #elapsed = 0;

  /** @throws {ConfigError} if the limit is no positive integer. */
  constructor(env: Env<Observation, Action>, maxEpisodeSteps: number) {
    super(env);
    if (!(Number.isSafeInteger(maxEpisodeSteps) && maxEpisodeSteps > 0)) {
      throw new ConfigError(
        `TimeLimit: maxEpisodeSteps must be a positive integer, got ${maxEpisodeSteps}; ` +
          "null means no limit",
      );
    }
    this.maxEpisodeSteps = maxEpisodeSteps;
    if (env.spec !== null) this.spec = { ...env.spec, maxEpisodeSteps };
  }

  override reset(options?: ResetOptions): Reset<Observation> {
    const result = this.env.reset(options);
    this.#elapsed = 0;
    return result;
  }

  override step(action: Action): Step<Observation> {
    if (this.#elapsed >= this.maxEpisodeSteps) {
      throw new UsageError(
        `${nameOf(this)}: the episode was truncated after ${this.maxEpisodeSteps} steps; ` +
          "call reset() before the next step",
      );
    }
    const step = this.env.step(action);
    this.#elapsed++;
    if (this.#elapsed < this.maxEpisodeSteps || step.truncated) return step;
    return { ...step, truncated: true };
  }
}
