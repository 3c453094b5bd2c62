/**
 * Linear algebra on matrices [..., M, N] with torch.linalg's names: factorisations, solvers, norms.
 *
 * Factorisations run on the host in f64, matrix by matrix, as steps of the compiled program; all
 * have gradients of every order. They are for matrices of up to 512 (rotation methods: `svd`,
 * `eigh`, `pinv`, `matrixExp`), 1,024 (`qr`) or 2,048 rows and columns (`solve`, `inv`, `cholesky`,
 * `lu`, `det`) and refuse larger ones. A singular matrix throws a `LinalgError` when the result is
 * read.
 *
 * @module
 */
import type { Node } from "../ir/node.ts";
import * as factors from "./ops/linalg-factors.ts";
import * as norms from "./ops/linalg-norms.ts";
import * as solvers from "./ops/linalg-solve.ts";
import { lower } from "./autocast.ts";
import * as ops from "./ops/linalg.ts";
import { diagonal as diagonalNode } from "./ops/diagonals.ts";
import type { DiagonalOptions } from "./ops/diagonals.ts";
import { matmul as matmulNode } from "./ops/linear.ts";
import type { Tensor } from "./tensor.ts";
import { derive } from "./tensor.ts";

export type { EighOptions, QrOptions, SvdOptions } from "./ops/linalg-factors.ts";
export type { MatrixOrder, NormOptions } from "./ops/linalg-norms.ts";
export type { CholeskyOptions, SolveOptions, SolveTriangularOptions } from "./ops/linalg-solve.ts";
export type { LstsqOptions, RankOptions } from "./ops/linalg.ts";

/** The nodes of a result, as tensors under the same names. */
type Tensors<Nodes> = { readonly [Name in keyof Nodes]: Tensor };

function deriveAll<Nodes extends object>(sources: readonly Tensor[], nodes: Nodes): Tensors<Nodes> {
  const entries = Object.entries(nodes as Record<string, Node>);
  return Object.fromEntries(
    entries.map(([name, node]) => [name, derive(sources, node)]),
  ) as Tensors<Nodes>;
}

function unary<Options extends readonly unknown[]>(
  op: (x: Node, ...options: Options) => Node,
): (x: Tensor, ...options: Options) => Tensor {
  return (x, ...options) => derive([x], op(x.node, ...options));
}

/** An operation on matrices [..., N, N]. */
export type MatrixOperation = (a: Tensor) => Tensor;

/**
 * A⁻¹ of square matrices. @throws {LinalgError} when read, if a matrix is singular.
 * @example linalg.inv(a).matmul(a) // the identity
 */
export const inv: MatrixOperation = unary(solvers.inv);

/** Determinants [...]. */
export const det: MatrixOperation = unary(solvers.det);

/** Sign and ln |det A|, which does not overflow. */
export function slogdet(a: Tensor): { readonly sign: Tensor; readonly logabsdet: Tensor } {
  return deriveAll([a], solvers.slogdet(a.node));
}

/**
 * X with A X = B for B [..., N, K], or vectors [..., N]; batches broadcast.
 * @throws {LinalgError} when read, if A is singular.
 */
export function solve(a: Tensor, b: Tensor, options?: solvers.SolveOptions): Tensor {
  return derive([a, b], solvers.solve(a.node, b.node, options));
}

/** X with A X = B for a triangle of A. */
export function solveTriangular(
  a: Tensor,
  b: Tensor,
  options: solvers.SolveTriangularOptions,
): Tensor {
  return derive([a, b], solvers.solveTriangular(a.node, b.node, options));
}

/** L with L Lᵀ = A. @throws {LinalgError} when read, if A is not positive definite. */
export const cholesky: (a: Tensor, options?: solvers.CholeskyOptions) => Tensor = unary(
  solvers.cholesky,
);

/** X with A X = B from the factor L of A = L Lᵀ. */
export function choleskySolve(
  b: Tensor,
  factor: Tensor,
  options?: solvers.CholeskyOptions,
): Tensor {
  return derive([b, factor], solvers.choleskySolve(b.node, factor.node, options));
}

/** A⁻¹ from the factor L of A = L Lᵀ. */
export const choleskyInverse: (factor: Tensor, options?: solvers.CholeskyOptions) => Tensor = unary(
  solvers.choleskyInverse,
);

/** ln det A; NaN where the determinant is negative. */
export const logdet: MatrixOperation = unary(solvers.logdet);

/** A = P L U with a permutation, a unit lower and an upper triangle. */
export function lu(a: Tensor): { readonly P: Tensor; readonly L: Tensor; readonly U: Tensor } {
  return deriveAll([a], solvers.lu(a.node));
}

/** A = Q R with orthonormal columns and an upper triangle, signs as LAPACK's. */
export function qr(
  a: Tensor,
  options?: factors.QrOptions,
): { readonly Q: Tensor; readonly R: Tensor } {
  return deriveAll([a], factors.qr(a.node, options));
}

/**
 * A = U diag(S) Vh, S descending. The signs of singular vectors are free, and not always torch's.
 * @example const { U, S, Vh } = linalg.svd(a, { fullMatrices: false });
 */
export function svd(
  a: Tensor,
  options?: factors.SvdOptions,
): { readonly U: Tensor; readonly S: Tensor; readonly Vh: Tensor } {
  return deriveAll([a], factors.svd(a.node, options));
}

/** Singular values, descending. */
export const svdvals: MatrixOperation = unary(factors.svdvals);

/** A = V diag(w) Vᵀ of symmetric matrices, w ascending; one triangle of A is read. */
export function eigh(
  a: Tensor,
  options?: factors.EighOptions,
): { readonly eigenvalues: Tensor; readonly eigenvectors: Tensor } {
  return deriveAll([a], factors.eigh(a.node, options));
}

/** Eigenvalues of symmetric matrices, ascending. */
export const eigvalsh: (a: Tensor, options?: factors.EighOptions) => Tensor = unary(
  factors.eigvalsh,
);

/** Number of singular values that are not about 0, i32. */
export const matrixRank: (a: Tensor, options?: ops.RankOptions) => Tensor = unary(ops.matrixRank);

/** The pseudo-inverse [..., N, M]. */
export const pinv: (a: Tensor, options?: ops.RankOptions) => Tensor = unary(ops.pinv);

/** Results of {@link lstsq}. */
export interface LeastSquares {
  readonly solution: Tensor;
  /** Squared error per column, if A has more rows than columns; otherwise empty. */
  readonly residuals: Tensor;
  readonly rank: Tensor;
  readonly singularValues: Tensor;
}

/** X that minimises ‖A X − B‖, the smallest if several do. */
export function lstsq(a: Tensor, b: Tensor, options?: ops.LstsqOptions): LeastSquares {
  return deriveAll([a, b], ops.lstsq(a.node, b.node, options));
}

/** A multiplied with itself n times; negative powers of the inverse. */
export const matrixPower: (a: Tensor, n: number) => Tensor = unary(ops.matrixPower);

/** e^A. */
export const matrixExp: MatrixOperation = unary(ops.matrixExp);

/** Product of a chain of matrices in the cheapest order; the ends may be vectors. */
export function multiDot(tensors: readonly Tensor[]): Tensor {
  return derive(tensors, ops.multiDot(tensors.map(lower)));
}

/** Cross products of vectors of 3 along `dim`. */
export function cross(a: Tensor, b: Tensor, options?: { readonly dim?: number }): Tensor {
  return derive([a, b], ops.cross(a.node, b.node, options));
}

/** Σ a · b along `dim`. */
export function vecdot(a: Tensor, b: Tensor, options?: { readonly dim?: number }): Tensor {
  return derive([a, b], ops.vecdot(a.node, b.node, options));
}

/** First K columns of the product of reflections that `qr`-like routines of LAPACK leave. */
export function householderProduct(a: Tensor, tau: Tensor): Tensor {
  return derive([a, tau], ops.householderProduct(a.node, tau.node));
}

/** Vandermonde matrices: powers 0 … N − 1 as columns. */
export const vander: (x: Tensor, options?: { readonly N?: number }) => Tensor = unary(ops.vander);

/** Inverse of A as a map from its last dims to its first `ind`. */
export const tensorinv: (a: Tensor, options?: { readonly ind?: number }) => Tensor = unary(
  ops.tensorinv,
);

/** X with tensordot(A, X) = B. */
export function tensorsolve(
  a: Tensor,
  b: Tensor,
  options?: { readonly dims?: readonly number[] },
): Tensor {
  return derive([a, b], ops.tensorsolve(a.node, b.node, options));
}

/** Options of a norm whose order may be among them: `vectorNorm(x, { ord: 1, dim: 0 })`. */
export interface OrderedNormOptions<Order> extends norms.NormOptions {
  readonly ord?: Order | undefined;
}

/** A norm called with its order, with its options, or with both. */
export type Norm<Order> = (
  x: Tensor,
  ord?: Order | OrderedNormOptions<Order>,
  options?: norms.NormOptions,
) => Tensor;

function ordered<Order extends number | string | null>(
  op: (x: Node, ord?: Order, options?: norms.NormOptions) => Node,
): Norm<Order> {
  return unary(
    (x: Node, ord?: Order | OrderedNormOptions<Order>, options?: norms.NormOptions): Node =>
      typeof ord === "object" && ord !== null ? op(x, ord.ord, ord) : op(x, ord, options),
  );
}

/** Norm of all elements or, with `ord`, of vectors (one dim) or matrices (two). */
export const norm: Norm<norms.MatrixOrder | null> = ordered(norms.norm);

/** (Σ |x|^ord)^(1/ord) over dims; ord may be ±∞ or 0. */
export const vectorNorm: Norm<number> = ordered(norms.vectorNorm);

/** Norm of matrices: "fro", "nuc", ±1, ±2 or ±∞. */
export const matrixNorm: Norm<norms.MatrixOrder> = ordered(norms.matrixNorm);

/** Condition number: ‖A‖ · ‖A⁻¹‖. */
export const cond: (a: Tensor, p?: norms.MatrixOrder | null) => Tensor = unary(norms.cond);

/** The diagonal of the last two dims, or of two others. */
export const diagonal: (a: Tensor, options?: DiagonalOptions) => Tensor = unary(
  (x: Node, { dim1 = -2, dim2 = -1, ...rest }: DiagonalOptions = {}) =>
    diagonalNode(x, { dim1, dim2, ...rest }),
);

/** Matrix product, as `Tensor.matmul`. */
export function matmul(a: Tensor, b: Tensor): Tensor {
  return derive([a, b], matmulNode(a.node, b.node));
}
