import type { Env, Reset, ResetOptions, Step } from "../env.ts";
import type { Space } from "../space.ts";
import { Wrapper } from "./wrapper.ts";

/**
 * Passes observations through a function on their way out.
 *
 * @typeParam InnerObservation - what the inner environment shows.
 */
export class TransformObservation<
  Observation,
  Action,
  InnerObservation = Observation,
> extends Wrapper<Observation, Action, InnerObservation, Action> {
  readonly #transform: (observation: InnerObservation) => Observation;

  /** @param observationSpace - of what the function returns; the inner one without it. */
  constructor(
    env: Env<InnerObservation, Action>,
    transform: (observation: InnerObservation) => Observation,
    observationSpace?: Space<Observation>,
  ) {
    super(env, observationSpace === undefined ? {} : { observationSpace });
    this.#transform = transform;
  }

  override reset(options?: ResetOptions): Reset<Observation> {
    const { observation, info } = this.env.reset(options);
    return { observation: this.#transform(observation), info };
  }

  override step(action: Action): Step<Observation> {
    const step = this.env.step(action);
    return { ...step, observation: this.#transform(step.observation) };
  }
}
