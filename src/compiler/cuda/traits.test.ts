import { describe, expect, it } from "vitest";
import * as b from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import { topologicalOrder } from "../../ir/graph.ts";
import type { CudaTarget } from "./kernel-code.ts";
import { cudaTraits } from "./traits.ts";

const target: CudaTarget = {
  capability: 90,
  multiprocessors: 132,
  sharedBytesPerBlock: 232_448,
  cacheBytes: 50 << 20,
};
const bare: CudaTarget = { ...target, libraries: [] };
const dtypes: readonly DType[] = ["f64", "f32", "f16", "bf16", "i32"];

const product = (dtype: DType) => b.dot(b.input([4, 8], dtype), b.input([8, 4], dtype));
const convolution = (dtype: DType) =>
  b.conv(b.input([1, 4, 6, 6], dtype), b.input([8, 4, 3, 3], dtype), {
    stride: [1, 1],
    padLow: [0, 0],
    padHigh: [0, 0],
    dilation: [1, 1],
    groups: 1,
  });

const where = (holds: (dtype: DType) => boolean): DType[] => dtypes.filter(holds);

describe("what is planned for a card", () => {
  it("products are one launch in every dtype, with and without libraries", () => {
    for (const card of [target, bare]) {
      const { hasContraction } = cudaTraits(card);
      expect(where((dtype) => hasContraction(product(dtype)))).toEqual(dtypes);
    }
  });

  it("convolutions are calls where cuDNN is and takes the dtype, else products", () => {
    const has = (card: CudaTarget) =>
      where((dtype) => cudaTraits(card).hasContraction(convolution(dtype)));
    expect(has(target)).toEqual(["f32", "f16", "bf16"]);
    expect(has({ ...target, libraries: ["cublasLt"] })).toEqual([]);
    expect(cudaTraits(bare).convolvesByProducts).toBe(true);
  });

  it("channels are last where tensor cores take the dtype", () => {
    const last = (allowTf32: boolean) => {
      const { layOut } = cudaTraits(target, allowTf32);
      return where((dtype) => {
        const inside = layOut?.({ inputs: [], outputs: [convolution(dtype)] }).outputs ?? [];
        return topologicalOrder(inside).some(
          (node) => node.op === "conv" && node.attrs.channelsLast === true,
        );
      });
    };
    expect(last(false)).toEqual(["f16", "bf16"]);
    expect(last(true)).toEqual(["f32", "f16", "bf16"]);
  });

  it("biases are added where cuBLASLt does products", () => {
    const adds = (card: CudaTarget) => where((dtype) => cudaTraits(card).addsBias(product(dtype)));
    expect(adds(target)).toContain("bf16");
    expect(adds(target)).not.toContain("i32");
  });
});
