import { describe, expect, it } from "vitest";
import { Tensor, arange, engineStats, eye, full, linspace, ones, tensor, zeros } from "athanor";

describe("lazy evaluation", () => {
  it("runs nothing until a value is read, then one program", async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    const before = engineStats();
    const y = x.add(1).mul(x).sum({ dim: 1 });
    expect(y.shape).toEqual([2]);
    expect(engineStats().runs).toBe(before.runs);
    expect(await y.tolist()).toEqual([8, 32]);
    expect(engineStats().runs).toBe(before.runs + 1);
  });

  it("does not compute a value twice", async () => {
    const y = tensor([1, 2, 3]).exp();
    const z = y.add(1);
    await y.data();
    const before = engineStats();
    await y.data();
    expect(engineStats().runs).toBe(before.runs);
    expect(await z.sub(y).tolist()).toEqual([1, 1, 1]);
  });

  it("compiles a structure once", async () => {
    const run = async (value: number): Promise<number> =>
      tensor([value, 2]).mul(3).sub(1).sum().item();
    await run(1);
    const before = engineStats();
    expect(await run(5)).toBe(19);
    const after = engineStats();
    expect(after.compiles).toBe(before.compiles);
    expect(after.cacheHits).toBe(before.cacheHits + 1);
  });

  it("reads every dtype", async () => {
    expect(await tensor([true, false]).tolist()).toEqual([true, false]);
    expect(await tensor([1.5, -2], { dtype: "bf16" }).data()).toEqual(new Float32Array([1.5, -2]));
    expect(await tensor([1.5, -2], { dtype: "f16" }).mul(2).tolist()).toEqual([3, -4]);
    expect(await Tensor.from(new Int32Array([1, 2, 3, 4]), [2, 2]).tolist()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(tensor(new Float64Array([1])).dtype).toBe("f64");
    expect(await zeros([0, 3]).tolist()).toEqual([]);
  });

  it("offers torch's factories", async () => {
    expect(await arange(4).tolist()).toEqual([0, 1, 2, 3]);
    expect(await arange(1, 2, { step: 0.25 }).tolist()).toEqual([1, 1.25, 1.5, 1.75]);
    expect(await linspace(0, 1, 5).tolist()).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(await eye(2).tolist()).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(
      await full([2], 7, { dtype: "i32" })
        .add(ones([2], { dtype: "i32" }))
        .tolist(),
    ).toEqual([8, 8]);
  });

  it("names the place where nested arrays are ragged", () => {
    expect(() => tensor([[1, 2], [3]])).toThrow(
      /a row of 1 where a row of 2 is expected at data\[1\]/,
    );
    expect(() => tensor([1, [2]])).toThrow(/data\[1\]/);
    expect(() => tensor([300], { dtype: "u8" })).toThrow(/must fit u8/);
  });
});
