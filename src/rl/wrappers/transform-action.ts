import type { Env, Step } from "../env.ts";
import type { Space } from "../space.ts";
import { Wrapper } from "./wrapper.ts";

/**
 * Passes actions through a function on their way in.
 *
 * @typeParam InnerAction - what the inner environment takes.
 */
export class TransformAction<Observation, Action, InnerAction = Action> extends Wrapper<
  Observation,
  Action,
  Observation,
  InnerAction
> {
  readonly #transform: (action: Action) => InnerAction;

  /** @param actionSpace - of the actions that the function takes; the inner one without it. */
  constructor(
    env: Env<Observation, InnerAction>,
    transform: (action: Action) => InnerAction,
    actionSpace?: Space<Action>,
  ) {
    super(env, actionSpace === undefined ? {} : { actionSpace });
    this.#transform = transform;
  }

  /** What becomes of an action. */
  transformed(action: Action): InnerAction {
    return this.#transform(action);
  }

  override step(action: Action): Step<Observation> {
    return this.env.step(this.#transform(action));
  }
}
