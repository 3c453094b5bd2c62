import { ConfigError, DTypeError, ShapeError } from "../../base/errors.ts";
import { product, range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, normalizeDim } from "../../ir/shape.ts";
import type { Direction } from "./fourier.ts";
import { dimLast, transformRows } from "./fourier.ts";
import type { Dims } from "./operands.ts";
import { computeDType, toFloat } from "./operands.ts";
import { roll } from "./slicing.ts";

/** Which direction of a transform is divided by n; `ortho` divides both by √n. */
export type FftNorm = "backward" | "ortho" | "forward";

/** Options of transforms along one dim. */
export interface FftOptions {
  /** Length of the signal: longer ones are cut, shorter ones get zeros. */
  readonly n?: number | null | undefined;
  /** The pair of parts does not count as a dim. @defaultValue -1 */
  readonly dim?: number;
  /** @defaultValue "backward" */
  readonly norm?: FftNorm | null | undefined;
}

/** Options of transforms along several dims. */
export interface FftnOptions {
  /** Length of the signal along each dim; −1 keeps one. */
  readonly s?: readonly number[] | null | undefined;
  /** @defaultValue all, or the last two, or as many of the last as `s` has */
  readonly dim?: Dims | null | undefined;
  /** @defaultValue "backward" */
  readonly norm?: FftNorm | null | undefined;
}

/** A complex tensor's dims without the pair. @throws {ShapeError} if it has none. */
function requirePairs(op: string, x: Node): number {
  if (x.shape.length < 2 || x.shape[x.shape.length - 1] !== 2 || !isFloat(x.dtype)) {
    throw new ShapeError(
      `${op}: needs complex numbers as pairs [..., 2] of floats, got ${x.dtype}${formatShape(x.shape)}; make them with fft.complex, or use rfft for real ones`,
    );
  }
  return x.shape.length - 1;
}

/** A real operand as floats the transforms compute in. */
function requireReal(op: string, x: Node): Node {
  if (x.shape.length === 0) throw new ShapeError(`${op}: needs at least 1 dim, got a scalar`);
  const source = toFloat(x);
  return ir.cast(source, computeDType(source.dtype));
}

function requireLength(op: string, n: number): void {
  if (!Number.isInteger(n) || n < 1) {
    throw new ConfigError(`${op}: n must be an integer ≥ 1, got ${n}`);
  }
}

/** Cuts or fills a dim with zeros to `n` elements. */
function fit(x: Node, dim: number, n: number): Node {
  const size = x.shape[dim];
  if (n <= size) return ir.narrow(x, dim, 0, n);
  const at = (value: number): number[] => x.shape.map((_, i) => (i === dim ? value : 0));
  return ir.pad(x, at(0), at(n - size));
}

function factorOf(
  op: string,
  norm: FftNorm | null | undefined,
  n: number,
  isForward: boolean,
): number {
  const kind = norm ?? "backward";
  if (kind !== "backward" && kind !== "ortho" && kind !== "forward") {
    throw new ConfigError(`${op}: norm must be backward, ortho or forward, got "${String(kind)}"`);
  }
  if (kind === "ortho") return 1 / Math.sqrt(n);
  return (kind === "forward") === isForward ? 1 / n : 1;
}

const scaled = (x: Node, factor: number): Node =>
  factor === 1 ? x : ir.mul(x, ir.fullLike(x, factor));

/** Transforms along `dim` of pairs [..., 2], or of real numbers: pairs [..., 2]. */
function transformDim(x: Node, dim: number, direction: Direction, isReal: boolean): Node {
  const rank = isReal ? x.shape.length : x.shape.length - 1;
  const order = dimLast(rank, dim);
  const n = x.shape[dim];
  const lead = order.slice(0, -1).map((i) => x.shape[i]);
  // [..., parts, n] with the dim last
  const parts = isReal ? ir.permute(x, order) : ir.permute(x, [...order.slice(0, -1), rank, dim]);
  const rows = ir.reshape(parts, [product(lead), isReal ? 1 : 2, n]);
  const full = [...lead, 2, n];
  const result =
    rows.shape[0] === 0
      ? ir.full(full, 0, x.dtype)
      : ir.reshape(transformRows(rows, direction), full);
  const back = range(rank).map((i) => {
    const at = order.indexOf(i);
    return at === rank - 1 ? rank : at;
  });
  return ir.permute(result, [...back, rank - 1]);
}

function complexTransform(op: string, x: Node, options: FftOptions, direction: Direction): Node {
  const { dim = -1, norm } = options;
  const axis = normalizeDim(op, dim, requirePairs(op, x));
  const n = options.n ?? x.shape[axis];
  requireLength(op, n);
  const source = fit(ir.cast(x, computeDType(x.dtype)), axis, n);
  const factor = factorOf(op, norm, n, direction === -1);
  return scaled(transformDim(source, axis, direction, false), factor);
}

/** X[k] = Σ x[j] e^(−2πi jk/n) of complex pairs [..., 2] along a dim. */
export function fft(x: Node, options: FftOptions = {}): Node {
  return complexTransform("fft", x, options, -1);
}

/** The inverse of {@link fft}. */
export function ifft(x: Node, options: FftOptions = {}): Node {
  return complexTransform("ifft", x, options, 1);
}

/** The first ⌊n/2⌋ + 1 elements of the transform of real numbers, as pairs [..., 2]. */
export function rfft(x: Node, options: FftOptions = {}): Node {
  const { dim = -1, norm } = options;
  const source = requireReal("rfft", x);
  const axis = normalizeDim("rfft", dim, x.shape.length);
  const n = options.n ?? x.shape[axis];
  requireLength("rfft", n);
  const whole = transformDim(fit(source, axis, n), axis, -1, true);
  const half = ir.narrow(whole, axis, 0, Math.floor(n / 2) + 1);
  return scaled(half, factorOf("rfft", norm, n, true));
}

/** Real numbers whose {@link rfft} the pairs are; `n` tells odd lengths from even ones. */
export function irfft(x: Node, options: FftOptions = {}): Node {
  const { dim = -1, norm } = options;
  const axis = normalizeDim("irfft", dim, requirePairs("irfft", x));
  const n = options.n ?? 2 * (x.shape[axis] - 1);
  requireLength("irfft", n);
  const count = Math.floor(n / 2) + 1;
  const half = fit(ir.cast(x, computeDType(x.dtype)), axis, count);
  const last = half.shape.length - 1;
  // The sums of a real signal with itself have no imaginary part: what stands there is ignored.
  const place = ir.iota(half.shape, axis);
  const isEdge = ir.binary(
    "or",
    ir.binary("eq", place, ir.fullLike(place, 0)),
    ir.binary("eq", place, ir.fullLike(place, n % 2 === 0 ? n / 2 : 0)),
  );
  const isImaginary = ir.binary("eq", ir.iota(half.shape, last), ir.full(half.shape, 1, "i32"));
  const clean = ir.where(ir.binary("and", isEdge, isImaginary), ir.fullLike(half, 0), half);
  const rest = ir.flip(ir.narrow(clean, axis, 1, n - count), [axis]);
  const whole = n > count ? ir.concat([clean, conjugate(rest)], axis) : clean;
  const signal = transformDim(whole, axis, 1, false);
  const real = ir.reshape(ir.narrow(signal, last, 0, 1), signal.shape.slice(0, -1));
  return scaled(real, factorOf("irfft", norm, n, false));
}

/** re − i im of pairs. */
export function conjugate(x: Node): Node {
  requirePairs("conj", x);
  const isReal = ir.binary("eq", ir.iota(x.shape, x.shape.length - 1), ir.full(x.shape, 0, "i32"));
  return ir.where(isReal, x, ir.neg(x));
}

const opposite = (norm: FftNorm | null | undefined): FftNorm =>
  norm === "forward" ? "backward" : norm === "ortho" ? "ortho" : "forward";

/** The real transform of a Hermitian signal, given by its first half. */
export function hfft(x: Node, { norm, ...options }: FftOptions = {}): Node {
  return irfft(conjugate(x), { ...options, norm: opposite(norm) });
}

/** The inverse of {@link hfft}. */
export function ihfft(x: Node, { norm, ...options }: FftOptions = {}): Node {
  return conjugate(rfft(x, { ...options, norm: opposite(norm) }));
}

interface Plan {
  readonly dims: readonly number[];
  readonly sizes: readonly (number | undefined)[];
}

function planDims(op: string, rank: number, { s, dim }: FftnOptions): Plan {
  const given = dim == null ? null : typeof dim === "number" ? [dim] : dim;
  const count = s == null ? rank : s.length;
  const dims =
    given?.map((entry) => normalizeDim(op, entry, rank)) ??
    range(count).map((i) => rank - count + i);
  if ((s != null && s.length !== dims.length) || new Set(dims).size < dims.length || count > rank) {
    throw new ConfigError(
      `${op}: dim must name different dims, as many as s has, got dim [${(given ?? dims).join(", ")}] and s [${(s ?? []).join(", ")}] for ${rank} dims`,
    );
  }
  return { dims, sizes: dims.map((_, i) => (s == null || s[i] === -1 ? undefined : s[i])) };
}

function overDims(
  op: "fftn" | "ifftn",
  x: Node,
  options: FftnOptions,
  transform: (x: Node, options: FftOptions) => Node,
): Node {
  const { dims, sizes } = planDims(op, requirePairs(op, x), options);
  return dims.reduceRight((y, dim, i) => transform(y, { n: sizes[i], dim, norm: options.norm }), x);
}

/** {@link fft} along several dims. */
export function fftn(x: Node, options: FftnOptions = {}): Node {
  return overDims("fftn", x, options, fft);
}

/** The inverse of {@link fftn}. */
export function ifftn(x: Node, options: FftnOptions = {}): Node {
  return overDims("ifftn", x, options, ifft);
}

/** {@link rfft} along the last of several dims, {@link fft} along the others. */
export function rfftn(x: Node, options: FftnOptions = {}): Node {
  const { dims, sizes } = planDims("rfftn", x.shape.length, options);
  if (dims.length === 0) throw new ConfigError("rfftn: needs at least one dim, got none");
  const { norm } = options;
  const at = dims.length - 1;
  const first = rfft(x, { n: sizes[at], dim: dims[at], norm });
  return dims.slice(0, -1).reduceRight((y, dim, i) => fft(y, { n: sizes[i], dim, norm }), first);
}

/** The inverse of {@link rfftn}. */
export function irfftn(x: Node, options: FftnOptions = {}): Node {
  const { dims, sizes } = planDims("irfftn", requirePairs("irfftn", x), options);
  if (dims.length === 0) throw new ConfigError("irfftn: needs at least one dim, got none");
  const { norm } = options;
  const others = dims.slice(0, -1).reduce((y, dim, i) => ifft(y, { n: sizes[i], dim, norm }), x);
  const at = dims.length - 1;
  return irfft(others, { n: sizes[at], dim: dims[at], norm });
}

/** The real transform of a signal that is Hermitian in several dims, given by its first half. */
export function hfftn(x: Node, { norm, ...options }: FftnOptions = {}): Node {
  return irfftn(conjugate(x), { ...options, norm: opposite(norm) });
}

/** The inverse of {@link hfftn}. */
export function ihfftn(x: Node, { norm, ...options }: FftnOptions = {}): Node {
  return conjugate(rfftn(x, { ...options, norm: opposite(norm) }));
}

/** Frequencies of {@link fft}'s elements in cycles per `d`: 0, 1, …, −2, −1 over n · d. */
export function fftfreq(n: number, { d = 1 }: { readonly d?: number } = {}): Node {
  requireLength("fftfreq", n);
  const place = ir.iota([n], 0);
  const isLow = ir.binary("lt", place, ir.fullLike(place, Math.ceil(n / 2)));
  const wrapped = ir.where(isLow, place, ir.sub(place, ir.fullLike(place, n)));
  return scaled(ir.cast(wrapped, "f32"), 1 / (n * d));
}

/** Frequencies of {@link rfft}'s elements. */
export function rfftfreq(n: number, { d = 1 }: { readonly d?: number } = {}): Node {
  requireLength("rfftfreq", n);
  return scaled(ir.cast(ir.iota([Math.floor(n / 2) + 1], 0), "f32"), 1 / (n * d));
}

function shift(op: string, x: Node, dim: Dims | null | undefined, isInverse: boolean): Node {
  const rank = x.shape.length;
  const list = dim == null ? range(rank) : typeof dim === "number" ? [dim] : dim;
  const dims = list.map((entry) => normalizeDim(op, entry, rank));
  const shifts = dims.map((entry) => {
    const size = x.shape[entry];
    return isInverse ? Math.ceil(size / 2) : Math.floor(size / 2);
  });
  return roll(x, shifts, { dims });
}

/** Moves frequency 0 to the middle of dims; name the dims of pairs, or the pair is turned too. */
export function fftshift(x: Node, { dim }: { readonly dim?: Dims | null } = {}): Node {
  return shift("fftshift", x, dim, false);
}

/** The inverse of {@link fftshift}. */
export function ifftshift(x: Node, { dim }: { readonly dim?: Dims | null } = {}): Node {
  return shift("ifftshift", x, dim, true);
}

/** Pairs [..., 2] of real and imaginary parts. */
export function complex(real: Node, imaginary?: Node | null): Node {
  const imag = imaginary ?? ir.fullLike(real, 0);
  if (
    !isFloat(real.dtype) ||
    imag.dtype !== real.dtype ||
    formatShape(imag.shape) !== formatShape(real.shape)
  ) {
    throw new DTypeError(
      `complex: needs floats of one dtype and shape, got ${real.dtype}${formatShape(real.shape)} and ${imag.dtype}${formatShape(imag.shape)}`,
    );
  }
  const column = (x: Node): Node => ir.reshape(x, [...x.shape, 1]);
  return ir.concat([column(real), column(imag)], real.shape.length);
}

/** Real (0) or imaginary (1) parts of pairs. */
export function partOf(op: string, x: Node, at: 0 | 1): Node {
  const dim = requirePairs(op, x);
  return ir.reshape(ir.narrow(x, dim, at, 1), x.shape.slice(0, -1));
}

/** Products of complex numbers; the leading dims must be equal. */
export function complexMul(a: Node, b: Node): Node {
  requirePairs("mul", a);
  requirePairs("mul", b);
  const [ar, ai, br, bi] = [
    partOf("mul", a, 0),
    partOf("mul", a, 1),
    partOf("mul", b, 0),
    partOf("mul", b, 1),
  ];
  return complex(ir.sub(ir.mul(ar, br), ir.mul(ai, bi)), ir.add(ir.mul(ar, bi), ir.mul(ai, br)));
}

/** |z| = √(re² + im²), with gradient 0 at 0. */
export function complexAbs(x: Node): Node {
  const [re, im] = [partOf("abs", x, 0), partOf("abs", x, 1)];
  const sum = ir.add(ir.mul(re, re), ir.mul(im, im));
  const isZero = ir.binary("eq", sum, ir.fullLike(sum, 0));
  const root = ir.unary("sqrt", ir.where(isZero, ir.fullLike(sum, 1), sum));
  return ir.where(isZero, ir.fullLike(sum, 0), root);
}
