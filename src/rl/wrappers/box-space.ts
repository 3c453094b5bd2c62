import { ConfigError } from "../../base/errors.ts";
import { Box } from "../box.ts";
import type { Space } from "../space.ts";

/** @throws {ConfigError} if the space is no box. */
export function requireBox(wrapper: string, what: string, space: Space<unknown>): Box {
  if (space instanceof Box) return space;
  throw new ConfigError(`${wrapper}: the ${what} space must be a Box, got ${String(space)}`);
}

/** @throws {ConfigError} if the space of actions is no box with finite bounds. */
export function requireBoundedBox(wrapper: string, space: Space<unknown>): Box {
  const box = requireBox(wrapper, "action", space);
  if (box.isBounded) return box;
  throw new ConfigError(
    `${wrapper}: actions must have finite bounds, got ${String(box)}; ` +
      "wrap the environment so that its action space has some",
  );
}
