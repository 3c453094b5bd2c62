import { describe, expect, it } from "vitest";
import { gradcheck } from "../../../testing/gradcheck.ts";
import type { CloseOptions, Comparable } from "../../../testing/close.ts";
import { allClose } from "../../../testing/close.ts";
import { tensor, zeros } from "../../../tensor/factories.ts";
import { grad } from "../../../tensor/grad.ts";
import { jit } from "../../../tensor/jit.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import { generalizedAdvantages, groupAdvantages, leaveOneOutAdvantages } from "./advantages.ts";
import { groupPolicyLoss } from "./group-policy-loss.ts";
import { klEstimate } from "./kl-estimators.ts";
import { ktoLoss } from "./kto-loss.ts";
import { maskedWhiten } from "./masked.ts";
import { ppoPolicyLoss, ppoValueLoss, tokenRewards } from "./ppo-loss.ts";
import type { PreferenceLossOptions } from "./preference-loss.ts";
import { preferenceLoss, preferenceLossTypes } from "./preference-loss.ts";
import { cpoLoss, orpoLoss } from "./reference-free-loss.ts";
import { rewardLoss } from "./reward-loss.ts";
import { sequencePolicyLoss } from "./sequence-policy-loss.ts";
import { tokenLogProbs } from "./token-log-probs.ts";

/** What is not close, if anything. */
async function mismatch(
  actual: Comparable,
  expected: Comparable,
  options?: CloseOptions,
): Promise<string | undefined> {
  const report = await allClose(actual, expected, options);
  return report.isClose ? undefined : report.message;
}

const smoothingOf: Readonly<Record<string, number>> = { exo_pair: 1e-3, robust: 0.1 };

describe("preferenceLoss", () => {
  const atReference: Readonly<Record<string, number>> = {
    sigmoid: Math.LN2,
    robust: Math.LN2,
    hinge: 1,
    ipo: 25,
    exo_pair: 2.761231,
    nca_pair: 2 * Math.LN2,
    bco_pair: 2 * Math.LN2,
    sppo_hard: 50,
    aot: Math.LN2,
    aot_unpaired: Math.LN2,
    apo_zero: 1,
    apo_down: 1,
    discopop: 0.846574,
    sigmoid_norm: Math.LN2,
    sft: 11 / 3,
  };

  for (const lossType of preferenceLossTypes) {
    it(`${lossType} has its known value where policy = reference`, async () => {
      const [chosen, rejected, lengths] = [tensor([-11]), tensor([-12]), tensor([3])];
      const { loss } = preferenceLoss(
        {
          chosen,
          rejected,
          referenceChosen: chosen,
          referenceRejected: rejected,
          chosenLengths: lengths,
          rejectedLengths: lengths,
        },
        { lossType, labelSmoothing: smoothingOf[lossType] },
      );
      expect(
        await mismatch(loss, [atReference[lossType]], { rtol: 1e-6, atol: 1e-6 }),
      ).toBeUndefined();
    });

    it(`${lossType} has the gradient of finite differences`, async () => {
      const fixed = (chosen: Tensor, rejected: Tensor): Tensor => {
        const at = (values: readonly number[]): Tensor => tensor([...values], { dtype: "f64" });
        return preferenceLoss(
          {
            chosen,
            rejected,
            referenceChosen: at([-3.1, -5.4, -2.2]),
            referenceRejected: at([-4.4, -3.9, -6.1]),
            chosenLengths: at([3, 2, 4]),
            rejectedLengths: at([2, 5, 1]),
          },
          { lossType, beta: 0.4, labelSmoothing: smoothingOf[lossType] },
        ).losses;
      };
      const inputs = [tensor([-3, -5, -2.5]), tensor([-4, -4.2, -6.3])];
      expect(
        await gradcheck((chosen, rejected) => fixed(chosen, rejected).add(rejected.mul(0)), inputs),
      ).toBeUndefined();
    });
  }

  const pair = (): {
    readonly chosen: Tensor;
    readonly rejected: Tensor;
    readonly referenceChosen: Tensor;
    readonly referenceRejected: Tensor;
  } => ({
    chosen: tensor([-10]),
    rejected: tensor([-12]),
    referenceChosen: tensor([-11]),
    referenceRejected: tensor([-11.5]),
  });

  it("gives DPO's, cDPO's and robust DPO's golden numbers", async () => {
    const given = pair();
    const { loss, chosenRewards, rejectedRewards } = preferenceLoss(given);
    const [won, lost] = grad(loss, [given.chosen, given.rejected]);
    expect(await mismatch(loss, [0.620957], { atol: 1e-6 })).toBeUndefined();
    expect(await mismatch(chosenRewards, [0.1], { atol: 1e-7 })).toBeUndefined();
    expect(await mismatch(rejectedRewards, [-0.05], { atol: 1e-7 })).toBeUndefined();
    expect(await mismatch(won, [-0.046257], { atol: 1e-7 })).toBeUndefined();
    expect(await mismatch(lost, [0.046257], { atol: 1e-7 })).toBeUndefined();
    const smoothed = preferenceLoss(pair(), { labelSmoothing: 0.1 });
    expect(await mismatch(smoothed.loss, [0.635957], { atol: 1e-6 })).toBeUndefined();
    const robust = preferenceLoss(pair(), { lossType: "robust", labelSmoothing: 0.1 });
    expect(await mismatch(robust.loss, [0.602207], { atol: 1e-6 })).toBeUndefined();
  });

  it("takes the reference as 0 without one", async () => {
    const { chosen, rejected } = pair();
    const { loss } = preferenceLoss({ chosen, rejected }, { referenceFree: true });
    expect(await mismatch(loss, [Math.log1p(Math.exp(-0.2))], { atol: 1e-6 })).toBeUndefined();
  });

  it("refuses options that make no sense", () => {
    const refuse = (options: PreferenceLossOptions, message: string): void => {
      expect(() => preferenceLoss(pair(), options)).toThrow(message);
    };
    refuse({ beta: 0 }, "beta must be above 0, got 0");
    refuse({ lossType: "exo_pair" }, 'labelSmoothing must be above 0 for lossType "exo_pair"');
    refuse({ lossType: "robust", labelSmoothing: 0.5 }, "less than 0.5, got 0.5");
    refuse({ lossType: ["sigmoid", "sft"], lossWeights: [1] }, "got 1 for 2");
    refuse({ lossType: "sigmod" as "sigmoid" }, 'did you mean "sigmoid"?');
    refuse({ lossType: "ipo" }, "got no chosenLengths");
    refuse({ lossType: "aot", fDivergenceType: "forward_kl" }, 'for lossType "aot"');
    expect(() => preferenceLoss({ chosen: zeros([2]), rejected: zeros([2]) })).toThrow(
      "referenceChosen and referenceRejected must be given",
    );
    expect(() => preferenceLoss({ ...pair(), rejected: zeros([2]) })).toThrow("got [2] beside");
  });
});

describe("other losses", () => {
  it("have the gradients of finite differences", async () => {
    const a = tensor([-0.4, -1.1, -2.3]);
    const b = tensor([-0.9, -0.2, -1.7]);
    expect(
      await gradcheck((x, y) => orpoLoss({ chosen: x, rejected: y }).losses, [a, b]),
    ).toBeUndefined();
    expect(
      await gradcheck((x, y) => cpoLoss({ chosen: x, rejected: y }, { alpha: 0.3 }).losses, [a, b]),
    ).toBeUndefined();
    expect(
      await gradcheck((x, y) => rewardLoss(x, y, { centerRewardsCoefficient: 0.01 }), [a, b]),
    ).toBeUndefined();
    expect(
      await gradcheck(
        (x) => {
          const still = { dtype: "f64" } as const;
          return ktoLoss({
            logProbs: x,
            referenceLogProbs: tensor([-1, -1, -1], still),
            labels: tensor([true, false, true]),
            klLogProbs: tensor([1, 2, 0], still),
            referenceKlLogProbs: tensor([0, 0, 0], still),
          }).losses;
        },
        [a],
      ),
    ).toBeUndefined();
  });

  it("ktoLoss says what it lacks", () => {
    const x = zeros([2]);
    const given = { logProbs: x, referenceLogProbs: x, labels: tensor([true, false]) };
    expect(() => ktoLoss(given)).toThrow("kto must have klLogProbs");
  });

  it("orpo stays finite for completions that are almost certain", async () => {
    const [chosen, rejected] = [tensor([-1e-6, -40]), tensor([-40, -1e-6])];
    const { losses } = orpoLoss({ chosen, rejected });
    const found = await losses.add(grad(losses.sum(), [chosen])[0].mul(0)).data();
    expect([...found].every(Number.isFinite)).toBe(true);
  });
});

describe("advantages", () => {
  it("match the golden numbers of GAE", async () => {
    const rewards = tensor([[0, 0, 1]]);
    const values = tensor([[0.5, 0.6, 0.7]]);
    const { advantages, returns } = generalizedAdvantages(rewards, values);
    expect(await mismatch(advantages, [0.46575, 0.385, 0.3], { atol: 1e-6 })).toBeUndefined();
    expect(await mismatch(returns, [0.96575, 0.985, 1.0], { atol: 1e-6 })).toBeUndefined();
  });

  it("do not see what is behind the mask", async () => {
    const rewards = tensor([[0, 0, 1, 9]]);
    const values = tensor([[0.5, 0.6, 0.7, Number.NaN]]);
    const mask = tensor([[true, true, true, false]]);
    const { advantages } = generalizedAdvantages(rewards, values, { mask });
    expect(await mismatch(advantages, [0.46575, 0.385, 0.3, 0], { atol: 1e-6 })).toBeUndefined();
  });

  it("of groups: mean 0 in each, unscored completions have none", async () => {
    const rewards = tensor([1, 2, 3, 5, Number.NaN, 7]);
    const { advantages, groupStds } = groupAdvantages(rewards, { numGenerations: 3 });
    const [one, two] = [1 / (1 + 1e-4), 1 / (Math.SQRT2 + 1e-4)];
    expect(
      await mismatch(advantages, [-one, 0, one, -two, 0, two], { atol: 1e-6 }),
    ).toBeUndefined();
    expect(await mismatch(groupStds, [1, Math.SQRT2], { atol: 1e-6 })).toBeUndefined();
    const plain = groupAdvantages(rewards, { numGenerations: 3, scaleRewards: "none" });
    expect(await mismatch(plain.advantages, [-1, 0, 1, -1, 0, 1], { atol: 1e-6 })).toBeUndefined();
    expect(() => groupAdvantages(rewards, { numGenerations: 4 })).toThrow("multiple of");
  });

  it("of RLOO compare with the others of the prompt", async () => {
    const rewards = tensor([1, 2, 6, 5, Number.NaN, 7]);
    const advantages = leaveOneOutAdvantages(rewards, { numGenerations: 3 });
    expect(await mismatch(advantages, [-3, -1.5, 4.5, -2, 0, 2], { atol: 1e-6 })).toBeUndefined();
    expect(() => leaveOneOutAdvantages(rewards, { numGenerations: 1 })).toThrow("at least 2");
  });

  it("whiten over the mask alone", async () => {
    const values = tensor([[1, 3, 100]]);
    const mask = tensor([[true, true, false]]);
    const half = Math.SQRT1_2;
    expect(
      await mismatch(maskedWhiten(values, mask), [-half, half, 0], { atol: 1e-6 }),
    ).toBeUndefined();
    const kept = maskedWhiten(values, mask, { shiftMean: false });
    expect(await mismatch(kept, [2 - half, 2 + half, 0], { atol: 1e-6 })).toBeUndefined();
  });
});

describe("PPO", () => {
  const mask = tensor([[true, true, false]]);

  it("starts with a ratio of 1, clips nothing and knows no divergence", async () => {
    const logProbs = tensor([[-1, -2, 1]]);
    const advantages = tensor([[0.5, -1, 7]]);
    const found = ppoPolicyLoss({ logProbs, oldLogProbs: logProbs, advantages, mask });
    const [gradient] = grad(found.loss, [logProbs]);
    expect(await mismatch(found.loss, [0.25], { atol: 1e-6 })).toBeUndefined();
    expect(await mismatch(found.ratio, [1], { atol: 1e-6 })).toBeUndefined();
    expect(await mismatch(found.clipFraction, [0])).toBeUndefined();
    expect(await mismatch(found.approxKl, [0])).toBeUndefined();
    expect(await mismatch(gradient, [-0.25, 0.5, 0], { atol: 1e-6 })).toBeUndefined();
  });

  it("stops at the clip", async () => {
    const logProbs = tensor([[Math.log(1.5), Math.log(0.5), 0]]);
    const advantages = tensor([[1, -1, 7]]);
    const oldLogProbs = zeros([1, 3]);
    const found = ppoPolicyLoss({ logProbs, oldLogProbs, advantages, mask });
    const [gradient] = grad(found.loss, [logProbs]);
    expect(await mismatch(found.loss, [(-1.2 + 0.8) / 2], { atol: 1e-6 })).toBeUndefined();
    expect(await mismatch(gradient, [0, 0, 0], { atol: 1e-6 })).toBeUndefined();
    expect(await mismatch(found.clipFraction, [1])).toBeUndefined();
  });

  it("keeps values near their old ones", async () => {
    const values = tensor([[1, 0.1, 9]]);
    const given = { values, oldValues: zeros([1, 3]), returns: tensor([[1, 1, 1]]), mask };
    const { loss, clipFraction } = ppoValueLoss(given);
    expect(await mismatch(loss, [(0.64 + 0.81) / 4], { atol: 1e-6 })).toBeUndefined();
    expect(await mismatch(clipFraction, [0.5])).toBeUndefined();
  });

  it("pays the score at the last token and the divergence at all", async () => {
    const logProbs = tensor([[-1, -1, 1]]);
    const reference = tensor([[-2, -0.5, 1]]);
    const { rewards } = tokenRewards(tensor([3]), logProbs, reference, mask, { klCoef: 0.1 });
    expect(await mismatch(rewards, [-0.1, 3.05, 0], { atol: 1e-6 })).toBeUndefined();
    expect(
      await mismatch(
        klEstimate(logProbs, reference, "k3"),
        [Math.exp(-1), Math.exp(0.5) - 1.5, 0],
        {
          atol: 1e-6,
        },
      ),
    ).toBeUndefined();
    expect(
      await mismatch(klEstimate(logProbs, reference, "k2"), [0.5, 0.125, 0], { atol: 1e-6 }),
    ).toBeUndefined();
  });

  it("RLOO clips the ratio of whole completions", async () => {
    const logProbs = tensor([[0.3, 0.3, 5]]);
    const given = { logProbs, oldLogProbs: zeros([1, 3]), advantages: tensor([2]), mask };
    expect(await mismatch(sequencePolicyLoss(given), [-2.4], { atol: 1e-6 })).toBeUndefined();
    const worse = { ...given, advantages: tensor([-2]) };
    expect(
      await mismatch(sequencePolicyLoss(worse), [2 * Math.exp(0.6)], { atol: 1e-5 }),
    ).toBeUndefined();
  });
});

describe("groupPolicyLoss", () => {
  it("refuses options that make no sense", () => {
    const given = { logProbs: zeros([2, 3]), advantages: zeros([2]), mask: zeros([2, 3]).eq(0) };
    expect(() => groupPolicyLoss(given, { beta: 0.1 })).toThrow("referenceLogProbs must be given");
    expect(() => groupPolicyLoss(given, { topEntropyQuantile: 0.2 })).toThrow("entropies must be");
    expect(() =>
      groupPolicyLoss(given, { lossType: "vespo", importanceSamplingLevel: "sequence" }),
    ).toThrow('must be "token"');
  });
});

describe("tokenLogProbs", () => {
  const hidden = (): Tensor =>
    tensor([
      [
        [0.5, -1],
        [2, 0.1],
        [0.7, -0.3],
      ],
    ]);
  const weight = (): Tensor =>
    tensor([
      [1, 0],
      [0.5, -1],
      [-1, 2],
      [0.3, 0.3],
    ]);
  const labels = tensor([[2, -100, 0]], { dtype: "i32" });

  it("is the log-softmax at the labels, 0 where there is none", async () => {
    const [x, w] = [hidden(), weight()];
    const logProbs = x.matmul(w.t()).logSoftmax(-1);
    const expected = [
      await logProbs.index([0, 0, 2]).item(),
      0,
      await logProbs.index([0, 2, 0]).item(),
    ];
    expect(await mismatch(tokenLogProbs(x, w, labels), expected, { atol: 1e-6 })).toBeUndefined();
    expect(
      await mismatch(tokenLogProbs(x, { weight: w }, labels), expected, { atol: 1e-6 }),
    ).toBeUndefined();
    expect(
      await mismatch(
        tokenLogProbs(x, (h) => h.matmul(w.t()), labels),
        expected,
        { atol: 1e-6 },
      ),
    ).toBeUndefined();
  });

  it("gives the same values and gradients in chunks", async () => {
    const [x, w] = [hidden(), weight()];
    const whole = tokenLogProbs(x, w, labels, { temperature: 0.7 });
    const parts = tokenLogProbs(x, w, labels, { temperature: 0.7, chunkSize: 2 });
    const weights = tensor([[1, 2, 3]]);
    const [one, two] = [whole, parts].map((found) => grad(found.mul(weights).sum(), [x, w]));
    expect(await mismatch(parts, whole, { atol: 1e-6 })).toBeUndefined();
    expect(await mismatch(two[0], one[0], { atol: 1e-6 })).toBeUndefined();
    expect(await mismatch(two[1], one[1], { atol: 1e-6 })).toBeUndefined();
  });

  it("gives a layer's gradients in chunks inside jit", async () => {
    const [x, w] = [hidden(), weight()];
    const bias = tensor([0.1, -0.2, 0.3, 0.4]);
    const weights = tensor([[1, 2, 3]]);
    const step = (chunkSize?: number) =>
      jit((...inputs: Tensor[]) => {
        const [h, rows, shift] = inputs;
        const logProbs = tokenLogProbs(h, { weight: rows, bias: shift }, labels, { chunkSize });
        return grad(logProbs.mul(weights).sum(), inputs);
      })(x, w, bias);
    const [whole, parts] = [step(), step(2)];
    for (const [i, part] of parts.entries()) {
      expect(await mismatch(part, whole[i], { atol: 1e-6 })).toBeUndefined();
    }
  });

  it("refuses labels of other positions", () => {
    const given = labels.narrow(1, 0, 2);
    expect(() => tokenLogProbs(hidden(), weight(), given)).toThrow(
      "got [1, 2] for hidden [1, 3, 2]",
    );
    expect(() => tokenLogProbs(hidden(), weight(), labels, { chunkSize: 0 })).toThrow("at least 1");
    expect(() => tokenLogProbs(hidden(), weight(), labels, { temperature: 0 })).toThrow("above 0");
  });
});
