/** What of torch.linalg works with packed factors, says what failed, or approximates. */
import { ConfigError, ShapeError } from "../base/errors.ts";
import type { Node } from "../ir/node.ts";
import { cholesky, eigh, qr, solveTriangular, svd } from "./linalg.ts";
import * as ops from "./ops/linalg-factored.ts";
import type { CholeskyOptions, SolveOptions } from "./ops/linalg-solve.ts";
import { normal } from "./random.ts";
import type { RandomOptions } from "./random.ts";
import type { Tensor } from "./tensor.ts";
import { derive } from "./tensor.ts";

/** The nodes of a result, as tensors under the same names. */
type Tensors<Nodes> = { readonly [Name in keyof Nodes]: Tensor };

function deriveAll<Nodes extends object>(sources: readonly Tensor[], nodes: Nodes): Tensors<Nodes> {
  const entries = Object.entries(nodes as Record<string, Node>);
  return Object.fromEntries(
    entries.map(([name, node]) => [name, derive(sources, node)]),
  ) as Tensors<Nodes>;
}

/** A = P L U in one matrix, and LAPACK's exchanges of rows, from 1. */
export function luFactor(a: Tensor): Tensors<ops.LuFactorNodes> {
  return deriveAll([a], ops.luFactor(a.node));
}

/** As {@link luFactor}; `info` is the first zero pivot, from 1, or 0. */
export function luFactorEx(a: Tensor): Tensors<ops.LuFactorNodes & { readonly info: Node }> {
  return deriveAll([a], ops.luFactorEx(a.node));
}

/** P, L and U from the results of {@link luFactor}. */
export function luUnpack(
  LU: Tensor,
  pivots: Tensor,
): { readonly P: Tensor; readonly L: Tensor; readonly U: Tensor } {
  return deriveAll([LU, pivots], ops.luUnpack(LU.node, pivots.node));
}

/**
 * X with A X = B from the results of {@link luFactor}, to solve with one matrix several times.
 * @example const { LU, pivots } = linalg.luFactor(a); linalg.luSolve(LU, pivots, b);
 */
export function luSolve(
  LU: Tensor,
  pivots: Tensor,
  b: Tensor,
  options?: ops.LuSolveOptions,
): Tensor {
  return derive([LU, pivots, b], ops.luSolve(LU.node, pivots.node, b.node, options));
}

/** The factor of `cholesky`, NaN where there is none; `info` is the order of the block that fails or 0. */
export function choleskyEx(
  a: Tensor,
  options?: CholeskyOptions,
): { readonly L: Tensor; readonly info: Tensor } {
  return deriveAll([a], ops.choleskyEx(a.node, options));
}

/** A⁻¹, NaN where there is none; `info` is the first zero pivot, from 1, or 0. */
export function invEx(a: Tensor): { readonly inverse: Tensor; readonly info: Tensor } {
  return deriveAll([a], ops.invEx(a.node));
}

/** X with A X = B, NaN where A is singular; `info` is the first zero pivot, from 1, or 0. */
export function solveEx(
  a: Tensor,
  b: Tensor,
  options?: SolveOptions,
): { readonly result: Tensor; readonly info: Tensor } {
  return deriveAll([a, b], ops.solveEx(a.node, b.node, options));
}

/** A = L D Lᵀ of symmetric matrices with rows exchanged; LAPACK's layout. It has no gradient. */
export function ldlFactor(a: Tensor): Tensors<ops.LdlNodes> {
  const { LD, pivots } = ops.ldlFactorEx(a.node);
  return deriveAll([a], { LD, pivots });
}

/** As {@link ldlFactor}; `info` is the first column without a pivot, from 1, or 0. */
export function ldlFactorEx(a: Tensor): Tensors<ops.LdlNodes & { readonly info: Node }> {
  return deriveAll([a], ops.ldlFactorEx(a.node));
}

/** X with A X = B from the results of {@link ldlFactor}. It has no gradient. */
export function ldlSolve(LD: Tensor, pivots: Tensor, b: Tensor): Tensor {
  return derive([LD, pivots, b], ops.ldlSolve(LD.node, pivots.node, b.node));
}

/** R and below it the reflections that made it, with their factors; for {@link ormqr}. */
export function geqrf(a: Tensor): { readonly a: Tensor; readonly tau: Tensor } {
  return deriveAll([a], ops.geqrf(a.node));
}

/** Q C of the square Q that the results of {@link geqrf} stand for. */
export function ormqr(a: Tensor, tau: Tensor, c: Tensor, options?: ops.OrmqrOptions): Tensor {
  return derive([a, tau, c], ops.ormqr(a.node, tau.node, c.node, options));
}

/** Options of {@link svdLowrank}. */
export interface LowrankOptions extends Pick<RandomOptions, "generator"> {
  /** How many singular values; a little more than the rank. @defaultValue 6 */
  readonly q?: number | null;
  /** Rounds of subspace iteration. @defaultValue 2 */
  readonly niter?: number;
}

/** Singular vectors as columns, and singular values, descending. */
export interface Lowrank {
  readonly U: Tensor;
  readonly S: Tensor;
  readonly V: Tensor;
}

/** Orthonormal columns that span about what A's first singular vectors do. */
function approximateBasis(a: Tensor, q: number, { niter = 2, generator }: LowrankOptions): Tensor {
  if (!Number.isInteger(niter) || niter < 0) {
    throw new ConfigError(`svdLowrank: niter must be an integer ≥ 0, got ${niter}`);
  }
  const { dtype, device } = a;
  const draws = normal([a.shape[a.ndim - 1], q], {
    dtype: "f32",
    device,
    ...(generator && { generator }),
  });
  let basis = qr(a.matmul(draws.to(dtype))).Q;
  for (let i = 0; i < niter; i++) {
    basis = qr(a.mT.matmul(basis)).Q;
    basis = qr(a.matmul(basis)).Q;
  }
  return basis;
}

/**
 * The first q singular values and vectors of A, or of A − M, by random projection.
 * @see Halko et al. 2011, "Finding structure with randomness", algorithms 4.4 and 5.1
 */
export function svdLowrank(
  a: Tensor,
  { M, q, ...options }: LowrankOptions & { readonly M?: Tensor | null } = {},
): Lowrank {
  const x = M == null ? a : a.sub(M);
  const [m, n] = x.shape.slice(-2);
  const count = q ?? 6;
  if (x.ndim < 2 || !Number.isInteger(count) || count < 0 || count > Math.min(m, n)) {
    throw new ShapeError(
      `svdLowrank: q must be an integer from 0 to the smaller side of A, got ${count} for [${x.shape.join(", ")}]`,
    );
  }
  if (m < n) {
    const { U, S, V } = svdLowrank(x.mT, { q: count, ...options });
    return { U: V, S, V: U };
  }
  const basis = approximateBasis(x, count, options);
  const { U, S, Vh } = svd(basis.mT.matmul(x), { fullMatrices: false });
  return { U: basis.matmul(U), S, V: Vh.mT };
}

/** Principal components of the rows of A: {@link svdLowrank} with the mean row taken off. */
export function pcaLowrank(
  a: Tensor,
  { center = true, q, ...options }: LowrankOptions & { readonly center?: boolean } = {},
): Lowrank {
  const count = q ?? Math.min(6, ...a.shape.slice(-2));
  const x = center ? a.sub(a.mean({ dim: -2, keepdim: true })) : a;
  return svdLowrank(x, { q: count, ...options });
}

/** Options of {@link lobpcg}. */
export interface LobpcgOptions {
  /** How many pairs. @defaultValue 1 */
  readonly k?: number;
  /** Positive definite; A x = λ B x. */
  readonly B?: Tensor | null;
  /** Largest first, or smallest first. @defaultValue true */
  readonly largest?: boolean;
}

/**
 * The k largest (or smallest) eigenvalues of symmetric matrices and their vectors, of A x = λ B x
 * with `B`. Where torch iterates on blocks, this solves densely, so there is no tolerance to choose.
 */
export function lobpcg(
  a: Tensor,
  { k = 1, B, largest = true }: LobpcgOptions = {},
): { readonly eigenvalues: Tensor; readonly eigenvectors: Tensor } {
  const n = a.shape[a.ndim - 1];
  if (!Number.isInteger(k) || k < 1 || k > n) {
    throw new ConfigError(`lobpcg: k must be an integer from 1 to ${n}, got ${k}`);
  }
  const factor = B == null ? null : cholesky(B);
  const left = (x: Tensor): Tensor =>
    factor === null ? x : solveTriangular(factor, x, { upper: false });
  const { eigenvalues, eigenvectors } = eigh(left(left(a).mT));
  const vectors =
    factor === null ? eigenvectors : solveTriangular(factor.mT, eigenvectors, { upper: true });
  const from = largest ? n - k : 0;
  const [values, columns] = [eigenvalues.narrow(-1, from, k), vectors.narrow(-1, from, k)];
  if (!largest) return { eigenvalues: values, eigenvectors: columns };
  return { eigenvalues: values.flip([-1]), eigenvectors: columns.flip([-1]) };
}
