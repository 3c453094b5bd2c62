import type { SpaceArray } from "../space-array.ts";
import { finalObservationKey } from "./vector-info.ts";
import type { VectorInfo } from "./vector-info.ts";

/** The last observations of episodes that were reset within the step, by environment. */
export function finalObservations(infos: VectorInfo): readonly (SpaceArray | null)[] {
  return (infos[finalObservationKey] as (SpaceArray | null)[] | undefined) ?? [];
}

/** The infos with other last observations. */
export function withFinalObservations(
  infos: VectorInfo,
  change: (observation: SpaceArray, index: number) => SpaceArray,
): VectorInfo {
  const finals = infos[finalObservationKey] as (SpaceArray | null)[] | undefined;
  if (finals === undefined) return infos;
  const changed = finals.map((final, index) => (final === null ? null : change(final, index)));
  return { ...infos, [finalObservationKey]: changed };
}
