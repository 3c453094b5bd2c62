import { ConfigError } from "../../base/errors.ts";
import { Dict } from "../dict.ts";
import { flatDim } from "../flatten.ts";
import type { Space } from "../space.ts";

/** Where goals lie in a flattened observation. */
export interface GoalLayout {
  /** Numbers of the whole observation. */
  readonly observationSize: number;
  readonly goalSize: number;
  /** Where the goal that was reached begins. */
  readonly achievedGoal: number;
  /** Where the goal that is sought begins. */
  readonly desiredGoal: number;
}

/**
 * The layout of a `Dict` with `observation`, `achievedGoal` and `desiredGoal`, as `flatten` and the
 * wrapper `FlattenObservation` lay it out.
 * @throws {ConfigError} if the space is no such Dict.
 */
export function goalLayout(space: Space<unknown>): GoalLayout {
  const names = space instanceof Dict ? Object.keys(space.spaces) : [];
  const wanted = ["observation", "achievedGoal", "desiredGoal"];
  if (!(space instanceof Dict) || wanted.some((name) => !names.includes(name))) {
    throw new ConfigError(
      "goalLayout: the observation space must be a Dict with observation, achievedGoal and " +
        `desiredGoal, got ${String(space)}; goals must be part of what is observed`,
    );
  }
  const begins: Record<string, number> = {};
  let size = 0;
  for (const name of names) {
    begins[name] = size;
    size += flatDim(space.spaces[name]);
  }
  const { achievedGoal, desiredGoal } = space.spaces;
  const [goalSize, desiredSize] = [flatDim(achievedGoal), flatDim(desiredGoal)];
  if (goalSize !== desiredSize) {
    throw new ConfigError(
      `goalLayout: achievedGoal and desiredGoal must have equal sizes, got ${goalSize} and ` +
        `${desiredSize}`,
    );
  }
  return {
    observationSize: size,
    goalSize,
    achievedGoal: begins["achievedGoal"],
    desiredGoal: begins["desiredGoal"],
  };
}
