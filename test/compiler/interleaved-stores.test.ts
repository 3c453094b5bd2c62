import type { Tensor } from "athanor";
import { arange, cat, realizeSync, setDefaultDevice, stack, where } from "athanor";
import * as nn from "athanor/nn";
import { describe, expect, it } from "vitest";
import { unrollPairs } from "../../src/compiler/wasm/unroll.ts";
import { device, scheduleOf } from "./captured.ts";

setDefaultDevice(device);
const { functional: F } = nn;
const counting = (...shape: number[]): Tensor =>
  arange(
    shape.reduce((a, b) => a * b, 1),
    { dtype: "f32" },
  ).reshape(shape);

/** Stores per point of the first kernel, as it is and as it is rendered. */
function storesOf(fn: (x: Tensor) => Tensor, x: Tensor): readonly [number, number] {
  const [step] = scheduleOf(fn, x).steps;
  if (step.kind !== "kernel") throw new Error("the program begins with a kernel");
  const count = (kernel: typeof step.kernel): number =>
    kernel.phases.flatMap((phase) => phase.statements).length;
  return [count(step.kernel), count(unrollPairs(step.kernel))];
}

const twice = (x: Tensor): Tensor => F.interpolate(x, { scaleFactor: 2 });

describe("results that lie in pairs", () => {
  it("are computed together", () => {
    const x = counting(1, 2, 8, 8);
    expect(storesOf(twice, x)).toEqual([1, 2]);
    expect(storesOf((y) => F.pixelShuffle(y, 2), counting(1, 8, 8, 8))).toEqual([1, 2]);
    expect(storesOf((y) => y.mul(2), x)).toEqual([1, 1]);
    expect(storesOf(twice, x.to("f64"))).toEqual([1, 1]);
    expect(storesOf(twice, x.to("i8"))).toEqual([1, 1]);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 18])("of %i elements", async (size) => {
    const x = counting(1, 1, 3, size);
    const rows = (await x.reshape([3, size]).tolist()) as number[][];
    const expected = rows.flatMap((row) => {
      const long = row.flatMap((value) => [value, value]);
      return [long, long];
    });
    expect(
      await twice(x)
        .reshape([6, 2 * size])
        .tolist(),
    ).toEqual(expected);
    expect(
      await twice(x.to("i32"))
        .reshape([6, 2 * size])
        .tolist(),
    ).toEqual(expected);
    const pairs = stack([x, x.neg()], { dim: -1 }).mul(3);
    expect(await pairs.reshape([-1]).tolist()).toEqual(
      rows.flat().flatMap((value) => [3 * value, -3 * value]),
    );
  });

  it("may differ in what they compute", async () => {
    const side = arange(2).reshape([1, 2]).expand([9, 2]);
    const x = counting(9).reshape([9, 1]).expand([9, 2]);
    const values = where(side.lt(1), x, x.square().add(side));
    expect(await values.tolist()).toEqual(Array.from({ length: 9 }, (_, i) => [i, i * i + 1]));
  });
});

describe("nested concatenations", () => {
  const grid = (x: Tensor): Tensor =>
    cat([cat([x, x.mul(2)], { dim: 1 }), cat([x.mul(3), x.mul(4)], { dim: 1 })]);

  it("store their parts into the outer result", async () => {
    const { steps, temporaryBytes } = scheduleOf(grid, counting(2, 3));
    expect([steps.length, temporaryBytes]).toEqual([4, 0]);
    expect(await grid(counting(2, 2)).tolist()).toEqual([
      [0, 1, 0, 2],
      [2, 3, 4, 6],
      [0, 3, 0, 4],
      [6, 9, 8, 12],
    ]);
  });

  it("keep a buffer where something else reads them", async () => {
    const x = counting(2, 2);
    const inner = cat([x, x.exp()], { dim: 0 });
    const [sum, outer] = [inner.sum(), cat([inner, inner], { dim: 1 })];
    realizeSync(sum, outer);
    expect(outer.shape).toEqual([4, 4]);
    const numbers = (await inner.tolist()) as number[][];
    expect(await outer.tolist()).toEqual(numbers.map((row) => [...row, ...row]));
  });
});
