import type { AgentOptions, AgentResult } from "../train/rl/train-agent.ts";
import { trainAgent } from "../train/rl/train-agent.ts";
import type { AlgorithmName, LearnerOptions } from "../train/rl/algorithms.ts";
import type { RecipeName } from "../train/rl/recipes.ts";
import { recipesFor } from "../train/rl/recipes.ts";
import { formatDuration } from "../train/progress-bar.ts";
import type { Command, Flag, FlagValues, Terminal } from "./command.ts";
import { CommandLineError } from "./command.ts";
import { given, numberOf, resumeCommand, textOf } from "./flag-reading.ts";
import { runTraining, trainingFlags } from "./training-command.ts";

/** Names of the trainer's options whose flags have others. */
const flagNames: Readonly<Record<string, string>> = {
  totalSteps: "steps",
  numEnvs: "num-envs",
  evalEvery: "eval-every",
  evalEpisodes: "eval-episodes",
  stopAt: "stop-at",
  actionBins: "action-bins",
  netArch: "net",
  learningRate: "lr",
  batchSize: "batch",
  bufferSize: "buffer",
  learningStarts: "learning-starts",
  checkpointMinutes: "checkpoint-minutes",
};

/** Widths such as `64,64`. */
function widthsOf(command: string, text: string | undefined): readonly number[] | undefined {
  if (text === undefined) return undefined;
  const widths = text.split(",").map(Number);
  if (widths.every((width) => Number.isSafeInteger(width) && width > 0)) return widths;
  throw new CommandLineError(
    `${command}: --net must be widths of hidden layers, got "${text}"; write --net 64,64`,
  );
}

/** One rate for all nets, also where a recipe has two. */
function ratesOf(algorithm: AlgorithmName, lr: number | undefined): LearnerOptions {
  if (lr === undefined) return {};
  if (algorithm === "dqn") return { learningRate: lr };
  return { learningRate: lr, actorLearningRate: null, criticLearningRate: null };
}

/** Options of the algorithm itself. */
function learnerOptions(algorithm: AlgorithmName, values: FlagValues): LearnerOptions {
  const command = `train ${algorithm}`;
  const sigma = numberOf(values, "noise");
  return given<Record<string, unknown>>({
    netArch: widthsOf(command, textOf(values, "net")),
    ...ratesOf(algorithm, numberOf(values, "lr")),
    batchSize: numberOf(values, "batch"),
    bufferSize: numberOf(values, "buffer"),
    gamma: numberOf(values, "gamma"),
    tau: numberOf(values, "tau"),
    nSteps: numberOf(values, "n-steps"),
    learningStarts: numberOf(values, "learning-starts"),
    actionNoise: sigma === undefined ? undefined : { kind: "gaussian", sigma },
    normalizeObservations: values["normalize"] === true ? true : undefined,
  });
}

function toOptions(algorithm: AlgorithmName, values: FlagValues): AgentOptions {
  return {
    ...given<Omit<AgentOptions, "algorithm" | "learner">>({
      env: textOf(values, "env"),
      recipe: textOf(values, "recipe") as RecipeName | undefined,
      totalSteps: numberOf(values, "steps"),
      seed: numberOf(values, "seed"),
      numEnvs: numberOf(values, "num-envs"),
      evalEvery: numberOf(values, "eval-every"),
      evalEpisodes: numberOf(values, "eval-episodes"),
      stopAt: values["keep-going"] === true ? null : numberOf(values, "stop-at"),
      actionBins: numberOf(values, "action-bins"),
      checkpointMinutes: numberOf(values, "checkpoint-minutes"),
      saveReplay: values["no-replay"] !== true,
      table: values["table"] === true,
      video: values["no-video"] !== true,
      out: textOf(values, "out"),
      resume: values["resume"] === true,
      device: textOf(values, "device"),
      threads: numberOf(values, "threads"),
    }),
    algorithm,
    learner: learnerOptions(algorithm, values),
  };
}

/** What a run's folder does not hold. */
const resumedFlags = ["env", "out", "checkpoint-minutes", "device", "threads"];

function describeResult(name: string, result: AgentResult, values: FlagValues): string {
  if (result.status === "interrupted") {
    return (
      `\ninterrupted after step ${result.step}; saved ${result.checkpoint}\n` +
      `continue with: ${resumeCommand(name, values, resumedFlags)}\n`
    );
  }
  const { learned, evaluation, reportPath, weightsPath, videoPath } = result;
  const { meanReturn, stdReturn, episodes } = evaluation;
  const reason = learned.reason === null ? "" : `${learned.reason}\n`;
  return (
    `\n${reason}best policy: mean return ${meanReturn.toFixed(2)} ± ${stdReturn.toFixed(2)} over ` +
    `${episodes.length} new episodes, after ${learned.steps.toLocaleString("en-US")} steps and ` +
    `${learned.updates.toLocaleString("en-US")} updates in ${formatDuration(learned.seconds)}\n` +
    `  report   ${reportPath}\n  weights  ${weightsPath}\n` +
    (videoPath === null ? "" : `  video    ${videoPath}\n`)
  );
}

/** Flags of all four. */
function flagsFor(algorithm: AlgorithmName): Record<string, Flag> {
  const recipes = recipesFor(algorithm);
  const noise: Record<string, Flag> = {
    noise: {
      type: "number",
      min: 0,
      description: "Standard deviation of Gaussian noise on actions in [-1, 1]. [by environment]",
    },
  };
  const bins: Record<string, Flag> = {
    "action-bins": {
      type: "integer",
      min: 2,
      description: "Values into which each number of a continuous action is cut. [11]",
    },
  };
  return {
    env: {
      type: "text",
      placeholder: "id",
      description: "What to learn, such as Pendulum-v1; athanor envs lists them.",
    },
    steps: { type: "integer", min: 1, description: "Steps in all. [by environment]" },
    seed: {
      type: "integer",
      min: 0,
      description: "Of environments, weights, noise and batches; equal seeds, equal runs. [0]",
    },
    "num-envs": {
      type: "integer",
      min: 1,
      description: "Environments that step together, with as many updates. [1]",
    },
    recipe: {
      type: "text",
      placeholder: "name",
      choices: recipes,
      description: `Whose settings to start from: ${recipes.join(", ")}. [by environment]`,
    },
    net: { type: "text", placeholder: "widths", description: "Hidden layers, such as 64,64." },
    lr: { type: "number", above: 0, description: "Learning rate of all nets." },
    batch: { type: "integer", min: 1, description: "Transitions of an update." },
    buffer: { type: "integer", min: 1, description: "Transitions that are kept. [1000000]" },
    gamma: { type: "number", min: 0, description: "Discount, from 0 to 1." },
    tau: { type: "number", above: 0, description: "Part of the way that targets move, up to 1." },
    "n-steps": { type: "integer", min: 1, description: "Rewards added before the next value. [1]" },
    "learning-starts": { type: "integer", min: 0, description: "Steps before the first update." },
    ...(algorithm === "ddpg" || algorithm === "td3" ? noise : {}),
    ...(algorithm === "dqn" ? bins : {}),
    normalize: { description: "Scale observations by their running mean and deviation." },
    "eval-every": { type: "integer", min: 1, description: "Steps between evaluations." },
    "eval-episodes": { type: "integer", min: 1, description: "Episodes of an evaluation." },
    "stop-at": {
      type: "number",
      description: "Mean return of an evaluation that ends the run. [what counts as solved]",
    },
    "keep-going": { description: "Take all steps, solved or not." },
    "checkpoint-minutes": {
      type: "number",
      above: 0,
      description: "Minutes between checkpoints. [10]",
    },
    "no-replay": { description: "Checkpoints without the memory: small, but not bit for bit." },
    "no-video": { description: "Make no video of the best policy." },
    table: { description: "Print the numbers as tables instead of a curve." },
    ...trainingFlags(`runs/${algorithm}-<env>`),
  };
}

const summaries: Readonly<Record<AlgorithmName, readonly [what: string, how: string]>> = {
  ddpg: [
    "continuous actions",
    "Deep deterministic policy gradient: an actor climbs the values that a critic learns. The " +
      "shortest way to many continuous actions.",
  ],
  td3: [
    "continuous actions, steadier",
    "DDPG with two critics of which the smaller value counts, and an actor that waits for them.",
  ],
  sac: [
    "continuous actions, by entropy",
    "Soft actor-critic: the policy is random by as much as the task allows.",
  ],
  dqn: [
    "discrete actions",
    "Deep Q-learning: a value for each of a few actions. Continuous actions are cut into " +
      "--action-bins values each, of which there must not be many.",
  ],
};

/** `athanor train ddpg`, `td3`, `sac` and `dqn`. */
function trainAgentCommand(algorithm: AlgorithmName): Command {
  const name = `train ${algorithm}`;
  const [what, how] = summaries[algorithm];
  const example = algorithm === "dqn" ? "CartPole-v1" : "Pendulum-v1";
  return {
    name,
    summary: `Reinforcement learning: ${what}.`,
    description:
      `${how}\n\n` +
      "It learns an environment (athanor envs lists them) with settings that suit it, judges the " +
      "policy now and then without noise, and ends when the task is solved. It leaves a folder " +
      "with report.html, video.gif, best/ (the best policy), latest/ (checkpoints), progress.csv, " +
      "log.jsonl and tensorboard/. Ctrl-C saves a checkpoint first; --resume continues from it, bit " +
      "for bit.",
    flags: flagsFor(algorithm),
    examples: [
      [`${name} --env ${example}`, "Solve a small task in seconds and film it."],
      [`${name} --env ${example} --seed 1 --net 256,256 --keep-going`, "Other nets, all steps."],
      ...(algorithm === "dqn"
        ? []
        : ([
            [`${name} --env HalfCheetah-v5`, "On MuJoCo's physics (npm i @mujoco/mujoco)."],
          ] as const)),
      [`${name} --env ${example} --resume`, "Continue a run that was interrupted."],
    ],
    run(values: FlagValues, terminal: Terminal): Promise<number> {
      const options = toOptions(algorithm, values);
      return runTraining({
        isJson: values["json"] === true,
        terminal,
        train: (hooks) => trainAgent({ ...options, ...hooks }),
        describe: (result: AgentResult) => describeResult(name, result, values),
        flagNames,
      });
    },
  };
}

/** The commands that train agents. */
export const trainAgentCommands: readonly Command[] = (["ddpg", "td3", "sac", "dqn"] as const).map(
  trainAgentCommand,
);
