import { UnsupportedOpError, UsageError } from "../../base/errors.ts";
import type { SpaceArray } from "../space-array.ts";
import type { Space, SpaceKind } from "../space.ts";
import type { Rows, Transitions } from "../transitions.ts";
import { requireBatch, sizeOf } from "./batch.ts";
import type { VectorEnv, VectorReset, VectorStep } from "./vector-env.ts";
import { finalObservationKey } from "./vector-info.ts";

/** What {@link transitionsOf} needs to know of a vector environment. */
export type TransitionSource = Pick<
  VectorEnv,
  "numEnvs" | "autoresetMode" | "singleObservationSpace" | "singleActionSpace"
>;

const rowKinds = new Set<SpaceKind>(["Box", "MultiBinary", "MultiDiscrete", "Discrete"]);

/**
 * Numbers of a value as a learner sees it: one row of f32.
 *
 * @throws {UnsupportedOpError} for spaces whose values are no array of numbers.
 */
export function rowSize(space: Space<unknown>): number {
  if (rowKinds.has(space.kind)) return sizeOf(space);
  throw new UnsupportedOpError(
    `transitions: rows are made of numbers, got ${space.toString()}; ` +
      "flatten it with the wrapper FlattenObservation",
  );
}

/** Observations or actions of all environments as rows of f32. */
export function rowsOf(space: Space<unknown>, batch: unknown): Rows {
  rowSize(space);
  return batch instanceof Float32Array ? batch : Float32Array.from(batch as ArrayLike<number>);
}

/** Rows whose environment took a step: not those in which `NextStep` reset an ended one. */
function steppedRows(env: TransitionSource, before: VectorReset | VectorStep): number[] {
  const rows: number[] = [];
  for (let i = 0; i < env.numEnvs; i++) {
    const hadEnded = "rewards" in before && (before.terminated[i] | before.truncated[i]) === 1;
    if (hadEnded && env.autoresetMode === "Disabled") {
      throw new UsageError(
        `transitionsOf: environment ${i} ended and must be reset before its next step; ` +
          "give the result of that reset as the state before",
      );
    }
    if (!hadEnded || env.autoresetMode === "SameStep") rows.push(i);
  }
  return rows;
}

/** The chosen rows, one after the other; a copy. */
function pick(source: ArrayLike<number>, size: number, rows: readonly number[]): Rows {
  if (rows.length * size === source.length) return new Float32Array(source);
  const target = new Float32Array(rows.length * size);
  rows.forEach((row, place) => {
    for (let i = 0; i < size; i++) target[place * size + i] = source[row * size + i];
  });
  return target;
}

function pickBytes(source: Uint8Array, rows: readonly number[]): Uint8Array {
  if (rows.length === source.length) return source.slice();
  return Uint8Array.from(rows, (row) => source[row]);
}

/** What followed the actions; for episodes reset in the same step, what they ended with. */
function nextObservations(env: TransitionSource, step: VectorStep): Rows {
  const rows = rowsOf(env.singleObservationSpace, step.observations);
  const finals = step.infos[finalObservationKey] as (SpaceArray | number | null)[] | undefined;
  if (env.autoresetMode !== "SameStep" || finals === undefined) return rows;
  const size = rowSize(env.singleObservationSpace);
  const result = rows.slice();
  finals.forEach((final, index) => {
    if (final !== null) result.set(typeof final === "number" ? [final] : final, index * size);
  });
  return result;
}

/**
 * The transitions of one step, as a replay buffer stores them. They are the same for every
 * autoreset mode: rows in which `NextStep` only reset are left out, and the observation after an
 * end is the episode's own, never that of the next one.
 *
 * @param before - what the environment returned last before this step, by `reset` or `step`.
 * @param actions - one row for each environment, as they are to be stored.
 * @param step - what the environment returned for them.
 * @throws {ShapeError} if there is not one action for each environment.
 * @example
 * let before: VectorReset | VectorStep = envs.resetSync({ seed: 0 });
 * const step = envs.stepSync(actions);
 * buffer.add(transitionsOf(envs, before, actions, step));
 * before = step;
 */
export function transitionsOf(
  env: TransitionSource,
  before: VectorReset | VectorStep,
  actions: ArrayLike<number>,
  step: VectorStep,
): Transitions {
  const observationSize = rowSize(env.singleObservationSpace);
  const actionSize = rowSize(env.singleActionSpace);
  requireBatch("transitionsOf", env.singleActionSpace, actions, env.numEnvs);
  const rows = steppedRows(env, before);
  const observations = rowsOf(env.singleObservationSpace, before.observations);
  return {
    count: rows.length,
    observations: pick(observations, observationSize, rows),
    actions: pick(actions, actionSize, rows),
    rewards: pick(step.rewards, 1, rows),
    nextObservations: pick(nextObservations(env, step), observationSize, rows),
    terminated: pickBytes(step.terminated, rows),
    truncated: pickBytes(step.truncated, rows),
  };
}
