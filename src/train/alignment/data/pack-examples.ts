import { ConfigError } from "../../../base/errors.ts";
import { requireOneOf } from "../losses/option-checks.ts";
import type { SequenceExample } from "./tokenize-rows.ts";

/** How examples share rows, as TRL has it. */
export type PackingStrategy = "bfd" | "bfd_split" | "wrapped";

/** Options of {@link packExamples}. */
export interface PackOptions {
  /** Tokens of a row. */
  readonly length: number;
  /** @defaultValue "bfd" */
  readonly strategy?: PackingStrategy | undefined;
}

/** Examples one behind the other, which must not see each other. */
export interface PackedExample extends SequenceExample {
  /** Number of the example that each token belongs to, from 0. */
  readonly segmentIds: readonly number[];
  /** Place of each token in its example. */
  readonly positionIds: readonly number[];
}

/** Rows, and what packing did. */
export interface Packing {
  readonly rows: PackedExample[];
  /** Tokens that `bfd` cut off. */
  readonly lostTokens: number;
  /** Part of the places that hold a token, 0 … 1. */
  readonly fill: number;
}

/**
 * Puts short examples into one row of `length` tokens, so that little of it is padding.
 * - `bfd`: best fit, longest first; longer examples lose their end;
 * - `bfd_split`: the same, but longer examples are cut into several;
 * - `wrapped`: one behind the other, cut wherever a row ends; rows are full but for the last one.
 *
 * Every piece is a segment: models whose attention heeds `segmentIds` give each the logits that it has
 * alone. (TRL lets examples of a wrapped row see each other.)
 *
 * @throws {ConfigError} for a length below 2 or an unknown strategy.
 */
export function packExamples(
  examples: readonly SequenceExample[],
  { length, strategy = "bfd" }: PackOptions,
): Packing {
  requireOneOf("packExamples", "strategy", strategy, ["bfd", "bfd_split", "wrapped"]);
  if (!Number.isSafeInteger(length) || length < 2) {
    throw new ConfigError(
      `packExamples: length must be an integer of at least 2, got ${length}; write 1024`,
    );
  }
  const filled = examples.filter(({ inputIds }) => inputIds.length > 0);
  const bins = strategy === "wrapped" ? wrap(filled, length) : fit(filled, length, strategy);
  const rows = bins.map(joinSegments);
  const before = filled.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
  const after = rows.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
  const fill = rows.length === 0 ? 0 : after / (rows.length * length);
  return { rows, lostTokens: before - after, fill };
}

/** Examples as one row, for batches without padding. */
export function joinSegments(examples: readonly SequenceExample[]): PackedExample {
  return {
    inputIds: examples.flatMap(({ inputIds }) => inputIds),
    completionMask: examples.flatMap(({ completionMask }) => completionMask),
    segmentIds: examples.flatMap(({ inputIds }, i) => inputIds.map(() => i)),
    positionIds: examples.flatMap(({ inputIds }) => inputIds.map((_, place) => place)),
  };
}

function part(example: SequenceExample, from: number, to: number): SequenceExample {
  return {
    inputIds: example.inputIds.slice(from, to),
    completionMask: example.completionMask.slice(from, to),
  };
}

function pieces(example: SequenceExample, length: number): SequenceExample[] {
  const count = Math.ceil(example.inputIds.length / length);
  return Array.from({ length: count }, (_, i) => part(example, i * length, (i + 1) * length));
}

function fit(
  examples: readonly SequenceExample[],
  length: number,
  strategy: "bfd" | "bfd_split",
): SequenceExample[][] {
  const cut = examples.flatMap((example) =>
    strategy === "bfd" ? [part(example, 0, length)] : pieces(example, length),
  );
  // Sorting is stable: examples of equal length stay in their order.
  cut.sort((a, b) => b.inputIds.length - a.inputIds.length);
  const bins: SequenceExample[][] = [];
  const open = new OpenBins(length);
  for (const example of cut) {
    const size = example.inputIds.length;
    const found = open.take(size);
    const bin = found?.bin ?? [];
    if (found === undefined) bins.push(bin);
    bin.push(example);
    open.put(bin, (found?.space ?? length) - size);
  }
  return bins;
}

/** Rows by the space they have left: a sorted list of the spaces that occur, and a queue for each. */
class OpenBins {
  private readonly queues: SequenceExample[][][];
  private readonly spaces: number[] = [];

  constructor(length: number) {
    this.queues = Array.from({ length }, () => []);
  }

  /** Removes the row with the least space that is enough. */
  take(size: number): { readonly bin: SequenceExample[]; readonly space: number } | undefined {
    const at = this.place(size);
    if (at === this.spaces.length) return undefined;
    const space = this.spaces[at];
    const bin = this.queues[space].shift() as SequenceExample[];
    if (this.queues[space].length === 0) this.spaces.splice(at, 1);
    return { bin, space };
  }

  put(bin: SequenceExample[], space: number): void {
    if (space === 0) return;
    if (this.queues[space].length === 0) this.spaces.splice(this.place(space), 0, space);
    this.queues[space].push(bin);
  }

  /** Index of the first space that is at least `size`. */
  private place(size: number): number {
    let [low, high] = [0, this.spaces.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.spaces[middle] < size) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function wrap(examples: readonly SequenceExample[], length: number): SequenceExample[][] {
  const bins: SequenceExample[][] = [];
  let space = 0;
  for (const example of examples) {
    for (let from = 0; from < example.inputIds.length;) {
      if (space === 0) {
        bins.push([]);
        space = length;
      }
      const piece = part(example, from, from + space);
      bins[bins.length - 1].push(piece);
      from += piece.inputIds.length;
      space -= piece.inputIds.length;
    }
  }
  return bins;
}
