import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";

/** How one dim changes its size. */
export interface Resize {
  readonly dim: number;
  readonly from: number;
  readonly to: number;
  /** The user's factor, if positions follow it instead of the ratio of the sizes. */
  readonly scale: number | null;
  readonly alignCorners: boolean;
}

/** Weights of neighbours: the taps lie at ⌊position⌋ + 1 − count / 2 and after. */
export interface Kernel {
  readonly taps: 2 | 4;
  /** Weight of every tap as a function of the fraction of the position. */
  readonly weights: (t: Node) => readonly Node[];
}

/** x · scale + offset. */
export const affine = (x: Node, scale: number, offset: number): Node =>
  ir.add(ir.mul(x, ir.fullLike(x, scale)), ir.fullLike(x, offset));

/** 1 − 2.25 x² + 1.25 x³ for |x| ≤ 1: Keys' cubic with A = −0.75, torch's choice. */
function cubicNear(x: Node): Node {
  return affine(ir.mul(ir.mul(affine(x, 1.25, -2.25), x), x), 1, 1);
}

/** A (x³ − 5 x² + 8 x − 4) for 1 ≤ x ≤ 2. */
function cubicFar(x: Node): Node {
  return affine(ir.mul(affine(ir.mul(affine(x, 1, -5), x), 1, 8), x), -0.75, 3);
}

/** The two neighbours by distance. */
export const linear: Kernel = { taps: 2, weights: (t) => [affine(t, -1, 1), t] };

/** Four neighbours by Keys' cubic. */
export const cubic: Kernel = {
  taps: 4,
  weights: (t) => [
    cubicFar(affine(t, 1, 1)),
    cubicNear(t),
    cubicNear(affine(t, -1, 1)),
    cubicFar(affine(t, -1, 2)),
  ],
};

/** Source elements per result element. */
export function stepOf({ from, to, scale, alignCorners }: Resize): number {
  if (alignCorners) return to > 1 ? (from - 1) / (to - 1) : 0;
  return scale === null ? from / to : 1 / scale;
}

/** A line of numbers along `dim`, repeated to `shape`. */
export function along(line: Node, dim: number, shape: readonly number[]): Node {
  return ir.expand(
    ir.reshape(
      line,
      shape.map((_, i) => (i === dim ? line.shape[0] : 1)),
    ),
    shape,
  );
}

/** The slices of x along `dim` that a line of indices names. */
export function takeAlong(x: Node, index: Node, dim: number): Node {
  return ir.gather(x, along(index, dim, x.shape.with(dim, index.shape[0])), dim);
}

/** Indices kept within a dim of `size`. */
export const clampIndex = (index: Node, size: number): Node =>
  ir.binary(
    "min",
    ir.binary("max", index, ir.fullLike(index, 0)),
    ir.fullLike(index, Math.max(size - 1, 0)),
  );

/** Σ tap · weight. */
export function weightedSum(taps: readonly Node[], weights: readonly Node[]): Node {
  return taps.map((tap, k) => ir.mul(tap, weights[k])).reduce((a, b) => ir.add(a, b));
}
