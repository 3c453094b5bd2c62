/** erf x / x in x², the Taylor coefficients 2/√π · (−1)ⁿ / (n!·(2n + 1)). */
const taylor = taylorCoefficients(26);

function taylorCoefficients(count: number): number[] {
  const coefficients: number[] = [];
  let factor = 2 / Math.sqrt(Math.PI);
  for (let n = 0; n < count; n++) {
    coefficients.push(factor / (2 * n + 1));
    factor /= -(n + 1);
  }
  return coefficients;
}

/** e^(−x²); squaring the upper half of x exactly keeps the exponent's rounding out. */
function gaussian(x: number): number {
  const high = Math.fround(x);
  return Math.exp(-high * high) * Math.exp(-(x - high) * (x + high));
}

/** √π · x · e^(x²) · erfc x for x ≥ 1.5, by its continued fraction. */
function scaledComplement(x: number): number {
  const square = 2 * x * x;
  let tail = square + 161;
  for (let n = 40; n > 0; n--) tail = square + 4 * n - 3 - ((2 * n - 1) * 2 * n) / tail;
  return square / tail;
}

/**
 * The error function in double precision (absolute error below 4e-16).
 * $\operatorname{erf}(x) = \frac{2}{\sqrt\pi} \int_0^x e^{-t^2} dt$
 */
export function erf(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude < 1.5) {
    const square = x * x;
    return x * taylor.reduceRight((sum, coefficient) => sum * square + coefficient, 0);
  }
  if (magnitude > 6) return Math.sign(x);
  if (Number.isNaN(x)) return x;
  const complement =
    (gaussian(magnitude) * scaledComplement(magnitude)) / (magnitude * Math.sqrt(Math.PI));
  return Math.sign(x) * (1 - complement);
}

/** x^y as IEEE 754 and torch define it: unlike `**`, 1^NaN = 1 and (±1)^±inf = 1. */
export function pow(x: number, y: number): number {
  if (x === 1) return 1;
  if (x === -1 && Math.abs(y) === Infinity) return 1;
  return x ** y;
}

/** Names of the functions in `hostMath`. */
export type HostFunction =
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "sin"
  | "cos"
  | "tanh"
  | "erf"
  | "pow";

/** The transcendental functions on doubles, by the names of the ops; only `pow` reads `y`. */
export const hostMath: Readonly<Record<HostFunction, (x: number, y: number) => number>> = {
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  erf,
  pow,
};
