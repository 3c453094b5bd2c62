import * as bags from "../../tensor/ops/embedding-bag.ts";
import * as ops from "../../tensor/ops/embedding.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import type { WithTensors } from "./apply.ts";
import { nodeOptions, tensorsIn } from "./apply.ts";

/** Shortens the rows of a table that are looked up. */
interface RenormOptions {
  /** Rows with a larger norm are shortened to it, in the table itself, before they are read. */
  readonly maxNorm?: number | null | undefined;
  /** Order of that norm. @defaultValue 2 */
  readonly normType?: number | undefined;
}

/** Options of {@link embedding}. */
export interface EmbeddingOptions extends ops.EmbeddingOptions, RenormOptions {}

/** Options of {@link embeddingBag}. */
export interface EmbeddingBagOptions extends WithTensors<bags.EmbeddingBagOptions>, RenormOptions {}

function renorm(index: Tensor, weight: Tensor, { maxNorm, normType }: RenormOptions): void {
  if (maxNorm == null) return;
  const node = ops.embeddingRenorm(weight.node, index.node, maxNorm, { normType });
  const shortened = derive([index, weight], node);
  weight.assign(shortened);
  shortened.dispose();
}

/**
 * Rows of a table: index [...], weight [V, D] → [..., D]. Row `paddingIdx` gets no gradient;
 * `maxNorm` assigns to the table.
 */
export function embedding(index: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  renorm(index, weight, options);
  return derive([index, weight], ops.embedding(index.node, weight.node, options));
}

/**
 * Sums, means or maxima of bags of rows: index [B, N], or index [N] with `offsets` [B] where each bag
 * starts; weight [V, D] → [B, D]. Empty bags give zeros, rows equal to `paddingIdx` do not count.
 */
export function embeddingBag(
  index: Tensor,
  weight: Tensor,
  options: EmbeddingBagOptions = {},
): Tensor {
  renorm(index, weight, options);
  const node = bags.embeddingBag(
    index.node,
    weight.node,
    nodeOptions<bags.EmbeddingBagOptions>(options),
  );
  return derive([index, weight, ...tensorsIn(options)], node);
}
