import { defaultBlocks, workspaceLayout, type BlockSizes } from "./gemm-blocks.ts";
import { PANEL, tileRows } from "./gemm-kernels.ts";

/** Descriptor of a convolution in memory: an array of i32, in this order. */
const convFields = [
  "batch",
  "groups",
  "channels",
  "outputs",
  "inD",
  "inH",
  "inW",
  "kernelD",
  "kernelH",
  "kernelW",
  "outD",
  "outH",
  "outW",
  "strideD",
  "strideH",
  "strideW",
  "padD",
  "padH",
  "padW",
  "dilationD",
  "dilationH",
  "dilationW",
  "spreadD",
  "spreadH",
  "spreadW",
  "transposed",
  "accumulate",
  "epilogue",
  "epilogueArgs",
] as const;

export type ConvField = (typeof convFields)[number];

/** Size of a convolution descriptor. */
export const CONV_DESC_BYTES: number = 4 * convFields.length;

/** Byte offset of a descriptor field. */
export function convField(field: ConvField): number {
  return 4 * convFields.indexOf(field);
}

/** Depth, height, width; lower ranks put 1 (or pad 0) in front. */
export type Triple = readonly [depth: number, height: number, width: number];

/**
 * out[b, g·O + o, p] = Σ_{c, t} w[g·O + o, c, t] · x[b, g·C + c, p·stride − pad + t·dilation]
 * with x spread by `spread` (spread − 1 zeros between elements) and zero outside; all tensors
 * f32 and contiguous: x [batch, groups·channels, ...in], w [groups·outputs, channels, ...kernel],
 * out [batch, groups·outputs, ...out]. The output size says how far the far side is padded.
 */
export interface ConvDesc {
  readonly batch: number;
  readonly groups: number;
  /** Input channels of a group. */
  readonly channels: number;
  /** Output channels of a group. */
  readonly outputs: number;
  readonly input: Triple;
  readonly kernel: Triple;
  readonly output: Triple;
  readonly stride: Triple;
  /** Zeros before the first element; negative cuts elements off. */
  readonly pad: Triple;
  readonly dilation: Triple;
  /** Dilation of the input: the stride of a transposed convolution. */
  readonly spread: Triple;
  /**
   * The kernel is mirrored and w is [groups·channels, outputs, ...kernel], as the gradient with
   * respect to the input needs it.
   */
  readonly transposed?: boolean;
  /** Adds to the result instead of overwriting it. */
  readonly accumulate?: boolean;
  /** Table index of the function called for every finished block, or -1. */
  readonly epilogue?: number;
  readonly epilogueArgs?: number;
}

/** Writes a descriptor at `byteOffset` of the memory that `view` shows from its start. */
export function writeConvDesc(view: Int32Array, byteOffset: number, desc: ConvDesc): void {
  const values = [
    desc.batch,
    desc.groups,
    desc.channels,
    desc.outputs,
    ...desc.input,
    ...desc.kernel,
    ...desc.output,
    ...desc.stride,
    ...desc.pad,
    ...desc.dilation,
    ...desc.spread,
    Number(desc.transposed ?? false),
    Number(desc.accumulate ?? false),
    desc.epilogue ?? -1,
    desc.epilogueArgs ?? 0,
  ];
  view.set(values, byteOffset / 4);
}

/**
 * The convolution that takes the gradient with respect to `desc`'s output to the gradient with
 * respect to its input; it reads the same w.
 */
export function convInputGradient(desc: ConvDesc): ConvDesc {
  const pad = desc.pad.map((p, i) => (desc.kernel[i] - 1) * desc.dilation[i] - p);
  return {
    batch: desc.batch,
    groups: desc.groups,
    channels: desc.outputs,
    outputs: desc.channels,
    input: desc.output,
    kernel: desc.kernel,
    output: desc.input,
    stride: desc.spread,
    pad: [pad[0], pad[1], pad[2]],
    dilation: desc.dilation,
    spread: desc.stride,
    transposed: !(desc.transposed ?? false),
  };
}

const volume = ([d, h, w]: Triple): number => d * h * w;

/** Floating-point operations of a convolution or of its weight gradient; padding counts. */
export function convFlops(desc: ConvDesc): number {
  const perPixel = 2 * desc.groups * desc.channels * desc.outputs * volume(desc.kernel);
  // A transposed convolution does the work of the convolution it is the gradient of.
  const pixels = desc.transposed === true ? desc.input : desc.output;
  return perPixel * desc.batch * volume(pixels);
}

/** Pixels whose products a scattering convolution computes at a time; at least one row. */
export const SCATTER_PIXELS = 1024;
/** Products it keeps: they stay in the L2 cache until they are scattered. */
export const SCATTER_ELEMENTS: number = 192 * SCATTER_PIXELS;

/** Byte offsets of the convolution's parts of a thread's workspace, after GEMM's. */
export interface ConvLayout {
  /** Offset of each tap in the padded input. */
  readonly taps: number;
  /** Offset of each pixel in the padded input. */
  readonly pixels: number;
  /** Rearranged weights of a group, when transposed; the padded input follows. */
  readonly weights: number;
}

/** Where the convolution's parts of a workspace stand. */
export function convLayout(blocks: BlockSizes, tile: number): ConvLayout {
  const taps = workspaceLayout(blocks, tile).end;
  const table = 4 * (Math.max(blocks.columns, blocks.depth) + PANEL);
  const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;
  const pixels = align(taps + table);
  return { taps, pixels, weights: align(pixels + table) };
}

/** Bytes of the padded copy of the input that `pixels` outputs and `taps` taps may need. */
function paddedBytes(desc: ConvDesc, pixels: number, taps: number): number {
  const [, kernelH, kernelW] = desc.kernel;
  const [, outH, outW] = desc.output;
  const extent = (count: number, axis: 1 | 2): number =>
    (count - 1) * desc.stride[axis] + (desc.kernel[axis] - 1) * desc.dilation[axis] + 1;
  const planes = Math.min(
    desc.channels * desc.kernel[0],
    Math.ceil(taps / (kernelH * kernelW)) + 1,
  );
  const rows = Math.min(outH, Math.ceil(pixels / outW) + 1);
  // A single row holds only its own pixels; two or more are copied whole.
  const whole = extent(rows, 1) * extent(outW, 2);
  const single = extent(1, 1) * extent(Math.min(pixels, outW), 2);
  return 4 * planes * (pixels < outW ? Math.max(single, extent(2, 1) * extent(outW, 2)) : whole);
}

/** Bytes of workspace each thread needs for the convolution and for its weight gradient. */
export function convWorkspaceBytes(
  desc: ConvDesc,
  options: { readonly fma: boolean; readonly blocks?: BlockSizes },
): number {
  const { fma, blocks = defaultBlocks } = options;
  if (volume(desc.output) === 0) return convLayout(blocks, tileRows(fma)).weights;
  const { channels, outputs, kernel } = desc;
  const weights = desc.transposed === true ? 4 * channels * outputs * volume(kernel) : 0;
  const forward = paddedBytes(desc, blocks.columns, blocks.depth);
  const gradient = paddedBytes(desc, blocks.depth, blocks.columns);
  const row = volume(kernel) * Math.min(volume(desc.input), SCATTER_PIXELS + desc.input[2]);
  const scatter = desc.transposed === true ? 4 * Math.max(SCATTER_ELEMENTS, row) : 0;
  const input = Math.max(forward, gradient, scatter) + 64;
  return convLayout(blocks, tileRows(fma)).weights + weights + 64 + input;
}
