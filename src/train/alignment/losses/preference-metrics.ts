import type { Tensor } from "../../../tensor/tensor.ts";
import type { PreferenceLogProbs, PreferenceLoss } from "./preference-loss.ts";

/** TRL's metrics of a batch of pairs, scalars by name. */
export function preferenceMetrics(
  { chosenRewards, rejectedRewards }: Pick<PreferenceLoss, "chosenRewards" | "rejectedRewards">,
  { chosen, rejected }: Pick<PreferenceLogProbs, "chosen" | "rejected">,
): Readonly<Record<string, Tensor>> {
  return {
    "rewards/chosen": chosenRewards.mean(),
    "rewards/rejected": rejectedRewards.mean(),
    "rewards/margins": chosenRewards.sub(rejectedRewards).mean(),
    "rewards/accuracies": chosenRewards.gt(rejectedRewards).to("f32").mean(),
    "logps/chosen": chosen.detach().mean(),
    "logps/rejected": rejected.detach().mean(),
  };
}
