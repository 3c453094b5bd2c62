import { where } from "../../../tensor/functions.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import { maskedRowSum } from "./masked.ts";

/** Exponent k and rate λ of the weight, for each sign of the advantage. */
export interface VespoSettings {
  readonly vespoKPos: number;
  readonly vespoLambdaPos: number;
  readonly vespoKNeg: number;
  readonly vespoLambdaNeg: number;
}

/** Bounds of log-ratios: e^20 still leaves room in f32, and below 1e-8 a ratio is as good as 0. */
const [lowest, highest] = [Math.log(1e-8), 20];

/**
 * VESPO's weight of each completion: $φ(w) = e^λ w^k e^{-λw}$, a gamma density scaled to φ(1) = 1, of
 * the ratio w of the whole completion. No gradient.
 * Shapes: logRatio [B, T], advantages [B, 1] (or [B, T]), mask bool [B, T] -> [B, 1] (or [B, T]).
 */
export function vespoWeights(
  logRatio: Tensor,
  advantages: Tensor,
  mask: Tensor,
  settings: VespoSettings,
): Tensor {
  const bounded = logRatio.detach().clamp({ min: -highest, max: highest });
  const summed = maskedRowSum(bounded, mask).unsqueeze(1);
  const logW = summed.clamp({ min: lowest, max: highest });
  const weight = (k: number, rate: number): Tensor =>
    logW.mul(k).add(rate).sub(logW.exp().mul(rate)).exp();
  const { vespoKPos, vespoLambdaPos, vespoKNeg, vespoLambdaNeg } = settings;
  return where(
    advantages.ge(0),
    weight(vespoKPos, Math.max(vespoLambdaPos, 1e-4)),
    weight(vespoKNeg, Math.max(vespoLambdaNeg, 1e-4)),
  );
}
