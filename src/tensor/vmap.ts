import { ConfigError, ShapeError } from "../base/errors.ts";
import { batch } from "../autodiff/batching.ts";
import * as ir from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { formatShape, normalizeDim } from "../ir/shape.ts";
import { movedim } from "./ops/shape.ts";
import { Tensor, derive } from "./tensor.ts";
import { mapTensors, tensorsOf } from "./tree.ts";

/** Options of {@link vmap}. */
export interface VmapOptions {
  /** Batch dim of each argument, or one for all; null: the argument is the same for all. */
  readonly inDims?: number | null | readonly (number | null)[];
  /** Where the batch dim of the results goes. @defaultValue 0 */
  readonly outDims?: number;
  /** `"same"`: every element of the batch sees the same random numbers. @defaultValue "error" */
  readonly randomness?: "error" | "same";
}

/**
 * Turns a function of single examples into one of batches, by rewriting its graph: the same result
 * as a loop, as one computation.
 * @throws {ShapeError} if batch sizes differ; {ConfigError} if no argument is batched.
 * @example vmap((row: Tensor) => row.dot(row))(matrix)
 */
export function vmap<A extends readonly (Tensor | number | string | boolean | null)[], R>(
  fn: (...args: A) => R,
  { inDims = 0, outDims = 0, randomness = "error" }: VmapOptions = {},
): (...args: A) => R {
  return (...args: A): R => {
    const batched = new Map<Node, Node>();
    let size: number | undefined;
    const symbols = args.map((arg, i) => {
      const dim = typeof inDims === "object" ? (inDims?.[i] ?? null) : inDims;
      if (!(arg instanceof Tensor) || dim === null) return arg;
      const axis = normalizeDim("vmap", dim, arg.ndim);
      size ??= arg.shape[axis];
      if (arg.shape[axis] !== size) refuseSizes(size, arg, axis);
      const symbol = ir.input(arg.shape.toSpliced(axis, 1), arg.dtype);
      batched.set(symbol, movedim(arg.node, axis, 0));
      return derive([arg], symbol);
    });
    if (size === undefined) {
      throw new ConfigError("vmap: at least one tensor argument must have a batch dim, got none");
    }
    const result = fn(...(symbols as unknown as A));
    const outputs = tensorsOf(result);
    const nodes = batch(
      outputs.map((tensor) => tensor.node),
      batched,
      size,
      { randomness },
    );
    const sources = [...outputs, ...args.filter((arg) => arg instanceof Tensor)];
    let next = 0;
    return mapTensors(result, () => derive(sources, movedim(nodes[next++], 0, outDims)));
  };
}

function refuseSizes(size: number, tensor: Tensor, dim: number): never {
  throw new ShapeError(
    `vmap: batch dims must have one size, got ${size} and ${tensor.shape[dim]} ` +
      `(dim ${dim} of ${formatShape(tensor.shape)})`,
  );
}
