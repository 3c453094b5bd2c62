import { ConfigError } from "../../../base/errors.ts";
import type { CausalLM } from "../../../models/text/causal-lm.ts";
import { Linear } from "../../../nn/linear.ts";
import { zeros } from "../../../nn/init.ts";
import { Adam } from "../../../optim/adam.ts";
import { clipGradNorm } from "../../../optim/clip.ts";
import { warmupCosine } from "../../../optim/schedules.ts";
import { Generator } from "../../../tensor/generator.ts";
import { grad } from "../../../tensor/grad.ts";
import { jit } from "../../../tensor/jit.ts";
import { scope } from "../../../tensor/memory.ts";
import { multinomial } from "../../../tensor/random.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import {
  generalizedAdvantages,
  groupAdvantages,
  leaveOneOutAdvantages,
} from "../losses/advantages.ts";
import { groupPolicyLoss } from "../losses/group-policy-loss.ts";
import { maskedRowSum, maskedWhiten } from "../losses/masked.ts";
import { ppoPolicyLoss, ppoValueLoss, tokenRewards } from "../losses/ppo-loss.ts";
import { sequencePolicyLoss } from "../losses/sequence-policy-loss.ts";
import type { StringTask } from "./string-task.ts";

/** How strings that the policy said change it. */
export type RewardAlgorithm = "ppo" | "rloo" | "grpo";

/** Options of {@link maximiseReward}. */
export interface MaximiseRewardOptions {
  readonly task: StringTask;
  /** The model to train. */
  readonly model: CausalLM;
  /** log π_ref of the tokens of all strings, [n, 3]. */
  readonly referenceTokens: Tensor;
  /** Reward of each string, [n]. */
  readonly rewards: Tensor;
  /** Price of the KL divergence from the reference. */
  readonly beta: number;
  /** @defaultValue "ppo" */
  readonly algorithm?: RewardAlgorithm;
  /** Rounds of saying strings and learning from them. @defaultValue 300 */
  readonly rounds?: number;
  /** Strings said in a round. @defaultValue 1024 */
  readonly batchSize?: number;
  /** Updates from the strings of a round. @defaultValue 4 */
  readonly epochs?: number;
  /** @defaultValue 2e-3 */
  readonly learningRate?: number;
  /** GAE's λ. @defaultValue 0.95 */
  readonly lam?: number;
  /** Strings that GRPO and RLOO compare with each other. @defaultValue batchSize */
  readonly numGenerations?: number;
  /** Of the strings drawn. @defaultValue 0 */
  readonly seed?: number;
  /** Called with the number of rounds done, before the first and every `every` rounds. */
  readonly onRound?: (round: number) => Promise<void>;
  /** @defaultValue 10 */
  readonly every?: number;
}

/** What a round learns from; rows are strings the policy said. */
type Experience = Readonly<
  Record<"index" | "oldLogProbs" | "advantages" | "returns" | "oldValues", Tensor>
>;

type Learn = (
  options: Required<MaximiseRewardOptions>,
  critic: Linear,
) => {
  readonly judge: (said: Said) => Omit<Experience, "index" | "oldLogProbs">;
  readonly loss: (now: Said, experience: Experience) => Tensor;
};

/** Strings and what the policy thinks of them now. */
interface Said {
  /** [B]. */
  readonly scores: Tensor;
  /** [B, 3]. */
  readonly logProbs: Tensor;
  readonly reference: Tensor;
  readonly mask: Tensor;
  readonly values: Tensor;
}

/**
 * Trains a policy on rewards of the strings it says, as RLHF does: PPO with a value head, λ-returns
 * and the KL penalty in the rewards of tokens; RLOO and GRPO with the penalty in the reward of the
 * string, which has the same best policy. (GRPO's own penalty, k3 at each token, has another one: its
 * gradient is that of the forward divergence.) The loss functions are those of the trainers.
 *
 * @throws {ConfigError} for an unknown algorithm.
 */
export async function maximiseReward(given: MaximiseRewardOptions): Promise<void> {
  const options = complete(given);
  const { task, model, rounds, epochs, learningRate, every, onRound } = options;
  const critic = valueHead(model);
  const generator = new Generator(options.seed);
  const parameters = [...model.parameters(), ...critic.parameters()];
  const optimizer = new Adam(parameters, { lr: learningRate });
  const schedule = warmupCosine(optimizer, { warmupSteps: 5, totalSteps: rounds });
  const { judge, loss } = algorithms[options.algorithm](options, critic);
  const say = jit((): Experience => {
    const { strings } = task.policy(model);
    const index = multinomial(strings.exp(), options.batchSize, { replacement: true, generator });
    const said = recall(options, critic, index);
    return { index, oldLogProbs: said.logProbs, ...judge(said) };
  });
  const learn = jit((experience: Experience) => {
    const total = loss(recall(options, critic, experience.index), experience);
    const { grads } = clipGradNorm(grad(total, parameters, { allowUnused: true }), 1);
    optimizer.step(grads);
  });
  for (let round = 0; round < rounds; round++) {
    if (round % every === 0) await onRound(round);
    const experience = say();
    for (let epoch = 0; epoch < epochs; epoch++) learn(experience);
    for (const tensor of Object.values(experience)) tensor.dispose();
    schedule.step();
  }
  await onRound(rounds);
  say.dispose();
  learn.dispose();
  optimizer.dispose();
}

function complete(given: MaximiseRewardOptions): Required<MaximiseRewardOptions> {
  const { algorithm = "ppo", batchSize = 1024 } = given;
  if (!Object.hasOwn(algorithms, algorithm)) {
    throw new ConfigError(
      `maximiseReward: algorithm must be one of ${Object.keys(algorithms).join(", ")}, ` +
        `got "${algorithm}"`,
    );
  }
  return {
    ...given,
    algorithm,
    batchSize,
    rounds: given.rounds ?? 300,
    epochs: given.epochs ?? 4,
    learningRate: given.learningRate ?? 2e-3,
    lam: given.lam ?? 0.95,
    numGenerations: given.numGenerations ?? batchSize,
    seed: given.seed ?? 0,
    every: given.every ?? 10,
    onRound: given.onRound ?? (async () => {}),
  };
}

/** One value per context, 0 at first. */
function valueHead({ config }: CausalLM): Linear {
  return scope(() => {
    const head = new Linear(config.hiddenSize, 1);
    zeros(head.weight);
    return head;
  });
}

/** What the policy of now thinks of strings. Shapes: index [B]. */
function recall(
  { task, model, rewards, referenceTokens }: Required<MaximiseRewardOptions>,
  critic: Linear,
  index: Tensor,
): Said {
  const { tokens, hidden } = task.policy(model);
  const values = critic.forward(hidden).flatten();
  const places = task.contexts.indexSelect(0, index);
  return {
    scores: rewards.indexSelect(0, index),
    logProbs: tokens.indexSelect(0, index),
    reference: referenceTokens.indexSelect(0, index),
    mask: task.mask.indexSelect(0, index),
    values: values.indexSelect(0, places.flatten()).reshape(places.shape),
  };
}

/** Rewards of whole strings with their price: r − β (log π − log π_ref), [B]. */
function pricedScores({ scores, logProbs, reference, mask }: Said, beta: number): Tensor {
  return scores.sub(maskedRowSum(logProbs.sub(reference), mask).mul(beta)).detach();
}

const algorithms: Readonly<Record<RewardAlgorithm, Learn>> = {
  ppo: ({ beta, lam }) => ({
    judge: ({ scores, logProbs, reference, mask, values }) => {
      const { rewards } = tokenRewards(scores, logProbs, reference, mask, { klCoef: beta });
      const { advantages, returns } = generalizedAdvantages(rewards, values, { lam, mask });
      return { advantages: maskedWhiten(advantages, mask), returns, oldValues: values.detach() };
    },
    loss: ({ logProbs, values, mask }, { oldLogProbs, advantages, returns, oldValues }) => {
      const policy = ppoPolicyLoss({ logProbs, oldLogProbs, advantages, mask });
      const value = ppoValueLoss({ values, oldValues, returns, mask });
      return policy.loss.add(value.loss.mul(0.5));
    },
  }),
  rloo: ({ beta, numGenerations }) => ({
    judge: (said) => {
      const priced = pricedScores(said, beta);
      const advantages = leaveOneOutAdvantages(priced, { numGenerations });
      return { advantages, returns: said.values.detach(), oldValues: said.values.detach() };
    },
    loss: ({ logProbs, mask }, { oldLogProbs, advantages }) =>
      sequencePolicyLoss({ logProbs, oldLogProbs, advantages, mask }),
  }),
  grpo: ({ beta, numGenerations }) => ({
    judge: (said) => {
      const { advantages } = groupAdvantages(pricedScores(said, beta), { numGenerations });
      return { advantages, returns: said.values.detach(), oldValues: said.values.detach() };
    },
    // Divided by a constant: means over the tokens of a string would make letters of short ones count
    // more, and move the best policy.
    loss: ({ logProbs, mask }, { oldLogProbs, advantages }) =>
      groupPolicyLoss({ logProbs, oldLogProbs, advantages, mask }, { lossType: "dr_grpo" }).loss,
  }),
};
