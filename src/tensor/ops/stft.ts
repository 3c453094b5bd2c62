import { ConfigError, ShapeError } from "../../base/errors.ts";
import { product, range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape } from "../../ir/shape.ts";
import { complex, fft, irfft, rfft } from "./fft.ts";
import type { PadMode } from "./joining.ts";
import { pad } from "./joining.ts";
import { computeDType, toFloat } from "./operands.ts";

/** Options of {@link stft} and {@link istft}. */
export interface StftOptions {
  /** Distance of neighbouring frames. @defaultValue ⌊nFft / 4⌋ */
  readonly hopLength?: number | null | undefined;
  /** @defaultValue nFft */
  readonly winLength?: number | null | undefined;
  /** Weights [winLength] of a frame; ones if absent. */
  readonly window?: Node | null | undefined;
  /** Whether frame t is centred at t · hopLength, for which the ends are padded. @defaultValue true */
  readonly center?: boolean;
  /** How the ends are padded. @defaultValue "reflect" */
  readonly padMode?: PadMode;
  /** Divides by √nFft. @defaultValue false */
  readonly normalized?: boolean;
  /** Whether only the first ⌊nFft/2⌋ + 1 frequencies of real signals are there. @defaultValue true */
  readonly onesided?: boolean;
}

interface Frames {
  readonly hop: number;
  /** Weights [nFft]. */
  readonly window: Node;
}

function planFrames(op: string, nFft: number, options: StftOptions, like: Node): Frames {
  const hop = options.hopLength ?? Math.floor(nFft / 4);
  const length = options.winLength ?? nFft;
  if (!Number.isInteger(nFft) || nFft < 1 || !Number.isInteger(hop) || hop < 1) {
    throw new ConfigError(`${op}: nFft and hopLength must be integers ≥ 1, got ${nFft} and ${hop}`);
  }
  if (!Number.isInteger(length) || length < 1 || length > nFft) {
    throw new ConfigError(`${op}: winLength must be in 1 … ${nFft}, got ${length}`);
  }
  const given = options.window ?? ir.full([length], 1, like.dtype);
  if (given.shape.length !== 1 || given.shape[0] !== length) {
    throw new ShapeError(`${op}: window must be [${length}], got ${formatShape(given.shape)}`);
  }
  const before = Math.floor((nFft - length) / 2);
  const window = ir.pad(ir.cast(given, like.dtype), [before], [nFft - length - before]);
  return { hop, window };
}

const weigh = (frames: Node, window: Node): Node =>
  ir.mul(frames, ir.expand(ir.reshape(window, [1, 1, window.shape[0]]), frames.shape));

/**
 * Short-time Fourier transform of real signals [L] or [B, L]: pairs [B, F, T, 2] of F frequencies
 * in T frames of `nFft` samples.
 */
export function stft(x: Node, nFft: number, options: StftOptions = {}): Node {
  const { center = true, padMode = "reflect", normalized = false, onesided = true } = options;
  if (x.shape.length !== 1 && x.shape.length !== 2) {
    throw new ShapeError(`stft: needs signals [L] or [B, L], got ${formatShape(x.shape)}`);
  }
  const float = toFloat(x);
  const source = ir.cast(float, computeDType(float.dtype));
  const { hop, window } = planFrames("stft", nFft, options, source);
  const rows = ir.reshape(source, [product(x.shape.slice(0, -1)), x.shape[x.shape.length - 1]]);
  const half = Math.floor(nFft / 2);
  const signal = center ? pad(rows, [half, half], { mode: padMode }) : rows;
  if (signal.shape[1] < nFft) {
    throw new ShapeError(
      `stft: signals must have at least nFft = ${nFft} samples, got ${formatShape(x.shape)}`,
    );
  }
  const frames = ir.window(signal, { dims: [1], size: [nFft], stride: [hop], dilation: [1] });
  const weighted = weigh(frames, window);
  const norm = normalized ? "ortho" : "backward";
  const spectrum = onesided ? rfft(weighted, { norm }) : fft(complex(weighted), { norm });
  const turned = ir.permute(spectrum, [0, 2, 1, 3]);
  return x.shape.length === 2 ? turned : ir.reshape(turned, turned.shape.slice(1));
}

/** Options of {@link istft}. */
export interface IstftOptions extends StftOptions {
  /** Samples of the result. @defaultValue as many as the frames cover */
  readonly length?: number | null | undefined;
}

/** Adds frames [B, T, n] where they lie in signals [B, (T − 1) · hop + n]. */
function overlapAdd(frames: Node, hop: number): Node {
  const [batch, count, n] = frames.shape;
  const total = (count - 1) * hop + n;
  const pieces = Math.ceil(n / hop);
  const padded = ir.pad(frames, [0, 0, 0], [0, 0, pieces * hop - n]);
  // Pieces of one hop each: piece k of frame t lies at hop t + k.
  const split = ir.reshape(padded, [batch, count, pieces, hop]);
  const terms = range(pieces).map((k) => {
    const piece = ir.reshape(ir.narrow(split, 2, k, 1), [batch, count, hop]);
    return ir.pad(piece, [0, k, 0], [0, pieces - 1 - k, 0]);
  });
  const sum = terms.reduce((a, b) => ir.add(a, b));
  return ir.narrow(ir.reshape(sum, [batch, (count + pieces - 1) * hop]), 1, 0, total);
}

/** The signals [B, L] whose {@link stft} pairs [B, F, T, 2] are, by least squares over frames. */
export function istft(x: Node, nFft: number, options: IstftOptions = {}): Node {
  const { center = true, normalized = false, onesided = true, length } = options;
  const isBatch = x.shape.length === 4;
  const wanted = onesided ? Math.floor(nFft / 2) + 1 : nFft;
  if ((!isBatch && x.shape.length !== 3) || x.shape.at(-1) !== 2 || x.shape.at(-3) !== wanted) {
    throw new ShapeError(
      `istft: needs pairs [${wanted}, T, 2] with a batch or without, got ${formatShape(x.shape)}`,
    );
  }
  const source = ir.cast(x, computeDType(x.dtype));
  const { hop, window } = planFrames("istft", nFft, options, source);
  const rows = isBatch ? source : ir.reshape(source, [1, ...source.shape]);
  const turned = ir.permute(rows, [0, 2, 1, 3]);
  const norm = normalized ? "ortho" : "backward";
  // The signal is real: the second half of the frequencies has nothing to add.
  const half = ir.narrow(turned, 2, 0, Math.floor(nFft / 2) + 1);
  const frames = irfft(half, { n: nFft, norm });
  const [batch, count] = frames.shape;
  const sum = overlapAdd(weigh(frames, window), hop);
  const squares = ir.expand(ir.reshape(ir.mul(window, window), [1, 1, nFft]), [1, count, nFft]);
  const envelope = ir.expand(overlapAdd(squares, hop), sum.shape);
  const start = center ? Math.floor(nFft / 2) : 0;
  const end = length == null ? sum.shape[1] - start : Math.min(start + length, sum.shape[1]);
  const cut = (y: Node): Node => ir.narrow(y, 1, start, end - start);
  const signal = ir.div(cut(sum), cut(envelope));
  const rest = length == null ? 0 : length - (end - start);
  const whole = rest > 0 ? ir.pad(signal, [0, 0], [0, rest]) : signal;
  return isBatch ? whole : ir.reshape(whole, [whole.shape[1] * batch]);
}
