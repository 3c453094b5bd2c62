import { gpt2Flops, gpt2Parameters, gpuSizes } from "./sizes.ts";

/** A line of the table. */
export interface GpuRow {
  readonly name: string;
  readonly summary: string;
  /** Ways Athanor does it; the fastest counts. */
  readonly athanor: readonly string[];
  /** Ways PyTorch does it; the fastest counts. */
  readonly pytorch: readonly string[];
  /** More ways, which take long to compile: with --all-variants. */
  readonly slowPytorch?: readonly string[];
  /** What one run does, by definition. */
  readonly bytes?: number;
  readonly flops?: number;
  readonly items?: { readonly count: number; readonly unit: string };
  /** Relative difference of the checks that is still the same computation. */
  readonly tolerance: number;
  /** Whether the contenders do not fit into memory together: one after the other. */
  readonly isExclusive?: boolean;
  /** What it takes in all, about; a row that does not fit into the time left is not started. */
  readonly seconds: number;
}

const floatBytes = 4;
const [rowCount, columns] = gpuSizes.rows;
const matrix = rowCount * columns * floatBytes;
const image = gpuSizes.upsample.reduce((all, size) => all * size, 1) * floatBytes;
const parameters = gpt2Parameters(gpuSizes.gpt2);
const step = ["eager", "graph"];

function gpt2Row(batch: number, label: string, isExclusive: boolean): GpuRow {
  const tokens = batch * gpuSizes.gpt2.length;
  return {
    name: `gpt2 ${label}`,
    summary: `GPT-2 124M training, bf16, ${batch} × ${gpuSizes.gpt2.length} tokens, AdamW`,
    athanor: ["autocast", "master weights"],
    pytorch: ["compile"],
    slowPytorch: ["max-autotune"],
    flops: gpt2Flops(gpuSizes.gpt2, tokens),
    items: { count: tokens, unit: "tok/s" },
    // Both draw weights of their own.
    tolerance: 0.05,
    isExclusive,
    seconds: 75,
  };
}

function resnetRow(batch: number, label: string): GpuRow {
  return {
    name: `resnet50 ${label}`,
    summary: `ResNet-50 training, bf16, ${batch} images, SGD with momentum`,
    athanor: ["autocast", "master weights"],
    pytorch: ["compile channels-last"],
    slowPytorch: ["eager", "eager channels-last"],
    items: { count: batch, unit: "img/s" },
    tolerance: 0.1,
    isExclusive: true,
    seconds: 75,
  };
}

function matmulRow(label: number, size: number, dtype: "bf16" | "f32"): GpuRow {
  return {
    name: `matmul ${label} ${dtype}`,
    summary: `product of two ${dtype} matrices ${size}×${size}`,
    athanor: ["jit"],
    pytorch: ["eager"],
    flops: 2 * size ** 3,
    tolerance: 1e-2,
    seconds: 6,
  };
}

/** The rows in the order they are measured: cheap ones first. */
export const gpuRows: readonly GpuRow[] = [
  {
    name: "copy",
    summary: `copy of ${(gpuSizes.copy * floatBytes) / 2 ** 20} MiB`,
    athanor: ["jit"],
    pytorch: ["eager"],
    bytes: 2 * gpuSizes.copy * floatBytes,
    tolerance: 0,
    seconds: 5,
  },
  {
    name: "elementwise",
    summary: `relu(1.5 x + 0.3)² of ${gpuSizes.elementwise} floats`,
    athanor: ["jit"],
    pytorch: ["eager", "compile"],
    bytes: 2 * gpuSizes.elementwise * floatBytes,
    tolerance: 1e-4,
    seconds: 8,
  },
  {
    name: "softmax",
    summary: `softmax over rows, ${rowCount}×${columns} f32`,
    athanor: ["jit"],
    pytorch: ["eager", "compile"],
    bytes: 2 * matrix,
    tolerance: 1e-4,
    seconds: 8,
  },
  {
    name: "layer norm",
    summary: `layer norm over rows, ${rowCount}×${columns} f32`,
    athanor: ["jit"],
    pytorch: ["eager", "compile"],
    bytes: 2 * matrix,
    tolerance: 1e-4,
    seconds: 8,
  },
  {
    name: "layer norm backward",
    summary: "the same with all gradients",
    athanor: ["jit"],
    pytorch: ["eager", "compile"],
    // Reads x twice and the cotangent, writes y and the gradient of x.
    bytes: 5 * matrix,
    tolerance: 1e-3,
    seconds: 10,
  },
  {
    name: "upsample x2",
    summary: `bilinear ×2 of ${gpuSizes.upsample.join("×")} f32`,
    athanor: ["jit"],
    pytorch: ["eager", "compile"],
    bytes: 5 * image,
    tolerance: 1e-4,
    seconds: 8,
  },
  {
    name: "adamw",
    summary: `AdamW over ${(parameters / 1e6).toFixed(1)}M f32 parameters of GPT-2's shapes`,
    athanor: ["jit"],
    pytorch: ["fused"],
    // Reads parameter, gradient and two moments, writes all but the gradient.
    bytes: 7 * parameters * floatBytes,
    tolerance: 1e-4,
    seconds: 10,
  },
  matmulRow(4096, gpuSizes.matmul[0], "bf16"),
  matmulRow(8192, gpuSizes.matmul[1], "bf16"),
  matmulRow(4096, gpuSizes.matmul[0], "f32"),
  {
    name: "replay",
    summary: `${gpuSizes.replay[0]} times product and layer norm of ${gpuSizes.replay[1]}²`,
    athanor: ["jit"],
    pytorch: ["eager", "forward graph"],
    tolerance: 1e-2,
    seconds: 8,
  },
  {
    name: "mlp step",
    summary: "training step 784-256-256-10, batch 128, Adam, f32",
    athanor: ["jit"],
    pytorch: [...step, "compiled graph"],
    tolerance: 1e-3,
    seconds: 20,
  },
  {
    name: "cnn step",
    summary: "training step, two conv-relu-pool 1-32-64 on 28×28, batch 64, Adam, f32",
    athanor: ["jit"],
    pytorch: [...step, "compiled graph"],
    tolerance: 1e-2,
    seconds: 20,
  },
  {
    name: "ddpg update",
    summary: "both nets 17-256-256-6, batch 256, targets, Adam, Polyak averages, f32",
    athanor: ["jit"],
    pytorch: step,
    tolerance: 1e-3,
    seconds: 12,
  },
  {
    name: "gpt step",
    summary: "training step, 2 layers of width 256, 128 tokens of 4096, batch 8, AdamW, f32",
    athanor: ["jit"],
    pytorch: [...step, "compiled graph"],
    tolerance: 1e-3,
    seconds: 25,
  },
  gpt2Row(gpuSizes.gpt2Batches[0], "B16", true),
  gpt2Row(gpuSizes.gpt2Batches[1], "B32", true),
  gpt2Row(gpuSizes.gpt2Batches[2], "B64", true),
  resnetRow(gpuSizes.resnetBatches[0], "64"),
  resnetRow(gpuSizes.resnetBatches[1], "256"),
];
