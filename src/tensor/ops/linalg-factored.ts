import {
  ldlFactor as ldlFactorHost,
  ldlSolve as ldlSolveHost,
  reflections,
} from "../../base/indefinite-factors.ts";
import { choleskyFactor, luFactor as luFactorHost } from "../../base/dense-solve.ts";
import { LinalgError, ShapeError, UnsupportedOpError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import { promote } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { broadcastShapes, formatShape } from "../../ir/shape.ts";
import { eq, where } from "./logic.ts";
import { matrixSizes, onHost, requireSize, squareSize, unpack } from "./host-matrices.ts";
import { dot, identityLike, mT, triangleOf } from "./linalg-parts.ts";
import type { CholeskyOptions, LuNodes, SolveOptions } from "./linalg-solve.ts";
import { cholesky, inv, lu, solve, solveTriangular } from "./linalg-solve.ts";

const LIMIT = 2048;

const noGradient = (op: string, instead: string) => (): never => {
  throw new UnsupportedOpError(`${op}: has no gradient; use ${instead}`);
};

/** Packed factors and LAPACK's exchanges of rows, i32 from 1. */
export interface LuFactorNodes {
  readonly LU: Node;
  readonly pivots: Node;
}

/** i32 vectors [..., K] that a host function finds for matrices; they have no gradient. */
function integersOf(
  name: string,
  x: Node,
  count: number,
  kernel: (x: Float64Array, output: Float64Array) => void,
): Node {
  const packed = onHost([x], {
    name,
    key: `${x.shape.slice(-2).join("x")} ${count}`,
    unit: count,
    kernel: ([matrix], output) => kernel(matrix, output),
    gradient: () => [null],
  });
  return ir.cast(packed, "i32");
}

/** Which row went where as a sequence of exchanges, from 1. */
function exchanges(permutation: Float64Array, m: number, output: Float64Array): void {
  const rows = Array.from({ length: m }, (_, i) => i);
  for (let i = 0; i < output.length; i++) {
    const from = rows.findIndex((row) => permutation[row * m + i] === 1);
    [rows[i], rows[from]] = [rows[from], rows[i]];
    output[i] = from + 1;
  }
}

/** A = P L U in one matrix: U, and below it L without its diagonal. */
export function luFactor(a: Node): LuFactorNodes {
  const { P, L, U } = lu(a);
  const [m, n] = a.shape.slice(-2);
  const last = a.shape.length - 1;
  const below = triangleOf(L, "lower", -1);
  const sizes = (rows: number, columns: number): number[] => [
    ...a.shape.slice(0, -2),
    rows,
    columns,
  ];
  const zeros = (rows: number, columns: number): Node => ir.full(sizes(rows, columns), 0, a.dtype);
  const lower = m < n ? ir.concat([below, zeros(m, n - m)], last) : below;
  const upper = m > n ? ir.concat([U, zeros(m - n, n)], last - 1) : U;
  const count = Math.min(m, n);
  const pivots = integersOf("exchanges", P, count, (x, output) => exchanges(x, m, output));
  return { LU: ir.add(lower, upper), pivots };
}

/** The first column of U whose diagonal is 0, from 1, or 0; i32 [...]. */
function luInfo(a: Node): Node {
  const [m, n] = matrixSizes("luFactorEx", a);
  requireSize("luFactorEx", Math.max(m, n), LIMIT);
  const info = integersOf("luInfo", a, 1, (x, output) => {
    const factors = luFactorHost(x, m, n).lu;
    const at = Array.from({ length: Math.min(m, n) }, (_, i) => factors[i * n + i]).indexOf(0);
    output[0] = at + 1;
  });
  return ir.reshape(info, info.shape.slice(0, -1));
}

/** {@link luFactor} with the first zero pivot, from 1, or 0. */
export function luFactorEx(a: Node): LuFactorNodes & { readonly info: Node } {
  return { ...luFactor(a), info: luInfo(a) };
}

/** P [..., M, M] from exchanges of rows. */
function permutationOf(pivots: Node, m: number, like: Node): Node {
  const { shape } = pivots;
  const rows = ir.cast(
    ir.reshape(pivots, [...shape.slice(0, -1), 1, shape[shape.length - 1]]),
    like.dtype,
  );
  const packed = onHost([rows], {
    name: "permutation",
    key: `${m}x${shape[shape.length - 1]}`,
    unit: m * m,
    kernel: ([x], output) => {
      const order = Array.from({ length: m }, (_, i) => i);
      x.forEach((pivot, i) => ([order[i], order[pivot - 1]] = [order[pivot - 1], order[i]]));
      order.forEach((row, i) => (output[row * m + i] = 1));
    },
    gradient: () => [null],
  });
  return unpack(packed, 0, [m, m]);
}

function requirePivots(op: string, packed: Node, pivots: Node): void {
  const [m, n] = matrixSizes(op, packed);
  const wanted = [...packed.shape.slice(0, -2), Math.min(m, n)];
  if (formatShape(pivots.shape) === formatShape(wanted)) return;
  throw new ShapeError(
    `${op}: pivots must be ${formatShape(wanted)} for factors ${formatShape(packed.shape)}, got ${formatShape(pivots.shape)}`,
  );
}

/** P, L and U from the results of {@link luFactor}. */
export function luUnpack(packed: Node, pivots: Node): LuNodes {
  requirePivots("luUnpack", packed, pivots);
  const [m, n] = matrixSizes("luUnpack", packed);
  const k = Math.min(m, n);
  const last = packed.shape.length - 1;
  const left = ir.narrow(packed, last, 0, k);
  const row = ir.iota(left.shape, last - 1);
  const ones = where(eq(row, ir.iota(left.shape, last)), ir.fullLike(left, 1), 0);
  return {
    P: permutationOf(pivots, m, packed),
    L: ir.add(triangleOf(left, "lower", -1), ones),
    U: triangleOf(ir.narrow(packed, last - 1, 0, k), "upper"),
  };
}

/** Options of {@link luSolve}. */
export interface LuSolveOptions extends SolveOptions {
  /** Solves with Aᵀ. @defaultValue false */
  readonly adjoint?: boolean;
}

/** Broadcasts the batches of matrices. */
function inOneBatch(op: string, nodes: readonly Node[]): Node[] {
  const batch = broadcastShapes(op, ...nodes.map((node) => node.shape.slice(0, -2)));
  return nodes.map((node) => ir.broadcastTo(node, [...batch, ...node.shape.slice(-2)]));
}

/** X with A X = B from the results of {@link luFactor}; B [..., N, K], batches broadcast. */
export function luSolve(
  packed: Node,
  pivots: Node,
  b: Node,
  { left = true, adjoint = false }: LuSolveOptions = {},
): Node {
  const n = squareSize("luSolve", packed);
  const [rows, columns] = matrixSizes("luSolve", b);
  if ((left ? rows : columns) !== n) {
    throw new ShapeError(
      `luSolve: B must have ${n} ${left ? "rows" : "columns"} as the factors, got ${formatShape(b.shape)}`,
    );
  }
  if (!left) return mT(luSolve(packed, pivots, mT(b), { adjoint: !adjoint }));
  const { P, L, U } = luUnpack(packed, pivots);
  const [p, right] = inOneBatch("luSolve", [P, ir.cast(b, promote(b.dtype, packed.dtype))]);
  const unit = { upper: false, unitriangular: true };
  if (!adjoint)
    return solveTriangular(U, solveTriangular(L, dot(mT(p), right), unit), { upper: true });
  const inner = solveTriangular(mT(U), right, { upper: false });
  return dot(p, solveTriangular(mT(L), inner, { ...unit, upper: true }));
}

/** Order of the first leading block that is not positive definite, or 0; i32 [...]. */
function choleskyInfo(a: Node, upper: boolean): Node {
  const n = squareSize("choleskyEx", a);
  requireSize("choleskyEx", n, LIMIT);
  const info = integersOf(`choleskyInfo ${upper}`, upper ? mT(a) : a, 1, (x, output) => {
    const works = (size: number): boolean =>
      choleskyFactor(
        x.filter((_, at) => at % n < size && at < size * n),
        size,
      ) !== null;
    if (works(n)) return;
    let [good, bad] = [0, n];
    while (bad - good > 1) {
      const middle = (good + bad) >> 1;
      if (works(middle)) good = middle;
      else bad = middle;
    }
    output[0] = bad;
  });
  return ir.reshape(info, info.shape.slice(0, -1));
}

/** Runs `op` on the matrices without an error, and gives NaN for the others. */
function whereGood(a: Node, info: Node, op: (safe: Node) => Node): Node {
  const good = eq(info, 0);
  const spread = (shape: readonly number[]): Node =>
    ir.expand(ir.reshape(good, [...good.shape, 1, 1]), shape);
  const result = op(where(spread(a.shape), a, identityLike(a)));
  return where(spread(result.shape), result, NaN);
}

/** The factor of `cholesky`, NaN where there is none, and the order of the block that fails or 0. */
export function choleskyEx(
  a: Node,
  options: CholeskyOptions = {},
): { readonly L: Node; readonly info: Node } {
  const info = choleskyInfo(a, options.upper ?? false);
  return { L: whereGood(a, info, (safe) => cholesky(safe, options)), info };
}

/** A⁻¹, NaN where there is none, and the first zero pivot, from 1, or 0. */
export function invEx(a: Node): { readonly inverse: Node; readonly info: Node } {
  squareSize("invEx", a);
  const info = luInfo(a);
  return { inverse: whereGood(a, info, inv), info };
}

/** The solution of A X = B, NaN where A is singular, and the first zero pivot, from 1, or 0. */
export function solveEx(
  a: Node,
  b: Node,
  options: SolveOptions = {},
): { readonly result: Node; readonly info: Node } {
  squareSize("solveEx", a);
  const info = luInfo(a);
  const safe = whereGoodMatrix(a, info);
  const result = solve(safe, b, options);
  const isVector =
    formatShape(b.shape) === formatShape(a.shape.slice(0, -1)) || b.shape.length === 1;
  const good = eq(ir.reshape(info, [...info.shape, 1, ...(isVector ? [] : [1])]), 0);
  return { result: where(good, result, NaN), info };
}

/** The matrices without an error, identities instead of the others. */
function whereGoodMatrix(a: Node, info: Node): Node {
  const good = eq(ir.reshape(info, [...info.shape, 1, 1]), 0);
  return where(good, a, identityLike(a));
}

/** Factors of symmetric matrices: A = L D Lᵀ with rows exchanged as `pivots` say. */
export interface LdlNodes {
  readonly LD: Node;
  readonly pivots: Node;
}

/** {@link ldlFactor} with the first column without a pivot, from 1, or 0. */
export function ldlFactorEx(a: Node): LdlNodes & { readonly info: Node } {
  const n = squareSize("ldlFactor", a);
  requireSize("ldlFactor", n, LIMIT);
  const packed = onHost([a], {
    name: "ldlFactor",
    key: `${n}`,
    unit: n * n + n + 1,
    kernel: ([x], output) => {
      const { ld, pivots, info } = ldlFactorHost(x, n);
      output.set(ld);
      output.set(pivots, n * n);
      output[n * n + n] = info;
    },
    gradient: noGradient("ldlFactor", "eigh, cholesky or solve"),
  });
  return {
    LD: unpack(packed, 0, [n, n]),
    pivots: ir.cast(unpack(packed, n * n, [n]), "i32"),
    info: ir.cast(unpack(packed, n * n + n, []), "i32"),
  };
}

/** X with A X = B from the results of {@link ldlFactorEx}; B [..., N, K], batches broadcast. */
export function ldlSolve(ld: Node, pivots: Node, b: Node): Node {
  const n = squareSize("ldlSolve", ld);
  requirePivots("ldlSolve", ld, pivots);
  const [rows, columns] = matrixSizes("ldlSolve", b);
  if (rows !== n) {
    throw new ShapeError(
      `ldlSolve: B must have ${n} rows as the factors, got ${formatShape(b.shape)}`,
    );
  }
  const dtype = promote(ld.dtype, b.dtype);
  const exchanged = ir.reshape(pivots, [...pivots.shape.slice(0, -1), 1, n]);
  const operands = [ld, exchanged, b].map((node) => ir.cast(node, dtype));
  const packed = onHost(inOneBatch("ldlSolve", operands), {
    name: "ldlSolve",
    key: `${n}x${columns}`,
    unit: n * columns,
    kernel: ([factors, order, right], output) => {
      ldlSolveHost({ ld: factors, pivots: order }, right, n, columns);
      if (right.some((value) => !Number.isFinite(value))) {
        throw new LinalgError("ldlSolve: the matrix must be invertible, got a singular one");
      }
      output.set(right);
    },
    gradient: noGradient("ldlSolve", "solve"),
  });
  return unpack(packed, 0, [n, columns]);
}

/** R, and below it the vectors of the reflections that made it, with their factors tau. */
export function geqrf(a: Node): { readonly a: Node; readonly tau: Node } {
  const [m, n] = matrixSizes("geqrf", a);
  requireSize("geqrf", Math.max(m, n), LIMIT);
  const k = Math.min(m, n);
  const packed = onHost([a], {
    name: "geqrf",
    key: `${m}x${n}`,
    unit: m * n + k,
    kernel: ([x], output) => {
      const result = reflections(x, m, n);
      output.set(result.a);
      output.set(result.tau, m * n);
    },
    gradient: noGradient("geqrf", "qr"),
  });
  return { a: unpack(packed, 0, [m, n]), tau: unpack(packed, m * n, [k]) };
}

/** Options of {@link ormqr}. */
export interface OrmqrOptions {
  /** false gives C Q. @defaultValue true */
  readonly left?: boolean | undefined;
  /** Multiplies with Qᵀ. @defaultValue false */
  readonly transpose?: boolean | undefined;
}

/** Q C of the M × M matrix Q that reflections [..., M, K] and their factors stand for. */
export function ormqr(
  a: Node,
  tau: Node,
  c: Node,
  { left = true, transpose = false }: OrmqrOptions = {},
): Node {
  const [m] = matrixSizes("ormqr", a);
  const [rows, columns] = matrixSizes("ormqr", c);
  if ((left ? rows : columns) !== m) {
    throw new ShapeError(
      `ormqr: C must have ${m} ${left ? "rows" : "columns"} as A ${formatShape(a.shape)}, got ${formatShape(c.shape)}`,
    );
  }
  if (!left) return mT(ormqr(a, tau, mT(c), { transpose: !transpose }));
  const last = a.shape.length - 1;
  const [row, column] = [ir.iota(a.shape, last - 1), ir.iota(a.shape, last)];
  const below = ir.where(ir.binary("lt", column, row), a, ir.fullLike(a, 0));
  const vectors = where(eq(row, column), 1, below);
  const count = tau.shape[tau.shape.length - 1];
  let result = c;
  for (let step = 0; step < count; step++) {
    const i = transpose ? step : count - 1 - step;
    const v = ir.narrow(vectors, last, i, 1);
    const factor = ir.reshape(ir.narrow(tau, tau.shape.length - 1, i, 1), [
      ...tau.shape.slice(0, -1),
      1,
      1,
    ]);
    const scaled = ir.mul(v, ir.expand(factor, v.shape));
    result = ir.sub(result, dot(scaled, dot(mT(v), result)));
  }
  return result;
}
