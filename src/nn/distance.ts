import type { CosineSimilarityOptions, PairwiseDistanceOptions } from "../tensor/ops/distance.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ConfiguredLoss } from "./configured-loss.ts";
import * as functional from "./functional/distance.ts";

/** Σ a·b / (max(‖a‖, eps) · max(‖b‖, eps)) along a dim. */
export class CosineSimilarity extends ConfiguredLoss<CosineSimilarityOptions> {
  constructor(options: CosineSimilarityOptions = {}) {
    super(options);
  }

  /** The similarity along the dim, 1 by default. */
  forward(a: Tensor, b: Tensor): Tensor {
    return functional.cosineSimilarity(a, b, this.options);
  }
}

/** ‖a - b + eps‖ₚ along the last dim. */
export class PairwiseDistance extends ConfiguredLoss<PairwiseDistanceOptions> {
  constructor(options: PairwiseDistanceOptions = {}) {
    super(options);
  }

  /** The distance of the last dim's vectors. */
  forward(a: Tensor, b: Tensor): Tensor {
    return functional.pairwiseDistance(a, b, this.options);
  }
}
