import { gradients } from "../../autodiff/gradients.ts";
import {
  choleskyFactor,
  identity,
  luFactor,
  luSolve,
  solveTriangle,
  transposed,
} from "../../base/dense-solve.ts";
import { LinalgError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import { promote } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { broadcastShapes, formatShape } from "../../ir/shape.ts";
import { matrixSizes, onHost, requireSize, squareSize, unpack } from "./host-matrices.ts";
import { diagonalMask, dot, identityLike, mT, scale, triangleOf } from "./linalg-parts.ts";

/** Largest matrices of the direct methods: a second or two each. */
const LIMIT = 2048;

function refuseSingular(op: string): never {
  throw new LinalgError(
    `${op}: the matrix must be invertible, got a singular one; use pinv or lstsq`,
  );
}

/** Matrices of one dtype and one batch. */
function inOneBatch(op: string, a: Node, b: Node): readonly [Node, Node] {
  const dtype = promote(a.dtype, b.dtype);
  const batch = broadcastShapes(op, a.shape.slice(0, -2), b.shape.slice(0, -2));
  const spread = (x: Node): Node =>
    ir.broadcastTo(ir.cast(x, dtype), [...batch, ...x.shape.slice(-2)]);
  return [spread(a), spread(b)];
}

/** A⁻¹ of square matrices; by LU factors in f64. @throws {LinalgError} when run, if singular. */
export function inv(a: Node): Node {
  const n = squareSize("inv", a);
  requireSize("inv", n, LIMIT);
  const packed = onHost([a], {
    name: "inv",
    key: `${n}`,
    unit: n * n,
    kernel: ([x], output) => {
      output.set(luSolve(luFactor(x, n, n), identity(n), n, n) ?? refuseSingular("inv"));
    },
    gradient: (_operands, result, g) => {
      const x = mT(ir.reshape(result, [...result.shape.slice(0, -1), n, n]));
      return [scale(dot(x, ir.reshape(g, x.shape), x), -1)];
    },
  });
  return unpack(packed, 0, [n, n]);
}

/** Solves A X = B for matrices of one batch. */
function solveMatrices(a: Node, b: Node): Node {
  const n = squareSize("solve", a);
  const columns = b.shape[b.shape.length - 1];
  requireSize("solve", n, LIMIT);
  const packed = onHost([a, b], {
    name: "solve",
    key: `${n}x${columns}`,
    unit: n * columns,
    kernel: ([x, y], output) => {
      output.set(luSolve(luFactor(x, n, n), y, n, columns) ?? refuseSingular("solve"));
    },
    gradient: ([matrix], result, g) => {
      const shape = [...result.shape.slice(0, -1), n, columns];
      const right = solveMatrices(mT(matrix), ir.reshape(g, shape));
      return [scale(dot(right, mT(ir.reshape(result, shape))), -1), right];
    },
  });
  return unpack(packed, 0, [n, columns]);
}

/** Options of {@link solve}. */
export interface SolveOptions {
  /** false solves X A = B. @defaultValue true */
  readonly left?: boolean;
}

/**
 * X with A X = B. B is a batch of vectors [..., N] if it has one dim or A's batch shape followed by
 * N, as in torch; otherwise matrices [..., N, K]. Batches broadcast.
 * @throws {LinalgError} when run, if A is singular.
 */
export function solve(a: Node, b: Node, { left = true }: SolveOptions = {}): Node {
  const n = squareSize("solve", a);
  const isVector =
    b.shape.length === 1 || formatShape(b.shape) === formatShape(a.shape.slice(0, -1));
  const right = isVector ? ir.reshape(b, [...b.shape, 1]) : b;
  const [m, k] = matrixSizes("solve", right);
  if ((left || isVector ? m : k) !== n) {
    throw new ShapeError(
      `solve: B must have ${n} ${left ? "rows" : "columns"} as A ${formatShape(a.shape)}, got ${formatShape(b.shape)}`,
    );
  }
  const [x, y] = inOneBatch("solve", a, right);
  if (isVector) {
    const result = left ? solveMatrices(x, y) : solveMatrices(mT(x), y);
    return ir.reshape(result, result.shape.slice(0, -1));
  }
  return left ? solveMatrices(x, y) : mT(solveMatrices(mT(x), mT(y)));
}

/** Options of {@link solveTriangular}. */
export interface SolveTriangularOptions {
  /** Which triangle of A counts; the other is not looked at. */
  readonly upper: boolean;
  /** false solves X A = B. @defaultValue true */
  readonly left?: boolean;
  /** Takes the diagonal as ones. @defaultValue false */
  readonly unitriangular?: boolean;
}

/** `isWhole` leaves the gradient in the triangle that is not looked at, as some of torch's do. */
function triangularMatrices(
  a: Node,
  b: Node,
  upper: boolean,
  unit: boolean,
  isWhole: boolean = false,
): Node {
  const n = squareSize("solveTriangular", a);
  const columns = b.shape[b.shape.length - 1];
  requireSize("solveTriangular", n, LIMIT);
  const packed = onHost([a, b], {
    name: "solveTriangular",
    key: `${n}x${columns} ${upper} ${unit} ${isWhole}`,
    unit: n * columns,
    kernel: ([x, y], output) => {
      solveTriangle(x, y, n, columns, { upper, unit });
      output.set(y);
    },
    gradient: ([matrix], result, g) => {
      const shape = [...result.shape.slice(0, -1), n, columns];
      const right = triangularMatrices(mT(matrix), ir.reshape(g, shape), !upper, unit, isWhole);
      const whole = scale(dot(right, mT(ir.reshape(result, shape))), -1);
      if (isWhole) return [whole, right];
      const inner = unit ? 1 : 0;
      return [triangleOf(whole, upper ? "upper" : "lower", upper ? inner : -inner), right];
    },
  });
  return unpack(packed, 0, [n, columns]);
}

/** X with A X = B for triangular A [..., N, N] and B [..., N, K]; batches broadcast. */
export function solveTriangular(a: Node, b: Node, options: SolveTriangularOptions): Node {
  const { upper, left = true, unitriangular = false } = options;
  const n = squareSize("solveTriangular", a);
  const [m, k] = matrixSizes("solveTriangular", b);
  if ((left ? m : k) !== n) {
    throw new ShapeError(
      `solveTriangular: B must have ${n} ${left ? "rows" : "columns"} as A ${formatShape(a.shape)}, got ${formatShape(b.shape)}`,
    );
  }
  const [x, y] = inOneBatch("solveTriangular", a, b);
  if (left) return triangularMatrices(x, y, upper, unitriangular);
  return mT(triangularMatrices(mT(x), mT(y), !upper, unitriangular));
}

/** The lower triangle with its diagonal halved. */
function halfTriangle(x: Node): Node {
  return ir.where(diagonalMask(x), scale(x, 0.5), triangleOf(x, "lower"));
}

/** Options of {@link cholesky}. */
export interface CholeskyOptions {
  /** Gives the upper triangle U with Uᵀ U = A. @defaultValue false */
  readonly upper?: boolean;
}

/**
 * Lower triangle L with L Lᵀ = A, of symmetric positive definite matrices.
 * @throws {LinalgError} when run, if a matrix is not positive definite.
 */
export function cholesky(a: Node, { upper = false }: CholeskyOptions = {}): Node {
  const n = squareSize("cholesky", a);
  requireSize("cholesky", n, LIMIT);
  const packed = onHost([a], {
    name: "cholesky",
    key: `${n} ${upper}`,
    unit: n * n,
    kernel: ([x], output) => {
      const l = choleskyFactor(upper ? transposed(x, n, n) : x, n);
      if (l === null) {
        throw new LinalgError(
          "cholesky: the matrix must be positive definite, got one that is not; add a multiple of the identity",
        );
      }
      output.set(upper ? transposed(l, n, n) : l);
    },
    gradient: (_operands, result, g) => {
      const shape = [...result.shape.slice(0, -1), n, n];
      const turn = (x: Node): Node => (upper ? mT(x) : x);
      const l = turn(ir.reshape(result, shape));
      const inner = halfTriangle(dot(mT(l), turn(ir.reshape(g, shape))));
      // L⁻ᵀ Φ L⁻¹, symmetric as A is.
      const half = triangularMatrices(mT(l), inner, true, false);
      const whole = mT(triangularMatrices(mT(l), mT(half), true, false));
      return [scale(ir.add(whole, mT(whole)), 0.5)];
    },
  });
  return unpack(packed, 0, [n, n]);
}

/** P, L and U of {@link lu}. */
export interface LuNodes {
  readonly P: Node;
  readonly L: Node;
  readonly U: Node;
}

/** A = P L U with a permutation P, unit lower L [..., M, K] and upper U [..., K, N]. */
export function lu(a: Node): LuNodes {
  const [m, n] = matrixSizes("lu", a);
  requireSize("lu", Math.max(m, n), LIMIT);
  const k = Math.min(m, n);
  const parts = { P: m * m, L: m * k, U: k * n };
  const packed = onHost([a], {
    name: "lu",
    key: `${m}x${n}`,
    unit: parts.P + parts.L + parts.U,
    kernel: ([x], output) => {
      const factors = luFactor(x, m, n);
      factors.rows.forEach((row, i) => (output[row * m + i] = 1));
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < k; j++) {
          output[parts.P + i * k + j] = i === j ? 1 : i > j ? factors.lu[i * n + j] : 0;
        }
      }
      for (let i = 0; i < k; i++) {
        for (let j = i; j < n; j++) output[parts.P + parts.L + i * n + j] = factors.lu[i * n + j];
      }
    },
    gradient: (_operands, result, g) => {
      if (m !== n) {
        throw new ShapeError(`lu: gradients need square matrices, got [${m}, ${n}]`);
      }
      const [p, l, u] = luParts(result, m, n);
      const [, gl, gu] = luParts(g, m, n);
      const inner = ir.add(
        triangleOf(dot(mT(l), gl), "lower", -1),
        triangleOf(dot(gu, mT(u)), "upper"),
      );
      const left = triangularMatrices(mT(l), inner, true, true);
      return [dot(p, mT(triangularMatrices(u, mT(left), true, false)))];
    },
  });
  const [P, L, U] = luParts(packed, m, n);
  return { P, L, U };
}

function luParts(packed: Node, m: number, n: number): [Node, Node, Node] {
  const k = Math.min(m, n);
  return [
    unpack(packed, 0, [m, m]),
    unpack(packed, m * m, [m, k]),
    unpack(packed, m * m + m * k, [k, n]),
  ];
}

function determinant(x: Float64Array, n: number): number {
  const { lu: factors, sign } = luFactor(x, n, n);
  let value = sign;
  for (let i = 0; i < n; i++) value *= factors[i * n + i];
  return value;
}

/** The matrices of cofactors: the gradient of the determinant, also where that is 0. */
function cofactors(a: Node, n: number): Node {
  const packed = onHost([a], {
    name: "cofactors",
    key: `${n}`,
    unit: n * n,
    kernel: ([x], output) => {
      const factors = luFactor(x, n, n);
      const inverse = luSolve(factors, identity(n), n, n);
      const value = determinant(x, n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          output[i * n + j] = inverse === null ? minor(x, n, i, j) : value * inverse[j * n + i];
        }
      }
    },
    gradient: ([matrix], _result, g) => {
      const value = ir.mul(
        ir.expand(ir.reshape(det(matrix), [...matrix.shape.slice(0, -2), 1, 1]), matrix.shape),
        mT(inv(matrix)),
      );
      return gradients([value], [ir.reshape(g, matrix.shape)], [matrix]);
    },
  });
  return unpack(packed, 0, [n, n]);
}

/** The signed determinant of a matrix without row i and column j. */
function minor(x: Float64Array, n: number, i: number, j: number): number {
  const rest = x.filter((_, at) => Math.floor(at / n) !== i && at % n !== j);
  return ((i + j) % 2 === 0 ? 1 : -1) * determinant(rest, n - 1);
}

/** Determinants of square matrices [..., N, N] → [...]. */
export function det(a: Node): Node {
  const n = squareSize("det", a);
  requireSize("det", n, LIMIT);
  const packed = onHost([a], {
    name: "det",
    key: `${n}`,
    unit: 1,
    kernel: ([x], output) => {
      output[0] = determinant(x, n);
    },
    gradient: ([matrix], _result, g) => {
      const spread = ir.expand(ir.reshape(g, [...g.shape, 1]), matrix.shape);
      return [ir.mul(spread, cofactors(matrix, n))];
    },
  });
  return unpack(packed, 0, []);
}

/** Sign and logarithm of the absolute value of determinants. */
export interface SlogdetNodes {
  readonly sign: Node;
  readonly logabsdet: Node;
}

/** Sign and ln |det A|, which does not overflow; −∞ with sign 0 for singular matrices. */
export function slogdet(a: Node): SlogdetNodes {
  const n = squareSize("slogdet", a);
  requireSize("slogdet", n, LIMIT);
  const packed = onHost([a], {
    name: "slogdet",
    key: `${n}`,
    unit: 2,
    kernel: ([x], output) => {
      const { lu: factors, sign } = luFactor(x, n, n);
      let [logarithm, direction] = [0, sign];
      for (let i = 0; i < n; i++) {
        logarithm += Math.log(Math.abs(factors[i * n + i]));
        direction *= Math.sign(factors[i * n + i]);
      }
      output.set([direction, logarithm]);
    },
    gradient: ([matrix], _result, g) => {
      const wanted = ir.reshape(ir.narrow(g, g.shape.length - 1, 1, 1), [
        ...g.shape.slice(0, -1),
        1,
        1,
      ]);
      return [ir.mul(ir.expand(wanted, matrix.shape), mT(inv(matrix)))];
    },
  });
  const part = (at: number): Node => unpack(packed, at, []);
  return { sign: part(0), logabsdet: part(1) };
}

/** ln det A; NaN where the determinant is negative, −∞ where it is 0. */
export function logdet(a: Node): Node {
  const { sign, logabsdet } = slogdet(a);
  const isNegative = ir.binary("lt", sign, ir.fullLike(sign, 0));
  return ir.where(isNegative, ir.fullLike(sign, NaN), logabsdet);
}

/** X with A X = B from the factor of {@link cholesky}. */
export function choleskySolve(b: Node, l: Node, { upper = false }: CholeskyOptions = {}): Node {
  const n = squareSize("choleskySolve", l);
  if (matrixSizes("choleskySolve", b)[0] !== n) {
    throw new ShapeError(
      `choleskySolve: B must have ${n} rows as the factor, got ${formatShape(b.shape)}`,
    );
  }
  const [factor, right] = inOneBatch("choleskySolve", upper ? mT(l) : l, b);
  const half = triangularMatrices(factor, right, false, false, true);
  return triangularMatrices(mT(factor), half, true, false, true);
}

/** A⁻¹ from the factor of {@link cholesky}. */
export function choleskyInverse(l: Node, options: CholeskyOptions = {}): Node {
  squareSize("choleskyInverse", l);
  return choleskySolve(identityLike(l), l, options);
}
