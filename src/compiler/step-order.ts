import type { Node } from "../ir/node.ts";

/** What a step reads and writes, as far as order goes. */
export interface ReadWrite {
  readonly reads: readonly Node[];
  readonly writes: readonly Node[];
}

/** Steps that touch a value, as bits; and those that all steps which write it come after. */
export interface ValueOrder {
  readonly uses: Uint32Array;
  readonly before: Uint32Array;
}

/** Which steps come after which because of what they read, whatever memory that is in. */
export class StepOrder {
  private readonly words: number;
  /** For each step, those it comes after. */
  private readonly rows: Uint32Array[] = [];
  private readonly writers: Map<Node, number[]> = new Map();
  private readonly users: Map<Node, number[]> = new Map();

  constructor(steps: readonly ReadWrite[]) {
    this.words = Math.ceil((steps.length + 1) / 32);
    steps.forEach((step, i) => {
      this.rows.push(this.rowOf(step));
      for (const node of step.writes) add(this.writers, node, i);
      for (const node of [...step.reads, ...step.writes]) add(this.users, node, i);
    });
  }

  private rowOf({ reads }: ReadWrite): Uint32Array {
    const row = new Uint32Array(this.words);
    for (const writer of reads.flatMap((node) => this.writers.get(node) ?? [])) {
      const theirs = this.rows[writer];
      for (let i = 0; i < row.length; i++) row[i] |= theirs[i];
      setBit(row, writer);
    }
    return row;
  }

  /** Order of a value, or of values that stand in one place; `end`: it is needed after all steps. */
  of(values: readonly Node[], end: boolean): ValueOrder {
    const uses = new Uint32Array(this.words);
    const before = new Uint32Array(this.words).fill(0xffff_ffff);
    for (const value of values) {
      for (const step of this.users.get(value) ?? []) setBit(uses, step);
    }
    // Values in the place of another one come after it.
    for (const step of this.writers.get(values[0]) ?? []) {
      const row = this.rows[step];
      for (let i = 0; i < before.length; i++) before[i] &= row[i];
    }
    if (end) setBit(uses, this.rows.length);
    return { uses, before };
  }

  /** Whether steps that write `made` come after all others that touch `source`, which they read. */
  followsReaders(made: Node, source: Node): boolean {
    const { before } = this.of([made], false);
    for (const step of this.writers.get(made) ?? []) setBit(before, step);
    return isWithin(this.of([source], false).uses, before);
  }
}

/** Whether every step that touches `a` comes before every step that touches `b`. */
export function isBefore(a: ValueOrder, b: ValueOrder): boolean {
  return isWithin(a.uses, b.before);
}

function isWithin(bits: Uint32Array, others: Uint32Array): boolean {
  return bits.every((word, i) => (word & ~others[i]) === 0);
}

function add(lists: Map<Node, number[]>, node: Node, step: number): void {
  const list = lists.get(node);
  if (list === undefined) lists.set(node, [step]);
  else list.push(step);
}

function setBit(row: Uint32Array, bit: number): void {
  row[bit >> 5] |= 1 << (bit & 31);
}
