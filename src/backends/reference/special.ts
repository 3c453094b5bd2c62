const twoOverRootPi = 2 / Math.sqrt(Math.PI);

/**
 * Error function with absolute error below 1e-15.
 * |x| < 2: erf x = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!!, whose terms are all of one sign.
 * Above: 1 − erfc x from the continued fraction of erfc (Abramowitz and Stegun 7.1.6 and 7.1.14).
 */
export function erf(x: number): number {
  if (x !== x) return NaN;
  const magnitude = Math.abs(x);
  if (magnitude < 2) return erfSeries(x);
  const tail = magnitude > 6 ? 0 : erfcFraction(magnitude);
  return x > 0 ? 1 - tail : tail - 1;
}

function erfSeries(x: number): number {
  const square = x * x;
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * square) / (2 * n + 1);
    sum += term;
  }
  return twoOverRootPi * Math.exp(-square) * sum;
}

/** erfc x = e^(−x²)/√π · 1/(x + ½/(x + 1/(x + 1½/(x + 2/(x + …))))), from the inside out. */
function erfcFraction(x: number): number {
  let denominator = x;
  for (let n = 120; n >= 1; n--) denominator = x + n / 2 / denominator;
  return (Math.exp(-x * x) * twoOverRootPi) / 2 / denominator;
}

/** pow as C and torch define it: 1 to any power and −1 to an infinite one are 1. */
export function power(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && Math.abs(exponent) === Infinity) return 1;
  return Math.pow(base, exponent);
}
