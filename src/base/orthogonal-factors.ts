import { identity, transposed } from "./dense-solve.ts";

/** Q (m × m) and R (m × n) of a row-major matrix by Householder reflections, with LAPACK's signs. */
export function householderQr(
  matrix: Float64Array,
  m: number,
  n: number,
): { readonly q: Float64Array; readonly r: Float64Array } {
  const r = matrix.slice();
  const q = identity(m);
  const v = new Float64Array(m);
  for (let k = 0; k < Math.min(m - 1, n); k++) {
    let below = 0;
    for (let i = k + 1; i < m; i++) below = Math.hypot(below, r[i * n + k]);
    // Nothing to clear: the reflection is left out, and the diagonal keeps its sign.
    if (below === 0) continue;
    const alpha = r[k * n + k];
    const beta =
      alpha > 0 || Object.is(alpha, 0) ? -Math.hypot(alpha, below) : Math.hypot(alpha, below);
    const tau = (beta - alpha) / beta;
    v[k] = 1;
    for (let i = k + 1; i < m; i++) v[i] = r[i * n + k] / (alpha - beta);
    reflectRows(r, v, tau, k, m, n);
    for (let i = k + 1; i < m; i++) r[i * n + k] = 0;
    // Q ← Q H: the product of the reflections in their order.
    for (let i = 0; i < m; i++) {
      let dot = 0;
      for (let j = k; j < m; j++) dot += q[i * m + j] * v[j];
      for (let j = k; j < m; j++) q[i * m + j] -= tau * dot * v[j];
    }
  }
  return { q, r };
}

/** A ← (I − τ v vᵀ) A for rows from k on. */
function reflectRows(
  a: Float64Array,
  v: Float64Array,
  tau: number,
  k: number,
  m: number,
  n: number,
): void {
  for (let j = 0; j < n; j++) {
    let dot = 0;
    for (let i = k; i < m; i++) dot += v[i] * a[i * n + j];
    for (let i = k; i < m; i++) a[i * n + j] -= tau * dot * v[i];
  }
}

/** Sweeps after which a rotation method is given up; ten are usual. */
const SWEEPS = 60;
const EPSILON = 2 ** -52;

/** Rotates rows p and q of length n: (p, q) ← (c p − s q, s p + c q). */
function rotate(a: Float64Array, p: number, q: number, n: number, c: number, s: number): void {
  for (let k = 0; k < n; k++) {
    const x = a[p * n + k];
    const y = a[q * n + k];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
  }
}

/** Tangent of the smaller angle that annihilates the off-diagonal `b` between `a` and `d`. */
function tangent(a: number, d: number, b: number): number {
  const zeta = (d - a) / (2 * b);
  return (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
}

/** Eigenvalues (ascending) and eigenvectors (columns, row-major) of a symmetric matrix, by Jacobi. */
export function symmetricEigen(
  matrix: Float64Array,
  n: number,
): { readonly values: Float64Array; readonly vectors: Float64Array } {
  const a = matrix.slice();
  // Rows of v are eigenvectors.
  const v = identity(n);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let isDone = true;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        const b = a[p * n + q];
        const limit = EPSILON * Math.sqrt(Math.abs(a[p * n + p] * a[q * n + q]));
        if (b === 0 || Math.abs(b) <= limit * 1e-3 || Math.abs(b) < 1e-300) continue;
        isDone = false;
        const t = tangent(a[p * n + p], a[q * n + q], b);
        const c = 1 / Math.hypot(1, t);
        const s = t * c;
        rotate(a, p, q, n, c, s);
        for (let k = 0; k < n; k++) {
          const x = a[k * n + p];
          const y = a[k * n + q];
          a[k * n + p] = c * x - s * y;
          a[k * n + q] = s * x + c * y;
        }
        a[p * n + q] = 0;
        a[q * n + p] = 0;
        rotate(v, p, q, n, c, s);
      }
    }
    if (isDone) break;
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[i * n + i] - a[j * n + j]);
  const values = Float64Array.from(order, (i) => a[i * n + i]);
  const vectors = new Float64Array(n * n);
  order.forEach((from, column) => {
    for (let k = 0; k < n; k++) vectors[k * n + column] = v[from * n + k];
  });
  return { values, vectors };
}

/** Fills the rows of `basis` (rows of length m) from `known` on with unit vectors normal to all. */
function completeBasis(basis: Float64Array, known: number, count: number, m: number): void {
  for (let row = known; row < count; row++) {
    let best = 0;
    let most = -1;
    for (let j = 0; j < m; j++) {
      let left = 1;
      for (let i = 0; i < row; i++) left -= basis[i * m + j] ** 2;
      if (left > most) [best, most] = [j, left];
    }
    const v = basis.subarray(row * m, (row + 1) * m);
    v.fill(0);
    v[best] = 1;
    for (let pass = 0; pass < 2; pass++) {
      for (let i = 0; i < row; i++) {
        let dot = 0;
        for (let k = 0; k < m; k++) dot += basis[i * m + k] * v[k];
        for (let k = 0; k < m; k++) v[k] -= dot * basis[i * m + k];
      }
    }
    let square = 0;
    for (let k = 0; k < m; k++) square += v[k] * v[k];
    const norm = Math.sqrt(square);
    for (let k = 0; k < m; k++) v[k] /= norm;
  }
}

/** Singular values (descending) and vectors: rows of `left` and `right` belong to them in order. */
export interface SingularFactors {
  readonly values: Float64Array;
  /** Left singular vectors; m rows of length m if full, then the rest of a basis. */
  readonly left: Float64Array;
  /** Right singular vectors; n rows of length n if full. */
  readonly right: Float64Array;
}

/**
 * Singular value decomposition of a row-major m × n matrix by one-sided Jacobi rotations.
 * @param isFull - whether the vectors beyond min(m, n) are wanted too.
 */
export function singularFactors(
  matrix: Float64Array,
  m: number,
  n: number,
  isFull: boolean,
): SingularFactors {
  if (m < n) {
    const turned = singularFactors(transposed(matrix, m, n), n, m, isFull);
    return { values: turned.values, left: turned.right, right: turned.left };
  }
  // Rows of w are the columns of the matrix, which the rotations make orthogonal.
  const w = transposed(matrix, m, n);
  const v = identity(n);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let isDone = true;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        let [alpha, beta, gamma] = [0, 0, 0];
        for (let k = 0; k < m; k++) {
          const x = w[p * m + k];
          const y = w[q * m + k];
          alpha += x * x;
          beta += y * y;
          gamma += x * y;
        }
        if (gamma === 0 || Math.abs(gamma) <= EPSILON * Math.sqrt(alpha * beta)) continue;
        isDone = false;
        const t = tangent(alpha, beta, gamma);
        const c = 1 / Math.hypot(1, t);
        rotate(w, p, q, m, c, t * c);
        rotate(v, p, q, n, c, t * c);
      }
    }
    if (isDone) break;
  }
  return sortFactors(w, v, [m, n, isFull ? m : n]);
}

function sortFactors(
  w: Float64Array,
  v: Float64Array,
  [m, n, count]: readonly [number, number, number],
): SingularFactors {
  const norms = Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < m; k++) sum += w[i * m + k] ** 2;
    return Math.sqrt(sum);
  });
  const order = norms.map((_, i) => i).sort((i, j) => norms[j] - norms[i]);
  const values = Float64Array.from(order, (i) => norms[i]);
  const left = new Float64Array(count * m);
  const right = new Float64Array(n * n);
  // Below this a direction is rounding noise: the basis is completed instead.
  const floor = EPSILON * (values[0] ?? 0) * m;
  let known = 0;
  order.forEach((from, row) => {
    for (let k = 0; k < n; k++) right[row * n + k] = v[from * n + k];
    if (norms[from] <= floor) return;
    for (let k = 0; k < m; k++) left[row * m + k] = w[from * m + k] / norms[from];
    known = row + 1;
  });
  completeBasis(left, known, count, m);
  return { values, left, right };
}
