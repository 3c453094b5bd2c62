import type { Env, Step } from "../env.ts";
import { Wrapper } from "./wrapper.ts";

/** Passes rewards through a function, such as `(reward) => 0.1 * reward`. */
export class TransformReward<Observation, Action> extends Wrapper<Observation, Action> {
  readonly #transform: (reward: number) => number;

  constructor(env: Env<Observation, Action>, transform: (reward: number) => number) {
    super(env);
    this.#transform = transform;
  }

  override step(action: Action): Step<Observation> {
    const step = this.env.step(action);
    return { ...step, reward: this.#transform(step.reward) };
  }
}
