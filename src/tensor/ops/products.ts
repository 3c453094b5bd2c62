import { DTypeError, ShapeError } from "../../base/errors.ts";
import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { isInteger, promote } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape } from "../../ir/shape.ts";
import { inComputeDType, toFloat } from "./operands.ts";

/** The Kronecker product: every element of a times b, as blocks; missing dims of one are 1. */
export function kron(left: Node, right: Node): Node {
  const dtype = promote(left.dtype, right.dtype);
  const rank = Math.max(left.shape.length, right.shape.length);
  const padded = (x: Node): number[] => [...range(rank - x.shape.length).map(() => 1), ...x.shape];
  const [a, b] = [padded(left), padded(right)];
  const shape = range(rank).flatMap((i) => [a[i], b[i]]);
  const spread = (x: Node, sizes: readonly number[], side: 0 | 1): Node => {
    const column = sizes.flatMap((size) => (side === 0 ? [size, 1] : [1, size]));
    return ir.expand(ir.reshape(ir.cast(x, dtype), column), shape);
  };
  const blocks = ir.mul(spread(left, a, 0), spread(right, b, 1));
  return ir.reshape(
    blocks,
    range(rank).map((i) => a[i] * b[i]),
  );
}

/** Σ over the last dims of both: [..., K], [...', K] → [..., ...']; a scalar only scales. */
export function inner(left: Node, right: Node): Node {
  const dtype = promote(left.dtype, right.dtype);
  const [a, b] = [ir.cast(left, dtype), ir.cast(right, dtype)];
  if (a.shape.length === 0) return ir.mul(ir.broadcastTo(a, b.shape), b);
  if (b.shape.length === 0) return ir.mul(a, ir.broadcastTo(b, a.shape));
  const [k, other] = [a.shape[a.shape.length - 1], b.shape[b.shape.length - 1]];
  if (k !== other) {
    throw new ShapeError(
      `inner: last dims must match, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    );
  }
  const rows = (x: Node): Node =>
    ir.reshape(x, [x.shape.slice(0, -1).reduce((m, n) => m * n, 1), k]);
  const result = ir.dot(rows(a), ir.transpose(rows(b), 0, 1));
  return ir.reshape(result, [...a.shape.slice(0, -1), ...b.shape.slice(0, -1)]);
}

/** Options of {@link cov}. */
export interface CovarianceOptions {
  /** What is taken off the number of observations. @defaultValue 1 */
  readonly correction?: number;
  /** How often each observation counts, whole numbers [N]. */
  readonly fweights?: Node | null | undefined;
  /** How much each observation counts [N]. */
  readonly aweights?: Node | null | undefined;
}

function requireWeights(name: string, weights: Node, count: number): Node {
  if (weights.shape.length > 1 || (weights.shape[0] ?? 1) !== count) {
    throw new ShapeError(
      `cov: ${name} must have one entry for each of ${count} observations, got ${formatShape(weights.shape)}`,
    );
  }
  if (name === "fweights" && !isInteger(weights.dtype)) {
    throw new DTypeError(`cov: fweights must be integers, got ${weights.dtype}; use aweights`);
  }
  return ir.reshape(weights, [count]);
}

/** Covariances of variables (rows) over observations (columns): [V, N] → [V, V]; one → []. */
export function cov(x: Node, options: CovarianceOptions = {}): Node {
  const { correction = 1, fweights, aweights } = options;
  if (x.shape.length > 2) {
    throw new ShapeError(`cov: needs at most 2 dims, got ${formatShape(x.shape)}`);
  }
  // As torch, one variable gives a scalar.
  const isMatrix = x.shape.length === 2 && x.shape[0] !== 1;
  return inComputeDType(toFloat(x), (source) => {
    const rows = isMatrix ? source : ir.reshape(source, [1, x.shape.at(-1) ?? 1]);
    const [variables, count] = rows.shape;
    const result = covariance(rows, correction, fweights, aweights, count);
    return isMatrix ? ir.reshape(result, [variables, variables]) : ir.reshape(result, []);
  });
}

function covariance(
  x: Node,
  correction: number,
  fweights: Node | null | undefined,
  aweights: Node | null | undefined,
  count: number,
): Node {
  const like = (value: number): Node => ir.full([1, 1], value, x.dtype);
  const line = (name: string, w: Node): Node =>
    ir.reshape(ir.cast(requireWeights(name, w, count), x.dtype), [1, count]);
  const f = fweights == null ? null : line("fweights", fweights);
  const a = aweights == null ? null : line("aweights", aweights);
  const weights = f !== null && a !== null ? ir.mul(f, a) : (f ?? a);
  const total = weights === null ? like(count) : ir.reduceSum(weights, [1]);
  const weighted = weights === null ? x : ir.mul(x, ir.expand(weights, x.shape));
  const sums = ir.reduceSum(weighted, [1]);
  const mean = ir.div(sums, ir.expand(total, sums.shape));
  const centered = ir.sub(x, ir.expand(mean, x.shape));
  const share = a === null || weights === null ? null : ir.reduceSum(ir.mul(weights, a), [1]);
  const taken = share === null ? like(correction) : ir.mul(like(correction), ir.div(share, total));
  const rest = correction === 0 ? total : ir.sub(total, taken);
  // Too few observations divide by 0, as in torch.
  const divisor = ir.binary("max", rest, like(0));
  const left = weights === null ? centered : ir.mul(centered, ir.expand(weights, x.shape));
  const products = ir.dot(left, ir.transpose(centered, 0, 1));
  return ir.div(products, ir.expand(divisor, products.shape));
}

/** Correlation coefficients of variables (rows): covariances over both deviations. */
export function corrcoef(x: Node): Node {
  const c = cov(x);
  if (c.shape.length === 0) return ir.div(c, c);
  const [size] = c.shape;
  const flat = ir.reshape(c, [size * size]);
  const variance = ir.slice(flat, [0], [size], [size + 1]);
  const deviation = ir.unary("sqrt", variance);
  const rows = ir.expand(ir.reshape(deviation, [size, 1]), c.shape);
  const ratio = ir.div(ir.div(c, rows), ir.transpose(rows, 0, 1));
  const atLeast = ir.where(
    ir.binary("lt", ratio, ir.fullLike(ratio, -1)),
    ir.fullLike(ratio, -1),
    ratio,
  );
  return ir.where(ir.binary("lt", ir.fullLike(ratio, 1), atLeast), ir.fullLike(ratio, 1), atLeast);
}
