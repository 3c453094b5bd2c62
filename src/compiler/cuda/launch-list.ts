import type { Node } from "../../ir/node.ts";
import { entryText, firstBlocks } from "./entry-text.ts";
import type { Piece } from "./entry-text.ts";
import type { KernelFunction } from "./kernel-code.ts";
import { LaunchDependencies } from "./launch-dependencies.ts";
import { mustKeepOrder } from "./memory-ranges.ts";
import type { Touches } from "./memory-ranges.ts";
import { sortPair } from "./sort-kernel.ts";
import type { EntryArgument, Launch, LaunchFacts } from "./program-code.ts";

/** Words of one parameter block: 32,764 bytes from Volta and CUDA 12.1 on. */
const MOST_WORDS = 4000;
/** Functions that differ, in one entry: more would only be looked through. */
const MOST_RUNS = 8;
/** Bytes below which a launch costs more than its work, so that unlike ones share a launch. */
const SHORT_BYTES = 4 << 20;
/** How many launches back a new one looks for company. */
const WINDOW = 96;

/** A generated function with the addresses it is to be called with. */
export interface Work {
  readonly function: KernelFunction;
  readonly arguments: readonly EntryArgument[];
  readonly touches: Touches;
  /** Works of one family write parts of one value, which do not overlap. */
  readonly family: Node | null;
  readonly facts: LaunchFacts;
}

interface Slot {
  readonly touches: Touches[];
  readonly works: Work[];
  /** A launch that is not generated. */
  readonly fixed: Launch | null;
}

/**
 * The launches of a program in the order of the stream. Generated functions that do not depend on
 * each other share launches: a launch costs about 2 µs, whatever it does.
 */
export class LaunchList {
  private readonly slots: Slot[] = [];
  private readonly merges: boolean;

  constructor(merges: boolean) {
    this.merges = merges;
  }

  addFixed(launch: Launch, touches: Touches): void {
    this.slots.push({ touches: [touches], works: [], fixed: launch });
  }

  addWork(work: Work): void {
    const first = Math.max(0, this.slots.length - WINDOW);
    let found: Slot | null = null;
    for (let i = this.slots.length - 1; this.merges && i >= first; i--) {
      const slot = this.slots[i];
      if (this.conflicts(slot, work)) break;
      if (this.fits(slot, work)) found = slot;
    }
    if (found === null) this.slots.push({ touches: [work.touches], works: [work], fixed: null });
    else {
      found.works.push(work);
      found.touches.push(work.touches);
    }
  }

  private conflicts(slot: Slot, work: Work): boolean {
    return slot.touches.some((touches, i) => {
      const other = slot.works[i];
      if (other !== undefined && other.family !== null && other.family === work.family)
        return false;
      return mustKeepOrder(touches, work.touches);
    });
  }

  private fits(slot: Slot, work: Work): boolean {
    if (slot.fixed !== null) return false;
    const [first] = slot.works;
    if (first.function.threads !== work.function.threads) return false;
    const texts = new Set(slot.works.map((other) => other.function.text));
    if (!texts.has(work.function.text)) {
      const all = [...slot.works, work];
      if (texts.size >= MOST_RUNS || all.some(({ facts }) => facts.bytes > SHORT_BYTES))
        return false;
    }
    const words = slot.works.reduce((sum, other) => sum + other.arguments.length + 1, 0);
    return words + work.arguments.length + 1 <= MOST_WORDS;
  }

  /** The launches; entries are written through `unit`. */
  finish(unit: UnitText): Launch[] {
    return this.slots.map((slot) => slot.fixed ?? kernelLaunch(slot.works, unit));
  }

  /** For each launch, the earlier ones it directly depends on, by number in ascending order. */
  dependencies(): number[][] {
    const found = new LaunchDependencies();
    return this.slots.map(({ touches }) => found.add(touches));
  }
}

function kernelLaunch(all: readonly Work[], unit: UnitText): Launch {
  const order = new Map<string, number>();
  for (const { function: made } of all) {
    if (!order.has(made.text)) order.set(made.text, order.size);
  }
  const rank = (work: Work): number => order.get(work.function.text) ?? 0;
  const works = all.toSorted((a, b) => rank(a) - rank(b));
  const pieces = works.map((work) => ({
    name: unit.functionName(work.function.text),
    function: work.function,
  }));
  const starts = firstBlocks(pieces);
  const last = pieces.length - 1;
  return {
    kind: "kernel",
    entry: unit.entry(pieces),
    blocks: starts[last] + pieces[last].function.blocks,
    threads: pieces[0].function.threads,
    sharedBytes: Math.max(...pieces.map((piece) => piece.function.sharedBytes)),
    arguments: [
      ...works.flatMap((work) => work.arguments),
      ...(pieces.length === 1 ? [] : starts.map((int) => ({ int }))),
    ],
    facts: {
      name: mergedName(works),
      bytes: works.reduce((sum, work) => sum + work.facts.bytes, 0),
      flops: works.reduce((sum, work) => sum + work.facts.flops, 0),
    },
  };
}

function mergedName(works: readonly Work[]): string {
  const counts = new Map<string, number>();
  for (const { facts } of works) counts.set(facts.name, (counts.get(facts.name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count === 1 ? name : `${count}×${name}`)).join(" + ");
}

/** Dynamic shared memory, as all functions see it. */
const sharedMemory = "extern __shared__ __align__(16) char shared[];\n";

/** Functions and entries of one unit of CUDA C, each text once. */
export class UnitText {
  private readonly functions: Map<string, string> = new Map();
  private readonly entries: Map<string, string> = new Map();

  functionName(text: string): string {
    const known = this.functions.get(text);
    if (known !== undefined) return known;
    const name = `f${this.functions.size}`;
    this.functions.set(text, name);
    return name;
  }

  /** Name of the entry that calls these pieces. */
  entry(pieces: readonly Piece[]): string {
    const text = entryText("@", pieces);
    const known = this.entries.get(text);
    if (known !== undefined) return known;
    const name = `k${this.entries.size}`;
    this.entries.set(text, name);
    return name;
  }

  /** Everything after the prelude; empty if nothing is generated. */
  finish(): string {
    const functions = [...this.functions].map(
      ([text, name]) => `static __device__ __forceinline__ void ${name}${text}\n`,
    );
    const entries = [...this.entries].map(([text, name]) => text.replaceAll("@", name));
    if (entries.length === 0) return "";
    const isSorted = functions.some((text) => text.includes("sort_pair"));
    return [sharedMemory, ...(isSorted ? [sortPair] : []), ...functions, ...entries].join("\n");
  }
}
