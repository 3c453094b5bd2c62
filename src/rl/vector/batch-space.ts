import { Box } from "../box.ts";
import { Dict } from "../dict.ts";
import { Discrete } from "../discrete.ts";
import { MultiBinary } from "../multi-binary.ts";
import { MultiDiscrete } from "../multi-discrete.ts";
import type { SpaceDType } from "../space-array.ts";
import type { Space } from "../space.ts";
import { Tuple } from "../tuple.ts";
import type { Batch } from "./batch.ts";

/** The list `count` times, one after the other. */
function repeated(values: ArrayLike<number>, count: number): number[] {
  return Array.from({ length: count }, () => Array.from(values)).flat();
}

/**
 * The space of batches of `count` values: a `Box` of one row for each, a `MultiDiscrete` for
 * `Discrete`, the same structure of batched spaces for `Dict` and `Tuple`; for other spaces a
 * `Tuple` of values.
 */
export function batchSpace<T>(space: Space<T>, count: number): Space<Batch<T>> {
  return batchAny(space, count) as Space<Batch<T>>;
}

function batchAny(space: Space<unknown>, count: number): Space<unknown> {
  if (space instanceof Box) return batchBox(space as Box<SpaceDType>, count);
  if (space instanceof Discrete) {
    const start = new Array<number>(count).fill(space.start);
    return new MultiDiscrete(new Array<number>(count).fill(space.n), { start });
  }
  if (space instanceof MultiDiscrete) {
    return new MultiDiscrete(repeated(space.nvec, count), { start: repeated(space.start, count) });
  }
  if (space instanceof MultiBinary) return new MultiBinary([count, ...space.shape]);
  if (space instanceof Tuple) {
    return new Tuple((space as Tuple).spaces.map((part) => batchAny(part, count)));
  }
  if (space instanceof Dict) {
    const parts = Object.entries((space as Dict).spaces);
    return new Dict(Object.fromEntries(parts.map(([key, part]) => [key, batchAny(part, count)])));
  }
  return new Tuple(new Array<Space<unknown>>(count).fill(space));
}

function batchBox<D extends SpaceDType>(space: Box<D>, count: number): Box<D> {
  return new Box(repeated(space.low, count), repeated(space.high, count), {
    shape: [count, ...space.shape],
    dtype: space.dtype,
  });
}
