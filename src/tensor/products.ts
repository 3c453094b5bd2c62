import { cross as crossNodes } from "./ops/linalg.ts";
import * as ops from "./ops/products.ts";
import type { Tensor } from "./tensor.ts";
import { derive } from "./tensor.ts";

/** The Kronecker product: blocks of b, scaled by the elements of a. */
export function kron(a: Tensor, b: Tensor): Tensor {
  return derive([a, b], ops.kron(a.node, b.node));
}

/** Σ over the last dims of both: [..., K], [...', K] → [..., ...']. */
export function inner(a: Tensor, b: Tensor): Tensor {
  return derive([a, b], ops.inner(a.node, b.node));
}

/** Cross products of vectors of 3 along `dim`. */
export function cross(a: Tensor, b: Tensor, options?: { readonly dim?: number }): Tensor {
  return derive([a, b], crossNodes(a.node, b.node, options));
}

/** Options of {@link cov}. */
export interface CovarianceOptions {
  /** What is taken off the number of observations. @defaultValue 1 */
  readonly correction?: number;
  /** How often each observation counts, whole numbers [N]. */
  readonly fweights?: Tensor | null;
  /** How much each observation counts [N]. */
  readonly aweights?: Tensor | null;
}

/** Covariances of variables (rows) over observations (columns): [V, N] → [V, V]. */
export function cov(x: Tensor, options: CovarianceOptions = {}): Tensor {
  const { correction = 1, fweights, aweights } = options;
  const sources = [x, ...[fweights, aweights].filter((weights) => weights != null)];
  const weights = { fweights: fweights?.node, aweights: aweights?.node };
  return derive(sources, ops.cov(x.node, { correction, ...weights }));
}

/** Correlation coefficients of variables (rows): [V, N] → [V, V]. */
export function corrcoef(x: Tensor): Tensor {
  return derive([x], ops.corrcoef(x.node));
}
