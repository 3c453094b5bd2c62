import { ConfigError, ShapeError } from "../../base/errors.ts";
import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape } from "../../ir/shape.ts";
import { add, div, mul, rsqrt, sub } from "./arithmetic.ts";
import type { BatchNormResult, NormalizationOptions, RunningStatistics } from "./normalization.ts";
import { affine, channelShape, requireAffine, standardize } from "./normalization.ts";
import { computeDType, inComputeDType } from "./operands.ts";
import { reduceCount } from "./reduce.ts";

/** Options of {@link instanceNorm}. */
export interface InstanceNormOptions extends NormalizationOptions, RunningStatistics {
  /** Normalise by the input's own statistics, not the running ones. @defaultValue true */
  readonly useInputStats?: boolean | undefined;
  /** Weight of the batch in new running statistics. @defaultValue 0.1 */
  readonly momentum?: number | undefined;
}

/**
 * Normalises every channel of every sample of x [N, C, …S] over space; weight and bias [C]. With
 * running statistics the result carries what they become: (1 − momentum) · running + momentum ·
 * (the batch's means; its mean unbiased variances). Without `useInputStats` it normalises by them.
 * Differs from torch: nothing is updated in place.
 */
export function instanceNorm(x: Node, options: InstanceNormOptions = {}): BatchNormResult {
  const { eps = 1e-5, momentum = 0.1, useInputStats = true, runningMean, runningVar } = options;
  const shape = channelShape("instanceNorm", x);
  requireAffine("instanceNorm", options, [x.shape[1]]);
  if (!useInputStats) {
    if (runningMean == null || runningVar == null) {
      throw new ConfigError(
        "instanceNorm: runningMean and runningVar are needed unless useInputStats is true",
      );
    }
    const output = inComputeDType(x, (a) => {
      const fit = (line: Node): Node => ir.reshape(ir.cast(line, a.dtype), shape);
      const y = mul(sub(a, fit(runningMean)), rsqrt(add(fit(runningVar), eps)));
      return affine(y, options, shape);
    });
    return { output, runningMean, runningVar };
  }
  const axes = range(x.shape.length).slice(2);
  const count = reduceCount(x, axes);
  if (count < 2) {
    throw new ShapeError(
      `instanceNorm: needs more than one value per channel, got ${formatShape(x.shape)}`,
    );
  }
  const own = standardize(ir.cast(x, computeDType(x.dtype)), axes, eps);
  const blend = (running: Node | null | undefined, seen: Node, scale: number): Node | null => {
    if (running == null) return null;
    const batch = div(ir.reduceSum(seen, [0]), x.shape[0]);
    const fresh = ir.cast(ir.reshape(batch, running.shape), running.dtype);
    return add(mul(running, 1 - momentum), mul(fresh, momentum * scale));
  };
  return {
    output: ir.cast(affine(own.y, options, shape), x.dtype),
    runningMean: blend(runningMean, own.mean, 1),
    runningVar: blend(runningVar, own.variance, count / (count - 1)),
  };
}
