import { describe, expect, it } from "vitest";
import { packItems } from "./pack-items.ts";

describe("packItems", () => {
  it("keeps all values and lays equal members behind each other", () => {
    const item = (i: number) => ({
      x: { data: Float32Array.of(i, i + 0.5), shape: [2] },
      y: [Uint8Array.of(i, 2, 3), "text", null, { z: new Float64Array([i]) }],
      n: i,
      when: new Date(i),
    });
    const items = [item(1), item(2), item(3)];
    const { items: packed, buffer } = packItems(items);
    expect(packed).toEqual(items);
    const xs = packed.map((each) => (each as (typeof items)[0]).x.data);
    expect(xs.map(({ byteOffset }) => byteOffset - xs[0].byteOffset)).toEqual([0, 8, 16]);
    for (const { buffer: own } of xs) expect(own).toBe(buffer);
    expect(items[0].x.data.buffer).not.toBe(buffer);
  });

  it("takes items of different sizes, and none", () => {
    const ragged = [[Uint8Array.of(1)], [Uint8Array.of(2, 3), Float64Array.of(4)], []];
    expect(packItems(ragged).items).toEqual(ragged);
    expect(packItems([])).toEqual({ items: [], buffer: new ArrayBuffer(0) });
    expect(packItems([1, "a", undefined]).items).toEqual([1, "a", undefined]);
  });
});
