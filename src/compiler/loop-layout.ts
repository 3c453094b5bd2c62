import { roundUp } from "../base/integers.ts";
import { dtypeBytes } from "../ir/dtype.ts";
import type { Graph } from "../ir/graph.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { numel } from "../ir/shape.ts";
import type { Schedule } from "./schedule.ts";

const ALIGNMENT = 64;

/**
 * For each carry the stacked result that has the same values: the next trip reads it there. Null
 * where there is none.
 */
function aliasesOf(
  { attrs }: NodeOf<"loop">,
  results: readonly (Node | null)[],
): (number | null)[] {
  const { body, carries } = attrs;
  return body.outputs.slice(0, carries).map((output, i) => {
    const at = body.outputs.indexOf(output, carries);
    return at < 0 || results[i] !== null || results[at] === null ? null : at;
  });
}

/** What a loop keeps in the arena while it runs, by offset from the start of its own block. */
export interface LoopLayout {
  /** For each carry the stacked result it is read from, or null. */
  readonly aliases: readonly (number | null)[];
  /** Results that trips compute, by number: all but carries that are read from a stacked one. */
  readonly computed: readonly number[];
  /**
   * Two buffers per carry, one read and one written by each trip. The second is null where it is
   * the result itself: the last trip writes that.
   */
  readonly carries: readonly (readonly [first: number, second: number | null])[];
  /** Where trips store an element of each stacked result that nobody reads; null for the others. */
  readonly unread: readonly (number | null)[];
  /** Two argument tables for the body, for even and odd trips. */
  readonly tables: readonly [number, number];
  readonly bytes: number;
}

/**
 * Plans the body of a loop, and lays out its block: the temporaries of the body first, then carries
 * and tables.
 * @param results - nodes of the results, null where nobody reads one.
 */
export function layoutLoop(
  node: NodeOf<"loop">,
  results: readonly (Node | null)[],
  planBody: (body: Graph) => Schedule,
): { readonly layout: LoopLayout; readonly schedule: Schedule } {
  const { body, carries } = node.attrs;
  const aliases = aliasesOf(node, results);
  const computed = body.outputs.flatMap((_, i) => ((aliases[i] ?? null) === null ? [i] : []));
  const { inputs } = body;
  const schedule = planBody({ inputs, outputs: computed.map((i) => body.outputs[i]) });
  let bytes = roundUp(schedule.temporaryBytes, ALIGNMENT);
  const take = (size: number): number => {
    const offset = bytes;
    bytes += roundUp(Math.max(size, 1), ALIGNMENT);
    return offset;
  };
  const buffers = body.outputs.slice(0, carries).map((output, i) => {
    const size = aliases[i] === null ? numel(output.shape) * dtypeBytes(output.dtype) : 0;
    return [take(size), results[i] === null ? take(size) : null] as const;
  });
  const unread = body.outputs.slice(carries).map((output, i) => {
    return results[carries + i] === null
      ? take(numel(output.shape) * dtypeBytes(output.dtype))
      : null;
  });
  const tableBytes = 4 * (body.inputs.length + body.outputs.length + 3);
  const tables = [take(tableBytes), take(tableBytes)] as const;
  return { layout: { aliases, computed, carries: buffers, unread, tables, bytes }, schedule };
}
