import { householderQr, singularFactors, symmetricEigen } from "../../base/orthogonal-factors.ts";
import { ConfigError, UnsupportedOpError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { matrixSizes, onHost, requireSize, squareSize, unpack } from "./host-matrices.ts";
import {
  acrossRows,
  diagonalMask,
  diagonalMatrix,
  dot,
  downColumns,
  mT,
  scale,
  triangleOf,
} from "./linalg-parts.ts";
import { solveTriangular } from "./linalg-solve.ts";

/** Largest matrices of the rotation methods, which take seconds for it. */
const ROTATION_LIMIT = 512;
const REFLECTION_LIMIT = 1024;

/** Q and R of {@link qr}. */
export interface QrNodes {
  readonly Q: Node;
  readonly R: Node;
}

/** Options of {@link qr}. */
export interface QrOptions {
  /** `r` gives an empty Q. @defaultValue "reduced" */
  readonly mode?: "reduced" | "complete" | "r";
}

/** Lower triangle mirrored upwards: tril(X) + tril(X, −1)ᵀ. */
function mirrored(x: Node): Node {
  return ir.add(triangleOf(x, "lower"), mT(triangleOf(x, "lower", -1)));
}

/** gA of A = Q R with R square: (gQ + Q · mirrored(R gRᵀ − gQᵀ Q)) R⁻ᵀ. */
function squareQrGradient(q: Node, r: Node, gq: Node, gr: Node): Node {
  const inner = ir.sub(dot(r, mT(gr)), dot(mT(gq), q));
  const whole = ir.add(gq, dot(q, mirrored(inner)));
  return solveTriangular(mT(r), whole, { upper: false, left: false });
}

/** A = Q R with orthonormal columns Q and upper triangular R, signs as LAPACK's. */
export function qr(a: Node, { mode = "reduced" }: QrOptions = {}): QrNodes {
  const [m, n] = matrixSizes("qr", a);
  requireSize("qr", Math.max(m, n), REFLECTION_LIMIT);
  if (mode !== "reduced" && mode !== "complete" && mode !== "r") {
    throw new ConfigError(`qr: mode must be reduced, complete or r, got "${String(mode)}"`);
  }
  const k = mode === "complete" ? m : Math.min(m, n);
  const parts = (packed: Node): readonly [Node, Node] => [
    unpack(packed, 0, [m, k]),
    unpack(packed, m * k, [k, n]),
  ];
  const packed = onHost([a], {
    name: "qr",
    key: `${m}x${n} ${mode}`,
    unit: m * k + k * n,
    kernel: ([x], output) => {
      const factors = householderQr(x, m, n);
      for (let i = 0; i < m; i++) {
        output.set(factors.q.subarray(i * m, i * m + k), i * k);
      }
      output.set(factors.r.subarray(0, k * n), m * k);
    },
    gradient: (_operands, result, g) => {
      if (mode === "r" || (mode === "complete" && m > n)) {
        throw new UnsupportedOpError(
          `qr: gradients need mode "reduced" or a matrix with no more rows than columns, got "${mode}" for [${m}, ${n}]`,
        );
      }
      const [q, r] = parts(result);
      const [gq, gr] = parts(g);
      if (m >= n) return [squareQrGradient(q, r, gq, gr)];
      // A = [X | Y] with X = Q U square and Y = Q V.
      const last = r.shape.length - 1;
      const left = (x: Node): Node => ir.narrow(x, last, 0, m);
      const right = (x: Node): Node => ir.narrow(x, last, m, n - m);
      const y = dot(q, right(r));
      const gx = squareQrGradient(q, left(r), ir.add(gq, dot(y, mT(right(gr)))), left(gr));
      return [ir.concat([gx, dot(q, right(gr))], last)];
    },
  });
  const [Q, R] = parts(packed);
  return mode === "r" ? { Q: ir.full([0], 0, a.dtype), R } : { Q, R };
}

/** Eigenvalues, ascending, and the eigenvectors as columns. */
export interface EighNodes {
  readonly eigenvalues: Node;
  readonly eigenvectors: Node;
}

/** Options of {@link eigh}. */
export interface EighOptions {
  /** The triangle that is read. @defaultValue "L" */
  readonly uplo?: "L" | "U";
}

/** Completes a symmetric matrix from one triangle, in place. */
function mirror(x: Float64Array, n: number, uplo: "L" | "U"): Float64Array {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      if (uplo === "L") x[j * n + i] = x[i * n + j];
      else x[i * n + j] = x[j * n + i];
    }
  }
  return x;
}

function requireTriangle(op: string, uplo: string): void {
  if (uplo !== "L" && uplo !== "U") {
    throw new ConfigError(`${op}: uplo must be "L" or "U", got "${uplo}"`);
  }
}

const skew = (x: Node): Node => ir.sub(x, mT(x));

/** 1 / (v_j − v_i) off the diagonal, 0 on it. */
function reciprocalGaps(v: Node, like: Node): Node {
  const gaps = ir.sub(acrossRows(v, like), downColumns(v, like));
  const isDiagonal = diagonalMask(like);
  const one = ir.fullLike(like, 1);
  return ir.where(isDiagonal, ir.fullLike(like, 0), ir.div(one, ir.where(isDiagonal, one, gaps)));
}

/**
 * A = V diag(w) Vᵀ of symmetric matrices, by Jacobi rotations in f64. The signs of eigenvectors are
 * not torch's; gradients through eigenvectors of equal eigenvalues are not finite.
 */
export function eigh(a: Node, { uplo = "L" }: EighOptions = {}): EighNodes {
  const n = squareSize("eigh", a);
  requireSize("eigh", n, ROTATION_LIMIT);
  requireTriangle("eigh", uplo);
  const parts = (packed: Node): readonly [Node, Node] => [
    unpack(packed, 0, [n]),
    unpack(packed, n, [n, n]),
  ];
  const packed = onHost([a], {
    name: "eigh",
    key: `${n} ${uplo}`,
    unit: n + n * n,
    kernel: ([x], output) => {
      const { values, vectors } = symmetricEigen(mirror(x, n, uplo), n);
      output.set(values);
      output.set(vectors, n);
    },
    gradient: (_operands, result, g) => {
      const [w, v] = parts(result);
      const [gw, gv] = parts(g);
      // Only the skew part turns eigenvectors; what is left of gv would change their lengths.
      const turned = ir.mul(scale(skew(dot(mT(v), gv)), 0.5), reciprocalGaps(w, v));
      return [dot(v, ir.add(turned, diagonalMatrix(gw)), mT(v))];
    },
  });
  const [eigenvalues, eigenvectors] = parts(packed);
  return { eigenvalues, eigenvectors };
}

/** Singular values, descending, with left vectors as columns of U and right ones as rows of Vh. */
export interface SvdNodes {
  readonly U: Node;
  readonly S: Node;
  readonly Vh: Node;
}

/** Options of {@link svd}. */
export interface SvdOptions {
  /** Whether U and Vh are square; the vectors beyond the singular values get no gradient. */
  readonly fullMatrices?: boolean;
}

interface SvdSizes {
  readonly m: number;
  readonly n: number;
  /** Columns of U and rows of Vh. */
  readonly left: number;
  readonly right: number;
}

function svdParts(packed: Node, { m, n, left, right }: SvdSizes): [Node, Node, Node] {
  const k = Math.min(m, n);
  return [
    unpack(packed, 0, [m, left]),
    unpack(packed, m * left, [k]),
    unpack(packed, m * left + k, [right, n]),
  ];
}

/** x − u uᵀ x. */
const outside = (x: Node, u: Node): Node => ir.sub(x, dot(u, dot(mT(u), x)));

function svdGradient(result: Node, g: Node, sizes: SvdSizes): Node {
  const { m, n } = sizes;
  const k = Math.min(m, n);
  const thin = (whole: Node): [Node, Node, Node] => {
    const [u, s, vh] = svdParts(whole, sizes);
    return [ir.narrow(u, u.shape.length - 1, 0, k), s, ir.narrow(vh, vh.shape.length - 2, 0, k)];
  };
  const [u, s, vh] = thin(result);
  const [gu, gs, gvh] = thin(g);
  const inner = dot(mT(u), gu);
  const squares = ir.mul(s, s);
  const gaps = reciprocalGaps(squares, inner);
  const columns = acrossRows(s, inner);
  const rows = downColumns(s, inner);
  const byU = ir.mul(ir.mul(skew(inner), gaps), columns);
  const byV = ir.mul(rows, ir.mul(skew(dot(vh, mT(gvh))), gaps));
  const core = ir.add(ir.add(byU, byV), diagonalMatrix(gs));
  let total = dot(u, core, vh);
  const inverse = ir.div(ir.fullLike(s, 1), s);
  if (m > k) {
    const scaled = ir.mul(gu, acrossRows(inverse, gu));
    total = ir.add(total, dot(outside(scaled, u), vh));
  }
  if (n > k) {
    const scaled = ir.mul(mT(gvh), acrossRows(inverse, mT(gvh)));
    total = ir.add(total, dot(u, mT(outside(scaled, mT(vh)))));
  }
  return total;
}

/**
 * A = U diag(S) Vh, by one-sided Jacobi rotations in f64. The signs of singular vectors are not
 * torch's; gradients through vectors of equal singular values are not finite.
 */
export function svd(a: Node, { fullMatrices = true }: SvdOptions = {}): SvdNodes {
  const [m, n] = matrixSizes("svd", a);
  requireSize("svd", Math.min(m, n), ROTATION_LIMIT);
  requireSize("svd", Math.max(m, n), fullMatrices ? REFLECTION_LIMIT : Infinity);
  const k = Math.min(m, n);
  const sizes = { m, n, left: fullMatrices ? m : k, right: fullMatrices ? n : k };
  const packed = onHost([a], {
    name: "svd",
    key: `${m}x${n} ${fullMatrices}`,
    unit: m * sizes.left + k + sizes.right * n,
    kernel: ([x], output) => {
      const factors = singularFactors(x, m, n, fullMatrices);
      for (let j = 0; j < sizes.left; j++) {
        for (let i = 0; i < m; i++) output[i * sizes.left + j] = factors.left[j * m + i];
      }
      output.set(factors.values, m * sizes.left);
      output.set(factors.right.subarray(0, sizes.right * n), m * sizes.left + k);
    },
    gradient: (_operands, result, g) => [svdGradient(result, g, sizes)],
  });
  const [U, S, Vh] = svdParts(packed, sizes);
  return { U, S, Vh };
}

/** Singular values alone: their gradient is finite also where some are equal. */
export function svdvals(a: Node): Node {
  const [m, n] = matrixSizes("svdvals", a);
  requireSize("svdvals", Math.min(m, n), ROTATION_LIMIT);
  const k = Math.min(m, n);
  const packed = onHost([a], {
    name: "svdvals",
    key: `${m}x${n}`,
    unit: k,
    kernel: ([x], output) => output.set(singularFactors(x, m, n, false).values),
    gradient: ([matrix], _result, g) => {
      const { U, Vh } = svd(matrix, { fullMatrices: false });
      return [dot(ir.mul(U, acrossRows(g, U)), Vh)];
    },
  });
  return unpack(packed, 0, [k]);
}

/** Eigenvalues of symmetric matrices, ascending; gradients are finite also where some are equal. */
export function eigvalsh(a: Node, options: EighOptions = {}): Node {
  const n = squareSize("eigvalsh", a);
  requireSize("eigvalsh", n, ROTATION_LIMIT);
  const { uplo = "L" } = options;
  requireTriangle("eigvalsh", uplo);
  const packed = onHost([a], {
    name: "eigvalsh",
    key: `${n} ${uplo}`,
    unit: n,
    kernel: ([x], output) => output.set(symmetricEigen(mirror(x, n, uplo), n).values),
    gradient: ([matrix], _result, g) => {
      const v = eigh(matrix, { uplo }).eigenvectors;
      return [dot(ir.mul(v, acrossRows(g, v)), mT(v))];
    },
  });
  return unpack(packed, 0, [n]);
}
