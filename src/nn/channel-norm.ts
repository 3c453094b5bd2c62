import { ones, zeros } from "../tensor/factories.ts";
import { constant } from "./init.ts";
import type { ModuleOptions } from "./linear.ts";
import { Module, formatOptions } from "./module.ts";
import { Buffer, Parameter } from "./parameter.ts";
import { snakeCase } from "./state-key.ts";

/** Options of the batch and instance normalisations. */
export interface ChannelNormOptions extends ModuleOptions {
  /** Added to the variance. @defaultValue 1e-5 */
  readonly eps?: number;
  /** Weight of a batch in the running statistics. @defaultValue 0.1 */
  readonly momentum?: number | null;
  /** Whether there is a learned scale and shift. */
  readonly affine?: boolean;
  /** Whether there is a shift beside the scale. @defaultValue true */
  readonly bias?: boolean;
  /** Whether evaluation uses running statistics instead of the input's. */
  readonly trackRunningStats?: boolean;
}

/**
 * Scale, shift and running statistics per channel.
 * State-dict keys as PyTorch's: weight, bias, running_mean, running_var, num_batches_tracked (i32).
 */
export abstract class ChannelNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  weight: Parameter | null;
  bias: Parameter | null;
  runningMean: Buffer | null;
  runningVar: Buffer | null;
  numBatchesTracked: Buffer | null;

  constructor(
    numFeatures: number,
    options: ChannelNormOptions,
    {
      affine,
      trackRunningStats,
    }: { readonly affine: boolean; readonly trackRunningStats: boolean },
  ) {
    super();
    const { eps = 1e-5, momentum = 0.1, bias = true, dtype, device } = options;
    const hasScale = options.affine ?? affine;
    const hasStatistics = options.trackRunningStats ?? trackRunningStats;
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    const place = { dtype, device };
    this.weight = hasScale ? new Parameter(ones([numFeatures], place)) : null;
    this.bias = hasScale && bias ? new Parameter(zeros([numFeatures], place)) : null;
    this.runningMean = hasStatistics ? new Buffer(zeros([numFeatures], place)) : null;
    this.runningVar = hasStatistics ? new Buffer(ones([numFeatures], place)) : null;
    this.numBatchesTracked = hasStatistics ? new Buffer(zeros([], { dtype: "i32", device })) : null;
  }

  /** Running mean 0, running variance 1, no batches seen. */
  resetRunningStats(): void {
    if (this.runningMean !== null) constant(this.runningMean, 0);
    if (this.runningVar !== null) constant(this.runningVar, 1);
    if (this.numBatchesTracked !== null) constant(this.numBatchesTracked, 0);
  }

  /** Scale 1, shift 0, and the statistics anew. */
  resetParameters(): void {
    this.resetRunningStats();
    if (this.weight !== null) constant(this.weight, 1);
    if (this.bias !== null) constant(this.bias, 0);
  }

  protected override stateKey(field: string): string {
    return snakeCase(field);
  }

  protected override extraRepr(): string {
    const { numFeatures, eps, momentum } = this;
    const affine = this.weight !== null;
    const trackRunningStats = this.runningMean !== null;
    return `${numFeatures}, ${formatOptions({ eps, momentum, affine, trackRunningStats })}`;
  }
}
