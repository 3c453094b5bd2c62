/**
 * Replaces the columns of a row-major matrix, rows ≥ columns, by the orthonormal ones of its QR
 * factorization with a positive diagonal of R (Householder's method).
 */
export function orthonormalize(a: Float64Array, rows: number, columns: number): void {
  const { scales, signs } = factorize(a, rows, columns);
  accumulate(a, rows, columns, scales);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) a[i * columns + j] *= signs[j];
  }
}

/**
 * Replaces a row-major matrix, rows ≥ columns, by the vectors of the reflections I − 2·v·vᵀ/vᵀv whose
 * product has the columns of {@link orthonormalize} up to sign: v_j = 1 implied on the diagonal, the
 * rest below it, and those signs on the diagonal.
 */
export function reflectorVectors(a: Float64Array, rows: number, columns: number): void {
  const { scales, signs } = factorize(a, rows, columns);
  for (let j = 0; j < columns; j++) {
    for (let i = 0; i < j; i++) a[i * columns + j] = 0;
    // A column that needs no reflection gets one that turns its sign.
    a[j * columns + j] = scales[j] === 0 ? -signs[j] : signs[j];
  }
}

/** QR in place: vectors below the diagonal, R on and above it. */
function factorize(
  a: Float64Array,
  rows: number,
  columns: number,
): { scales: readonly number[]; signs: readonly number[] } {
  const signs: number[] = [];
  const scales: number[] = [];
  for (let j = 0; j < columns; j++) {
    const { scale, diagonal } = makeReflector(a, rows, columns, j);
    scales.push(scale);
    signs.push(diagonal < 0 ? -1 : 1);
    for (let k = j + 1; k < columns; k++) reflect(a, rows, columns, { j, k, scale });
  }
  return { scales, signs };
}

/** Puts the vector v (v_j = 1 implied) of I − scale·v·vᵀ below the diagonal of column j. */
function makeReflector(
  a: Float64Array,
  rows: number,
  columns: number,
  j: number,
): { scale: number; diagonal: number } {
  let rest = 0;
  for (let i = j + 1; i < rows; i++) rest += a[i * columns + j] ** 2;
  const head = a[j * columns + j];
  if (rest === 0) return { scale: 0, diagonal: head };
  const norm = Math.sqrt(head ** 2 + rest);
  const diagonal = head > 0 ? -norm : norm;
  const first = head - diagonal;
  for (let i = j + 1; i < rows; i++) a[i * columns + j] /= first;
  return { scale: -first / diagonal, diagonal };
}

/** Applies reflector j to column k. */
function reflect(
  a: Float64Array,
  rows: number,
  columns: number,
  { j, k, scale }: { readonly j: number; readonly k: number; readonly scale: number },
): void {
  let dot = a[j * columns + k];
  for (let i = j + 1; i < rows; i++) dot += a[i * columns + j] * a[i * columns + k];
  const step = scale * dot;
  a[j * columns + k] -= step;
  for (let i = j + 1; i < rows; i++) a[i * columns + k] -= step * a[i * columns + j];
}

/** Multiplies the reflectors out, the last one first, over the vectors themselves. */
function accumulate(
  a: Float64Array,
  rows: number,
  columns: number,
  scales: readonly number[],
): void {
  for (let j = columns - 1; j >= 0; j--) {
    const scale = scales[j];
    for (let k = j + 1; k < columns; k++) {
      a[j * columns + k] = 0;
      reflect(a, rows, columns, { j, k, scale });
    }
    for (let i = 0; i < j; i++) a[i * columns + j] = 0;
    for (let i = j + 1; i < rows; i++) a[i * columns + j] *= -scale;
    a[j * columns + j] = 1 - scale;
  }
}
