import { product } from "../../base/integers.ts";
import { ConfigError } from "../../base/errors.ts";
import type { Pcg64 } from "../../base/pcg64.ts";
import { Box } from "../../rl/box.ts";
import { Discrete } from "../../rl/discrete.ts";
import type { Space } from "../../rl/space.ts";
import type { Rows } from "../../rl/transitions.ts";

/** How actions of the space lie in the replay buffer and come out of a policy. */
export interface ActionCodec {
  /** Numbers of an action. */
  readonly size: number;
  /** Actions of the space as they are stored. A new array. */
  encode(rows: Rows): Rows;
  /** Stored actions as the space has them, inside its bounds. */
  decode(rows: Rows): Rows;
  /** Stored actions that are spread evenly over the space. */
  random(count: number, random: Pcg64): Rows;
}

/**
 * Actions of a Box, scaled to [-1, 1].
 *
 * @throws {ConfigError} if the space is no Box, or its bounds are infinite or not apart.
 */
export function boxActions(owner: string, space: Space<unknown>): ActionCodec {
  if (!(space instanceof Box)) throw noBox(owner, space);
  const { low, high } = space;
  low.forEach((least, i) => requireBounds(owner, least, high[i], i));
  const size = product(space.shape);
  const half = low.map((least, i) => (high[i] - least) / 2);
  const middle = low.map((least, i) => (high[i] + least) / 2);
  return {
    size,
    encode: (rows) => rows.map((value, i) => limit((value - middle[i % size]) / half[i % size])),
    decode: (rows) =>
      rows.map((value, i) => {
        const at = i % size;
        // Rounding must not leave the space.
        return Math.min(Math.max(middle[at] + half[at] * value, low[at]), high[at]);
      }),
    random: (count, random) =>
      Float32Array.from({ length: count * size }, () => random.uniform(-1, 1)),
  };
}

/**
 * Actions of a Discrete space, as indices from 0.
 *
 * @throws {ConfigError} if the space is none.
 */
export function discreteActions(
  owner: string,
  space: Space<unknown>,
): ActionCodec & { readonly n: number } {
  if (!(space instanceof Discrete)) {
    throw new ConfigError(
      `${owner}: the action space must be Discrete, got ${String(space)}; wrap the environment in ` +
        "DiscretizeAction, or use DDPG, TD3 or SAC for continuous actions",
    );
  }
  const { n } = space;
  return {
    n,
    size: 1,
    encode: (rows) => rows.slice(),
    decode: (rows) => rows,
    random: (count, random) => Float32Array.from({ length: count }, () => random.integers(0, n)),
  };
}

const limit = (value: number): number => Math.min(Math.max(value, -1), 1);

function noBox(owner: string, space: Space<unknown>): ConfigError {
  const advice =
    space.kind === "Discrete"
      ? "use DQN for discrete actions"
      : "wrap the environment so that its actions are one Box";
  return new ConfigError(
    `${owner}: the action space must be a Box, got ${String(space)}; ${advice}`,
  );
}

function requireBounds(owner: string, low: number, high: number, index: number): void {
  if (Number.isFinite(low) && Number.isFinite(high) && low < high) return;
  throw new ConfigError(
    `${owner}: action bounds must be finite with low < high, got [${low}, ${high}] for action ` +
      `${index}; wrap the environment in RescaleAction or ClipAction, or give the Box real bounds`,
    { details: { index, low, high } },
  );
}
