import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OutOfMemoryError, UsageError } from "../../base/errors.ts";
import { ALIGNMENT, Heap } from "./allocator.ts";
import type { Block } from "./allocator.ts";

const START = 1024;

/** A heap of `size` bytes that may grow to `limit` bytes, in steps of 4096. */
function makeHeap(size: number, limit: number = size): Heap {
  return new Heap({
    start: START,
    end: START + size,
    limit: START + limit,
    grow: (end) => Math.min(Math.ceil(end / 4096) * 4096, START + limit),
  });
}

/** Spans cover the heap without gap or overlap, and no two free ones touch. */
function expectSound(heap: Heap): void {
  const spans = heap.spans().toReversed();
  let address = START;
  let wasFree = false;
  let used = 0;
  for (const span of spans) {
    expect(span.address).toBe(address);
    expect(span.size % ALIGNMENT).toBe(0);
    expect(span.isFree && wasFree).toBe(false);
    address += span.size;
    wasFree = span.isFree;
    if (!span.isFree) used += span.size;
  }
  const stats = heap.stats();
  expect(stats.usedBytes).toBe(used);
  expect(stats.reservedBytes).toBe(address - START);
  expect(stats.usedBlocks).toBe(spans.filter((span) => !span.isFree).length);
}

describe("Heap", () => {
  it("keeps blocks apart and joins what is freed", () => {
    const action = fc.oneof(
      fc.record({
        kind: fc.constant("allocate" as const),
        value: fc.integer({ min: 0, max: 9000 }),
      }),
      fc.record({ kind: fc.constant("free" as const), value: fc.nat(1000) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const heap = makeHeap(8192, 1 << 20);
        const live: { block: Block; bytes: number }[] = [];
        for (const { kind, value } of actions) {
          if (kind === "allocate") {
            const block = heap.allocate(value);
            live.push({ block, bytes: value });
          } else if (live.length > 0) {
            heap.free(live.splice(value % live.length, 1)[0].block);
          }
          expectSound(heap);
          expect(live.every(({ block, bytes }) => block.size >= Math.max(bytes, 1))).toBe(true);
        }
        for (const { block } of live) heap.free(block);
        expectSound(heap);
        expect(heap.spans().length).toBe(1);
      }),
      { seed: 7, numRuns: 150 },
    );
  });

  it("gives a freed block to the next request of its size", () => {
    const heap = makeHeap(1 << 20);
    const blocks = [1000, 70_000, 64, 70_080, 500_000].map((bytes) => heap.allocate(bytes));
    heap.free(blocks[1]);
    heap.free(blocks[3]);
    expect(heap.allocate(70_000).address).toBe(blocks[1].address);
    expect(heap.allocate(70_080).address).toBe(blocks[3].address);
  });

  it("grows only as far as the free tail does not reach", () => {
    const heap = makeHeap(8192, 65536);
    heap.free(heap.allocate(8192));
    heap.allocate(10_000);
    expect(heap.stats().reservedBytes).toBeLessThanOrEqual(8192 + 4096);
  });

  it("counts the peak", () => {
    const heap = makeHeap(8192);
    heap.free(heap.allocate(4096));
    heap.allocate(64);
    expect(heap.stats()).toMatchObject({ peakBytes: 4096, usedBytes: 64, usedBlocks: 1 });
  });

  it("refuses to free a block twice, also after it was joined with its neighbour", () => {
    const heap = makeHeap(8192);
    const [first, second] = [heap.allocate(64), heap.allocate(64)];
    heap.free(first);
    heap.free(second);
    expect(() => heap.free(second)).toThrow(UsageError);
    expect(() => heap.free(first)).toThrow(UsageError);
  });

  it("says what is live when the limit is reached", () => {
    const heap = makeHeap(1 << 20);
    heap.allocate(600_000);
    expect(() => heap.allocate(600_000)).toThrow(OutOfMemoryError);
    expect(() => heap.allocate(600_000)).toThrow(
      /needs 586 KiB, got 586 KiB live in 1 buffers \(largest: 586 KiB\).*limit of 1.0 MiB; dispose/,
    );
    expect(heap.stats().usedBlocks).toBe(1);
  });

  it("names fragmentation when only a contiguous range is missing", () => {
    const heap = makeHeap(4096);
    const blocks = [0, 1, 2, 3].map(() => heap.allocate(1024));
    heap.free(blocks[0]);
    heap.free(blocks[2]);
    expect(() => heap.allocate(2048)).toThrow(/fragmented/);
  });
});
