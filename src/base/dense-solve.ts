/** Triangular factors of a square matrix with rows exchanged, in one array. */
export interface LuFactors {
  /** U on and above the diagonal, L below it (its diagonal is 1); row-major n × n. */
  readonly lu: Float64Array;
  /** Row of the matrix that became row i. */
  readonly rows: Int32Array;
  /** +1 or −1: the sign of the exchange of rows. */
  readonly sign: number;
}

/** Factors a row-major m × n matrix by Gaussian elimination with row exchanges. */
export function luFactor(matrix: Float64Array, m: number, n: number): LuFactors {
  const lu = matrix.slice();
  const rows = Int32Array.from({ length: m }, (_, i) => i);
  let sign = 1;
  for (let k = 0; k < Math.min(m, n); k++) {
    let best = k;
    for (let i = k + 1; i < m; i++) {
      if (Math.abs(lu[i * n + k]) > Math.abs(lu[best * n + k])) best = i;
    }
    if (best !== k) {
      for (let j = 0; j < n; j++) {
        const other = lu[best * n + j];
        lu[best * n + j] = lu[k * n + j];
        lu[k * n + j] = other;
      }
      [rows[k], rows[best]] = [rows[best], rows[k]];
      sign = -sign;
    }
    const pivot = lu[k * n + k];
    if (pivot === 0) continue;
    for (let i = k + 1; i < m; i++) {
      const factor = lu[i * n + k] / pivot;
      lu[i * n + k] = factor;
      if (factor === 0) continue;
      for (let j = k + 1; j < n; j++) lu[i * n + j] -= factor * lu[k * n + j];
    }
  }
  return { lu, rows, sign };
}

/** Which triangle a solve uses, and how. */
export interface TriangleUse {
  readonly upper: boolean;
  readonly unit: boolean;
}

/** Solves T X = B in place of B (n × columns) with a triangle of a row-major n × n matrix. */
export function solveTriangle(
  matrix: Float64Array,
  b: Float64Array,
  n: number,
  columns: number,
  { upper, unit }: TriangleUse,
): void {
  for (let step = 0; step < n; step++) {
    const i = upper ? n - 1 - step : step;
    const [from, to] = upper ? [i + 1, n] : [0, i];
    for (let k = from; k < to; k++) {
      const factor = matrix[i * n + k];
      if (factor === 0) continue;
      for (let j = 0; j < columns; j++) b[i * columns + j] -= factor * b[k * columns + j];
    }
    if (unit) continue;
    const pivot = matrix[i * n + i];
    for (let j = 0; j < columns; j++) b[i * columns + j] /= pivot;
  }
}

/** Solves A X = B (n × columns) from the factors of A; null if A is singular. */
export function luSolve(
  { lu, rows }: LuFactors,
  b: Float64Array,
  n: number,
  columns: number,
): Float64Array | null {
  for (let i = 0; i < n; i++) if (lu[i * n + i] === 0) return null;
  const x = new Float64Array(n * columns);
  rows.forEach((row, i) => {
    x.set(b.subarray(row * columns, (row + 1) * columns), i * columns);
  });
  solveTriangle(lu, x, n, columns, { upper: false, unit: true });
  solveTriangle(lu, x, n, columns, { upper: true, unit: false });
  return x;
}

/** The lower triangle L with L Lᵀ = A, from A's lower triangle; null if A is not positive definite. */
export function choleskyFactor(matrix: Float64Array, n: number): Float64Array | null {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j];
      for (let k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
      if (i !== j) l[i * n + j] = sum / l[j * n + j];
      else if (sum > 0) l[i * n + i] = Math.sqrt(sum);
      else return null;
    }
  }
  return l;
}

/** Product of row-major m × k and k × n matrices. */
export function multiply(
  a: Float64Array,
  b: Float64Array,
  [m, k, n]: readonly [number, number, number],
): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let p = 0; p < k; p++) {
      const factor = a[i * k + p];
      for (let j = 0; j < n; j++) c[i * n + j] += factor * b[p * n + j];
    }
  }
  return c;
}

/** The transpose of a row-major m × n matrix. */
export function transposed(a: Float64Array, m: number, n: number): Float64Array {
  const t = new Float64Array(m * n);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) t[j * m + i] = a[i * n + j];
  return t;
}

/** The identity matrix. */
export function identity(n: number): Float64Array {
  const eye = new Float64Array(n * n);
  for (let i = 0; i < n; i++) eye[i * n + i] = 1;
  return eye;
}
