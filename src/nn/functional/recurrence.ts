import { stack } from "../../tensor/functions.ts";
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
 * Runs a step over the slices of `inputs` along dim 0, in order or from the last to the first; the
 * results lie in the order of the inputs either way.
 */
export function recur(
  step: (state: readonly Tensor[], inputs: readonly Tensor[]) => Step,
  first: readonly Tensor[],
  inputs: readonly Tensor[],
  { reverse = false }: { readonly reverse?: boolean } = {},
): Recurrence {
  const [length] = inputs[0].shape;
  const results: Tensor[] = [];
  let state = first;
  for (let i = 0; i < length; i++) {
    const at = reverse ? length - 1 - i : i;
    const next = step(
      state,
      inputs.map((x) => x.select(0, at)),
    );
    results[at] = next.result;
    state = next.state;
  }
  return { state, results: stack(results) };
}
