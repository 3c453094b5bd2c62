import { AthanorError } from "../../base/errors.ts";
import { isSpaceArray, sizeOf } from "./batch.ts";
import { finalObservations } from "./map-observations.ts";
import type { Batch } from "./batch.ts";
import type { VectorEnv, VectorReset, VectorStep } from "./vector-env.ts";
import { VectorWrapper } from "./vector-wrapper.ts";
import type { GivenActions } from "./vector-wrapper.ts";

/** Options of {@link VectorCheckNan}. */
export interface VectorCheckNanOptions {
  /** Whether infinite numbers are found too. @defaultValue true */
  readonly checkInf?: boolean;
  /** `warn` writes to the console, once, and goes on. @defaultValue "throw" */
  readonly onFind?: "throw" | "warn";
}

/**
 * Finds numbers that are none where they come from: in actions, observations or rewards. The error
 * names the environment, the step and the last action.
 */
export class VectorCheckNan<Observation, Action> extends VectorWrapper<Observation, Action> {
  readonly #checkInf: boolean;
  readonly #onFind: "throw" | "warn";
  #steps = 0;
  #actions: unknown = null;
  #hasWarned = false;

  constructor(env: VectorEnv<Observation, Action>, options: VectorCheckNanOptions = {}) {
    super(env);
    this.#checkInf = options.checkInf ?? true;
    this.#onFind = options.onFind ?? "throw";
  }

  protected override changeActions(actions: GivenActions<Action>): GivenActions<Action> {
    this.#steps++;
    this.#actions = actions;
    this.#check("action", actions, sizeOf(this.singleActionSpace));
    return actions;
  }

  protected override changeReset(
    reset: VectorReset<Batch<Observation>>,
  ): VectorReset<Batch<Observation>> {
    this.#actions = null;
    this.#checkObservations(reset.observations);
    return reset;
  }

  protected override changeStep(
    step: VectorStep<Batch<Observation>>,
  ): VectorStep<Batch<Observation>> {
    this.#check("reward", step.rewards, 1);
    this.#checkObservations(step.observations);
    finalObservations(step.infos).forEach((final, index) => {
      if (isSpaceArray(final)) this.#check("observation", final, final.length, index);
    });
    return step;
  }

  /** The parts of structures one by one. */
  #checkObservations(batch: unknown): void {
    if (isSpaceArray(batch)) this.#check("observation", batch, batch.length / this.numEnvs);
    else if (typeof batch === "object" && batch !== null) {
      for (const part of Object.values(batch)) this.#checkObservations(part);
    }
  }

  #check(what: string, batch: unknown, size: number, first = 0): void {
    if (!isSpaceArray(batch) && !Array.isArray(batch)) return;
    const at = (batch as readonly number[]).findIndex((value) => this.#isBad(value));
    if (at >= 0) this.#found(what, batch[at] as number, at % size, first + Math.floor(at / size));
  }

  #isBad(value: unknown): boolean {
    return Number.isNaN(value) || (this.#checkInf && Math.abs(value as number) === Infinity);
  }

  #found(what: string, value: number, at: number, index: number): void {
    const size = sizeOf(this.singleActionSpace);
    const actions = Array.from((this.#actions ?? []) as ArrayLike<number>);
    const action = actions.slice(index * size, (index + 1) * size);
    const when = this.#actions === null ? "a reset" : `step ${this.#steps}`;
    const message =
      `VectorCheckNan: numbers must be finite, got ${value} as number ${at} of the ${what} of ` +
      `environment ${index} in ${when}, last action [${action.join(", ")}]`;
    if (this.#onFind === "throw") {
      const details = { what, value, index, step: this.#steps, action };
      throw new AthanorError("NON_FINITE_STEP", `${message}; look at what computes it`, {
        details,
      });
    }
    if (!this.#hasWarned) console.warn(message);
    this.#hasWarned = true;
  }
}
