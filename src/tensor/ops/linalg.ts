import { singularFactors } from "../../base/orthogonal-factors.ts";
import { ConfigError, ShapeError } from "../../base/errors.ts";
import { product, range } from "../../base/integers.ts";
import { matrixExponential } from "../../base/matrix-exponential.ts";
import * as ir from "../../ir/build.ts";
import { promote } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { broadcastShapes, formatShape, normalizeDim } from "../../ir/shape.ts";
import { matrixSizes, onHost, requireSize, squareSize, unpack } from "./host-matrices.ts";
import { eigvalsh, svdvals } from "./linalg-factors.ts";
import { dot, identityLike, mT, scale } from "./linalg-parts.ts";
import { inv, solve } from "./linalg-solve.ts";
import { matmul } from "./linear.ts";

/** Below which singular values count as 0: the larger of `atol` and `rtol` times the largest. */
export interface RankOptions {
  readonly atol?: number;
  /** @defaultValue max(M, N) · ε, or 0 if `atol` is given */
  readonly rtol?: number;
  /** Whether the matrices are symmetric. */
  readonly hermitian?: boolean;
}

const ROTATION_LIMIT = 512;

function toleranceOf(x: Node, { atol = 0, rtol }: RankOptions): readonly [number, number] {
  const [m, n] = x.shape.slice(-2);
  const epsilon = x.dtype === "f64" ? 2 ** -52 : 2 ** -23;
  return [atol, rtol ?? (atol > 0 ? 0 : Math.max(m, n) * epsilon)];
}

/** Number of singular values above the tolerance, i32. */
export function matrixRank(x: Node, options: RankOptions = {}): Node {
  const [m, n] = matrixSizes("matrixRank", x);
  const batch = x.shape.slice(0, -2);
  if (m === 0 || n === 0) return ir.full(batch, 0, "i32");
  const values = options.hermitian === true ? ir.unary("abs", eigvalsh(x)) : svdvals(x);
  const last = values.shape.length - 1;
  const [atol, rtol] = toleranceOf(x, options);
  const largest = ir.extremum("reduceMax", values, [last]);
  const limit = ir.binary(
    "max",
    ir.mul(largest, ir.fullLike(largest, rtol)),
    ir.fullLike(largest, atol),
  );
  const counts = ir.binary("lt", ir.expand(limit, values.shape), values);
  return ir.reshape(ir.reduceSum(ir.cast(counts, "i32"), [last]), batch);
}

/** The pseudo-inverse [..., N, M] of matrices [..., M, N]. */
export function pinv(x: Node, options: RankOptions = {}): Node {
  const [m, n] = matrixSizes("pinv", x);
  requireSize("pinv", Math.min(m, n), ROTATION_LIMIT);
  const [atol, rtol] = toleranceOf(x, options);
  const isSymmetric = options.hermitian === true;
  if (isSymmetric) squareSize("pinv", x);
  const packed = onHost([x], {
    name: "pinv",
    key: `${m}x${n} ${atol} ${rtol} ${isSymmetric}`,
    unit: m * n,
    kernel: ([matrix], output) => {
      const source = isSymmetric ? symmetrized(matrix, n) : matrix;
      const { values, left, right } = singularFactors(source, m, n, false);
      const floor = Math.max(atol, rtol * (values[0] ?? 0));
      values.forEach((value, k) => {
        if (!(value > floor)) return;
        for (let i = 0; i < n; i++) {
          const factor = right[k * n + i] / value;
          for (let j = 0; j < m; j++) output[i * m + j] += factor * left[k * m + j];
        }
      });
    },
    gradient: ([a], result, flat) => {
      const shape = [...result.shape.slice(0, -1), n, m];
      const [p, g] = [ir.reshape(result, shape), ir.reshape(flat, shape)];
      const pT = mT(p);
      const gT = mT(g);
      const pa = dot(p, a);
      const ap = dot(a, p);
      const direct = scale(dot(pT, g, pT), -1);
      const right = dot(dot(pT, p), gT, ir.sub(identityLike(pa), pa));
      const left = dot(ir.sub(identityLike(ap), ap), gT, dot(p, pT));
      return [ir.add(direct, ir.add(right, left))];
    },
  });
  return unpack(packed, 0, [n, m]);
}

function symmetrized(x: Float64Array, n: number): Float64Array {
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) x[j * n + i] = x[i * n + j];
  return x;
}

/** Results of {@link lstsq}. */
export interface LstsqNodes {
  readonly solution: Node;
  /** Squared errors per column, if A has more rows than columns; otherwise empty. */
  readonly residuals: Node;
  readonly rank: Node;
  readonly singularValues: Node;
}

/** Options of {@link lstsq}. */
export interface LstsqOptions {
  /** Singular values below rcond times the largest count as 0. @defaultValue max(M, N) · ε */
  readonly rcond?: number | null | undefined;
}

/** X that minimises ‖A X − B‖, with the least norm if several do, by the pseudo-inverse. */
export function lstsq(a: Node, b: Node, { rcond }: LstsqOptions = {}): LstsqNodes {
  const [m, n] = matrixSizes("lstsq", a);
  const isVector = b.shape.length === a.shape.length - 1;
  const right = isVector ? ir.reshape(b, [...b.shape, 1]) : b;
  if (right.shape.length < 2 || right.shape[right.shape.length - 2] !== m) {
    throw new ShapeError(
      `lstsq: B must have ${m} rows as A ${formatShape(a.shape)}, got ${formatShape(b.shape)}`,
    );
  }
  const options = rcond == null ? {} : { rtol: rcond };
  const inverse = pinv(a, options);
  const solution = matmul(inverse, right);
  const error = ir.sub(
    matmul(a, solution),
    ir.broadcastTo(right, [...solution.shape.slice(0, -2), ...right.shape.slice(-2)]),
  );
  const rows = error.shape.length - 2;
  const sums = ir.reduceSum(ir.mul(error, error), [rows]);
  const residuals =
    m > n ? ir.reshape(sums, sums.shape.toSpliced(rows, 1)) : ir.full([0], 0, a.dtype);
  return {
    solution: isVector ? ir.reshape(solution, solution.shape.slice(0, -1)) : solution,
    residuals,
    rank: matrixRank(a, options),
    singularValues: svdvals(a),
  };
}

/** A multiplied with itself n times; negative powers of the inverse. */
export function matrixPower(x: Node, n: number): Node {
  squareSize("matrixPower", x);
  if (!Number.isInteger(n)) {
    throw new ConfigError(`matrixPower: n must be an integer, got ${n}`);
  }
  if (n === 0) return identityLike(x);
  let base = n < 0 ? inv(x) : x;
  let result: Node | null = null;
  for (let rest = Math.abs(n); rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = result === null ? base : ir.dot(result, base);
    if (rest > 1) base = ir.dot(base, base);
  }
  return result ?? x;
}

/** e^A = Σ Aᵏ / k!, by scaling and squaring of a Padé approximant in f64. */
export function matrixExp(x: Node): Node {
  const n = squareSize("matrixExp", x);
  requireSize("matrixExp", n, ROTATION_LIMIT);
  const packed = onHost([x], {
    name: "matrixExp",
    key: `${n}`,
    unit: n * n,
    kernel: ([matrix], output) => output.set(matrixExponential(matrix, n)),
    // exp [Aᵀ G; 0 Aᵀ] holds the derivative of exp at Aᵀ along G in its upper right block.
    gradient: ([a], _result, flat) => {
      const at = mT(a);
      const g = ir.reshape(flat, a.shape);
      const last = a.shape.length - 1;
      const top = ir.concat([at, g], last);
      const bottom = ir.concat([ir.fullLike(g, 0), at], last);
      const whole = matrixExp(ir.concat([top, bottom], last - 1));
      return [ir.narrow(ir.narrow(whole, last - 1, 0, n), last, n, n)];
    },
  });
  return unpack(packed, 0, [n, n]);
}

/** Product of a chain of matrices in the cheapest order; the first and last may be vectors. */
export function multiDot(tensors: readonly Node[]): Node {
  if (tensors.length < 2) {
    throw new ShapeError(`multiDot: needs at least 2 tensors, got ${tensors.length}`);
  }
  const last = tensors.length - 1;
  const matrices = tensors.map((x, i) => {
    if (i === 0 && x.shape.length === 1) return ir.reshape(x, [1, ...x.shape]);
    if (i === last && x.shape.length === 1) return ir.reshape(x, [...x.shape, 1]);
    if (x.shape.length === 2) return x;
    throw new ShapeError(
      `multiDot: tensors must be matrices (the ends may be vectors), got ${formatShape(x.shape)}`,
    );
  });
  const dims = [matrices[0].shape[0], ...matrices.map((x) => x.shape[1])];
  const result = multiplyChain(matrices, cheapestSplits(dims), 0, last);
  const rows = tensors[0].shape.length === 1 ? [] : [result.shape[0]];
  const columns = tensors[last].shape.length === 1 ? [] : [result.shape[1]];
  return ir.reshape(result, [...rows, ...columns]);
}

/** Where to cut each part of a chain whose matrices are dims[i] × dims[i + 1]. */
function cheapestSplits(dims: readonly number[]): number[][] {
  const count = dims.length - 1;
  const cost = range(count).map(() => new Array<number>(count).fill(0));
  const cut = range(count).map(() => new Array<number>(count).fill(0));
  for (let length = 2; length <= count; length++) {
    for (let i = 0; i + length <= count; i++) {
      const j = i + length - 1;
      cost[i][j] = Infinity;
      for (let k = i; k < j; k++) {
        const total = cost[i][k] + cost[k + 1][j] + dims[i] * dims[k + 1] * dims[j + 1];
        if (total < cost[i][j]) [cost[i][j], cut[i][j]] = [total, k];
      }
    }
  }
  return cut;
}

function multiplyChain(
  matrices: readonly Node[],
  cut: readonly (readonly number[])[],
  from: number,
  to: number,
): Node {
  if (from === to) return matrices[from];
  const at = cut[from][to];
  return matmul(multiplyChain(matrices, cut, from, at), multiplyChain(matrices, cut, at + 1, to));
}

/** Cross products of vectors of 3 along a dim; the others broadcast. */
export function cross(left: Node, right: Node, { dim = -1 }: { readonly dim?: number } = {}): Node {
  const dtype = promote(left.dtype, right.dtype);
  const shape = broadcastShapes("cross", left.shape, right.shape);
  const axis = normalizeDim("cross", dim, shape.length);
  if (left.shape.length !== right.shape.length || shape[axis] !== 3) {
    throw new ShapeError(
      `cross: needs tensors of one rank with 3 elements along dim ${dim}, got ${formatShape(left.shape)} and ${formatShape(right.shape)}`,
    );
  }
  const [a, b] = [left, right].map((x) => ir.broadcastTo(ir.cast(x, dtype), shape));
  const at = (x: Node, i: number): Node => ir.narrow(x, axis, i % 3, 1);
  const parts = range(3).map((i) =>
    ir.sub(ir.mul(at(a, i + 1), at(b, i + 2)), ir.mul(at(a, i + 2), at(b, i + 1))),
  );
  return ir.concat(parts, axis);
}

/** Σ x · y along a dim, with broadcasting. */
export function vecdot(
  left: Node,
  right: Node,
  { dim = -1 }: { readonly dim?: number } = {},
): Node {
  const dtype = promote(left.dtype, right.dtype);
  const shape = broadcastShapes("vecdot", left.shape, right.shape);
  const axis = normalizeDim("vecdot", dim, shape.length);
  const [a, b] = [left, right].map((x) => ir.broadcastTo(ir.cast(x, dtype), shape));
  const sum = ir.reduceSum(ir.mul(a, b), [axis]);
  return ir.reshape(sum, shape.toSpliced(axis, 1));
}

/** First K columns of H₁ H₂ … with Hᵢ = I − τᵢ vᵢ vᵢᵀ: A [..., M, K] holds vᵢ below its diagonal. */
export function householderProduct(a: Node, tau: Node): Node {
  const [m, k] = matrixSizes("householderProduct", a);
  const count = tau.shape[tau.shape.length - 1] ?? 0;
  if (m < k || count > k) {
    throw new ShapeError(
      `householderProduct: needs at least as many rows as columns and no more factors than columns, got ${formatShape(a.shape)} and ${formatShape(tau.shape)}`,
    );
  }
  const last = a.shape.length - 1;
  const row = ir.iota(a.shape, last - 1);
  const column = ir.iota(a.shape, last);
  const zero = ir.fullLike(a, 0);
  const below = ir.where(ir.binary("lt", column, row), a, zero);
  const isDiagonal = ir.binary("eq", column, row);
  const vectors = ir.where(isDiagonal, ir.fullLike(a, 1), below);
  let q = ir.where(isDiagonal, ir.fullLike(a, 1), zero);
  for (let i = count - 1; i >= 0; i--) {
    const v = ir.narrow(vectors, last, i, 1);
    const factor = ir.reshape(ir.narrow(tau, tau.shape.length - 1, i, 1), [
      ...tau.shape.slice(0, -1),
      1,
      1,
    ]);
    const scaled = ir.mul(v, ir.expand(factor, v.shape));
    q = ir.sub(q, ir.dot(scaled, ir.dot(mT(v), q)));
  }
  return q;
}

/** Vandermonde matrices: powers 0 … N − 1 of x [..., K] as columns [..., K, N]. */
export function vander(x: Node, { N }: { readonly N?: number | undefined } = {}): Node {
  const count = N ?? x.shape[x.shape.length - 1];
  if (x.shape.length === 0 || !Number.isInteger(count) || count < 2) {
    throw new ShapeError(
      `vander: needs at least 1 dim and N ≥ 2, got ${formatShape(x.shape)} and ${count}`,
    );
  }
  const shape = [...x.shape, count];
  const base = ir.expand(ir.reshape(x, [...x.shape, 1]), shape);
  const isFirst = ir.binary("eq", ir.iota(shape, x.shape.length), ir.full(shape, 0, "i32"));
  return ir.scan(ir.where(isFirst, ir.fullLike(base, 1), base), x.shape.length, "prod");
}

/** The tensor J with tensordot(J, A, ind) = 1: inverse of A as a map between its two groups of dims. */
export function tensorinv(a: Node, { ind = 2 }: { readonly ind?: number } = {}): Node {
  const rows = a.shape.slice(0, ind);
  const columns = a.shape.slice(ind);
  if (!Number.isInteger(ind) || ind < 1 || product(rows) !== product(columns)) {
    throw new ShapeError(
      `tensorinv: the first ${ind} dims must have as many elements as the others, got ${formatShape(a.shape)}`,
    );
  }
  const flat = ir.reshape(a, [product(rows), product(columns)]);
  return ir.reshape(inv(flat), [...columns, ...rows]);
}

/** X with tensordot(A, X, X.ndim) = B. */
export function tensorsolve(
  a: Node,
  b: Node,
  { dims }: { readonly dims?: readonly number[] | undefined } = {},
): Node {
  const rank = a.shape.length;
  const moved = (dims ?? []).map((dim) => normalizeDim("tensorsolve", dim, rank));
  const order = [...range(rank).filter((dim) => !moved.includes(dim)), ...moved];
  const turned = ir.permute(a, order);
  const rest = turned.shape.slice(b.shape.length);
  if (product(rest) !== product(b.shape)) {
    throw new ShapeError(
      `tensorsolve: A must map as many elements as B has, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    );
  }
  const count = product(rest);
  const flat = ir.reshape(turned, [count, count]);
  return ir.reshape(solve(flat, ir.reshape(b, [count])), rest);
}
