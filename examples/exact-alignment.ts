// What preference optimisation converges to, on a language so small that the answer can be computed:
// DPO, its relatives, PPO, RLOO, GRPO and a reward model beside the exact optimum.
//
//   npm run example -- exact-alignment                 short trainings, in seconds
//   npm run example -- exact-alignment full [folder]   the picture of docs/alignment.md, in a minute
//
// Strings of one to three letters a … f (258), a small random Llama as reference π_ref, a known reward
// r* for each string. The best policy is π* = π_ref · exp(r*/β) / Z, by enumeration.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Tensor, init, randn, random, scope } from "athanor";
import type { CausalLM } from "athanor/models";
import {
  StringTask,
  accuracyOf,
  bayesAccuracy,
  bradleyTerry,
  centred,
  countWins,
  differenceErrors,
  exactKl,
  fitPreferences,
  fitRewardModel,
  flipLabels,
  impliedRewards,
  lineChartFile,
  maximiseReward,
  optimalPolicy,
  regularisedObjective,
  rewardCalibration,
  sampleComparisons,
  stringModel,
  winRates,
} from "athanor/train";
import type { FitPreferencesOptions, LineChartOptions, RewardAlgorithm } from "athanor/train";

const [size = "small", folder = "runs/exact-alignment"] = process.argv.slice(2);
const isFull = size === "full";
/** Steps of preference losses and of the reward model, rounds of the algorithms that say strings. */
const [steps, judgeSteps, rounds] = isFull ? [400, 400, 400] : [80, 40, 30];
const beta = 0.5;
const [labelled, heldOutPairs, noise] = [40_000, 20_000, 0.2];
type Curve = [number, number][];

await init({ threads: 1 });
random.manualSeed(1);
const started = performance.now();
const task = new StringTask();
const outcomes = task.strings.length;
const reference = stringModel({ initializerRange: 0.2 });

const logProbsOf = async (model: CausalLM): Promise<Float64Array> =>
  Float64Array.from(await scope(() => task.policy(model).strings).data());
const floats = (values: Float64Array): Tensor => Tensor.from(Float32Array.from(values));
const copyOfReference = (): CausalLM => {
  const model = stringModel();
  model.loadStateDict(reference.stateDict());
  return model;
};

const referenceLogProbs = await logProbsOf(reference);
const referenceTokens = Tensor.from(
  Float32Array.from(await scope(() => task.policy(reference).tokens).data(), Number),
  [outcomes, 3],
);
// Their mean under the reference is 0: its objective too, so that shares of the best one mean something.
const drawn = Float64Array.from(await randn([outcomes]).data());
const mean = drawn.reduce((sum, r, i) => sum + r * Math.exp(referenceLogProbs[i]), 0);
const rewards = drawn.map((r) => r - mean);
const labels = bradleyTerry(rewards);
const best = optimalPolicy(referenceLogProbs, rewards, beta);
const bestObjective = beta * best.logPartition;
const shareOf = (policy: Float64Array): number =>
  regularisedObjective(policy, referenceLogProbs, rewards, beta) / bestObjective;
const percent = (share: number): string => `${(100 * share).toFixed(3)} %`;

/** Trains a copy of the reference on pairs; the share of the best objective along the way. */
async function prefer(
  wins: FitPreferencesOptions["wins"],
  loss: FitPreferencesOptions["loss"],
): Promise<{ policy: Float64Array; curve: Curve }> {
  const model = copyOfReference();
  const curve: Curve = [];
  await fitPreferences({
    task,
    model,
    referenceLogProbs: floats(referenceLogProbs),
    wins,
    loss: { beta, ...loss },
    steps,
    every: 10,
    onStep: async (step) => {
      curve.push([step, shareOf(await logProbsOf(model))]);
    },
  });
  return { policy: await logProbsOf(model), curve };
}

/** Lets a copy of the reference say strings and learn from their true rewards. */
async function practise(
  algorithm: RewardAlgorithm,
): Promise<{ policy: Float64Array; curve: Curve }> {
  const model = copyOfReference();
  const curve: Curve = [];
  const epochs = 4;
  await maximiseReward({
    task,
    model,
    referenceTokens,
    rewards: floats(rewards),
    beta,
    algorithm,
    epochs,
    rounds,
    learningRate: 1e-3,
    onRound: async (round) => {
      curve.push([round * epochs, shareOf(await logProbsOf(model))]);
    },
  });
  return { policy: await logProbsOf(model), curve };
}

const comparisons = sampleComparisons(labels, labelled, 1);
const heldOut = sampleComparisons(labels, heldOutPairs, 2);
const noisy = flipLabels(labels, noise);
const ipoBest = optimalPolicy(referenceLogProbs, winRates(labels), beta);

const dpo = await prefer(labels, {});
const sampled = await prefer(countWins(comparisons, outcomes), {});
const families = [
  { name: "dpo, exact labels", goal: best, found: dpo.policy },
  { name: `dpo, ${labelled} drawn labels`, goal: best, found: sampled.policy },
  {
    name: `robust, ${100 * noise} % wrong`,
    goal: best,
    found: (await prefer(noisy, { lossType: "robust", labelSmoothing: noise })).policy,
  },
  { name: `dpo, ${100 * noise} % wrong`, goal: best, found: (await prefer(noisy, {})).policy },
  {
    name: `cdpo, ε = ${noise}`,
    goal: best,
    found: (await prefer(labels, { labelSmoothing: noise })).policy,
  },
  {
    name: "ipo, to its own optimum",
    goal: ipoBest,
    found: (await prefer(labels, { lossType: "ipo" })).policy,
  },
];
const table = families.map(({ name, goal, found }) => {
  const implied = impliedRewards(found, referenceLogProbs, beta);
  const known = impliedRewards(goal.logProbs, referenceLogProbs, beta);
  return { name, kl: exactKl(found, goal.logProbs), ...differenceErrors(implied, known) };
});
for (const { name, kl, relative, worst } of table) {
  console.log(
    `${name.padEnd(24)} KL to the optimum ${kl.toExponential(1).padStart(8)}, error of reward ` +
      `differences ${percent(relative)} (worst ${percent(worst)})`,
  );
}

const online = {
  ppo: await practise("ppo"),
  rloo: await practise("rloo"),
  grpo: await practise("grpo"),
};
for (const [name, { policy }] of Object.entries(online)) {
  console.log(
    `${name.padEnd(24)} ${percent(shareOf(policy))} of the best objective ` +
      `${bestObjective.toFixed(4)}, KL ${exactKl(policy, best.logProbs).toExponential(1)}`,
  );
}

const judged = await fitRewardModel({
  task,
  model: stringModel(),
  comparisons,
  steps: judgeSteps,
});
const [accuracy, bayes] = [accuracyOf(judged, heldOut), bayesAccuracy(labels, heldOut)];
const calibration = rewardCalibration(judged, heldOut);
console.log(
  `reward model             accuracy ${percent(accuracy)} of ${percent(bayes)} (Bayes), ECE ` +
    calibration.ece.toFixed(4),
);

const order = [...best.logProbs.keys()].toSorted((i, j) => best.logProbs[j] - best.logProbs[i]);
const ranked = (policy: Float64Array): Curve =>
  order.map((i, rank) => [rank + 1, Math.exp(policy[i])]);
const against = (found: Float64Array): Curve => {
  const [x, y] = [centred(rewards), centred(found)];
  return Array.from(x, (value, i) => [value, y[i]]);
};
/** Below 10⁻⁵, rounding is all there is to see. */
const missing = (curve: Curve): Curve =>
  curve.slice(1).map(([step, share]) => [step, Math.max(1 - share, 1e-5)]);
const edge = Math.max(...centred(rewards).map(Math.abs));
const scatter = { line: false, dots: true };
const panels: LineChartOptions[] = [
  {
    title: "Probability of each string: DPO finds π*, PPO where π is likely enough to try",
    xLabel: "strings, by probability under π*",
    logY: true,
    series: [
      { name: "π_ref", points: ranked(referenceLogProbs), ...scatter, colour: 5 },
      { name: "PPO, true reward", points: ranked(online.ppo.policy), ...scatter, colour: 2 },
      { name: "DPO, exact labels", points: ranked(dpo.policy), ...scatter, colour: 1 },
      { name: "π*", points: ranked(best.logProbs), colour: 0 },
    ],
  },
  {
    title: "Rewards that labels taught, against the true ones",
    xLabel: "r*",
    yLabel: "r̂",
    series: [
      {
        name: `DPO, ${labelled} drawn labels`,
        points: against(impliedRewards(sampled.policy, referenceLogProbs, beta)),
        ...scatter,
        colour: 4,
      },
      { name: "reward model, the same labels", points: against(judged), ...scatter, colour: 2 },
      {
        name: "DPO, exact labels",
        points: against(impliedRewards(dpo.policy, referenceLogProbs, beta)),
        ...scatter,
        colour: 1,
      },
      {
        name: "r̂ = r*",
        points: [
          [-edge, -edge],
          [edge, edge],
        ],
        colour: 0,
      },
    ],
  },
  {
    title: "What is missing of the best objective E[r*] − β KL, as a share: 1 is π_ref, 0 is π*",
    xLabel: "updates",
    logX: true,
    logY: true,
    series: [
      { name: "DPO, exact labels", points: missing(dpo.curve), colour: 1 },
      { name: "PPO", points: missing(online.ppo.curve), colour: 2 },
      { name: "RLOO", points: missing(online.rloo.curve), colour: 3 },
      { name: "GRPO", points: missing(online.grpo.curve), colour: 4 },
    ],
    marks: [{ y: 0.01, label: "99 % reached" }],
  },
  {
    title: `Reward model on ${heldOutPairs} new pairs: can its probabilities be believed?`,
    xLabel: "predicted probability of winning",
    yLabel: "observed",
    series: [
      {
        name: `reward model, ECE ${calibration.ece.toFixed(4)}`,
        points: calibration.bins.map(({ predicted, observed }) => [predicted, observed]),
        ...scatter,
        colour: 2,
      },
      {
        name: "perfect",
        points: [
          [0, 0],
          [1, 1],
        ],
        colour: 0,
      },
    ],
  },
];

/** Charts in two columns as one picture. */
function sheet(charts: readonly LineChartOptions[]): string {
  const [width, height] = [700, 346];
  const placed = charts.map((chart, i) => {
    const [x, y] = [10 + (i % 2) * width, 10 + Math.floor(i / 2) * height];
    return lineChartFile(chart).replace("<svg ", `<svg x="${x}" y="${y}" `);
  });
  const [w, h] = [2 * width, Math.ceil(charts.length / 2) * height];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" role="img" aria-label="Exact alignment"><rect class="paper" width="${w}" height="${h}"/>${placed.join("")}</svg>\n`;
}

const seconds = Math.round((performance.now() - started) / 1000);
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "exact-alignment.svg"), sheet(panels));
const results = {
  beta,
  bestObjective,
  families: table,
  shares: Object.fromEntries(Object.entries(online).map(([k, v]) => [k, shareOf(v.policy)])),
  rewardModel: { labelled, accuracy, bayes, ...calibration },
  seconds,
};
writeFileSync(join(folder, "exact-alignment.json"), `${JSON.stringify(results, null, 1)}\n`);
console.log(`${seconds} s; written to ${folder}`);
