import type { DropoutOptions as NodeDropoutOptions } from "../../tensor/ops/dropout.ts";
import * as ops from "../../tensor/ops/dropout.ts";
import type { Generator } from "../../tensor/random.ts";
import { defaultGenerator } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import type { Node } from "./apply.ts";

/** Options of {@link dropout} and its kin. */
export interface DropoutOptions extends NodeDropoutOptions {
  /** Where the randomness comes from. @defaultValue the default generator of x's device */
  readonly generator?: Generator | undefined;
}

function drop(
  op: (x: Node, key: Node, options: NodeDropoutOptions) => Node,
  x: Tensor,
  options: DropoutOptions,
): Tensor {
  const { generator = defaultGenerator(x.device), training = true, p = 0.5 } = options;
  if (!training) return x;
  const key = generator.nextKey();
  const result = derive([x, key], op(x.node, key.node, { p }));
  key.dispose();
  return result;
}

/** Sets elements to 0 with probability p (0.5) and divides the others by 1 − p. */
export function dropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  return drop(ops.dropout, x, options);
}

const dropChannels =
  (dims: number) =>
  (x: Node, key: Node, options: NodeDropoutOptions): Node =>
    ops.featureDropout(x, key, { ...options, dims });

/** {@link dropout} of whole channels of x [N, C, L] or [C, L]. */
export function dropout1d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return drop(dropChannels(1), x, options);
}

/** {@link dropout} of whole channels of x [N, C, H, W] (or [N, C, L], as in torch). */
export function dropout2d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return drop(dropChannels(2), x, options);
}

/** {@link dropout} of whole channels of x [N, C, D, H, W] or [C, D, H, W]. */
export function dropout3d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return drop(dropChannels(3), x, options);
}

/**
 * Dropout for selu: elements become its saturation −1.758 with probability p (0.5), and all are
 * scaled and shifted so that mean and variance stay. Training is the default, unlike torch's.
 */
export function alphaDropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  return drop(ops.alphaDropout, x, options);
}

/** {@link alphaDropout} of whole channels of x [N, C, …]. */
export function featureAlphaDropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  return drop(ops.featureAlphaDropout, x, options);
}
