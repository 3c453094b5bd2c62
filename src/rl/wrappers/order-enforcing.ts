import { UsageError } from "../../base/errors.ts";
import type { Reset, ResetOptions, Step } from "../env.ts";
import type { Frame } from "../frame.ts";
import { nameOf, Wrapper } from "./wrapper.ts";

/** Refuses steps and pictures before the first reset, and steps after the end of an episode. */
export class OrderEnforcing<Observation, Action> extends Wrapper<Observation, Action> {
  #phase: "new" | "running" | "ended" = "new";

  override reset(options?: ResetOptions): Reset<Observation> {
    const result = this.env.reset(options);
    this.#phase = "running";
    return result;
  }

  override step(action: Action): Step<Observation> {
    if (this.#phase !== "running") throw this.#refusal("step");
    const result = this.env.step(action);
    if (result.terminated || result.truncated) this.#phase = "ended";
    return result;
  }

  /** @throws {UsageError} before the first reset. */
  override render(): Frame | readonly Frame[] | string | null {
    if (this.#phase === "new") throw this.#refusal("render");
    return this.env.render();
  }

  #refusal(call: string): UsageError {
    const state = this.#phase === "new" ? "has not begun" : "has ended";
    return new UsageError(`${nameOf(this)}.${call}: the episode ${state}; call reset() first`);
  }
}
