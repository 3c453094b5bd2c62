import { ConfigError } from "../../base/errors.ts";
import { Box } from "../../rl/box.ts";
import { Discrete } from "../../rl/discrete.ts";
import type { Space } from "../../rl/space.ts";
import type { Rows } from "../../rl/transitions.ts";
import { rowSize as numbersOf } from "../../rl/vector/transitions-of.ts";

/**
 * Numbers of a value of the space in a row of f32.
 *
 * @throws {ConfigError} for spaces whose values are no single array.
 */
export function rowSize(space: Space<unknown>, what: string): number {
  if (space.shape !== null) return numbersOf(space);
  throw new ConfigError(
    `learn: the ${what} space must have arrays of numbers as values, got ${String(space)}; ` +
      "wrap the environment in FlattenObservation, or learn from one of its parts",
  );
}

/** Writes an observation into a row. */
export function writeObservation(value: unknown, rows: Rows, offset: number): void {
  if (typeof value === "number") rows[offset] = value;
  else rows.set(value as ArrayLike<number>, offset);
}

/** How an environment takes what stands in a row: f32 or f64 for a Box, a number for a Discrete. */
export function actionReader(
  space: Space<unknown>,
): (rows: Rows, index: number) => Float32Array | Float64Array | number {
  if (space instanceof Discrete) {
    const { start } = space;
    return (rows, index) => start + rows[index];
  }
  const size = rowSize(space, "action");
  if ((space as Partial<Box<"f32" | "f64">>).dtype === "f64") {
    return (rows, index) => Float64Array.from(rows.subarray(index * size, (index + 1) * size));
  }
  return (rows, index) => rows.slice(index * size, (index + 1) * size);
}

/** Counts the numbers of actions that lie in the outermost hundredth of their range. */
export type SaturationCount = (actions: Rows) => number;

/** Null for actions that have no range. */
export function saturationOf(space: Space<unknown>): SaturationCount | null {
  if (!(space instanceof Box)) return null;
  const { low, high } = space;
  const middle = low.map((value, i) => (value + high[i]) / 2);
  const limit = low.map((value, i) => (0.99 * (high[i] - value)) / 2);
  if (!limit.every(Number.isFinite)) return null;
  return (actions) => {
    let count = 0;
    for (let i = 0; i < actions.length; i++) {
      const at = i % middle.length;
      if (Math.abs(actions[i] - middle[at]) > limit[at]) count++;
    }
    return count;
  };
}
