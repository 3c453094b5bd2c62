import * as ir from "../ir/build.ts";
import { nodeCounter } from "../ir/node.ts";
import { derive } from "./tensor.ts";
import { mapTensors } from "./tree.ts";

/**
 * A function with the same results whose inner values are computed a second time in the backward
 * pass instead of being kept: less memory for more arithmetic.
 * @see Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", https://arxiv.org/abs/1604.06174
 * @example const y = checkpoint((x: Tensor) => block.forward(x))(x);
 */
export function checkpoint<A extends readonly unknown[], R>(
  fn: (...args: A) => R,
): (...args: A) => R {
  return (...args: A): R => {
    const boundary = nodeCounter();
    return mapTensors(fn(...args), (tensor) =>
      derive([tensor], ir.checkpoint(tensor.node, boundary)),
    );
  };
}
