import { ConfigError } from "../../base/errors.ts";
import { Box } from "../box.ts";
import type { SpaceDType } from "../space-array.ts";
import type { Space } from "../space.ts";

/** @throws {ConfigError} if the space is no Box. */
export function boxOf(
  caller: string,
  what: "observationSpace" | "actionSpace",
  space: Space<unknown>,
): Box<SpaceDType> {
  if (space instanceof Box) return space as Box<SpaceDType>;
  const remedy =
    what === "observationSpace" ? "flatten it with FlattenObservation first" : "leave it out";
  throw new ConfigError(`${caller}: ${what} must be a Box, got ${String(space)}; ${remedy}`);
}

/** Any numbers in that shape. */
export function openBox(shape: readonly number[]): Box<"f32"> {
  return new Box(-Infinity, Infinity, { shape });
}
