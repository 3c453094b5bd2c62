import { Tensor, init, randn, random, scope } from "athanor";
import type { CausalLM } from "athanor/models";
import {
  StringTask,
  accuracyOf,
  bayesAccuracy,
  bradleyTerry,
  countWins,
  differenceErrors,
  exactKl,
  fitPreferences,
  fitRewardModel,
  flipLabels,
  impliedRewards,
  maximiseReward,
  optimalPolicy,
  regularisedObjective,
  rewardCalibration,
  sampleComparisons,
  stringModel,
  winRates,
} from "athanor/train";
import type { FitPreferencesOptions, RewardAlgorithm } from "athanor/train";
import { beforeAll, describe, expect, it } from "vitest";

const beta = 0.5;
await init({ threads: 1 });
random.manualSeed(1);
const task = new StringTask();
const reference = stringModel({ initializerRange: 0.2 });

const logProbsOf = async (model: CausalLM): Promise<Float64Array> =>
  Float64Array.from(await scope(() => task.policy(model).strings).data());
const floats = (values: Float64Array): Tensor => Tensor.from(Float32Array.from(values));

const referenceLogProbs = await logProbsOf(reference);
/** Rewards whose mean under the reference is 0, so that it has the objective 0. */
const rewards = await rewardsOf();
const labels = bradleyTerry(rewards);
const best = optimalPolicy(referenceLogProbs, rewards, beta);

async function rewardsOf(): Promise<Float64Array> {
  const drawn = Float64Array.from(await randn([task.strings.length]).data());
  const mean = drawn.reduce((sum, r, i) => sum + r * Math.exp(referenceLogProbs[i]), 0);
  return drawn.map((r) => r - mean);
}

function copyOfReference(): CausalLM {
  const model = stringModel();
  model.loadStateDict(reference.stateDict());
  return model;
}

async function fitted(
  options: Pick<FitPreferencesOptions, "wins" | "loss">,
): Promise<Float64Array> {
  const model = copyOfReference();
  await fitPreferences({
    task,
    model,
    referenceLogProbs: floats(referenceLogProbs),
    steps: 300,
    ...options,
  });
  return logProbsOf(model);
}

describe("StringTask", () => {
  it("has 258 strings, each said in one way", () => {
    expect(task.strings).toHaveLength(6 + 36 + 216);
    expect(new Set(task.texts).size).toBe(258);
    expect(task.texts.slice(5, 8)).toEqual(["f", "aa", "ab"]);
  });

  it("gives probabilities of sum 1 to any model", async () => {
    const total = referenceLogProbs.reduce((sum, value) => sum + Math.exp(value), 0);
    expect(total).toBeCloseTo(1, 6);
    const { tokens, strings } = scope(() => task.policy(reference));
    const [parts, sums] = [await tokens.data(), await strings.data()];
    const text = task.texts.indexOf("cab");
    const sum = [0, 1, 2].reduce((all, t) => all + Number(parts[text * 3 + t]), 0);
    expect(sum).toBeCloseTo(Number(sums[text]), 5);
  });

  it("reads the contexts of a string from the model as the model reads the string", async () => {
    const [c, a, b] = [2, 0, 1];
    const inputIds = Tensor.from(Int32Array.of(7, c, a, b), [1, 4]);
    const logits = scope(() => reference.forward({ inputIds }).narrow(2, 0, 7));
    const rows = await scope(() => logits.narrow(1, 1, 2).logSoftmax(-1)).data();
    const tokens = await scope(() => task.policy(reference).tokens).data();
    const at = task.texts.indexOf("cab") * 3;
    expect(tokens[at + 1]).toBeCloseTo(Number(rows[a]), 4);
    expect(tokens[at + 2]).toBeCloseTo(Number(rows[7 + b]), 4);
    // Behind "c", `end` is one of the choices.
    expect(tokens[task.texts.indexOf("c") * 3 + 1]).toBeCloseTo(Number(rows[6]), 4);
  });
});

describe("the optimal policy", () => {
  it("has the objective β log Z, and β·KL(π‖π*) is what others lack", () => {
    const objective = (policy: Float64Array): number =>
      regularisedObjective(policy, referenceLogProbs, rewards, beta);
    expect(objective(best.logProbs)).toBeCloseTo(beta * best.logPartition, 6);
    const lack = beta * exactKl(referenceLogProbs, best.logProbs);
    expect(objective(referenceLogProbs)).toBeCloseTo(beta * best.logPartition - lack, 6);
  });
});

describe("DPO on labels of the Bradley-Terry model", () => {
  it("becomes π* on exact labels, and its implied rewards are r*", async () => {
    const policy = await fitted({ wins: labels, loss: { beta } });
    expect(Math.abs(exactKl(policy, best.logProbs))).toBeLessThan(1e-4);
    const errors = differenceErrors(impliedRewards(policy, referenceLogProbs, beta), rewards);
    expect(errors.relative).toBeLessThan(0.01);
    expect(errors.worst).toBeLessThan(0.01);
  });

  it("comes near on drawn labels", async () => {
    const wins = countWins(sampleComparisons(labels, 1_000_000, 1), task.strings.length);
    const policy = await fitted({ wins, loss: { beta } });
    expect(exactKl(policy, best.logProbs)).toBeLessThan(5e-3);
  });

  it("becomes π* on labels of which a fifth is wrong, if the loss is robust", async () => {
    const wins = flipLabels(labels, 0.2);
    const robust = await fitted({ wins, loss: { beta, lossType: "robust", labelSmoothing: 0.2 } });
    expect(Math.abs(exactKl(robust, best.logProbs))).toBeLessThan(1e-4);
    const plain = await fitted({ wins, loss: { beta } });
    expect(exactKl(plain, best.logProbs)).toBeGreaterThan(0.1);
  });

  it("becomes π_ref·exp(win rate/β)/Z with ipo", async () => {
    const goal = optimalPolicy(referenceLogProbs, winRates(labels), beta);
    const policy = await fitted({ wins: labels, loss: { beta, lossType: "ipo" } });
    expect(Math.abs(exactKl(policy, goal.logProbs))).toBeLessThan(1e-4);
  });
});

describe("learning from strings that the policy says, with the true reward", () => {
  let referenceTokens: Tensor;
  beforeAll(async () => {
    const values = await scope(() => task.policy(reference).tokens).data();
    referenceTokens = Tensor.from(Float32Array.from(values, Number), [258, 3]);
  });

  const shareOf = async (algorithm: RewardAlgorithm, rounds: number): Promise<number> => {
    const model = copyOfReference();
    const given = { task, model, referenceTokens, rewards: floats(rewards), beta };
    await maximiseReward({ ...given, algorithm, rounds, learningRate: 1e-3 });
    const policy = await logProbsOf(model);
    const objective = regularisedObjective(policy, referenceLogProbs, rewards, beta);
    return objective / (beta * best.logPartition);
  };

  it("PPO reaches 99 % of the best objective", async () => {
    expect(await shareOf("ppo", 220)).toBeGreaterThan(0.99);
  });

  it.each(["rloo", "grpo"] as const)("%s comes as near", async (algorithm) => {
    expect(await shareOf(algorithm, 80)).toBeGreaterThan(0.97);
  });

  it("refuses other algorithms", async () => {
    const algorithm = "dqn" as unknown as RewardAlgorithm;
    await expect(shareOf(algorithm, 1)).rejects.toThrow(/one of ppo, rloo, grpo, got "dqn"/);
  });
});

describe("a reward model on drawn labels", () => {
  it("is nearly as accurate as can be, and can be believed", async () => {
    const comparisons = sampleComparisons(labels, 40_000, 1);
    const heldOut = sampleComparisons(labels, 20_000, 2);
    const found = await fitRewardModel({
      task,
      model: stringModel(),
      comparisons,
      steps: 300,
      learningRate: 4e-3,
    });
    const bayes = bayesAccuracy(labels, heldOut);
    expect(bayes - accuracyOf(found, heldOut)).toBeLessThan(0.02);
    const { ece } = rewardCalibration(found, heldOut);
    expect(ece).toBeLessThan(0.02);
    // Labels leave the mean open; the centering term keeps it near 0.
    const mean = found.reduce((sum, r) => sum + r, 0) / found.length;
    expect(Math.abs(mean)).toBeLessThan(0.1);
  });

  it("has perfect calibration if its rewards are those of the labels, and none if they are larger", () => {
    const heldOut = sampleComparisons(labels, 50_000, 3);
    expect(rewardCalibration(rewards, heldOut).ece).toBeLessThan(0.01);
    expect(
      rewardCalibration(
        rewards.map((r) => 4 * r),
        heldOut,
      ).ece,
    ).toBeGreaterThan(0.1);
  });

  it("bins pairs both ways round", () => {
    const comparisons = { chosen: Int32Array.of(0, 1), rejected: Int32Array.of(1, 0) };
    const { ece, bins } = rewardCalibration([Math.log(3), 0], comparisons, 2);
    expect(bins.map(({ count }) => count)).toEqual([2, 2]);
    const [low, high] = bins;
    expect(low.predicted).toBeCloseTo(0.25, 12);
    expect(high.predicted).toBeCloseTo(0.75, 12);
    expect(ece).toBeCloseTo(0.25, 12);
  });
});
