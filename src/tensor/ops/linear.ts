import { ShapeError } from "../../base/errors.ts";
import { product, range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { promote } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { broadcastShapes, formatShape, normalizeDim, sameShape } from "../../ir/shape.ts";

function requireRank(op: string, x: Node, rank: number, role: string): void {
  if (x.shape.length !== rank) {
    throw new ShapeError(`${op}: ${role} must have ${rank} dims, got ${formatShape(x.shape)}`);
  }
}

function inOneDType(a: Node, b: Node): [Node, Node] {
  const dtype = promote(a.dtype, b.dtype);
  return [ir.cast(a, dtype), ir.cast(b, dtype)];
}

/**
 * Matrix product by torch's rules: vectors are rows (left) or columns (right) that vanish from the
 * result, leading dims are batches that broadcast. [..., M, K] · [..., K, N] → [..., M, N].
 * @throws {ShapeError} if the inner sizes differ or the batches do not broadcast.
 */
export function matmul(left: Node, right: Node): Node {
  const [a, b] = inOneDType(left, right);
  if (a.shape.length === 0 || b.shape.length === 0) {
    throw new ShapeError(
      `matmul: operands need at least 1 dim, got ${formatShape(a.shape)} @ ${formatShape(b.shape)}; use mul`,
    );
  }
  const matrixA = a.shape.length === 1 ? ir.reshape(a, [1, ...a.shape]) : a;
  const matrixB = b.shape.length === 1 ? ir.reshape(b, [...b.shape, 1]) : b;
  const result = batchedDot(matrixA, matrixB);
  const rows = a.shape.length === 1 ? [] : [a.shape[a.shape.length - 2]];
  const columns = b.shape.length === 1 ? [] : [b.shape[b.shape.length - 1]];
  return ir.reshape(result, [...result.shape.slice(0, -2), ...rows, ...columns]);
}

/** Product of matrices with broadcasting batch dims. */
function batchedDot(a: Node, b: Node): Node {
  const [m, k] = a.shape.slice(-2);
  const [inner, n] = b.shape.slice(-2);
  if (k !== inner) {
    throw new ShapeError(
      `matmul: inner sizes must match, got ${formatShape(a.shape)} @ ${formatShape(b.shape)}; transpose one operand?`,
    );
  }
  const batch = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
  const count = product(batch);
  if (product(b.shape.slice(0, -2)) === 1 && product(a.shape.slice(0, -2)) === count) {
    // One right matrix for the whole batch: one tall product instead of many.
    const tall = ir.dot(ir.reshape(a, [count * m, k]), ir.reshape(b, [k, n]));
    return ir.reshape(tall, [...batch, m, n]);
  }
  return ir.dot(ir.broadcastTo(a, [...batch, m, k]), ir.broadcastTo(b, [...batch, k, n]));
}

/** Product of two matrices: [M, K] · [K, N] → [M, N]. */
export function mm(a: Node, b: Node): Node {
  requireRank("mm", a, 2, "left operand");
  requireRank("mm", b, 2, "right operand");
  return matmul(a, b);
}

/** Products of two equally long batches of matrices: [B, M, K] · [B, K, N] → [B, M, N]. */
export function bmm(a: Node, b: Node): Node {
  requireRank("bmm", a, 3, "left operand");
  requireRank("bmm", b, 3, "right operand");
  if (a.shape[0] !== b.shape[0]) {
    throw new ShapeError(
      `bmm: batch sizes must match, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    );
  }
  return matmul(a, b);
}

/** Matrix times vector: [M, K] · [K] → [M]. */
export function mv(a: Node, b: Node): Node {
  requireRank("mv", a, 2, "left operand");
  requireRank("mv", b, 1, "right operand");
  return matmul(a, b);
}

/** Inner product of two vectors. */
export function dot(a: Node, b: Node): Node {
  requireRank("dot", a, 1, "left operand");
  requireRank("dot", b, 1, "right operand");
  return matmul(a, b);
}

/** All products of two vectors: [M], [N] → [M, N]. */
export function outer(left: Node, right: Node): Node {
  requireRank("outer", left, 1, "left operand");
  requireRank("outer", right, 1, "right operand");
  const [a, b] = inOneDType(left, right);
  const shape = [a.shape[0], b.shape[0]];
  const column = ir.expand(ir.reshape(a, [shape[0], 1]), shape);
  return ir.mul(column, ir.broadcastTo(b, shape));
}

/** Factors of a sum of a tensor and a product. */
export interface AddedProductOptions {
  /** Factor of the tensor; with 0 it does not count at all, NaN or not. @defaultValue 1 */
  readonly beta?: number;
  /** Factor of the product. @defaultValue 1 */
  readonly alpha?: number;
}

function plusProduct(
  op: string,
  x: Node,
  result: Node,
  { beta = 1, alpha = 1 }: AddedProductOptions,
): Node {
  if (!sameShape(broadcastShapes(op, x.shape, result.shape), result.shape)) {
    throw new ShapeError(
      `${op}: x must broadcast to the product ${formatShape(result.shape)}, got ${formatShape(x.shape)}`,
    );
  }
  const scaled = alpha === 1 ? result : ir.mul(result, ir.fullLike(result, alpha));
  if (beta === 0) return scaled;
  const base = ir.broadcastTo(ir.cast(x, result.dtype), result.shape);
  return ir.add(beta === 1 ? base : ir.mul(base, ir.fullLike(base, beta)), scaled);
}

/** beta · x + alpha · a · b with x broadcast. */
export function addmm(x: Node, a: Node, b: Node, options: AddedProductOptions = {}): Node {
  return plusProduct("addmm", x, mm(a, b), options);
}

/** beta · x + alpha · (matrix a times vector b). */
export function addmv(x: Node, a: Node, b: Node, options: AddedProductOptions = {}): Node {
  return plusProduct("addmv", x, mv(a, b), options);
}

/** beta · x + alpha · (outer product of two vectors). */
export function addr(x: Node, a: Node, b: Node, options: AddedProductOptions = {}): Node {
  return plusProduct("addr", x, outer(a, b), options);
}

/** beta · x + alpha · (products of two batches of matrices). */
export function baddbmm(x: Node, a: Node, b: Node, options: AddedProductOptions = {}): Node {
  return plusProduct("baddbmm", x, bmm(a, b), options);
}

/** beta · x + alpha · Σ over the batch of the products of two batches of matrices. */
export function addbmm(x: Node, a: Node, b: Node, options: AddedProductOptions = {}): Node {
  const products = bmm(a, b);
  const total = ir.reshape(ir.reduceSum(products, [0]), products.shape.slice(1));
  return plusProduct("addbmm", x, total, options);
}

/**
 * x · weightᵀ + bias. Shapes: x [..., in], weight [out, in], bias [out] → [..., out]; with a weight
 * [in] and a bias [] → [...].
 * The leading dims become rows of one product, to whose result the bias is added.
 */
export function linear(x: Node, weight: Node, bias?: Node | null): Node {
  if (weight.shape.length === 1 && (bias == null || bias.shape.length === 0)) {
    const row = bias == null ? bias : ir.reshape(bias, [1]);
    const column = linear(x, ir.reshape(weight, [1, weight.shape[0]]), row);
    return ir.reshape(column, x.shape.slice(0, -1));
  }
  const features = x.shape[x.shape.length - 1];
  requireRank("linear", weight, 2, "weight [out, in]");
  const [out, inner] = weight.shape;
  if (x.shape.length === 0 || features !== inner) {
    throw new ShapeError(
      `linear: last dim of x must be ${inner}, the columns of weight ${formatShape(weight.shape)}, got ${formatShape(x.shape)}`,
    );
  }
  if (bias != null && (bias.shape.length !== 1 || bias.shape[0] !== out)) {
    throw new ShapeError(`linear: bias must be [${out}], got ${formatShape(bias.shape)}`);
  }
  const lead = x.shape.slice(0, -1);
  const [a, w] = inOneDType(x, weight);
  const rows = ir.dot(ir.reshape(a, [product(lead), inner]), ir.transpose(w, 0, 1));
  const shifted =
    bias == null ? rows : ir.add(rows, ir.broadcastTo(ir.cast(bias, rows.dtype), rows.shape));
  return ir.reshape(shifted, [...lead, out]);
}

/**
 * Contraction over several dims: the last `dims` of a with the first `dims` of b, or the listed
 * pairs of dims. The other dims follow, a's first.
 */
export function tensordot(
  left: Node,
  right: Node,
  { dims = 2 }: { readonly dims?: number | readonly [readonly number[], readonly number[]] } = {},
): Node {
  const [a, b] = inOneDType(left, right);
  const ranks = [a.shape.length, b.shape.length];
  const [listA, listB] =
    typeof dims === "number" ? [range(dims).map((i) => ranks[0] - dims + i), range(dims)] : dims;
  const foldA = listA.map((dim) => normalizeDim("tensordot", dim, ranks[0]));
  const foldB = listB.map((dim) => normalizeDim("tensordot", dim, ranks[1]));
  const sizesOf = (x: Node, list: readonly number[]): number[] => list.map((dim) => x.shape[dim]);
  const folded = sizesOf(a, foldA);
  if (formatShape(folded) !== formatShape(sizesOf(b, foldB))) {
    throw new ShapeError(
      `tensordot: contracted sizes must match, got ${formatShape(folded)} and ${formatShape(sizesOf(b, foldB))}`,
    );
  }
  const keepA = range(ranks[0]).filter((dim) => !foldA.includes(dim));
  const keepB = range(ranks[1]).filter((dim) => !foldB.includes(dim));
  const k = product(folded);
  const rows = ir.reshape(ir.permute(a, [...keepA, ...foldA]), [product(sizesOf(a, keepA)), k]);
  const columns = ir.reshape(ir.permute(b, [...foldB, ...keepB]), [k, product(sizesOf(b, keepB))]);
  return ir.reshape(ir.dot(rows, columns), [...sizesOf(a, keepA), ...sizesOf(b, keepB)]);
}
