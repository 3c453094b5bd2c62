import type { Operand } from "./program-code.ts";

/** Bytes of one place a launch touches. */
export interface Range {
  /** Text that is equal for one place: an input, an output, the temporaries, the scratch. */
  readonly place: string;
  readonly start: number;
  readonly end: number;
}

/** What a launch reads and writes. */
export interface Touches {
  readonly reads: readonly Range[];
  readonly writes: readonly Range[];
  /** Whether it may note a wrong index in the error words. */
  readonly reports?: boolean;
  /** Whether it does nothing once a wrong index is noted. */
  readonly heeds?: boolean;
}

/** The bytes from an operand on. */
export function rangeOf({ place, offset }: Operand, bytes: number): Range {
  if (place.kind === "temporary") {
    const start = place.offset + offset;
    return { place: "temporary", start, end: start + bytes };
  }
  const name = "index" in place ? `${place.kind} ${place.index}` : place.kind;
  return { place: name, start: offset, end: offset + bytes };
}

function overlap(a: readonly Range[], b: readonly Range[]): boolean {
  return a.some((x) => b.some((y) => x.place === y.place && x.start < y.end && y.start < x.end));
}

/** Reports do not wait for each other; what heeds them must see all that were due, and no others. */
function shareErrors(a: Touches, b: Touches): boolean {
  return (a.reports === true && b.heeds === true) || (a.heeds === true && b.reports === true);
}

/** Whether two launches must keep their order. */
export function mustKeepOrder(a: Touches, b: Touches): boolean {
  if (shareErrors(a, b)) return true;
  return overlap(a.writes, b.reads) || overlap(a.writes, b.writes) || overlap(a.reads, b.writes);
}
