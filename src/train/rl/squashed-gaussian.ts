import { softplus } from "../../nn/functional/activation.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** Actions in (-1, 1) and the logarithms of their densities. */
export interface SquashedSample {
  /** [batch, actions] */
  readonly actions: Tensor;
  /** [batch] */
  readonly logProbs: Tensor;
}

/** Bounds of the logarithm of the standard deviation. */
const smallestLogStd = -20;
const largestLogStd = 2;

const halfLogTwoPi = 0.5 * Math.log(2 * Math.PI);

/**
 * Cuts a policy's outputs [batch, 2 · actions] into the mean and the logarithm of the standard
 * deviation, which is limited to [-20, 2].
 */
export function meanAndLogStd(outputs: Tensor): readonly [mean: Tensor, logStd: Tensor] {
  const size = outputs.shape[1] / 2;
  const logStd = outputs.narrow(1, size, size).clamp({ min: smallestLogStd, max: largestLogStd });
  return [outputs.narrow(1, 0, size), logStd];
}

/**
 * Samples $a = \tanh(u)$, $u = μ + σ ε$, with the density of a:
 * $\log π(a) = \sum_i \log N(u_i; μ_i, σ_i) - \log(1 - \tanh^2 u_i)$, where the last term is computed
 * as $2 (\log 2 - u - \mathrm{softplus}(-2u))$, which is exact where tanh u rounds to 1.
 *
 * @param outputs - of the policy net, [batch, 2 · actions].
 * @param noise - standard normal ε, [batch, actions].
 */
export function squashedSample(outputs: Tensor, noise: Tensor): SquashedSample {
  const [mean, logStd] = meanAndLogStd(outputs);
  const u = mean.add(logStd.exp().mul(noise));
  const normal = noise.square().mul(-0.5).sub(logStd).sub(halfLogTwoPi);
  const logSlope = u
    .neg()
    .sub(softplus(u.mul(-2)))
    .add(Math.LN2)
    .mul(2);
  return { actions: u.tanh(), logProbs: normal.sub(logSlope).sum({ dim: 1 }) };
}
