import { OutOfMemoryError } from "../../base/errors.ts";
import { formatBytes } from "../../base/integers.ts";
import { formatShape } from "../../ir/shape.ts";
import type { Buffer } from "../../runtime/backend.ts";

/** What is known when there is no room. */
export interface MemoryState {
  readonly requested: number;
  /** What the memory is for: a tensor, the temporaries of a program. */
  readonly purpose: string;
  readonly card: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly liveBytes: number;
  readonly reservedBytes: number;
  readonly arenaBytes: number;
  readonly buffers: Iterable<Buffer>;
}

const SHOWN_BUFFERS = 5;

/** An error that says who has the memory and what to do. */
export function outOfMemory(state: MemoryState): OutOfMemoryError {
  const { requested, liveBytes, freeBytes, totalBytes, reservedBytes, arenaBytes } = state;
  const largest = [...state.buffers].toSorted((a, b) => b.bytes - a.bytes).slice(0, SHOWN_BUFFERS);
  const list = largest.map(({ bytes, content }) => {
    const type = content === undefined ? "" : `${content.dtype}${formatShape(content.shape)} of `;
    return type + formatBytes(bytes);
  });
  const others = Math.max(totalBytes - freeBytes - reservedBytes - arenaBytes, 0);
  return new OutOfMemoryError(
    `cuda: ${state.purpose} of ${formatBytes(requested)} must fit the card, got ` +
      `${formatBytes(freeBytes)} free of ${formatBytes(totalBytes)} on ${state.card}: ` +
      `${formatBytes(liveBytes)} in live tensors (${formatBytes(reservedBytes)} taken for them), ` +
      `${formatBytes(arenaBytes)} for temporaries, ${formatBytes(others)} of code and other ` +
      `processes` +
      `${list.length === 0 ? "" : `; the largest tensors are ${list.join(", ")}`}; use a smaller ` +
      "batch, checkpoint activations, or dispose tensors you no longer need",
    {
      details: {
        requested,
        live: liveBytes,
        limit: totalBytes,
        free: freeBytes,
        reserved: reservedBytes,
        arena: arenaBytes,
        largest: largest.map(({ bytes }) => bytes),
      },
    },
  );
}
