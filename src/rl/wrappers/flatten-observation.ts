import type { Env } from "../env.ts";
import { flatten, flattenSpace } from "../flatten.ts";
import type { FlatRow } from "../flatten.ts";
import type { Space } from "../space.ts";
import { TransformObservation } from "./transform-observation.ts";

/** Shows observations of any space as one row of numbers. */
export class FlattenObservation<Observation, Action> extends TransformObservation<
  FlatRow,
  Action,
  Observation
> {
  constructor(env: Env<Observation, Action>) {
    const space = env.observationSpace;
    // A box of either element type holds rows of that type.
    const flat = flattenSpace(space) as unknown as Space<FlatRow>;
    super(env, (observation) => flatten(space, observation), flat);
  }
}
