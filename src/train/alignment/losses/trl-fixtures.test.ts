import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compareNumbers } from "../../../testing/close.ts";
import { cat } from "../../../tensor/functions.ts";
import { grad } from "../../../tensor/grad.ts";
import { Tensor } from "../../../tensor/tensor.ts";
import type { GroupPolicyOptions } from "./group-policy-loss.ts";
import { groupPolicyLoss } from "./group-policy-loss.ts";
import type { KtoLossType } from "./kto-loss.ts";
import { ktoLoss } from "./kto-loss.ts";
import { preferenceLoss } from "./preference-loss.ts";
import type { PreferenceLossType } from "./preference-losses.ts";
import { preferenceMetrics } from "./preference-metrics.ts";
import type { CpoLossType } from "./reference-free-loss.ts";
import { cpoLoss, orpoLoss } from "./reference-free-loss.ts";
import { rewardLoss, rewardMetrics } from "./reward-loss.ts";
import type { TokenStatistics } from "./token-log-probs.ts";
import { tokenStatistics } from "./token-log-probs.ts";
import {
  completionLengths,
  desensitizedLogProbs,
  meanNll,
  policyWeights,
  sequenceLogProbs,
} from "./sequence-log-probs.ts";
import { maskedMean } from "./masked.ts";

type Numbers = readonly number[];
type Metrics = Readonly<Record<string, number>>;

interface SequenceArea<Case> {
  readonly shape: readonly [rows: number, length: number, vocab: number];
  readonly logits: Numbers;
  readonly reference: Numbers;
  readonly inputIds: Numbers;
  readonly mask: Numbers;
  readonly cases: readonly Case[];
}

interface Fixture {
  readonly preference: SequenceArea<{
    readonly options: {
      readonly loss_type: readonly PreferenceLossType[];
      readonly loss_weights: Numbers;
      readonly beta: number;
      readonly label_smoothing: number;
      readonly ld_alpha: number | null;
      readonly f_divergence_type: "reverse_kl";
      readonly use_weighting: boolean;
    };
    readonly loss: number;
    readonly gradient: Numbers;
    readonly metrics: Metrics;
  }>;
  readonly unpaired: SequenceArea<{
    readonly lossType: KtoLossType;
    readonly klLogProbs: Numbers;
    readonly loss: number;
    readonly gradient: Numbers;
    readonly metrics: Metrics;
  }> & { readonly labels: readonly boolean[]; readonly referenceKlLogProbs: Numbers };
  readonly referenceFree: {
    readonly chosen: Numbers;
    readonly rejected: Numbers;
    readonly cases: readonly {
      readonly name: "cpo" | "orpo";
      readonly options: Readonly<Record<string, number>> & { readonly loss_type: CpoLossType };
      readonly losses: Numbers;
      readonly gradient: Numbers;
    }[];
  };
  readonly reward: {
    readonly rewards: Numbers;
    readonly margin: Numbers;
    readonly cases: readonly {
      readonly margin: boolean;
      readonly centering: number | null;
      readonly loss: number;
      readonly gradient: Numbers;
      readonly metrics: Metrics;
    }[];
  };
  readonly group: {
    readonly shape: readonly [number, number];
    readonly logProbs: Numbers;
    readonly old: Numbers;
    readonly reference: Numbers;
    readonly entropies: Numbers;
    readonly advantages: Numbers;
    readonly mask: Numbers;
    readonly items: number;
    readonly cases: readonly {
      readonly options: Readonly<Record<string, number | boolean | string | null>>;
      readonly loss: number;
      readonly gradient: Numbers;
      readonly metrics: Metrics;
    }[];
  };
}

const fixture = JSON.parse(
  readFileSync(new URL("../../../../test/fixtures/alignment.json", import.meta.url), "utf8"),
) as Fixture;

const floats = (data: Numbers, shape: readonly number[]): Tensor =>
  Tensor.from(Float32Array.from(data), shape);
const bools = (data: Numbers, shape: readonly number[]): Tensor => floats(data, shape).ne(0);

/** What is more than 1e-6 off among value, gradient and metrics, if anything. */
async function difference(
  loss: Tensor,
  leaves: readonly Tensor[],
  metrics: Readonly<Record<string, Tensor>>,
  expected: { readonly loss: Numbers; readonly gradient: Numbers; readonly metrics?: Metrics },
): Promise<string | undefined> {
  const common = Object.keys(metrics).filter((name) => expected.metrics?.[name] !== undefined);
  expect(common.length).toBe(Object.keys(metrics).length);
  const parts = [loss, ...grad(loss.mean(), leaves), ...common.map((name) => metrics[name])];
  const actual = await cat(parts.map((part) => part.detach().float().flatten())).data();
  const wanted = [
    ...expected.loss,
    ...expected.gradient,
    ...common.map((name) => expected.metrics?.[name] as number),
  ];
  const report = compareNumbers(actual, wanted, { rtol: 1e-6, atol: 1e-6 });
  return report.isClose ? undefined : report.message;
}

/** Statistics of next tokens, of logits as they are, and the mask of those tokens. */
function nextTokens(area: SequenceArea<unknown>, data: Numbers) {
  const [rows, length, vocab] = area.shape;
  const logits = floats(data, area.shape);
  const ids = Tensor.from(Int32Array.from(area.inputIds), [rows, length]);
  const shifted = logits.narrow(1, 0, length - 1);
  const found = tokenStatistics(
    shifted,
    (x) => x.reshape([-1, vocab]),
    ids.narrow(1, 1, length - 1),
  );
  return { logits, found, mask: bools(area.mask, [rows, length]).narrow(1, 1, length - 1) };
}

type Side = { readonly found: TokenStatistics; readonly mask: Tensor };

describe("losses against TRL", () => {
  describe("preferenceLoss", () => {
    for (const { options, ...expected } of fixture.preference.cases) {
      const { loss_type: lossType, ld_alpha: ldAlpha, use_weighting: useWeighting } = options;
      const name = `${lossType.join("+")} β=${options.beta} ε=${options.label_smoothing}`;
      const extra = `${options.f_divergence_type} ld=${ldAlpha} wpo=${useWeighting}`;
      it(`${name} ${extra}`, async () => {
        const policy = nextTokens(fixture.preference, fixture.preference.logits);
        const reference = nextTokens(fixture.preference, fixture.preference.reference);
        const [chosenMask, rejectedMask] = policy.mask.chunk(2);
        const sums = ({ found }: Side): readonly [Tensor, Tensor] => {
          const [won, lost] = found.logProbs.chunk(2);
          return ldAlpha === null
            ? [sequenceLogProbs(won, chosenMask), sequenceLogProbs(lost, rejectedMask)]
            : [
                desensitizedLogProbs(won, chosenMask, rejectedMask, ldAlpha),
                desensitizedLogProbs(lost, rejectedMask, chosenMask, ldAlpha),
              ];
        };
        const [chosen, rejected] = sums(policy);
        const [referenceChosen, referenceRejected] = sums(reference);
        const weights = policyWeights(
          policy.found.logProbs,
          policy.found.logCollisions,
          policy.mask,
        );
        const [wonWeights, lostWeights] = weights.chunk(2);
        const result = preferenceLoss(
          {
            chosen,
            rejected,
            referenceChosen,
            referenceRejected,
            chosenLengths: completionLengths(chosenMask),
            rejectedLengths: completionLengths(rejectedMask),
            chosenNll: meanNll(policy.found.logProbs.chunk(2)[0], chosenMask),
            weights: useWeighting ? wonWeights.mul(lostWeights) : undefined,
          },
          {
            beta: options.beta,
            lossType,
            lossWeights: options.loss_weights,
            labelSmoothing: options.label_smoothing,
            fDivergenceType: options.f_divergence_type,
          },
        );
        const metrics = {
          ...preferenceMetrics(result, { chosen, rejected }),
          entropy: maskedMean(policy.found.entropies, policy.mask),
          mean_token_accuracy: maskedMean(policy.found.hits.chunk(2)[0], chosenMask),
          "logits/chosen": maskedMean(policy.found.meanLogits.chunk(2)[0], chosenMask),
        };
        const { loss, gradient } = expected;
        const wanted = { loss: [loss], gradient, metrics: expected.metrics };
        expect(await difference(result.loss, [policy.logits], metrics, wanted)).toBeUndefined();
      });
    }
  });

  describe("ktoLoss", () => {
    const { unpaired } = fixture;
    for (const [i, { lossType, klLogProbs, ...expected }] of unpaired.cases.entries()) {
      it(`${i} ${lossType}`, async () => {
        const policy = nextTokens(unpaired, unpaired.logits);
        const reference = nextTokens(unpaired, unpaired.reference);
        const [rows] = unpaired.shape;
        const { loss, kl } = ktoLoss(
          {
            logProbs: sequenceLogProbs(policy.found.logProbs, policy.mask),
            referenceLogProbs: sequenceLogProbs(reference.found.logProbs, reference.mask),
            labels: bools(unpaired.labels.map(Number), [rows]),
            klLogProbs: floats(klLogProbs, [rows]),
            referenceKlLogProbs: floats(unpaired.referenceKlLogProbs, [rows]),
          },
          { beta: 0.3, lossType, desirableWeight: 1.2, undesirableWeight: 0.8 },
        );
        const wanted = { ...expected, loss: [expected.loss] };
        expect(await difference(loss, [policy.logits], { kl }, wanted)).toBeUndefined();
      });
    }
  });

  describe("losses without a reference", () => {
    const { cases, chosen, rejected } = fixture.referenceFree;
    for (const [i, { name, options, losses, gradient }] of cases.entries()) {
      it(`${i} ${name} ${options.loss_type ?? ""}`, async () => {
        const given = { chosen: floats(chosen, [5]), rejected: floats(rejected, [5]) };
        const { beta, alpha, simpo_gamma: simpoGamma, label_smoothing: labelSmoothing } = options;
        const settings = { beta, alpha, simpoGamma, labelSmoothing, lossType: options.loss_type };
        const found = name === "cpo" ? cpoLoss(given, settings) : orpoLoss(given, { beta });
        const leaves = [given.chosen, given.rejected];
        expect(
          await difference(found.losses, leaves, {}, { loss: losses, gradient }),
        ).toBeUndefined();
      });
    }
  });

  describe("rewardLoss", () => {
    const { rewards, margin, cases } = fixture.reward;
    for (const { margin: hasMargin, centering, ...expected } of cases) {
      it(`margin ${hasMargin}, centering ${centering}`, async () => {
        const all = floats(rewards, [8]);
        const [chosen, rejected] = all.chunk(2);
        const loss = rewardLoss(chosen, rejected, {
          margin: hasMargin ? floats(margin, [4]) : undefined,
          centerRewardsCoefficient: centering ?? 0,
        });
        const wanted = { ...expected, loss: [expected.loss] };
        expect(
          await difference(loss, [all], rewardMetrics(chosen, rejected), wanted),
        ).toBeUndefined();
      });
    }
  });

  describe("groupPolicyLoss", () => {
    const { group } = fixture;
    for (const [i, { options, ...expected }] of group.cases.entries()) {
      it(`${i} ${options.loss_type} ${options.importance_sampling_level}`, async () => {
        const logProbs = floats(group.logProbs, group.shape);
        const { loss, metrics } = groupPolicyLoss(
          {
            logProbs,
            oldLogProbs: floats(group.old, group.shape),
            referenceLogProbs: floats(group.reference, group.shape),
            advantages: floats(group.advantages, [group.shape[0]]),
            mask: bools(group.mask, group.shape),
            entropies: floats(group.entropies, group.shape),
            numItemsInBatch: group.items,
          },
          groupOptions(options),
        );
        // One ratio per completion: TRL means over completions there, we over their tokens.
        const isToken = options.importance_sampling_level === "token";
        const wanted = { ...expected, loss: [expected.loss] };
        expect(await difference(loss, [logProbs], isToken ? metrics : {}, wanted)).toBeUndefined();
      });
    }
  });
});

function groupOptions(
  options: Readonly<Record<string, number | boolean | string | null>>,
): GroupPolicyOptions {
  return {
    lossType: options.loss_type,
    epsilon: options.epsilon_low,
    epsilonHigh: options.epsilon_high,
    delta: options.delta ?? undefined,
    beta: options.beta,
    importanceSamplingLevel: options.importance_sampling_level,
    useBiasCorrectionKl: options.use_bias_correction_kl,
    topEntropyQuantile: options.top_entropy_quantile,
    offPolicyMaskThreshold: options.off_policy_mask_threshold ?? undefined,
    maxCompletionLength: options.max_completion_length,
  } as GroupPolicyOptions;
}
