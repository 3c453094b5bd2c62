import { ConfigError, DTypeError, ShapeError } from "../../base/errors.ts";
import { product, range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { isFloat, promote } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape } from "../../ir/shape.ts";
import { computeDType } from "./operands.ts";
import { clampIndex, cubic } from "./resample-kernels.ts";

/** What {@link gridSample} sees outside x. */
export type GridPadding = "zeros" | "border" | "reflection";

/** Options of {@link gridSample}. */
export interface GridSampleOptions {
  /** Also of 5 dims (trilinear); bicubic is for 4 dims. @defaultValue "bilinear" */
  readonly mode?: "bilinear" | "nearest" | "bicubic";
  /** @defaultValue "zeros" */
  readonly paddingMode?: GridPadding;
  /** Whether −1 and 1 are the centres of the corner elements, not their outer corners. */
  readonly alignCorners?: boolean | null | undefined;
}

const like = ir.fullLike;
const floor = (x: Node): Node => ir.unary("floor", x);
const lessEqual = (a: Node, b: Node): Node => ir.binary("le", a, b);
const both = (a: Node, b: Node): Node => ir.binary("and", a, b);

/** min(max(x, 0), size − 1); outside, and on the border, no gradient flows, as in torch. */
function clip(x: Node, size: number): Node {
  const most = like(x, size - 1);
  const capped = ir.where(ir.binary("lt", x, most), x, most);
  return ir.where(ir.binary("lt", like(x, 0), capped), capped, like(x, 0));
}

/** Mirrors x at both ends of the elements until it lies between them. */
function reflect(x: Node, size: number, alignCorners: boolean): Node {
  const low = alignCorners ? 0 : -0.5;
  const span = alignCorners ? size - 1 : size;
  if (span === 0) return like(x, 0);
  const distance = ir.unary("abs", ir.sub(x, like(x, low)));
  const flips = floor(ir.div(distance, like(x, span)));
  const rest = ir.sub(distance, ir.mul(flips, like(x, span)));
  const halves = floor(ir.mul(flips, like(x, 0.5)));
  const isEven = ir.binary("eq", ir.add(halves, halves), flips);
  const mirrored = ir.where(isEven, rest, ir.sub(like(x, span), rest));
  return clip(ir.add(mirrored, like(x, low)), size);
}

interface Sampling {
  readonly padding: GridPadding;
  readonly alignCorners: boolean;
}

function place(x: Node, size: number, { padding, alignCorners }: Sampling): Node {
  if (padding === "border") return clip(x, size);
  return padding === "reflection" ? reflect(x, size, alignCorners) : x;
}

/** A neighbour along one dim: where, with which weight; all [N, points]. */
interface Tap {
  readonly at: Node;
  readonly weight: Node | null;
}

/** Elements of x [N, C, …S] at whole coordinates [N, points], zero outside: [N, C, points]. */
function lookUp(x: Node, taps: readonly Tap[], isPadded: boolean): Node {
  const [batch, channels, ...sizes] = x.shape;
  const points = taps[0].at.shape[1];
  const shape = [batch, channels, points];
  let index: Node | null = null;
  let inside: Node | null = null;
  let weight: Node | null = null;
  taps.forEach((tap, i) => {
    const most = like(tap.at, sizes[i] - 1);
    const isInside = both(lessEqual(like(tap.at, 0), tap.at), lessEqual(tap.at, most));
    inside = inside === null ? isInside : both(inside, isInside);
    const safe = clampIndex(ir.cast(tap.at, "i32"), sizes[i]);
    index = index === null ? safe : ir.add(ir.mul(index, like(safe, sizes[i])), safe);
    if (tap.weight !== null) weight = weight === null ? tap.weight : ir.mul(weight, tap.weight);
  });
  const spread = (line: Node): Node => ir.expand(ir.reshape(line, [batch, 1, points]), shape);
  if (index === null || inside === null) return x;
  const found = ir.gather(ir.reshape(x, [batch, channels, product(sizes)]), spread(index), 2);
  const scaled = weight === null ? found : ir.mul(found, spread(weight));
  return isPadded ? ir.where(spread(inside), scaled, like(scaled, 0)) : scaled;
}

/** Every combination of one tap per dim. */
function combinations(lists: readonly (readonly Tap[])[]): Tap[][] {
  return lists.reduce<Tap[][]>(
    (found, list) => found.flatMap((taps) => list.map((tap) => [...taps, tap])),
    [[]],
  );
}

function tapsOf(x: Node, size: number, mode: string, sampling: Sampling): Tap[] {
  if (mode === "bicubic") {
    const base = floor(x);
    const weights = cubic.weights(ir.sub(x, base));
    return weights.map((weight, k) => ({
      at: place(ir.add(base, like(x, k - 1)), size, sampling),
      weight,
    }));
  }
  const position = place(x, size, sampling);
  if (mode === "nearest") return [{ at: ir.unary("round", position), weight: null }];
  const low = floor(position);
  const t = ir.sub(position, low);
  const high = ir.add(low, like(low, 1));
  return [
    { at: low, weight: ir.sub(like(t, 1), t) },
    { at: high, weight: t },
  ];
}

function requireGrid(x: Node, grid: Node, mode: string, padding: string): void {
  const dims = x.shape.length - 2;
  if ((dims !== 2 && dims !== 3) || grid.shape.length !== x.shape.length) {
    throw new ShapeError(
      `gridSample: x must be [N, C, H, W] or [N, C, D, H, W] and grid of the same rank, got ${formatShape(x.shape)} and ${formatShape(grid.shape)}`,
    );
  }
  if (grid.shape[0] !== x.shape[0] || grid.shape[dims + 1] !== dims) {
    throw new ShapeError(
      `gridSample: grid must be [${x.shape[0]}, …, ${dims}] for x ${formatShape(x.shape)}, got ${formatShape(grid.shape)}`,
    );
  }
  if (x.shape.slice(2).includes(0)) {
    throw new ShapeError(`gridSample: spatial sizes must not be 0, got ${formatShape(x.shape)}`);
  }
  if (!["bilinear", "nearest", "bicubic"].includes(mode) || (mode === "bicubic" && dims === 3)) {
    throw new ConfigError(
      `gridSample: mode must be bilinear, nearest or (4 dims only) bicubic, got "${mode}" for ${dims + 2} dims`,
    );
  }
  if (!["zeros", "border", "reflection"].includes(padding)) {
    throw new ConfigError(
      `gridSample: paddingMode must be zeros, border or reflection, got "${padding}"`,
    );
  }
  if (!isFloat(x.dtype) || !isFloat(grid.dtype)) {
    throw new DTypeError(`gridSample: needs float tensors, got ${x.dtype} and ${grid.dtype}`);
  }
}

/**
 * Values of x [N, C, H, W] at the places a grid [N, H', W', 2] names as (x, y) in −1 … 1, as
 * [N, C, H', W']; for 5 dims (x, y, z). Gradients flow into x and, but for `nearest`, the grid.
 * @throws {ShapeError | ConfigError | DTypeError} for what torch refuses.
 */
export function gridSample(x: Node, grid: Node, options: GridSampleOptions = {}): Node {
  const { mode = "bilinear", paddingMode = "zeros", alignCorners } = options;
  requireGrid(x, grid, mode, paddingMode);
  const dtype = computeDType(promote(x.dtype, grid.dtype));
  const sampling: Sampling = { padding: paddingMode, alignCorners: alignCorners === true };
  const [batch, channels, ...sizes] = x.shape;
  const dims = sizes.length;
  const outer = grid.shape.slice(1, -1);
  const points = product(outer);
  const source = ir.cast(x, dtype);
  const flat = ir.reshape(ir.cast(grid, dtype), [batch, points, dims]);
  const lists = sizes.map((size, i) => {
    const unit = ir.reshape(ir.narrow(flat, 2, dims - 1 - i, 1), [batch, points]);
    const moved = ir.add(unit, like(unit, 1));
    const position = sampling.alignCorners
      ? ir.mul(moved, like(unit, (size - 1) / 2))
      : ir.mul(ir.sub(ir.mul(moved, like(unit, size)), like(unit, 1)), like(unit, 0.5));
    return tapsOf(position, size, mode, sampling);
  });
  // The upper neighbour of a coordinate on the border lies outside, with weight 0.
  const terms = combinations(lists).map((taps) => lookUp(source, taps, true));
  const sum = terms.reduce((a, b) => ir.add(a, b));
  return ir.reshape(ir.cast(sum, x.dtype), [batch, channels, ...outer]);
}

/** Options of {@link affineGrid}. */
export interface AffineGridOptions {
  /** As in {@link gridSample}. @defaultValue false */
  readonly alignCorners?: boolean | null | undefined;
}

/**
 * Grid for {@link gridSample} of affine maps theta [N, 2, 3] (or [N, 3, 4]) over a result of
 * `size` [N, C, H, W] (or [N, C, D, H, W]): [N, H, W, 2] (or [N, D, H, W, 3]).
 */
export function affineGrid(
  theta: Node,
  size: readonly number[],
  { alignCorners }: AffineGridOptions = {},
): Node {
  const dims = size.length - 2;
  const wanted = [size[0], dims, dims + 1];
  if (dims !== 2 && dims !== 3) {
    throw new ShapeError(
      `affineGrid: size must be [N, C, H, W] or [N, C, D, H, W], got ${formatShape(size)}`,
    );
  }
  if (formatShape(theta.shape) !== formatShape(wanted) || size.some((n) => n < 1)) {
    throw new ShapeError(
      `affineGrid: theta must be ${formatShape(wanted)} for size ${formatShape(size)} ≥ 1, got ${formatShape(theta.shape)}`,
    );
  }
  if (!isFloat(theta.dtype)) {
    throw new DTypeError(`affineGrid: theta must be a float tensor, got ${theta.dtype}`);
  }
  const dtype = computeDType(theta.dtype);
  const spatial = size.slice(2);
  const points = product(spatial);
  const lines = range(dims).map((i) => {
    const dim = dims - 1 - i;
    const count = spatial[dim];
    const shrink = alignCorners === true ? 1 : (count - 1) / count;
    const at = ir.cast(ir.iota(spatial, dim), dtype);
    const step = count > 1 ? (2 * shrink) / (count - 1) : 0;
    const start = count > 1 ? -shrink : 0;
    return ir.add(ir.mul(at, like(at, step)), like(at, start));
  });
  const ones = ir.full(spatial, 1, dtype);
  const base = ir.concat(
    [...lines, ones].map((line) => ir.reshape(line, [points, 1])),
    1,
  );
  const batch = ir.expand(ir.reshape(base, [1, points, dims + 1]), [size[0], points, dims + 1]);
  const grid = ir.dot(batch, ir.transpose(ir.cast(theta, dtype), 1, 2));
  return ir.reshape(ir.cast(grid, theta.dtype), [size[0], ...spatial, dims]);
}
