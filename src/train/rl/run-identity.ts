import { CheckpointError } from "../../base/errors.ts";
import type { EnvStepper } from "./env-stepper.ts";
import type { Learner } from "./learner.ts";
import type { RunIdentity } from "./run-state.ts";

/** What a run is a run of. */
export function identityOf(learner: Learner, stepper: EnvStepper): RunIdentity {
  return {
    algorithm: learner.algorithm,
    env: stepper.envId,
    numEnvs: stepper.count,
    observationSpace: String(learner.observationSpace),
    actionSpace: String(learner.actionSpace),
  };
}

/** @throws {CheckpointError} naming the first thing in which a saved run differs from this one. */
export function requireSameRun(saved: RunIdentity, here: RunIdentity): void {
  for (const name of Object.keys(here) as (keyof RunIdentity)[]) {
    requireSame(name, saved[name], here[name]);
  }
}

/** @throws {CheckpointError} if what was saved is not what is here. */
export function requireSame(name: string, saved: unknown, here: unknown): void {
  if (saved === here) return;
  throw new CheckpointError(
    `checkpoint: ${name} must be that of the saved run, got ${String(here)} instead of ` +
      `${String(saved)}; use what it was made with, or start a new run`,
    { details: { name, saved, here } },
  );
}
