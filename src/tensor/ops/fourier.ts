import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";

/** −1: e^(−2πi jk/n), the forward transform; +1: the inverse without its factor. */
export type Direction = 1 | -1;

/** Up to here a transform is one product with its matrix. */
const DIRECT = 64;
/** Largest factor that is split off as a matrix of its own. */
const RADIX = 32;
/** Largest prime factor done by its matrix; longer ones become a convolution. */
const PRIME = 256;

interface Complex {
  readonly re: Node;
  readonly im: Node;
}

const like = ir.fullLike;
const times = (x: Node, factor: number): Node => ir.mul(x, like(x, factor));

/**
 * e^(±2πi m/n) for whole numbers 0 ≤ m < n. The angle is reduced to an eighth of the circle in
 * integers, so that its cosine and sine are as exact as the dtype.
 */
function rootsOfUnity(m: Node, n: number, direction: Direction, dtype: DType): Complex {
  const eightfold = ir.add(ir.mul(m, like(m, 8)), like(m, n));
  const quarter = ir.div(eightfold, like(m, 2 * n));
  const rest = ir.sub(ir.mul(m, like(m, 4)), ir.mul(quarter, like(m, n)));
  const angle = times(ir.cast(rest, dtype), Math.PI / (2 * n));
  const [c, s] = [ir.unary("cos", angle), ir.unary("sin", angle)];
  const has = (bit: number): Node => {
    const masked = ir.binary("and", quarter, like(quarter, bit));
    return ir.binary("ne", masked, like(masked, 0));
  };
  const isOdd = has(1);
  const isOpposite = has(2);
  const turnedC = ir.where(isOdd, ir.neg(s), c);
  const turnedS = ir.where(isOdd, c, s);
  const re = ir.where(isOpposite, ir.neg(turnedC), turnedC);
  const im = ir.where(isOpposite, ir.neg(turnedS), turnedS);
  return { re, im: direction === 1 ? im : ir.neg(im) };
}

/** j · k mod n over a matrix. */
function exponents(rows: number, columns: number, n: number): Node {
  const shape = [rows, columns];
  const product = ir.mul(ir.iota(shape, 0), ir.iota(shape, 1));
  return rows * columns <= n ? product : ir.binary("rem", product, like(product, n));
}

/** The transform's matrix over stacked real and imaginary parts: [2n, 2n], or [2n, n] for reals. */
function transformMatrix(n: number, direction: Direction, isReal: boolean, dtype: DType): Node {
  const { re, im } = rootsOfUnity(exponents(n, n, n), n, direction, dtype);
  const fromReal = ir.concat([re, im], 0);
  return isReal ? fromReal : ir.concat([fromReal, ir.concat([ir.neg(im), re], 0)], 1);
}

function largestFactor(n: number, limit: number): number {
  for (let factor = Math.min(limit, n); factor > 1; factor--) if (n % factor === 0) return factor;
  return 1;
}

/** x · (re + i im) for x [..., 2, K]: each part also needs the other, which a flip brings. */
function multiplyParts(x: Node, dim: number, { re, im }: Complex): Node {
  const isReal = ir.binary("eq", ir.iota(x.shape, dim), ir.full(x.shape, 0, "i32"));
  const signed = ir.where(isReal, ir.neg(im), im);
  return ir.add(ir.mul(x, re), ir.mul(ir.flip(x, [dim]), signed));
}

/**
 * Discrete Fourier transforms of rows x [L, 2, n] (real parts, then imaginary ones), or [L, 1, n]
 * for real numbers, as [L, 2, n]: by factors of the length as products with small matrices, lengths
 * with large prime factors as convolutions.
 */
export function transformRows(x: Node, direction: Direction): Node {
  const [, parts, n] = x.shape;
  if (n === 1) return parts === 2 ? x : ir.pad(x, [0, 0, 0], [0, 1, 0]);
  const factor = n <= DIRECT ? n : largestFactor(n, RADIX);
  if (factor === n || (factor === 1 && n <= PRIME)) return transformDirectly(x, direction);
  if (factor === 1) {
    const prime = largestPrimeFactor(n);
    return prime === n ? transformByChirp(x, direction) : transformSplit(x, direction, n / prime);
  }
  return transformSplit(x, direction, factor);
}

function transformDirectly(x: Node, direction: Direction): Node {
  const [lines, parts, n] = x.shape;
  const matrix = transformMatrix(n, direction, parts === 1, x.dtype);
  const rows = ir.reshape(x, [lines, parts * n]);
  return ir.reshape(ir.dot(rows, ir.transpose(matrix, 0, 1)), [lines, 2, n]);
}

/** [L, parts, a, b] → transforms over a → [L, a, 2, b], turned → transforms over b → [L, 2, b, a]. */
function transformSplit(x: Node, direction: Direction, a: number): Node {
  const [lines, parts, n] = x.shape;
  const b = n / a;
  const columns = ir.reshape(x, [lines, parts * a, b]);
  const matrix = transformMatrix(a, direction, parts === 1, x.dtype);
  const left = ir.expand(ir.reshape(matrix, [1, 2 * a, parts * a]), [lines, 2 * a, parts * a]);
  const partial = ir.reshape(ir.dot(left, columns), [lines, 2, a, b]);
  const turned = ir.permute(partial, [0, 2, 1, 3]);
  const roots = rootsOfUnity(exponents(a, b, n), n, direction, x.dtype);
  const spread = (line: Node): Node => ir.expand(ir.reshape(line, [1, a, 1, b]), [lines, a, 2, b]);
  const twisted = multiplyParts(turned, 2, { re: spread(roots.re), im: spread(roots.im) });
  const inner = transformRows(ir.reshape(twisted, [lines * a, 2, b]), direction);
  const whole = ir.permute(ir.reshape(inner, [lines, a, 2, b]), [0, 2, 3, 1]);
  return ir.reshape(whole, [lines, 2, n]);
}

function largestPrimeFactor(n: number): number {
  let rest = n;
  let largest = 1;
  for (let p = 2; p * p <= rest; p++) {
    while (rest % p === 0) [rest, largest] = [rest / p, p];
  }
  return Math.max(rest, largest);
}

/** Bluestein: jk = (j² + k² − (k − j)²) / 2 makes a transform of any length a convolution. */
function transformByChirp(x: Node, direction: Direction): Node {
  const [lines, parts, n] = x.shape;
  const both = parts === 2 ? x : ir.pad(x, [0, 0, 0], [0, 1, 0]);
  let size = 1;
  while (size < 2 * n - 1) size *= 2;
  const chirp = rootsOfUnity(squaresModulo(n), 2 * n, direction, x.dtype);
  const spread = (line: Node, shape: readonly number[]): Node =>
    ir.expand(ir.reshape(line, [1, 1, line.shape[0]]), shape);
  const over = (parts: Complex, shape: readonly number[]): Complex => ({
    re: spread(parts.re, shape),
    im: spread(parts.im, shape),
  });
  const twisted = multiplyParts(both, 1, over(chirp, both.shape));
  const long = ir.pad(twisted, [0, 0, 0], [0, 0, size - n]);
  // The conjugate chirp at −(n − 1) … n − 1, wrapped around.
  const mirror = (line: Node): Node =>
    ir.concat(
      [line, ir.full([size - 2 * n + 1], 0, x.dtype), ir.flip(ir.narrow(line, 0, 1, n - 1), [0])],
      0,
    );
  const kernel = ir.reshape(ir.concat([mirror(chirp.re), mirror(ir.neg(chirp.im))], 0), [
    1,
    2,
    size,
  ]);
  const spectrum = transformRows(kernel, -1);
  const kernelPart = (at: number): Node =>
    ir.expand(ir.narrow(spectrum, 1, at, 1), [lines, 2, size]);
  const factors: Complex = { re: kernelPart(0), im: kernelPart(1) };
  const convolved = transformRows(multiplyParts(transformRows(long, -1), 1, factors), 1);
  const cut = times(ir.narrow(convolved, 2, 0, n), 1 / size);
  return multiplyParts(cut, 1, over(chirp, cut.shape));
}

/** j² mod 2n as i32, through f64: squares of long transforms do not fit i32. */
function squaresModulo(n: number): Node {
  const j = ir.cast(ir.iota([n], 0), "f64");
  const square = ir.mul(j, j);
  const period = like(square, 2 * n);
  const count = ir.unary("floor", ir.div(square, period));
  const rest = ir.sub(square, ir.mul(count, period));
  const isBelow = ir.binary("lt", rest, like(rest, 0));
  return ir.cast(ir.where(isBelow, ir.add(rest, period), rest), "i32");
}

/** Dims of a tensor with `dim` moved to the end. */
export function dimLast(rank: number, dim: number): number[] {
  return [...range(rank).filter((i) => i !== dim), dim];
}
