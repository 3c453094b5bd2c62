/** What one contender does for one row, in a process of its own. */
export interface Workload {
  /** Does it once, with nothing left behind and nothing read by the host. */
  run(): void | Promise<void>;
  /** A number every contender of the row must agree on; asked for once, before any timing. */
  check(): number | Promise<number>;
  /** Other measured numbers, by name; asked for once, after the check. */
  facts?(): Promise<Readonly<Record<string, number>>>;
}

/** Makes a workload ready, up to and including its first run. */
export type MakeWorkload = () => Promise<Workload>;

/** Steps of training before the loss is compared. */
export const checkedSteps = 5;

/** Sizes of the training rows, shared by all contenders. */
export const mlpSizes = { batch: 128, widths: [784, 256, 256, 10] } as const;
export const cnnSizes = { batch: 64, side: 28, channels: [1, 32, 64], classes: 10 } as const;
export const gptSizes = {
  batch: 8,
  length: 128,
  width: 256,
  heads: 4,
  layers: 2,
  vocab: 4096,
} as const;
/** Tokens that are decoded one by one from the same net. */
export const decodeSizes = { tokens: 64, start: 1 } as const;
/** Actor 17-256-256-6 and critic 23-256-256-1, as for HalfCheetah. */
export const ddpgSizes = {
  batch: 256,
  observation: 17,
  action: 6,
  hidden: 256,
  discount: 0.99,
  tau: 0.005,
} as const;
/** Images [N, C, H, W] made twice as large. */
export const upsampleShape = [4, 64, 64, 64] as const;
/** Ten million parameters in ten matrices. */
export const adamwSizes = { matrices: 10, shape: [1000, 1000] } as const;
export const learningRate = 1e-3;

/** All sizes by one name each, for contenders in other languages. */
export const sizes = {
  mlp: mlpSizes,
  cnn: cnnSizes,
  gpt: gptSizes,
  decode: decodeSizes,
  ddpg: ddpgSizes,
  upsample: upsampleShape,
  adamw: adamwSizes,
  learningRate,
  checkedSteps,
} as const;
