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
  length: 64,
  width: 128,
  heads: 4,
  layers: 2,
  vocab: 256,
} as const;
export const learningRate = 1e-3;
