import { widen } from "../../tensor/autocast.ts";
import * as ops from "../../tensor/ops/distance.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import type { Node } from "./apply.ts";
import { wideUnary } from "./apply.ts";

export { cdist } from "../../tensor/functions.ts";

type Distance<Options> = (a: Tensor, b: Tensor, options?: Options) => Tensor;

function between<Options>(op: (a: Node, b: Node, options?: Options) => Node): Distance<Options> {
  return (a, b, options) => derive([a, b], op(widen(a), widen(b), options));
}

/** Σ a·b / (max(‖a‖, eps) · max(‖b‖, eps)) along a dim, 1 by default; the operands broadcast. */
export const cosineSimilarity: Distance<ops.CosineSimilarityOptions> = between(
  ops.cosineSimilarity,
);

/** ‖a − b + eps‖ₚ along the last dim; the operands broadcast. */
export const pairwiseDistance: Distance<ops.PairwiseDistanceOptions> = between(
  ops.pairwiseDistance,
);

/** Distances between all pairs of rows of [N, M]: [N·(N−1)/2], the upper triangle of cdist. */
export const pdist: (x: Tensor, options?: ops.DistanceOptions) => Tensor = wideUnary(ops.pdist);
