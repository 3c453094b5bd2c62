import { random, zeros } from "athanor";
import * as nn from "athanor/nn";
import { describe, expect, it } from "vitest";
import { useTestDevice } from "../device.ts";

useTestDevice();
const { init } = nn;

describe("structured initialisers", () => {
  it.each([
    [[5, 3], 1],
    [[3, 5], 2],
    [[4, 4], 1],
    [[3, 2, 2, 2], 0.5],
  ])("orthogonal fills %j with gain %d", async (shape, gain) => {
    random.manualSeed(5);
    const x = init.orthogonal(zeros(shape), { gain });
    const matrix = x.reshape([shape[0], -1]);
    const [rows, columns] = matrix.shape;
    const gram = rows < columns ? matrix.matmul(matrix.T) : matrix.T.matmul(matrix);
    const n = Math.min(rows, columns);
    const data = await gram.data();
    data.forEach((value, i) => {
      expect(value).toBeCloseTo(i % (n + 1) === 0 ? gain ** 2 : 0, 5);
    });
    const generator = new random.Generator(9);
    const again = await init.orthogonal(zeros(shape), { generator }).data();
    const same = new random.Generator(9);
    expect(await init.orthogonal(zeros(shape), { generator: same }).data()).toEqual(again);
    expect(again).not.toEqual(await x.data());
  });

  it("orthogonal needs a matrix", () => {
    expect(() => init.orthogonal(zeros([3]))).toThrow(
      "init.orthogonal: needs at least two dims, got [3]",
    );
  });

  it("sparse sets a share of each column to zero", async () => {
    random.manualSeed(6);
    const x = init.sparse(zeros([10, 7]), 0.25, { std: 2 });
    const counts = await x.ne(0).sum({ dim: 0 }).tolist();
    expect(counts).toEqual(new Array(7).fill(7));
    expect(() => init.sparse(zeros([2, 2]), 2)).toThrow(
      "init.sparse: sparsity must be in [0, 1], got 2",
    );
  });

  it("dirac passes channels on", async () => {
    random.manualSeed(7);
    for (const groups of [1, 2]) {
      const conv = new nn.Conv2d(4, 4, 3, { padding: 1, groups, bias: false });
      init.dirac(conv.weight, { groups });
      const x = random.normal([1, 4, 3, 3]);
      expect(await conv.forward(x).data()).toEqual(await x.data());
    }
    const wide = await init.dirac(zeros([3, 2, 4])).tolist();
    expect(wide).toEqual([
      [
        [0, 0, 1, 0],
        [0, 0, 0, 0],
      ],
      [
        [0, 0, 0, 0],
        [0, 0, 1, 0],
      ],
      [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ],
    ]);
    expect(() => init.dirac(zeros([3, 2, 4]), { groups: 2 })).toThrow(
      "init.dirac: groups must divide the 3 outputs, got 2",
    );
  });
});
