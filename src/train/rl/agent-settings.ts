import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError, ConfigError } from "../../base/errors.ts";
import { errnoOf, writeFileAtomically } from "../../io/atomic-file.ts";
import type { AlgorithmName, LearnerOptions } from "./algorithms.ts";
import { algorithmNames } from "./algorithms.ts";
import { requireCount } from "./option-checks.ts";
import type { RecipeName } from "./recipes.ts";
import { planOf, recipeOptions } from "./recipes.ts";

/** What decides the outcome of a run; a resumed run takes it from its folder. */
export interface AgentSettings {
  readonly algorithm: AlgorithmName;
  /** Id of a registered environment. */
  readonly env: string;
  /** Environments that step together, in this thread. @defaultValue 1 */
  readonly numEnvs: number;
  /** Steps of all environments together. @defaultValue by environment */
  readonly totalSteps: number;
  /** Of the environments, the weights, the noise and the batches. @defaultValue 0 */
  readonly seed: number;
  /** Steps between evaluations. @defaultValue by environment */
  readonly evalEvery: number;
  /** Episodes of an evaluation. @defaultValue by environment, mostly 10 */
  readonly evalEpisodes: number;
  /** Mean return of an evaluation at which training ends; null for none. @defaultValue by environment */
  readonly stopAt: number | null;
  /** Steps between lines of the log. @defaultValue a hundredth of all steps, at most 1000 */
  readonly logEvery: number;
  /** Values into which DQN cuts each action of a Box. @defaultValue 11 */
  readonly actionBins: number;
  /** Every option of the algorithm. */
  readonly learner: LearnerOptions;
}

/** What a caller chooses of {@link AgentSettings}. */
export interface AgentChoices extends Partial<
  Omit<AgentSettings, "algorithm" | "env" | "learner">
> {
  readonly algorithm: AlgorithmName;
  /** @defaultValue that of the resumed run */
  readonly env?: string;
  /** Whose settings the algorithm starts from. @defaultValue by environment */
  readonly recipe?: RecipeName;
  /** Options of the algorithm that differ from the recipe. */
  readonly learner?: LearnerOptions;
}

/** Names of settings, to compare and copy them. */
const names = [
  "env",
  "numEnvs",
  "totalSteps",
  "seed",
  "evalEvery",
  "evalEpisodes",
  "stopAt",
  "logEvery",
  "actionBins",
] as const;

/** File of a run's folder that holds its settings. */
const fileName = "config.json";

/** @throws {ConfigError} if a choice is out of range. */
export function newSettings(choices: AgentChoices, rewardThreshold: number | null): AgentSettings {
  const { algorithm, env, recipe, learner = {}, ...rest } = choices;
  if (env === undefined) {
    throw new ConfigError(
      `train ${algorithm}: env must be given for a new run, got none; athanor envs lists them`,
    );
  }
  const plan = planOf(env, rewardThreshold);
  const { totalSteps, evalEvery, evalEpisodes, stopAt } = plan;
  const given = Object.fromEntries(
    names.flatMap((name) => {
      const value = name === "env" ? env : rest[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
  const steps = rest.totalSteps ?? totalSteps;
  const settings = {
    numEnvs: 1,
    totalSteps,
    logEvery: Math.min(1000, Math.ceil(steps / 100)),
    seed: 0,
    evalEvery,
    evalEpisodes,
    stopAt,
    actionBins: 11,
    ...given,
    algorithm,
    env,
    learner: {
      // Several environments bring several transitions a step: each is worth an update.
      ...((rest.numEnvs ?? 1) > 1 && { gradientSteps: -1 }),
      ...recipeOptions(algorithm, plan, recipe),
      ...learner,
    },
  } as AgentSettings;
  checkSettings(settings);
  return settings;
}

/**
 * The settings of a run that goes on: only its steps may be more than they were.
 *
 * @throws {ConfigError} if a choice differs from the run.
 */
export function resumedSettings(choices: AgentChoices, saved: AgentSettings): AgentSettings {
  const what = `train ${choices.algorithm}`;
  const refuse = (name: string, got: unknown, was: unknown): never => {
    throw new ConfigError(
      `${what}: ${name} must be as in the run that is resumed, got ${String(got)} instead of ` +
        `${String(was)}; leave it out, or start a new run in another folder`,
    );
  };
  if (choices.algorithm !== saved.algorithm) {
    throw new CheckpointError(
      `${what}: the run must be one of ${choices.algorithm}, got one of ${saved.algorithm}; ` +
        `continue it with athanor train ${saved.algorithm} --resume`,
    );
  }
  for (const name of names) {
    const value = choices[name];
    if (value === undefined || value === saved[name] || name === "totalSteps") continue;
    refuse(name, value, saved[name]);
  }
  if (choices.recipe !== undefined) refuse("recipe", choices.recipe, "what it has");
  for (const [name, value] of Object.entries(choices.learner ?? {})) {
    const was = saved.learner[name];
    if (JSON.stringify(value) !== JSON.stringify(was)) {
      refuse(name, JSON.stringify(value), JSON.stringify(was));
    }
  }
  const settings = { ...saved, totalSteps: choices.totalSteps ?? saved.totalSteps };
  checkSettings(settings);
  return settings;
}

function checkSettings(settings: AgentSettings): void {
  const what = `train ${settings.algorithm}`;
  for (const name of ["numEnvs", "totalSteps", "evalEvery", "evalEpisodes", "logEvery"] as const) {
    requireCount(what, name, settings[name]);
  }
  requireCount(what, "seed", settings.seed, 0);
  requireCount(what, "actionBins", settings.actionBins, 2);
}

/** Writes the settings of a run into its folder, with the versions it was made by. */
export async function writeSettings(out: string, settings: AgentSettings): Promise<void> {
  const text = JSON.stringify({ ...settings, node: process.version }, null, 2);
  const bytes = new TextEncoder().encode(`${text}\n`);
  await writeFileAtomically(join(out, fileName), (sink) => sink.write(bytes));
}

/**
 * The settings of the run in a folder.
 *
 * @throws {CheckpointError} if there is none, or its file is damaged.
 */
export function readSettings(out: string): AgentSettings {
  const path = join(out, fileName);
  let settings: Partial<AgentSettings>;
  try {
    settings = JSON.parse(readFileSync(path, "utf8")) as Partial<AgentSettings>;
  } catch (error) {
    const why = errnoOf(error) === "ENOENT" ? "no such file" : String(error);
    throw new CheckpointError(
      `run: ${out} must hold a run of athanor train ddpg, td3, sac or dqn, got ${why} at ${path}; ` +
        "check the folder",
      { cause: error },
    );
  }
  const { algorithm, learner, env } = settings;
  const isKnown = algorithmNames.includes(algorithm as AlgorithmName);
  if (isKnown && typeof learner === "object" && typeof env === "string") {
    return settings as AgentSettings;
  }
  throw new CheckpointError(
    `run: ${path} must be written by athanor train ddpg, td3, sac or dqn, got ` +
      `algorithm ${String(algorithm)}; check the folder`,
  );
}
