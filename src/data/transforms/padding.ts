import { ConfigError } from "../../base/errors.ts";
import type { Padding } from "./planes.ts";

/** @internal Padding as torchvision writes it: all sides, [horizontal, vertical], or four sides. */
export function paddingOf(name: string, padding: number | readonly number[]): Padding {
  const sides = [padding].flat();
  const [left, top = left, right = left, bottom = top] = sides;
  const result: Padding = [left, top, right, bottom];
  if ([1, 2, 4].includes(sides.length) && result.every((side) => Number.isInteger(side))) {
    return result;
  }
  throw new ConfigError(
    `${name}: padding must be 1, 2 or 4 integers, got ${JSON.stringify(padding)}`,
  );
}
