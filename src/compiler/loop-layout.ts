import { roundUp } from "../base/integers.ts";
import { dtypeBytes } from "../ir/dtype.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { numel } from "../ir/shape.ts";

const ALIGNMENT = 64;

/** What a loop keeps in the arena while it runs, by offset from the start of its own block. */
export interface LoopLayout {
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
 * Lays out the block of a loop: the temporaries of its body first, then carries and tables.
 * @param results - nodes of the results, null where nobody reads one.
 */
export function layoutLoop(
  node: NodeOf<"loop">,
  temporaryBytes: number,
  results: readonly (Node | null)[],
): LoopLayout {
  const { body, carries } = node.attrs;
  let bytes = roundUp(temporaryBytes, ALIGNMENT);
  const take = (size: number): number => {
    const offset = bytes;
    bytes += roundUp(Math.max(size, 1), ALIGNMENT);
    return offset;
  };
  const buffers = body.outputs.slice(0, carries).map((output, i) => {
    const size = numel(output.shape) * dtypeBytes(output.dtype);
    return [take(size), results[i] === null ? take(size) : null] as const;
  });
  const unread = body.outputs.slice(carries).map((output, i) => {
    return results[carries + i] === null
      ? take(numel(output.shape) * dtypeBytes(output.dtype))
      : null;
  });
  const tableBytes = 4 * (body.inputs.length + body.outputs.length + 3);
  return { carries: buffers, unread, tables: [take(tableBytes), take(tableBytes)], bytes };
}
