import { widen } from "../../tensor/autocast.ts";
import type { InstanceNormOptions as InstanceOptions } from "../../tensor/ops/instance-norm.ts";
import { instanceNorm as instanceNormNode } from "../../tensor/ops/instance-norm.ts";
import * as ops from "../../tensor/ops/normalization.ts";
import type { LocalResponseNormOptions } from "../../tensor/ops/response-norm.ts";
import { localResponseNorm as localResponseNormNode } from "../../tensor/ops/response-norm.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import type { WithTensors } from "./apply.ts";
import { nodeOptions, tensorsIn, unary, wideUnary } from "./apply.ts";

/** Scale `weight`, shift `bias` (both optional) and `eps` added to the variance. */
export type NormalizationOptions = WithTensors<ops.NormalizationOptions>;

/**
 * Normalises the trailing dims to zero mean and unit variance: (x − E[x]) / √(Var[x] + eps) · weight
 * + bias. Shapes: x [..., …S], weight and bias …S. Half types compute in f32.
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: number | readonly number[],
  options?: NormalizationOptions,
): Tensor {
  const node = ops.layerNorm(widen(x), normalizedShape, nodeOptions(options));
  return derive([x, ...tensorsIn(options)], node);
}

/** x / √(E[x²] + eps) · weight over the trailing dims. Half types compute in f32. */
export function rmsNorm(
  x: Tensor,
  normalizedShape: number | readonly number[],
  options?: WithTensors<ops.RmsNormOptions>,
): Tensor {
  const node = ops.rmsNorm(widen(x), normalizedShape, nodeOptions(options));
  return derive([x, ...tensorsIn(options)], node);
}

/** Normalises groups of channels of x [N, C, …S] each; weight and bias [C]. */
export function groupNorm(x: Tensor, numGroups: number, options?: NormalizationOptions): Tensor {
  const node = ops.groupNorm(widen(x), numGroups, nodeOptions(options));
  return derive([x, ...tensorsIn(options)], node);
}

/** Options of {@link instanceNorm}. */
export type InstanceNormOptions = WithTensors<InstanceOptions>;

/**
 * Normalises every channel of every sample of x [N, C, …S] over space; weight and bias [C]. Running
 * statistics [C], when given, are assigned (1 − momentum) · running + momentum · batch; without
 * `useInputStats` x is normalised by them.
 */
export function instanceNorm(x: Tensor, options: InstanceNormOptions = {}): Tensor {
  const result = instanceNormNode(x.node, nodeOptions<InstanceOptions>(options));
  const output = derive([x, ...tensorsIn(options)], result.output);
  if (options.useInputStats !== false) updateStatistics(x, options, result);
  return output;
}

/** Assigns what the running statistics become. */
function updateStatistics(
  x: Tensor,
  { runningMean, runningVar }: WithTensors<ops.RunningStatistics>,
  fresh: ops.RunningStatistics,
): void {
  if (runningMean != null && fresh.runningMean != null) {
    runningMean.assign(derive([x, runningMean], fresh.runningMean));
  }
  if (runningVar != null && fresh.runningVar != null) {
    runningVar.assign(derive([x, runningVar], fresh.runningVar));
  }
}

/**
 * x / (k + alpha · m)^beta, where m is the mean square of `size` neighbouring channels of x
 * [N, C, …].
 */
export const localResponseNorm: (
  x: Tensor,
  size: number,
  options?: LocalResponseNormOptions,
) => Tensor = unary(localResponseNormNode);

/** Options of {@link batchNorm}. */
export type BatchNormOptions = Omit<WithTensors<ops.BatchNormOptions>, keyof ops.RunningStatistics>;

/**
 * Normalises every channel of x [N, C, …S] over batch and space: in training by the batch's mean and
 * biased variance, otherwise by the running statistics. Training assigns the running statistics
 * (1 − momentum) · running + momentum · batch, with the unbiased variance.
 * @param runningMean - [C]; null if none are kept, then `training` must be true.
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options?: BatchNormOptions,
): Tensor {
  const statistics = { runningMean, runningVar };
  const result = ops.batchNorm(
    x.node,
    nodeOptions<ops.BatchNormOptions>({ ...options, ...statistics }),
  );
  const sources = [x, ...tensorsIn(options)];
  const output = derive([...sources, ...tensorsIn(statistics)], result.output);
  if (options?.training === true) updateStatistics(x, statistics, result);
  return output;
}

/** x / max(‖x‖ₚ, eps) along dims. */
export const normalize: (x: Tensor, options?: ops.NormalizeOptions) => Tensor = wideUnary(
  ops.normalize,
);
