/**
 * Discrete Fourier transforms with torch.fft's names. There is no complex dtype: complex numbers are
 * pairs in a last dim of size 2, as torch.view_as_real gives, and `dim` counts without that pair.
 * Any length works; all transforms have gradients and run as compiled matrix products.
 *
 * @module
 */
import type { Node } from "../ir/node.ts";
import { derivedCell } from "./cells.ts";
import * as ops from "./ops/fft.ts";
import * as stfts from "./ops/stft.ts";
import type { Dims } from "./ops/operands.ts";
import type { TensorOptions } from "./tensor.ts";
import { Tensor, derive } from "./tensor.ts";

export type { FftNorm, FftOptions, FftnOptions } from "./ops/fft.ts";

/** A transform along one dim. */
export type Transform = (x: Tensor, options?: ops.FftOptions) => Tensor;

/** A transform along several dims. */
export type TransformOverDims = (x: Tensor, options?: ops.FftnOptions) => Tensor;

function unary<Options extends readonly unknown[]>(
  op: (x: Node, ...options: Options) => Node,
): (x: Tensor, ...options: Options) => Tensor {
  return (x, ...options) => derive([x], op(x.node, ...options));
}

/** The last two dims, unless others are named. */
const plane = (op: (x: Node, options?: ops.FftnOptions) => Node): TransformOverDims =>
  unary((x: Node, options: ops.FftnOptions = {}) => op(x, { dim: [-2, -1], ...options }));

/**
 * X[k] = Σ x[j] e^(−2πi jk/n) along `dim`. Shapes: pairs [..., n, 2] → [..., n, 2].
 * @example fft.fft(fft.complex(signal))
 */
export const fft: Transform = unary(ops.fft);

/** The inverse of {@link fft}. */
export const ifft: Transform = unary(ops.ifft);

/** The first ⌊n/2⌋ + 1 elements of the transform of real numbers: [..., n] → [..., ⌊n/2⌋ + 1, 2]. */
export const rfft: Transform = unary(ops.rfft);

/** The inverse of {@link rfft}; name `n` where it is odd. */
export const irfft: Transform = unary(ops.irfft);

/** The real transform of a Hermitian signal, given by its first half. */
export const hfft: Transform = unary(ops.hfft);

/** The inverse of {@link hfft}. */
export const ihfft: Transform = unary(ops.ihfft);

/** {@link fft} along the last two dims. */
export const fft2: TransformOverDims = plane(ops.fftn);

/** The inverse of {@link fft2}. */
export const ifft2: TransformOverDims = plane(ops.ifftn);

/** {@link rfft} along the last dim, {@link fft} along the one before. */
export const rfft2: TransformOverDims = plane(ops.rfftn);

/** The inverse of {@link rfft2}. */
export const irfft2: TransformOverDims = plane(ops.irfftn);

/** {@link fft} along all dims, or those named. */
export const fftn: TransformOverDims = unary(ops.fftn);

/** The inverse of {@link fftn}. */
export const ifftn: TransformOverDims = unary(ops.ifftn);

/** {@link rfft} along the last dim, {@link fft} along the others. */
export const rfftn: TransformOverDims = unary(ops.rfftn);

/** The inverse of {@link rfftn}. */
export const irfftn: TransformOverDims = unary(ops.irfftn);

/** {@link hfft} along the last dim of all or those named, {@link fft} along the others. */
export const hfftn: TransformOverDims = unary(ops.hfftn);

/** The inverse of {@link hfftn}. */
export const ihfftn: TransformOverDims = unary(ops.ihfftn);

/** {@link hfftn} along the last two dims. */
export const hfft2: TransformOverDims = plane(ops.hfftn);

/** The inverse of {@link hfft2}. */
export const ihfft2: TransformOverDims = plane(ops.ihfftn);

/** Frames of short-time transforms, with a tensor as window. */
type WithWindow<Options> = Omit<Options, "window"> & { readonly window?: Tensor | null };

/** Options of {@link stft}. */
export type StftOptions = WithWindow<stfts.StftOptions>;

/** Options of {@link istft}. */
export type IstftOptions = WithWindow<stfts.IstftOptions>;

function framed<Options extends stfts.StftOptions>(
  op: (x: Node, nFft: number, options: Options) => Node,
): (x: Tensor, nFft: number, options?: WithWindow<Options>) => Tensor {
  return (x, nFft, options) => {
    const window = options?.window;
    const node = op(x.node, nFft, { ...options, window: window?.node } as unknown as Options);
    return derive(window == null ? [x] : [x, window], node);
  };
}

/**
 * Short-time Fourier transform of real signals [B, L] in frames of `nFft` samples: pairs
 * [B, F, T, 2]; B may be absent.
 */
export const stft: (x: Tensor, nFft: number, options?: StftOptions) => Tensor = framed(stfts.stft);

/** The signals whose {@link stft} the pairs are. */
export const istft: (x: Tensor, nFft: number, options?: IstftOptions) => Tensor = framed(
  stfts.istft,
);

function made(node: Node, options: TensorOptions): Tensor {
  const result = new Tensor(derivedCell(node, [], options.device));
  return options.dtype === undefined ? result : result.to(options.dtype);
}

/** Frequencies of the elements of {@link fft}, in cycles per sample distance `d`. */
export function fftfreq(n: number, options: TensorOptions & { readonly d?: number } = {}): Tensor {
  return made(ops.fftfreq(n, options), options);
}

/** Frequencies of the elements of {@link rfft}. */
export function rfftfreq(n: number, options: TensorOptions & { readonly d?: number } = {}): Tensor {
  return made(ops.rfftfreq(n, options), options);
}

/** Options of {@link fftshift}. */
export interface ShiftOptions {
  /** For pairs, name the dims: all means the pair too. @defaultValue all */
  readonly dim?: Dims | null;
}

/** Moves frequency 0 to the middle. */
export const fftshift: (x: Tensor, options?: ShiftOptions) => Tensor = unary(ops.fftshift);

/** The inverse of {@link fftshift}. */
export const ifftshift: (x: Tensor, options?: ShiftOptions) => Tensor = unary(ops.ifftshift);

/** Pairs [..., 2] of real and imaginary parts; without the latter they are 0. */
export function complex(real: Tensor, imaginary?: Tensor | null): Tensor {
  const sources = imaginary == null ? [real] : [real, imaginary];
  return derive(sources, ops.complex(real.node, imaginary?.node));
}

/** Real parts of pairs. */
export const real: (z: Tensor) => Tensor = unary((z: Node) => ops.partOf("real", z, 0));

/** Imaginary parts of pairs. */
export const imag: (z: Tensor) => Tensor = unary((z: Node) => ops.partOf("imag", z, 1));

/** Complex conjugates of pairs. */
export const conj: (z: Tensor) => Tensor = unary(ops.conjugate);

/** Angles of pairs, in −π … π. */
export const angle: (z: Tensor) => Tensor = (z) => imag(z).atan2(real(z));

/** Pairs of absolute values and angles. */
export function polar(magnitude: Tensor, phase: Tensor): Tensor {
  return complex(magnitude.mul(phase.cos()), magnitude.mul(phase.sin()));
}

/** |z| of pairs. */
export const abs: (z: Tensor) => Tensor = unary(ops.complexAbs);

/** Products of two tensors of pairs of one shape. */
export function mul(a: Tensor, b: Tensor): Tensor {
  return derive([a, b], ops.complexMul(a.node, b.node));
}
