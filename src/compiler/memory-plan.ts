import { roundUp } from "../base/integers.ts";

const ALIGNMENT = 64;

/** A temporary and the steps (inclusive) during which it must keep its bytes. */
export interface Lifetime {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** Offsets of temporaries in one arena, and the arena's size. */
export interface MemoryPlan {
  readonly offsets: readonly number[];
  readonly bytes: number;
}

/** Whether two temporaries, by number, may have the same bytes. */
export type TakeTurns = (a: number, b: number) => boolean;

interface Placed {
  readonly offset: number;
  readonly end: number;
  readonly number: number;
}

/**
 * Places temporaries so that those alive together do not overlap: largest first, each into the
 * tightest gap among those whose lives cross its own.
 *
 * @param takeTurns - more that must hold for two whose lives do not cross.
 */
export function planMemory(
  lifetimes: readonly Lifetime[],
  takeTurns: TakeTurns = () => true,
): MemoryPlan {
  const areApart: TakeTurns = (a, b) => {
    const [first, second] = [lifetimes[a], lifetimes[b]];
    return (first.last < second.first || second.last < first.first) && takeTurns(a, b);
  };
  const offsets = new Array<number>(lifetimes.length).fill(0);
  const placed: Placed[] = [];
  let total = 0;
  const order = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[b].bytes - lifetimes[a].bytes);
  for (const i of order) {
    const size = roundUp(Math.max(lifetimes[i].bytes, 1), ALIGNMENT);
    const offset = tightestGap(placed, (other) => areApart(i, other), size);
    offsets[i] = offset;
    placed.push({ offset, end: offset + size, number: i });
    placed.sort((a, b) => a.offset - b.offset);
    total = Math.max(total, offset + size);
  }
  return { offsets, bytes: total };
}

function tightestGap(
  placed: readonly Placed[],
  isApart: (other: number) => boolean,
  size: number,
): number {
  let best = -1;
  let bestWaste = Infinity;
  let free = 0;
  for (const other of placed) {
    if (isApart(other.number)) continue;
    const waste = other.offset - free - size;
    if (waste >= 0 && waste < bestWaste) [best, bestWaste] = [free, waste];
    free = Math.max(free, other.end);
  }
  return best >= 0 ? best : free;
}
