// Corners found by random calls against torch: scalars with dims, windows of nothing, empty means.
import { describe, expect, it } from "vitest";
import { ShapeError } from "../../base/errors.ts";
import type { Node } from "../../ir/node.ts";
import { tensor } from "../factories.ts";
import { grad } from "../grad.ts";
import * as linalg from "../linalg.ts";
import type { Tensor } from "../tensor.ts";
import { derive } from "../tensor.ts";
import * as ops from "./ops.ts";

const device = "reference";

function call(op: (...nodes: Node[]) => Node, ...tensors: readonly Tensor[]): Tensor {
  return derive(tensors, op(...tensors.map((x) => x.node)), device);
}

const numbers = async (x: Tensor): Promise<number[]> => [...(await x.data())];

describe("scalars", () => {
  const scalar = tensor(3, { device });
  const zero = tensor(0, { device, dtype: "i32" });

  it("are refused by what needs a dim", () => {
    for (const refused of [
      () => scalar.takeAlongDim(zero, 0),
      () => scalar.roll([1], { dims: [0] }),
      () => scalar.selectScatter(scalar, 0, 0),
      () => scalar.topk(2),
      () => scalar.indexSelect(0, tensor([0, 0], { device, dtype: "i32" })),
    ]) {
      expect(refused).toThrow(ShapeError);
    }
  });

  it("have one window and one place", async () => {
    expect(await numbers(scalar.unfold(0, 1, 2))).toEqual([3]);
    const place = tensor([0], { device, dtype: "i32" });
    expect(await scalar.indexSelect(0, place).item()).toBe(3);
  });
});

describe("corners of shapes", () => {
  it("windows may be empty", () => {
    expect(tensor([1, 2, 3], { device }).unfold(0, 0, 2).shape).toEqual([2, 0]);
  });

  it("trace takes matrices only", () => {
    expect(() => tensor([[[1]]], { device }).trace()).toThrow("trace: x must have 2 dims");
  });

  it("linear takes a weight of one row without its dim", async () => {
    const [x, w, b] = [[[1, 2]], [3, 4], 5].map((values) => tensor(values, { device }));
    const y = call(ops.linear, x, w, b);
    expect(y.shape).toEqual([1]);
    expect(await numbers(y)).toEqual([16]);
  });
});

it("refusals name the operation that was called", () => {
  const none = tensor([], { device });
  expect(() => none.amin()).toThrow("amin: needs at least one element");
  expect(() => none.argmin({ dim: 0 })).toThrow("argmin: needs at least one element");
  const [three, row, column] = [tensor([1, 2, 3], { device }), [[1]], [[1, 2]]];
  const product = (): Tensor => three.addmm(tensor(row, { device }), tensor(column, { device }));
  expect(product).toThrow("addmm: shapes must broadcast, got [3] and [1, 2]");
  const grown = tensor([[1], [2]], { device });
  expect(() => grown.addmm(tensor(row, { device }), tensor(column, { device }))).toThrow(
    "addmm: x must broadcast to the product [1, 2], got [2, 1]",
  );
});

it("slices without an index are refused", () => {
  const x = tensor([1, 2, 3], { device });
  const index = tensor([0, 1], { device, dtype: "i32" });
  expect(() => x.indexAdd(0, index, x)).toThrow("indexAdd: source must be [2], one slice for each");
  expect(() => x.indexCopy(0, index, x)).toThrow("indexCopy: source must be [2]");
  expect(() => x.indexReduce(0, index, x, "amax")).toThrow("indexReduce: source must be [2]");
});

describe("gradients as torch's", () => {
  it("are zero for a mean over ignored targets only", async () => {
    const x = tensor([[1, 2]], { device });
    const target = tensor([-100], { device, dtype: "i32" });
    for (const labelSmoothing of [0, 0.1]) {
      const loss = call((a, t) => ops.crossEntropy(a, t, { labelSmoothing }), x, target);
      const [g] = grad(loss, [x]);
      expect(await loss.item()).toBeNaN();
      expect(await numbers(g)).toEqual([0, 0]);
    }
  });

  it("of cosineSimilarity pass the norm below eps", async () => {
    const [a, b] = [tensor([[0.25]], { device }), tensor([[1]], { device })];
    const [g] = grad(
      call((x, y) => ops.cosineSimilarity(x, y, { eps: 0.5 }), a, b),
      [a],
    );
    expect(await g.item()).toBeCloseTo(1 / 0.5 - 0.25 / 0.25, 6);
  });
});

it("norms take their order among the options", async () => {
  const x = tensor([[3, -4]], { device });
  expect(await numbers(linalg.vectorNorm(x, { dim: 1 }))).toEqual([5]);
  expect(await numbers(linalg.vectorNorm(x, { ord: 1, dim: 1 }))).toEqual([7]);
  expect(await linalg.matrixNorm(x, { ord: Infinity }).item()).toBe(7);
  expect(await numbers(linalg.norm(x, { dim: 1, keepdim: true }))).toEqual([5]);
});

it("digamma has the sign of its zero", async () => {
  const x = tensor([0, -0], { device });
  expect(await numbers(x.digamma())).toEqual([-Infinity, Infinity]);
});
