import type { Reset } from "../env.ts";
import type { Space } from "../space.ts";
import type { Outcome } from "./autoreset-env.ts";
import { stackValues } from "./batch.ts";
import type { VectorReset, VectorStep } from "./vector-env.ts";
import { addInfo, finalInfoKey, finalObservationKey } from "./vector-info.ts";
import type { VectorInfo } from "./vector-info.ts";

/** The step of a vector environment, from those of its environments. */
export function joinOutcomes<Observation>(
  space: Space<Observation>,
  outcomes: readonly Outcome<Observation>[],
): VectorStep<Observation> {
  const count = outcomes.length;
  const step = {
    observations: stackValues(
      space,
      outcomes.map(({ observation }) => observation),
    ),
    rewards: new Float64Array(count),
    terminated: new Uint8Array(count),
    truncated: new Uint8Array(count),
    infos: {} as VectorInfo,
  };
  outcomes.forEach(({ reward, terminated, truncated, info, final }, index) => {
    step.rewards[index] = reward;
    step.terminated[index] = Number(terminated);
    step.truncated[index] = Number(truncated);
    if (final !== null) {
      const end = { [finalObservationKey]: final.observation, [finalInfoKey]: final.info };
      addInfo(step.infos, end, index, count);
    }
    addInfo(step.infos, info, index, count);
  });
  return step;
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
): VectorReset<Observation> {
  const infos: VectorInfo = {};
  resets.forEach((reset, index) => {
    if (reset !== null) addInfo(infos, reset.info, index, resets.length);
  });
  return { observations: stackValues(space, observations), infos };
}
