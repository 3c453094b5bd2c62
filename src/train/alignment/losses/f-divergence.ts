import { logSigmoid } from "../../../nn/functional/activation.ts";
import type { Tensor } from "../../../tensor/tensor.ts";

/** Divergence from the reference that f-DPO's policy pays for. DPO pays reverse KL. */
export type FDivergence = "reverse_kl" | "forward_kl" | "js_divergence" | "alpha_divergence";

/** All of {@link FDivergence}. */
export const fDivergences: readonly FDivergence[] = [
  "reverse_kl",
  "forward_kl",
  "js_divergence",
  "alpha_divergence",
];

/** Largest exponent of the α-divergence: e^80 is still an f32. */
const largestExponent = 80;

/**
 * Scores $f'(π/π_{ref})$ of sequences, from their log-ratios $\log(π/π_{ref})$; of a pair, DPO compares
 * these instead of the log-ratios, up to a constant that both have:
 * reverse KL: log t; forward KL: 1 − 1/t; Jensen-Shannon: log(2t/(1+t)); α: (t^(α−1) − 1)/(α−1).
 * α = 1 is reverse KL.
 *
 * @see Wang et al. 2023, "Beyond Reverse KL", https://arxiv.org/abs/2309.16240
 */
export function divergenceScore(logRatio: Tensor, divergence: FDivergence, alpha: number): Tensor {
  if (divergence === "forward_kl") return logRatio.neg().exp().neg().add(1);
  if (divergence === "js_divergence") return logSigmoid(logRatio).add(Math.LN2);
  const power = alpha - 1;
  if (divergence === "reverse_kl" || Math.abs(power) < 1e-6) return logRatio;
  return logRatio.mul(power).clampMax(largestExponent).exp().sub(1).div(power);
}
