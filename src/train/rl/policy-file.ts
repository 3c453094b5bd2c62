import { CheckpointError } from "../../base/errors.ts";
import { scope } from "../../tensor/memory.ts";
import type { CheckpointFolder } from "../checkpoint-folder.ts";
import type { Learner, LearnerState } from "./learner.ts";
import { requireSame } from "./run-identity.ts";
import type { LearnVectorEnv } from "./learn-vector-env.ts";
import { loadFrozenStates, statefulWrappers, wrapperKind } from "./wrapper-states.ts";
import type { Env } from "../../rl/env.ts";

/** A learner in a file, without its memory unless that was asked for. */
export interface SavedPolicy {
  readonly algorithm: string;
  /** Id of the environment; empty if the learner was saved by itself. */
  readonly env: string;
  readonly observationSpace: string;
  readonly actionSpace: string;
  /** What the learner was made with. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly learner: LearnerState;
  /** States of the environment's wrappers, such as the statistics of normalisers. */
  readonly wrappers: readonly unknown[];
  /** Which wrapper each state is of; files of earlier versions do not say it. */
  readonly wrapperKinds?: readonly string[];
  readonly step: number;
  /** Mean return of the evaluation it was kept for; null if there was none. */
  readonly meanReturn: number | null;
}

/** What {@link savePolicy} keeps beside the learner. */
export interface SavePolicyOptions {
  readonly env?: string;
  /** Environment, or vector of them, whose normalisers belong to the policy. */
  readonly wrappersOf?: Env | LearnVectorEnv | undefined;
  readonly step?: number;
  readonly meanReturn?: number | null;
  /** Whether the replay buffer is saved too. @defaultValue false */
  readonly withReplay?: boolean;
}

/**
 * Saves a learner in `<folder>/step-<N>.safetensors`, whole or not at all, in place of what was
 * there.
 *
 * @returns the path of the file.
 * @throws {CheckpointError} if it cannot be written.
 */
export async function savePolicy(
  folder: string,
  learner: Learner,
  options: SavePolicyOptions = {},
): Promise<string> {
  const { env = "", wrappersOf, step = 0, meanReturn = null, withReplay = false } = options;
  const wrappers = wrappersOf === undefined ? [] : statefulWrappers(wrappersOf);
  const file = await checkpointFolder(folder);
  const { path } = await scope(async () => {
    const policy: SavedPolicy = {
      algorithm: learner.algorithm,
      env,
      observationSpace: String(learner.observationSpace),
      actionSpace: String(learner.actionSpace),
      options: learner.options,
      learner: learner.state({ withReplay }),
      wrappers: wrappers.map((wrapper) => wrapper.state()),
      wrapperKinds: wrappers.map(wrapperKind),
      step,
      meanReturn,
    };
    return file.save(step, policy);
  });
  return path;
}

/**
 * Loads what {@link savePolicy} saved. Make the learner from `algorithm` and `options`, then give
 * both to {@link restorePolicy}.
 *
 * @throws {CheckpointError} if the folder has no policy, or a damaged one.
 */
export async function loadPolicy(folder: string): Promise<SavedPolicy> {
  const file = await checkpointFolder(folder);
  const policy = await file.load<Partial<SavedPolicy>>();
  if (policy.learner !== undefined && policy.algorithm !== undefined) return policy as SavedPolicy;
  throw new CheckpointError(
    `loadPolicy: ${folder} must hold a saved policy, got a checkpoint of something else; ` +
      "give the folder that save() or a run's best/ wrote",
  );
}

/**
 * Gives a learner the weights and all other state of a saved one.
 *
 * @param env - to play in: its normalisers get the statistics that belong to the policy, and keep
 *   them as they are.
 * @throws {CheckpointError} if algorithm or spaces differ.
 */
export async function restorePolicy(
  learner: Learner,
  saved: SavedPolicy,
  env?: Env,
): Promise<void> {
  for (const name of ["algorithm", "observationSpace", "actionSpace"] as const) {
    requireSame(name, saved[name], String(learner[name]));
  }
  await learner.loadState(saved.learner);
  if (env !== undefined) loadFrozenStates(env, saved.wrappers, saved.wrapperKinds);
}

/** Files are imported only when there is one, so that learners themselves work in browsers. */
async function checkpointFolder(folder: string): Promise<CheckpointFolder> {
  const { CheckpointFolder: Folder } = await import("../checkpoint-folder.ts");
  return new Folder(folder, { keepLast: 1 });
}
