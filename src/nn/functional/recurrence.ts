import { scan } from "../../tensor/loops.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** New state and result of one step. */
export interface Step {
  readonly state: readonly Tensor[];
  readonly result: Tensor;
}

/** Last state, and the results of all steps along a new dim 0. */
export interface Recurrence {
  readonly state: readonly Tensor[];
  readonly results: Tensor;
}

/**
 * Runs a step over the slices of `inputs` along dim 0, in order or from the last to the first, as a
 * loop inside of the program; the results lie in the order of the inputs either way.
 */
export function recur(
  step: (state: readonly Tensor[], inputs: readonly Tensor[]) => Step,
  first: readonly Tensor[],
  inputs: readonly Tensor[],
  { reverse = false }: { readonly reverse?: boolean } = {},
): Recurrence {
  const { carry, ys } = scan(
    (state: readonly Tensor[], slices: readonly Tensor[]) => {
      const next = step(state, slices);
      return [next.state, next.result] as const;
    },
    first,
    inputs,
    { reverse },
  );
  return { state: carry, results: ys };
}
