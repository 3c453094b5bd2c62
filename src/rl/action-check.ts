import { ConfigError } from "../base/errors.ts";
import { describeValue } from "./space-array.ts";
import type { Space } from "./space.ts";

/** A row of numbers whose length is looked at once more than its type. */
type Numbers = ArrayLike<number>;

/**
 * Makes sure that an action is numbers that a simulation may use: the right count, all finite.
 * Bounds are not looked at: environments clip as their definitions say.
 *
 * @throws {ConfigError} naming the environment and the action.
 */
export function requireNumbers(env: string, action: Numbers, size: number): void {
  if (action?.length !== size) {
    const count = size === 1 ? "1 number" : `${size} numbers`;
    throw new ConfigError(
      `${env}: an action must be ${count} as a Float32Array, got ${describeValue(action)}`,
    );
  }
  for (let i = 0; i < size; i++) {
    if (!Number.isFinite(action[i])) {
      throw new ConfigError(
        `${env}: an action must be finite, got ${action[i]} at element ${i} of ` +
          `${describeValue(action)}; look for a policy that diverged`,
        { details: { env, index: i } },
      );
    }
  }
}

/** @throws {ConfigError} if the action does not belong to the space. */
export function requireAction(env: string, action: unknown, space: Space<unknown>): void {
  const problem = space.whyNot(action);
  if (problem !== null) {
    throw new ConfigError(`${env}: an action of ${String(space)} ${problem}`);
  }
}
