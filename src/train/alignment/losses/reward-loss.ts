import { logSigmoid } from "../../../nn/functional/activation.ts";
import type { Tensor } from "../../../tensor/tensor.ts";

/** Options of {@link rewardLoss}. */
export interface RewardLossOptions {
  /** By how much each chosen reward shall lead, [B]. @defaultValue 0 */
  readonly margin?: Tensor | undefined;
  /** Weight of the mean of (chosen + rejected)², which keeps rewards around 0; 0.01 is usual. */
  readonly centerRewardsCoefficient?: number | undefined;
}

/**
 * Bradley-Terry loss of a reward model: mean of −log σ(r_chosen − r_rejected − margin), and
 * c·mean((r_chosen + r_rejected)²) with centering. Shapes: chosen, rejected [B] -> [].
 *
 * @see Ouyang et al. 2022, https://arxiv.org/abs/2203.02155; margins: Touvron et al. 2023,
 *   https://arxiv.org/abs/2307.09288; centering: Eisenstein et al. 2023, https://arxiv.org/abs/2312.09244
 */
export function rewardLoss(
  chosen: Tensor,
  rejected: Tensor,
  { margin, centerRewardsCoefficient = 0 }: RewardLossOptions = {},
): Tensor {
  const lead = chosen.sub(rejected);
  const loss = logSigmoid(margin === undefined ? lead : lead.sub(margin))
    .mean()
    .neg();
  if (centerRewardsCoefficient === 0) return loss;
  return loss.add(chosen.add(rejected).square().mean().mul(centerRewardsCoefficient));
}

/** TRL's metrics of a batch of pairs of rewards [B], scalars by name. */
export function rewardMetrics(chosen: Tensor, rejected: Tensor): Readonly<Record<string, Tensor>> {
  const [won, lost] = [chosen.detach(), rejected.detach()];
  return {
    min_reward: won.amin().minimum(lost.amin()),
    mean_reward: won.mean().add(lost.mean()).mul(0.5),
    max_reward: won.amax().maximum(lost.amax()),
    accuracy: won.gt(lost).to("f32").mean(),
    margin: won.sub(lost).mean(),
  };
}
