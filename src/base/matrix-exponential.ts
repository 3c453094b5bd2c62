import { identity, luFactor, luSolve, multiply } from "./dense-solve.ts";

/** Coefficients of the [13/13] Padé approximant of eˣ. */
const pade: readonly number[] = Array.from({ length: 14 }, (_, k) => {
  // c(k) = (26 − k)! 13! / (26! k! (13 − k)!), scaled so that c(13) = 1.
  let value = 1;
  for (let j = 13; j > k; j--) value *= ((27 - j) * j) / (14 - j);
  return value;
});

/** Largest norm at which the approximant is exact to f64's precision. */
const RANGE = 5.37;

/** e^A of a row-major n × n matrix, by scaling, a Padé approximant and squaring. */
export function matrixExponential(matrix: Float64Array, n: number): Float64Array {
  let norm = 0;
  for (let j = 0; j < n; j++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += Math.abs(matrix[i * n + j]);
    norm = Math.max(norm, sum);
  }
  if (!Number.isFinite(norm)) return new Float64Array(n * n).fill(NaN);
  const squarings = norm > RANGE ? Math.ceil(Math.log2(norm / RANGE)) : 0;
  const scaled = matrix.map((value) => value / 2 ** squarings);
  const size = [n, n, n] as const;
  const even = new Float64Array(n * n);
  const odd = new Float64Array(n * n);
  let power: Float64Array = identity(n);
  pade.forEach((coefficient, k) => {
    const target = k % 2 === 0 ? even : odd;
    for (let i = 0; i < n * n; i++) target[i] += coefficient * power[i];
    if (k < pade.length - 1) power = multiply(power, scaled, size);
  });
  const above = even.map((value, i) => value + odd[i]);
  const below = even.map((value, i) => value - odd[i]);
  let result = luSolve(luFactor(below, n, n), above, n, n) ?? above.fill(NaN);
  for (let i = 0; i < squarings; i++) result = multiply(result, result, size);
  return result;
}
