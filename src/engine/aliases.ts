import type { Cell } from "./cell.ts";
import type { Trace } from "./trace.ts";

/**
 * Which arguments of a traced call were one tensor, or tensors the function closes over. A program
 * that updates tensors, or that was traced with such aliases, fits only calls with the same ones.
 */
export class Aliases {
  /** Per argument, the first argument with the same cell. */
  readonly #first: readonly number[];
  /** Per argument, the cell it has to be because the function closes over it. */
  readonly #captured: readonly (Cell | undefined)[];
  readonly #others: ReadonlySet<Cell>;
  readonly #matters: boolean;

  constructor(trace: Trace, args: readonly Cell[]) {
    this.#first = args.map((cell) => args.indexOf(cell));
    this.#captured = args.map((_, i) => trace.captured.get(i));
    this.#others = new Set(trace.slots.flatMap(({ cell }) => cell ?? []));
    const isAliased = trace.captured.size > 0 || this.#first.some((first, i) => first !== i);
    this.#matters = isAliased || trace.updates.size > 0;
  }

  /** Whether a call with these arguments has the aliases of the trace. */
  fit(args: readonly Cell[]): boolean {
    if (!this.#matters) return true;
    for (let i = 0; i < args.length; i++) {
      const captured = this.#captured[i];
      if (captured !== undefined ? args[i] !== captured : this.#others.has(args[i])) return false;
      if (args.indexOf(args[i]) !== this.#first[i]) return false;
    }
    return true;
  }
}
