// Factors of symmetric matrices that need not be positive definite, and reflections, in LAPACK's layouts.

/** Factors of {@link ldlFactor}; row-major, the strictly upper triangle is 0. */
export interface LdlFactors {
  readonly ld: Float64Array;
  /** As LAPACK: from 1; twice the same negative row for a block of two. */
  readonly pivots: Float64Array;
  /** The first column without a pivot, from 1, or 0. */
  readonly info: number;
}

/** Bound on the growth of elements that makes a single pivot as good as a block of two. */
const growth = (1 + Math.sqrt(17)) / 8;

function largestIn(count: number, value: (i: number) => number): [at: number, size: number] {
  let [at, size] = [0, 0];
  for (let i = 0; i < count; i++) {
    const magnitude = Math.abs(value(i));
    if (magnitude > size) [at, size] = [i, magnitude];
  }
  return [at, size];
}

/** Which row comes to the pivot, and whether two columns go at once. */
function choosePivot(
  a: Float64Array,
  n: number,
  k: number,
): [row: number, isBlock: boolean] | null {
  const size = Math.abs(a[k * n + k]);
  const [offset, columnMax] = largestIn(n - k - 1, (i) => a[(k + 1 + i) * n + k]);
  if (Math.max(size, columnMax) === 0 || Number.isNaN(size)) return null;
  if (size >= growth * columnMax) return [k, false];
  const row = k + 1 + offset;
  const left = largestIn(row - k, (j) => a[row * n + k + j])[1];
  const below = largestIn(n - row - 1, (i) => a[(row + 1 + i) * n + row])[1];
  const rowMax = Math.max(left, below);
  if (size >= growth * columnMax * (columnMax / rowMax)) return [k, false];
  return [row, Math.abs(a[row * n + row]) < growth * rowMax];
}

/** Exchanges rows and columns p < q of the lower triangle from column p on. */
function exchange(a: Float64Array, n: number, p: number, q: number): void {
  const swap = (i: number, j: number): void => {
    [a[i], a[j]] = [a[j], a[i]];
  };
  for (let i = q + 1; i < n; i++) swap(i * n + p, i * n + q);
  for (let i = p + 1; i < q; i++) swap(i * n + p, q * n + i);
  swap(p * n + p, q * n + q);
}

function eliminateOne(a: Float64Array, n: number, k: number): void {
  const pivot = a[k * n + k];
  for (let j = k + 1; j < n; j++) {
    const factor = a[j * n + k] / pivot;
    for (let i = j; i < n; i++) a[i * n + j] -= a[i * n + k] * factor;
  }
  for (let j = k + 1; j < n; j++) a[j * n + k] /= pivot;
}

function eliminateTwo(a: Float64Array, n: number, k: number): void {
  const corner = a[(k + 1) * n + k];
  const second = a[(k + 1) * n + k + 1] / corner;
  const first = a[k * n + k] / corner;
  const scale = 1 / (second * first - 1) / corner;
  for (let j = k + 2; j < n; j++) {
    const [x, y] = [a[j * n + k], a[j * n + k + 1]];
    const [u, v] = [scale * (second * x - y), scale * (first * y - x)];
    for (let i = j; i < n; i++) a[i * n + j] -= a[i * n + k] * u + a[i * n + k + 1] * v;
    // Later rows still need their own elements of these two columns, not this one's.
    a[j * n + k] = u;
    a[j * n + k + 1] = v;
  }
}

/**
 * A = P L D Lᵀ Pᵀ with blocks of one and two on D's diagonal; reads the lower triangle.
 * @see Bunch and Kaufman 1977, "Some stable methods for calculating inertia and solving symmetric
 * linear systems"
 */
export function ldlFactor(x: Float64Array, n: number): LdlFactors {
  const a = x.map((value, at) => (at % n > Math.floor(at / n) ? 0 : value));
  const pivots = new Float64Array(n);
  let info = 0;
  for (let k = 0; k < n;) {
    const choice = choosePivot(a, n, k);
    if (choice === null) {
      if (info === 0) info = k + 1;
      pivots[k] = k + 1;
      k += 1;
      continue;
    }
    const [row, isBlock] = choice;
    const target = isBlock ? k + 1 : k;
    if (row !== target) {
      exchange(a, n, target, row);
      if (isBlock) [a[target * n + k], a[row * n + k]] = [a[row * n + k], a[target * n + k]];
    }
    if (isBlock) {
      eliminateTwo(a, n, k);
      pivots.fill(-(row + 1), k, k + 2);
    } else {
      eliminateOne(a, n, k);
      pivots[k] = row + 1;
    }
    k += isBlock ? 2 : 1;
  }
  return { ld: a, pivots, info };
}

/** Solves in place for b [n, columns] with the factors of {@link ldlFactor}. */
export function ldlSolve(
  { ld, pivots }: Omit<LdlFactors, "info">,
  b: Float64Array,
  n: number,
  columns: number,
): void {
  const swap = (p: number, q: number): void => {
    for (let j = 0; j < columns && p !== q; j++) {
      [b[p * columns + j], b[q * columns + j]] = [b[q * columns + j], b[p * columns + j]];
    }
  };
  const subtract = (row: number, factor: number, from: number): void => {
    for (let j = 0; j < columns; j++) b[row * columns + j] -= factor * b[from * columns + j];
  };
  for (let k = 0; k < n;) {
    const isBlock = pivots[k] < 0;
    const width = isBlock ? 2 : 1;
    swap(k + width - 1, Math.abs(pivots[k]) - 1);
    for (let i = k + width; i < n; i++) {
      for (let w = 0; w < width; w++) subtract(i, ld[i * n + k + w], k + w);
    }
    divideBlock(ld, b, n, columns, k, isBlock);
    k += width;
  }
  for (let k = n - 1; k >= 0;) {
    const width = pivots[k] < 0 ? 2 : 1;
    for (let i = k + 1; i < n; i++) {
      for (let w = 0; w < width; w++) subtract(k - w, ld[i * n + k - w], i);
    }
    swap(k, Math.abs(pivots[k]) - 1);
    k -= width;
  }
}

function divideBlock(
  ld: Float64Array,
  b: Float64Array,
  n: number,
  columns: number,
  k: number,
  isBlock: boolean,
): void {
  if (!isBlock) {
    for (let j = 0; j < columns; j++) b[k * columns + j] /= ld[k * n + k];
    return;
  }
  const corner = ld[(k + 1) * n + k];
  const first = ld[k * n + k] / corner;
  const second = ld[(k + 1) * n + k + 1] / corner;
  const denominator = first * second - 1;
  for (let j = 0; j < columns; j++) {
    const x = b[k * columns + j] / corner;
    const y = b[(k + 1) * columns + j] / corner;
    b[k * columns + j] = (second * x - y) / denominator;
    b[(k + 1) * columns + j] = (first * y - x) / denominator;
  }
}

/**
 * Reflections that make a [m, n] upper triangular: R on and above the diagonal, below it the vectors
 * without their leading 1, and their factors.
 */
export function reflections(
  x: Float64Array,
  m: number,
  n: number,
): { readonly a: Float64Array; readonly tau: Float64Array } {
  const a = Float64Array.from(x);
  const tau = new Float64Array(Math.min(m, n));
  for (let k = 0; k < tau.length; k++) {
    const lead = a[k * n + k];
    let norm = 0;
    for (let i = k + 1; i < m; i++) norm = Math.hypot(norm, a[i * n + k]);
    if (norm === 0) continue;
    const end = lead > 0 ? -Math.hypot(lead, norm) : Math.hypot(lead, norm);
    tau[k] = (end - lead) / end;
    for (let i = k + 1; i < m; i++) a[i * n + k] /= lead - end;
    a[k * n + k] = end;
    for (let j = k + 1; j < n; j++) {
      let sum = a[k * n + j];
      for (let i = k + 1; i < m; i++) sum += a[i * n + k] * a[i * n + j];
      sum *= tau[k];
      a[k * n + j] -= sum;
      for (let i = k + 1; i < m; i++) a[i * n + j] -= sum * a[i * n + k];
    }
  }
  return { a, tau };
}
