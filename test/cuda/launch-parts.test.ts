import { describe, expect, it } from "vitest";
import { compileCuda } from "../../src/compiler/compile-cuda.ts";
import type { CudaTarget } from "../../src/compiler/cuda/kernel-code.ts";
import * as b from "../../src/ir/build.ts";
import type { NodeOf } from "../../src/ir/node.ts";

const h100: CudaTarget = {
  capability: 90,
  multiprocessors: 132,
  sharedBytesPerBlock: 232_448,
  cacheBytes: 50 << 20,
};

describe("a sum in two parts", () => {
  it("is not waited for by what reads what its first part stores", () => {
    const input = (rows: number): NodeOf<"input"> => b.input([rows, 64], "f32") as NodeOf<"input">;
    const [x, w] = [input(4096), input(64)];
    const y = b.unary("exp", x);
    const graph = { inputs: [x, w], outputs: [b.dot(y, w), b.reduceSum(y, [0])] };
    const { dependencies, launches } = compileCuda(graph, h100);
    expect(launches.map(({ facts }) => facts.name)).toEqual([
      "exp_reduceSum",
      "exp_reduceSum",
      "dot",
    ]);
    expect(dependencies).toEqual([[], [0], [0]]);
  });
});
