import type { Node } from "../ir/node.ts";
import { planMemory } from "./memory-plan.ts";
import type { Lifetime, TakeTurns } from "./memory-plan.ts";
import { StepOrder, isBefore } from "./step-order.ts";
import type { ReadWrite } from "./step-order.ts";

/** Steps up to which temporaries are planned by what depends on what: it looks at all pairs. */
const MOST_ORDERED = 1024;

/** Values of a program that need memory of their own while it runs. */
export interface Temporaries {
  readonly steps: readonly ReadWrite[];
  /** Whether a value has a place already. */
  readonly isPlaced: (node: Node) => boolean;
  readonly bytesOf: (node: Node) => number;
  /** Values that must have their place alone, such as the blocks of loops. */
  readonly standAlone: (node: Node) => boolean;
  /** Values that are copied when all steps are done. */
  readonly copiedLast: readonly Node[];
  /** Values that are taken before anything runs, for the whole program. */
  readonly saved: readonly Node[];
  /** For values that a step makes: the values it reads at the very point it stores them. */
  readonly readInPlace: ReadonlyMap<Node, readonly Node[]>;
}

/** Where temporaries begin in one block of memory. */
export interface TemporaryPlan {
  readonly offsets: ReadonlyMap<Node, number>;
  readonly saved: ReadonlyMap<Node, number>;
  readonly bytes: number;
}

/** Steps from the first to the last that needs a temporary. */
interface Span {
  readonly first: number;
  last: number;
}

/**
 * Places temporaries. Steps that do not depend on each other get memory of their own if that takes
 * at most `spareBytes` more than the fewest: else a step may have to wait for another one, of which
 * it needs nothing but its memory.
 */
export function planTemporaries(temporaries: Temporaries, spareBytes: number): TemporaryPlan {
  const tight = planInOrder(temporaries, null);
  if (spareBytes === 0 || temporaries.steps.length > MOST_ORDERED) return tight;
  const wide = planInOrder(temporaries, new StepOrder(temporaries.steps));
  return wide.bytes - tight.bytes <= spareBytes ? wide : tight;
}

/** A plan in which memory is used again by later steps, or by those that come after in `order`. */
function planInOrder(temporaries: Temporaries, order: StepOrder | null): TemporaryPlan {
  const spans = spansOf(temporaries);
  const bases = shareTemporaries(temporaries, spans, order);
  const end = temporaries.steps.length;
  const all = [...spans.keys(), ...temporaries.saved];
  const lifetimes = all.map((node, i): Lifetime => {
    const bytes = temporaries.bytesOf(node);
    // Saved values live as long as the program.
    return { bytes, first: 0, last: end, ...(i < spans.size ? spans.get(node) : {}) };
  });
  const plan = planMemory(
    lifetimes,
    order === null ? undefined : takeTurns(spans, bases, order, end),
  );
  const offsets = new Map([...spans.keys()].map((node, i) => [node, plan.offsets[i]]));
  for (const [node, base] of bases) offsets.set(node, offsets.get(base) ?? 0);
  const saved = new Map(temporaries.saved.map((node, i) => [node, plan.offsets[spans.size + i]]));
  return { offsets, saved, bytes: plan.bytes };
}

/** Two take turns where all steps of one come before all steps of the other. */
function takeTurns(
  spans: ReadonlyMap<Node, Span>,
  bases: ReadonlyMap<Node, Node>,
  steps: StepOrder,
  end: number,
): TakeTurns {
  const tenants = new Map([...spans.keys()].map((node) => [node, [node]]));
  for (const [node, base] of bases) tenants.get(base)?.push(node);
  const lives = [...spans.values()];
  const orders = [...tenants.values()].map((values, i) => steps.of(values, lives[i].last === end));
  return (a, b) => {
    const [early, late] = lives[a].first < lives[b].first ? [a, b] : [b, a];
    return isBefore(orders[early], orders[late]);
  };
}

function spansOf({ copiedLast, isPlaced, steps }: Temporaries): Map<Node, Span> {
  const spans = new Map<Node, Span>();
  const touch = (node: Node, at: number): void => {
    if (isPlaced(node)) return;
    const span = spans.get(node) ?? { first: at, last: at };
    spans.set(node, { first: Math.min(span.first, at), last: Math.max(span.last, at) });
  };
  steps.forEach((step, i) => {
    for (const node of [...step.reads, ...step.writes]) touch(node, i);
  });
  for (const node of copiedLast) touch(node, steps.length);
  return spans;
}

/**
 * A value may take the place of one that is read for the last time where it is stored. Takes such
 * values out of the spans, lengthens those they stand on, and returns whose place they have. With
 * an order, all who read the other one must come before anyway.
 */
function shareTemporaries(
  { readInPlace, standAlone }: Temporaries,
  spans: Map<Node, Span>,
  order: StepOrder | null,
): Map<Node, Node> {
  const bases = new Map<Node, Node>();
  const makers = [...readInPlace].filter(([made]) => spans.has(made));
  makers.sort(([a], [b]) => (spans.get(a)?.first ?? 0) - (spans.get(b)?.first ?? 0));
  for (const [made, sources] of makers) {
    const own = spans.get(made);
    if (own === undefined || standAlone(made)) continue;
    for (const source of sources) {
      const base = bases.get(source) ?? source;
      const span = spans.get(base);
      if (span === undefined || standAlone(base) || span.last !== own.first) continue;
      if (order !== null && !order.followsReaders(made, source)) continue;
      span.last = own.last;
      spans.delete(made);
      bases.set(made, base);
      break;
    }
  }
  return bases;
}
