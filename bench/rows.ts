import {
  adamwSizes,
  cnnSizes,
  ddpgSizes,
  decodeSizes,
  gptSizes,
  mlpSizes,
  upsampleShape,
} from "./workload.ts";

/**
 * Sum; difference, square added; difference, over the deviation, times weight, plus bias. A
 * contraction of the last two would save one more, but elementwise code rounds after each operation.
 */
const layerNormInstructions = 7;

/** Libraries that are measured, in the order of their columns. */
export const contenders = [
  "athanor",
  "jax-js",
  "jax-js im2col",
  "tfjs-wasm",
  "onnxruntime",
  "onnxruntime-web",
  "openblas",
  "pytorch",
] as const;
export type Contender = (typeof contenders)[number];

/** The least work a row can be done with: the slowest of these is its bound. */
interface Work {
  /** Floating-point operations of its matrix products and convolutions. */
  readonly flops?: number;
  /** Bytes that must come from and go to memory. */
  readonly bytes?: number;
  /** Whether they are more than caches hold. */
  readonly isLarge?: boolean;
  /** Vector instructions of four lanes. */
  readonly instructions?: number;
}

/** What a bound is made of: the machine's own rates, or the rate of the library's GEMM. */
type Yardstick = "machine" | "gemm";

/** One line of the table for each thread count. */
export interface Row {
  readonly name: string;
  readonly summary: string;
  readonly contenders: readonly Contender[];
  /** Contenders that take seconds for one run: few samples, none with `--quick`. */
  readonly slow?: readonly Contender[];
  readonly work?: Work;
  readonly yardstick?: Yardstick;
  /** What Athanor is to reach: share of the bound, and how many times a contender's speed. */
  readonly target?: {
    readonly ofBound?: number;
    readonly ratio?: number;
    readonly scaling?: number;
  };
  /** Runs per sample, for what takes microseconds. */
  readonly inner?: number;
  /** Thread counts, if not those of the command line. */
  readonly threads?: readonly number[];
  /** Relative difference two contenders' check values may have. @defaultValue 1e-4 */
  readonly tolerance?: number;
  /** Facts that are shown below the table. */
  readonly hasFacts?: boolean;
}

const floats = 4_194_304;
const onceThrough: Pick<Work, "bytes"> = { bytes: 2 * 4 * floats };
/** Instructions per four lanes of an exp within 2 ulp: clamp, reduction, degree 6, scaling. */
const expInstructions = 15;

/** Forward, gradient of the weights, and gradient of the input except in the first layer. */
function mlpFlops(): number {
  const { batch, widths } = mlpSizes;
  return widths
    .slice(1)
    .map((outputs, i) => 2 * batch * widths[i] * outputs * (i === 0 ? 2 : 3))
    .reduce((sum, flops) => sum + flops, 0);
}

function cnnFlops(): number {
  const { batch, side, channels, classes } = cnnSizes;
  const [input, middle, last] = channels;
  const conv = (size: number, from: number, to: number): number =>
    2 * batch * size ** 2 * 9 * from * to;
  const features = last * (side / 4) ** 2;
  return (
    2 * conv(side, input, middle) +
    3 * conv(side / 2, middle, last) +
    6 * batch * features * classes
  );
}

function gptFlops(): number {
  const { batch, length, width, layers, vocab } = gptSizes;
  const tokens = batch * length;
  const linear = layers * 12 * width ** 2 + width * vocab;
  const attention = layers * 2 * length * width;
  return 3 * 2 * tokens * (linear + attention);
}

/** Multiply-adds of one row through linear layers of these widths. */
const linearMacs = (...widths: number[]): number =>
  widths.slice(1).reduce((sum, outputs, i) => sum + widths[i] * outputs, 0);

/** Both target nets forward; the critic and, through it, the actor forward and back. */
function ddpgFlops(): number {
  const { batch, observation, action, hidden } = ddpgSizes;
  const actor = linearMacs(observation, hidden, hidden, action);
  const critic = linearMacs(observation + action, hidden, hidden, 1);
  const first = (inputs: number): number => inputs * hidden;
  const backward = 2 * critic - first(observation + action) + critic + 2 * actor;
  return 2 * batch * (2 * actor + 3 * critic + backward - first(observation));
}

const decodeMacs = (): number => {
  const { width, layers, vocab } = gptSizes;
  return layers * (12 * width ** 2 + decodeSizes.tokens * width) + width * vocab;
};

const size = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Libraries that run single operations. */
const everyKernel = [
  "athanor",
  "jax-js",
  "tfjs-wasm",
  "onnxruntime",
  "onnxruntime-web",
  "pytorch",
] as const;

const gemm = (size: number): Row => ({
  name: `gemm ${size}`,
  summary: `product of two ${size}×${size} matrices`,
  contenders: [...everyKernel, "openblas"],
  work: { flops: 2 * size ** 3 },
  ...(size >= 512 && { target: { ofBound: 0.8, scaling: 1.7 } }),
});

/** All rows. */
export const rows: readonly Row[] = [
  gemm(256),
  gemm(512),
  gemm(1024),
  gemm(2048),
  {
    name: "elementwise 4M",
    summary: "relu(1.5 x + 0.3)² of 4,194,304 floats",
    contenders: everyKernel,
    work: { ...onceThrough, instructions: (floats / 4) * 4 },
    target: { ofBound: 1 / 1.3 },
  },
  {
    name: "softmax 4096x1024",
    summary: "softmax of each row",
    contenders: everyKernel,
    work: { ...onceThrough, instructions: (floats / 4) * (4 + expInstructions) },
    target: { ofBound: 1 / 1.3 },
  },
  {
    name: "layer norm 4096x1024",
    summary: "layer normalisation of each row, with weight and bias",
    contenders: everyKernel,
    work: { ...onceThrough, instructions: (floats / 4) * layerNormInstructions },
    target: { ofBound: 1 / 1.3 },
  },
  {
    name: "conv 8x64x56x56",
    summary: "64 filters of 3×3, padding 1",
    contenders: [...everyKernel, "jax-js im2col"],
    slow: ["jax-js"],
    work: { flops: 2 * 8 * 56 * 56 * 64 * 64 * 9 },
    yardstick: "gemm",
    target: { ofBound: 0.6 },
  },
  {
    name: "mlp step",
    summary: "training step 784-256-256-10, batch 128, Adam",
    contenders: ["athanor", "jax-js", "pytorch"],
    work: { flops: mlpFlops() },
    yardstick: "gemm",
    target: { ofBound: 0.6, ratio: 3 },
    hasFacts: true,
  },
  {
    name: "mlp products",
    summary: "the eight matrix products of that step and nothing else",
    contenders: ["athanor"],
    work: { flops: mlpFlops() },
    yardstick: "gemm",
  },
  {
    name: "cnn step",
    summary: "training step, two conv-relu-pool 1-32-64 on 28×28, linear, batch 64, Adam",
    contenders: ["athanor", "jax-js", "jax-js im2col", "pytorch"],
    slow: ["jax-js"],
    work: { flops: cnnFlops() },
    yardstick: "gemm",
    target: { ratio: 3 },
    hasFacts: true,
  },
  {
    name: "gpt step",
    summary: "training step, 2 layers of width 256, 4 heads, 128 tokens of 4096, batch 8, AdamW",
    contenders: ["athanor", "jax-js", "pytorch"],
    work: { flops: gptFlops() },
    yardstick: "gemm",
    target: { ratio: 3 },
    hasFacts: true,
  },
  {
    name: "gpt decode",
    summary: "64 tokens from that net one by one, with a key-value cache, each read",
    contenders: everyKernel,
    // Every weight is read for every token.
    work: { bytes: decodeSizes.tokens * 4 * decodeMacs() },
    tolerance: 0,
  },
  {
    name: "ddpg update",
    summary: "both nets 17-256-256-6, batch 256, targets, Adam, Polyak averages",
    contenders: ["athanor", "jax-js", "pytorch"],
    work: { flops: ddpgFlops() },
    yardstick: "gemm",
    target: { ratio: 3 },
    hasFacts: true,
  },
  {
    name: "upsample x2",
    summary: "bilinear, images 4×64×64×64 made twice as large",
    contenders: everyKernel,
    work: { bytes: 5 * 4 * size(upsampleShape) },
  },
  {
    name: "adamw 10M",
    summary: "an AdamW update of ten matrices of a million parameters",
    contenders: ["athanor", "jax-js", "pytorch"],
    // Parameter, gradient and both moments are read, all but the gradient written.
    work: { bytes: 7 * 4 * adamwSizes.matrices * size(adamwSizes.shape), isLarge: true },
    target: { ofBound: 0.85 },
  },
  {
    name: "step of 100 parameters",
    summary: "a compiled step that updates 100 captured tensors of 4 floats",
    contenders: ["athanor"],
    inner: 100,
    threads: [1],
    hasFacts: true,
  },
];
