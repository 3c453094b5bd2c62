import type { Tensor } from "../../tensor/tensor.ts";
import type { UpdateBatch } from "./off-policy-learner.ts";

/** $y = r + γ^n (1 - d)\,V(s')$: what critics are drawn to. All [batch]. */
export function bellmanTarget({ rewards, discounts }: UpdateBatch, nextValues: Tensor): Tensor {
  return rewards.add(discounts.mul(nextValues));
}

/** Mean over the batch, weighted where the replay is prioritised. */
export function batchMean(values: Tensor, { weights }: UpdateBatch): Tensor {
  return (weights === undefined ? values : values.mul(weights)).mean();
}

/** Part of the actions that stand within a hundredth of a bound: $|a| > 0.99$. */
export function saturation(actions: Tensor): Tensor {
  return actions.abs().gt(0.99).to("f32").mean();
}
