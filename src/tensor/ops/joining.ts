import { ConfigError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import { promote } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, normalizeDim } from "../../ir/shape.ts";
import { unsqueeze } from "./shape.ts";

/** Joins tensors along a dim they all have; dtypes are promoted. */
export function cat(tensors: readonly Node[], { dim = 0 }: { readonly dim?: number } = {}): Node {
  if (tensors.length === 0) throw new ShapeError("cat: needs at least one tensor, got none");
  // As torch, an empty vector joins tensors of any rank.
  const solid = tensors.filter((x) => !(x.shape.length === 1 && x.shape[0] === 0));
  const nodes = solid.length === 0 ? tensors.slice(0, 1) : solid;
  const rank = nodes[0].shape.length;
  const axis = normalizeDim("cat", dim, rank);
  for (const { shape } of nodes) {
    const fits = shape.every((size, i) => i === axis || size === nodes[0].shape[i]);
    if (rank === 0 || shape.length !== rank || !fits) {
      const shapes = nodes.map((x) => formatShape(x.shape)).join(", ");
      throw new ShapeError(`cat: tensors must agree in all dims but ${axis}, got ${shapes}`);
    }
  }
  const dtype = tensors.map((x) => x.dtype).reduce(promote);
  return ir.concat(
    nodes.map((x) => ir.cast(x, dtype)),
    axis,
  );
}

/** Joins tensors of one shape along a new dim. */
export function stack(tensors: readonly Node[], { dim = 0 }: { readonly dim?: number } = {}): Node {
  if (tensors.length === 0) throw new ShapeError("stack: needs at least one tensor, got none");
  const axis = normalizeDim("stack", dim, tensors[0].shape.length + 1);
  if (tensors.some((x) => formatShape(x.shape) !== formatShape(tensors[0].shape))) {
    const shapes = tensors.map((x) => formatShape(x.shape)).join(", ");
    throw new ShapeError(`stack: tensors must have one shape, got ${shapes}`);
  }
  return cat(
    tensors.map((x) => unsqueeze(x, axis)),
    { dim: axis },
  );
}

/** How {@link pad} fills the border. */
export type PadMode = "constant" | "reflect" | "replicate" | "circular";

/** Options of {@link pad}. */
export interface PadOptions {
  /** @defaultValue "constant" */
  readonly mode?: PadMode;
  /** Filler of the constant mode. @defaultValue 0 */
  readonly value?: number | null;
}

/**
 * Pads the last dims of x.
 * @param amounts - torch's order: [before, after] of the last dim, then of the one before it, ….
 *   Negative amounts cut off.
 */
export function pad(x: Node, amounts: readonly number[], options: PadOptions = {}): Node {
  const { mode = "constant", value } = options;
  const rank = x.shape.length;
  const pairs = amounts.length / 2;
  if (!Number.isInteger(pairs) || pairs > rank || !amounts.every(Number.isInteger)) {
    throw new ShapeError(
      `pad: needs two integers for each of at most ${rank} dims, got [${amounts.join(", ")}] for ${formatShape(x.shape)}`,
    );
  }
  const amount = (dim: number, side: 0 | 1): number => amounts[2 * (rank - 1 - dim) + side] ?? 0;
  const low = x.shape.map((_, dim) => amount(dim, 0));
  const high = x.shape.map((_, dim) => amount(dim, 1));
  if (mode === "constant") return padConstant(x, low, high, value ?? 0);
  // Negative amounts cut off: before a circular border is taken, after a mirrored one.
  const cut = (result: Node): Node => padConstant(result, low.map(negative), high.map(negative), 0);
  const grow = (result: Node): Node =>
    x.shape.reduce(
      (y, _, dim) => padDim(y, dim, Math.max(low[dim], 0), Math.max(high[dim], 0), mode),
      result,
    );
  return mode === "circular" ? grow(cut(x)) : cut(grow(x));
}

const negative = (amount: number): number => Math.min(amount, 0);

function padConstant(
  x: Node,
  low: readonly number[],
  high: readonly number[],
  value: number,
): Node {
  const start = low.map((n) => Math.max(-n, 0));
  const shape = x.shape.map((size, dim) => size - start[dim] - Math.max(-high[dim], 0));
  if (shape.some((size) => size < 0)) {
    throw new ShapeError(
      `pad: negative amounts must not exceed the sizes of ${formatShape(x.shape)}, got [${low.join(", ")}] and [${high.join(", ")}]`,
    );
  }
  const grow = (list: readonly number[]): number[] => list.map((n) => Math.max(n, 0));
  return ir.pad(ir.slice(x, start, shape), grow(low), grow(high), value);
}

function padDim(
  x: Node,
  dim: number,
  low: number,
  high: number,
  mode: Exclude<PadMode, "constant">,
): Node {
  if (low === 0 && high === 0) return x;
  const size = x.shape[dim];
  const limit = mode === "reflect" ? size - 1 : mode === "circular" ? size : Infinity;
  if (low > limit || high > limit || size === 0) {
    throw new ConfigError(
      `pad: ${mode} amounts must be at most ${limit} for dim ${dim} of ${formatShape(x.shape)}, got ${low} and ${high}`,
    );
  }
  const part = (start: number, length: number): Node => ir.narrow(x, dim, start, length);
  const border = (length: number, side: "low" | "high"): Node => {
    if (mode === "circular") return side === "low" ? part(size - length, length) : part(0, length);
    if (mode === "replicate") {
      return ir.expand(part(side === "low" ? 0 : size - 1, 1), x.shape.with(dim, length));
    }
    return ir.flip(part(side === "low" ? 1 : size - 1 - length, length), [dim]);
  };
  const before = low > 0 ? [border(low, "low")] : [];
  const after = high > 0 ? [border(high, "high")] : [];
  return ir.concat([...before, x, ...after], dim);
}
