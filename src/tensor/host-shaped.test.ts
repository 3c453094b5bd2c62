// Operations whose result shape depends on values: they read, and refuse jit.
import { grad, init, jit, tensor, zeros } from "athanor";
import { beforeAll, describe, expect, it } from "vitest";

beforeAll(async () => {
  await init();
});

const matrix = tensor([
  [3, 0, 1],
  [0, 3, 1],
]);

describe("nonzero", () => {
  it("gives one row of coordinates per element", async () => {
    const rows = await matrix.nonzero();
    expect(rows.dtype).toBe("i32");
    expect(await rows.tolist()).toEqual([
      [0, 0],
      [0, 2],
      [1, 1],
      [1, 2],
    ]);
    expect((await zeros([2, 3]).nonzero()).shape).toEqual([0, 2]);
    expect((await tensor(5).nonzero()).shape).toEqual([1, 0]);
    expect((await tensor([NaN, -0]).argwhere()).shape).toEqual([1, 1]);
  });
});

describe("maskedSelect", () => {
  it("gathers, and passes gradients back", async () => {
    const x = tensor([1, 2, 3, 4], { requiresGrad: true });
    const picked = await x.maskedSelect(x.gt(2));
    expect(await picked.tolist()).toEqual([3, 4]);
    const [slope] = grad(picked.square().sum(), [x]);
    expect(await slope.tolist()).toEqual([0, 0, 6, 8]);
  });

  it("broadcasts x and the mask", async () => {
    const column = tensor([[true], [false]]);
    expect(await matrix.maskedSelect(column).then((x) => x.tolist())).toEqual([3, 0, 1]);
    const rows = await tensor([1, 2]).maskedSelect(tensor([[true], [true]]));
    expect(await rows.tolist()).toEqual([1, 2, 1, 2]);
    await expect(matrix.maskedSelect(matrix)).rejects.toThrow("maskedSelect: mask must be bool");
  });
});

describe("unique", () => {
  it("sorts, counts and says where each element went", async () => {
    expect(await (await matrix.unique()).tolist()).toEqual([0, 1, 3]);
    const parts = await matrix.unique({ returnInverse: true });
    expect(await parts.inverse.tolist()).toEqual([
      [2, 0, 1],
      [0, 2, 1],
    ]);
    expect(await parts.counts.tolist()).toEqual([2, 2, 2]);
  });

  it("compares slices along a dim", async () => {
    const x = tensor(
      [
        [2, 1, 2],
        [0, 5, 0],
      ],
      { dtype: "i32" },
    );
    const parts = await x.unique({ dim: 1, returnCounts: true });
    expect(parts.values.dtype).toBe("i32");
    expect(await parts.values.tolist()).toEqual([
      [1, 2],
      [5, 0],
    ]);
    expect(await parts.counts.tolist()).toEqual([1, 2]);
    expect(await parts.inverse.tolist()).toEqual([1, 0, 1]);
  });

  it("keeps NaN apart and handles nothing", async () => {
    expect(await (await tensor([NaN, 1, NaN]).unique()).tolist()).toEqual([1, NaN, NaN]);
    expect((await zeros([0]).unique()).shape).toEqual([0]);
  });

  it("of runs keeps the order", async () => {
    const x = tensor([1, 1, 2, 2, 1]);
    expect(await (await x.uniqueConsecutive()).tolist()).toEqual([1, 2, 1]);
    const parts = await x.uniqueConsecutive({ returnInverse: true, returnCounts: true });
    expect(await parts.inverse.tolist()).toEqual([0, 0, 1, 1, 2]);
    expect(await parts.counts.tolist()).toEqual([2, 2, 1]);
  });
});

describe("bincount", () => {
  it("counts, or adds weights whose gradients flow", async () => {
    const x = tensor([0, 3, 3], { dtype: "i32" });
    expect(await (await x.bincount()).tolist()).toEqual([1, 0, 0, 2]);
    expect(await (await x.bincount({ minlength: 6 })).tolist()).toEqual([1, 0, 0, 2, 0, 0]);
    const weights = tensor([0.5, 1, 2], { requiresGrad: true });
    const sums = await x.bincount({ weights });
    expect(await sums.tolist()).toEqual([0.5, 0, 0, 3]);
    const [slope] = grad(sums.square().sum(), [weights]);
    expect(await slope.tolist()).toEqual([1, 6, 6]);
    const none = zeros([0], { dtype: "i32" });
    expect((await none.bincount()).shape).toEqual([0]);
  });

  it("refuses what it cannot count", async () => {
    await expect(tensor([-1], { dtype: "i32" }).bincount()).rejects.toThrow(
      "bincount: x must be a vector of integers ≥ 0, got i32[1]",
    );
    await expect(tensor([1]).bincount()).rejects.toThrow("got f32[1]");
  });
});

describe("comparisons that read", () => {
  it("say whether all is equal or close", async () => {
    expect(await matrix.equal(matrix.clone())).toBe(true);
    expect(await matrix.equal(matrix.reshape([3, 2]))).toBe(false);
    expect(await matrix.equal(matrix.add(1))).toBe(false);
    expect(await matrix.allclose(matrix.mul(1.000001))).toBe(true);
    expect(await matrix.allclose(matrix.add(1e-2))).toBe(false);
    expect(await tensor([NaN]).allclose(tensor([NaN]), { equalNan: true })).toBe(true);
  });
});

describe("inside jit", () => {
  it("is refused with what to do", async () => {
    let refusal: Promise<unknown> = Promise.resolve();
    const step = jit((x: typeof matrix) => {
      refusal = x.unique();
      return x.add(1);
    });
    step(matrix);
    await expect(refusal).rejects.toThrow(
      "unique (its shape depends on values): not possible while",
    );
  });
});
