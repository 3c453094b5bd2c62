import { ConfigError, ShapeError } from "../../base/errors.ts";
import type { Transitions } from "../transitions.ts";

/** Sizes that rows are checked against. */
export interface TransitionSizes {
  readonly observationSize: number;
  readonly actionSize: number;
}

/**
 * Checks transitions before anything is kept of them.
 * @throws {ShapeError} if an array has another length than `count` rows.
 * @throws {ConfigError} if a number is not finite in f32.
 */
export function checkTransitions(transitions: Transitions, sizes: TransitionSizes): void {
  const { count } = transitions;
  if (!Number.isInteger(count) || count < 0) {
    throw new ConfigError(`replay.add: count must be an integer ≥ 0, got ${count}`);
  }
  const { observationSize, actionSize } = sizes;
  checkRows("observations", transitions.observations, count, observationSize);
  checkRows("actions", transitions.actions, count, actionSize);
  checkRows("rewards", transitions.rewards, count, 1);
  checkRows("nextObservations", transitions.nextObservations, count, observationSize);
  checkLength("terminated", transitions.terminated.length, count, 1);
  checkLength("truncated", transitions.truncated.length, count, 1);
  if (transitions.environments === undefined) return;
  checkLength("environments", transitions.environments.length, count, 1);
}

function checkLength(field: string, length: number, count: number, size: number): void {
  if (length === count * size) return;
  throw new ShapeError(
    `replay.add: ${field} must have ${count} rows of ${size}, got ${length} numbers; the sizes are ` +
      "those the replay was made with",
  );
}

function checkRows(field: string, rows: Float32Array, count: number, size: number): void {
  checkLength(field, rows.length, count, size);
  // A difference of 0 with itself: everything but NaN and infinities, for arrays of f64 too.
  let sum = 0;
  for (let i = 0; i < rows.length; i++) {
    const value = Math.fround(rows[i]);
    sum += value - value;
  }
  if (sum === 0) return;
  const at = rows.findIndex((value) => !Number.isFinite(Math.fround(value)));
  throw new ConfigError(
    `replay.add: ${field} must be finite in f32, got ${rows[at]} at row ${Math.floor(at / size)}, ` +
      `element ${at % size}; look at the environment or the policy it comes from`,
  );
}
