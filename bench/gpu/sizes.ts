import { sizes as cpuSizes } from "../workload.ts";

/** Sizes of the rows, shared with the peers in Python through BENCH_SIZES. */
export interface GpuSizes {
  /** Floats of the copy: 1 GiB. */
  readonly copy: number;
  readonly elementwise: number;
  /** Rows and columns of softmax and layer norm. */
  readonly rows: readonly [number, number];
  readonly upsample: readonly [number, number, number, number];
  /** Sides of the square products. */
  readonly matmul: readonly number[];
  /** Layers and width of the chain of small launches. */
  readonly replay: readonly [layers: number, width: number];
  readonly gpt2: {
    readonly vocab: number;
    readonly length: number;
    readonly width: number;
    readonly heads: number;
    readonly layers: number;
  };
  readonly gpt2Batches: readonly number[];
  readonly resnet: {
    readonly blocks: readonly [number, number, number, number];
    readonly side: number;
    readonly classes: number;
  };
  readonly resnetBatches: readonly number[];
}

/** What the table shows. */
const full: GpuSizes = {
  copy: 2 ** 28,
  elementwise: 64 * 2 ** 20,
  rows: [16384, 4096],
  upsample: [32, 64, 64, 64],
  matmul: [4096, 8192],
  replay: [100, 64],
  gpt2: { vocab: 50304, length: 1024, width: 768, heads: 12, layers: 12 },
  gpt2Batches: [16, 32, 64],
  resnet: { blocks: [3, 4, 6, 3], side: 224, classes: 1000 },
  resnetBatches: [64, 256],
};

/** Seconds on a CPU: what tests of the benchmark run. */
const tiny: GpuSizes = {
  copy: 2 ** 16,
  elementwise: 2 ** 16,
  rows: [64, 256],
  upsample: [2, 4, 8, 8],
  matmul: [64, 128],
  replay: [10, 16],
  gpt2: { vocab: 128, length: 32, width: 32, heads: 2, layers: 2 },
  gpt2Batches: [1, 2, 4],
  resnet: { blocks: [1, 1, 1, 1], side: 32, classes: 10 },
  resnetBatches: [2, 4],
};

/** GPU_BENCH_TINY=1 makes everything small. */
export const gpuSizes: GpuSizes = process.env["GPU_BENCH_TINY"] === "1" ? tiny : full;

/** All sizes as the peers read them. */
export const allSizes = { ...cpuSizes, gpu: gpuSizes } as const;

type Gpt2Sizes = GpuSizes["gpt2"];

/** Shapes of GPT-2's parameters, the embedding counted once: 124.5M for the full size. */
export function gpt2Shapes({ vocab, length, width, layers }: Gpt2Sizes): readonly number[][] {
  const block = [
    [width],
    [width],
    [3 * width, width],
    [3 * width],
    [width, width],
    [width],
    [width],
    [width],
    [4 * width, width],
    [4 * width],
    [width, 4 * width],
    [width],
  ];
  const blocks = Array.from({ length: layers }, () => block).flat();
  return [[vocab, width], [length, width], ...blocks, [width], [width]];
}

const product = (shape: readonly number[]): number => shape.reduce((all, size) => all * size, 1);

/** Elements of all parameters of GPT-2. */
export function gpt2Parameters(sizes: Gpt2Sizes): number {
  return gpt2Shapes(sizes).reduce((sum, shape) => sum + product(shape), 0);
}

/**
 * Operations of one training step over `tokens` tokens: 6 for each weight and token, and the
 * products of causal attention, half of 12 · layers · length · width.
 */
export function gpt2Flops(sizes: Gpt2Sizes, tokens: number): number {
  const { layers, length, width } = sizes;
  return tokens * (6 * gpt2Parameters(sizes) + 6 * layers * length * width);
}
