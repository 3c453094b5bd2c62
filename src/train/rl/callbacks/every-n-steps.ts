import type { Callback, Training } from "../callback.ts";
import { isDue } from "../callback.ts";
import { requireCount } from "../option-checks.ts";

/**
 * Calls a function whenever the steps reach another multiple of `every`; false ends the training.
 *
 * @example everyNSteps(1000, ({ steps, rollout }) => console.log(steps, rollout.meanReturn));
 */
export function everyNSteps(every: number, then: NonNullable<Callback["onStep"]>): Callback {
  requireCount("everyNSteps", "every", every);
  return {
    onStep(training: Training) {
      if (isDue(training, every)) return then(training);
    },
  };
}
