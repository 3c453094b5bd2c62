import type { Reset } from "../env.ts";
import type { Space } from "../space.ts";
import type { Outcome } from "./autoreset-env.ts";
import { stackValues } from "./batch.ts";
import type { Batch } from "./batch.ts";
import type { VectorReset, VectorStep } from "./vector-env.ts";
import { addInfo, finalInfoKey, finalObservationKey } from "./vector-info.ts";
import type { VectorInfo } from "./vector-info.ts";

/** The step of a vector environment, from those of its environments. */
export function joinOutcomes<Observation>(
  space: Space<Observation>,
  outcomes: readonly Outcome<Observation>[],
): VectorStep<Batch<Observation>> {
  const count = outcomes.length;
  const rewards = new Float64Array(count);
  const terminated = new Uint8Array(count);
  const truncated = new Uint8Array(count);
  const infos: VectorInfo = {};
  const observations: Observation[] = [];
  for (let index = 0; index < count; index++) {
    const outcome = outcomes[index];
    observations.push(outcome.observation);
    rewards[index] = outcome.reward;
    terminated[index] = Number(outcome.terminated);
    truncated[index] = Number(outcome.truncated);
    if (outcome.final !== undefined) addEnd(infos, outcome.final, index, count);
    addInfo(infos, outcome.info, index, count);
  }
  return { observations: stackValues(space, observations), rewards, terminated, truncated, infos };
}

function addEnd(infos: VectorInfo, final: Reset<unknown>, index: number, count: number): void {
  const end = { [finalObservationKey]: final.observation, [finalInfoKey]: final.info };
  addInfo(infos, end, index, count);
}

/**
 * The reset of a vector environment.
 *
 * @param resets - null for an environment that was not reset.
 * @param observations - the observations of all, those of the resets among them.
 */
export function joinResets<Observation>(
  space: Space<Observation>,
  resets: readonly (Reset<Observation> | null)[],
  observations: readonly Observation[],
): VectorReset<Batch<Observation>> {
  const infos: VectorInfo = {};
  resets.forEach((reset, index) => {
    if (reset !== null) addInfo(infos, reset.info, index, resets.length);
  });
  return { observations: stackValues(space, observations), infos };
}
