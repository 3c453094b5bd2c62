import type { Tensor } from "athanor";
import { grad, jit, random, realizeSync, registerDevice, tensor, vmap } from "athanor";
import * as nn from "athanor/nn";
import { beforeAll, describe, expect, it } from "vitest";
import { ReferenceBackend } from "../../src/backends/reference/backend.ts";
import { wasmTraits } from "../../src/compiler/device-traits.ts";
import { planProgram } from "../../src/compiler/plan-program.ts";
import { printSchedule } from "../../src/compiler/print.ts";
import type { CompileOptions, Program } from "../../src/runtime/backend.ts";
import { topologicalOrder } from "../../src/ir/graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { isJitOn } from "../device.ts";

const { scaledDotProductAttention } = nn.functional;
type Options = nn.functional.AttentionOptions;

const compiled: Graph[] = [];

/** A device with kernels for attention: the reference has the operation. */
class FusingBackend extends ReferenceBackend {
  readonly fusesAttention = true;

  override compile(graph: Graph, _options?: CompileOptions): Program {
    compiled.push(graph);
    return super.compile(graph);
  }
}

registerDevice("fusing", { create: () => new FusingBackend() });

beforeAll(() => random.manualSeed(3));

/** Result and gradients of float operands; the last operand may be a mask. */
function run(operands: readonly Tensor[], options: Options, hasMask: boolean): Tensor[] {
  return jit((...given: Tensor[]) => {
    const [q, k, v, attnMask] = given;
    const y = scaledDotProductAttention(q, k, v, { ...options, ...(hasMask && { attnMask }) });
    return [
      y,
      ...grad(
        y.float().square().sum(),
        given.filter((x) => x.dtype !== "bool"),
      ),
    ];
  })(...operands);
}

/** Operations a function compiles to on the fusing device. */
function operations(fn: (...operands: Tensor[]) => unknown, ...operands: Tensor[]): string[] {
  const before = compiled.length;
  jit(fn)(...operands.map((x) => x.to("fusing")));
  return compiled
    .slice(before)
    .flatMap((graph) => topologicalOrder(graph.outputs).map((n) => n.op));
}

/** Fused on one device, composed on another: shapes, and the largest relative difference. */
async function difference(
  shapes: number[][],
  options: Options = {},
  mask?: Tensor,
): Promise<number> {
  const operands = shapes.map((shape) => random.randn(shape).to("bf16"));
  const all = mask === undefined ? operands : [...operands, mask];
  const has = mask !== undefined;
  const composed = run(all, options, has);
  const before = compiled.length;
  const moved = all.map((x) => x.to("fusing"));
  const fused = run(moved, options, has);
  let worst = 0;
  for (const [i, expected] of composed.entries()) {
    expect(fused[i].shape).toEqual(expected.shape);
    const actual = fused[i].float().to(expected.device);
    const scale = Number(await expected.float().abs().amax().item());
    worst = Math.max(worst, Number(await actual.sub(expected.float()).abs().amax().item()) / scale);
  }
  const ops = compiled.slice(before).flatMap((g) => topologicalOrder(g.outputs).map((n) => n.op));
  expect(ops).toContain("attention");
  expect(ops).toContain("attentionGrad");
  return worst;
}

const close = 3e-2;

describe("attention of devices that have kernels for it", () => {
  it("equals the composed one, whatever the leading dims", async () => {
    expect(
      await difference([
        [6, 8],
        [9, 8],
        [9, 5],
      ]),
    ).toBeLessThan(close);
    expect(
      await difference(
        [
          [3, 6, 8],
          [3, 6, 8],
          [3, 6, 8],
        ],
        { isCausal: true },
      ),
    ).toBeLessThan(close);
    expect(
      await difference([
        [2, 3, 6, 8],
        [1, 3, 7, 8],
        [2, 1, 7, 8],
      ]),
    ).toBeLessThan(close);
    expect(
      await difference([
        [2, 2, 3, 6, 8],
        [3, 7, 8],
        [2, 1, 1, 7, 8],
      ]),
    ).toBeLessThan(close);
  });

  it("shares heads of keys among query heads", async () => {
    const shapes = [
      [2, 6, 5, 8],
      [2, 2, 7, 8],
      [2, 2, 7, 4],
    ];
    expect(await difference(shapes, { enableGqa: true, isCausal: true })).toBeLessThan(close);
    expect(() =>
      scaledDotProductAttention(
        random.randn([2, 5, 5, 8], { dtype: "bf16", device: "fusing" }),
        random.randn([2, 2, 7, 8], { dtype: "bf16", device: "fusing" }),
        random.randn([2, 2, 7, 8], { dtype: "bf16", device: "fusing" }),
        { enableGqa: true },
      ),
    ).toThrow(/multiple of the key heads/);
  });

  it("takes masks of bools and of floats, rows that see nothing among them", async () => {
    const shapes = [
      [2, 3, 4, 8],
      [2, 3, 4, 8],
      [2, 3, 4, 8],
    ];
    const seen = tensor([1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1]).reshape([4, 4]).bool();
    expect(await difference(shapes, {}, seen)).toBeLessThan(close);
    expect(await difference(shapes, { scale: 1 }, random.randn([2, 1, 4, 4]))).toBeLessThan(close);
    expect(await difference(shapes, {}, random.randn([3, 1, 4], { dtype: "bf16" }))).toBeLessThan(
      close,
    );
  });

  it.skipIf(!isJitOn)("leaves short f32, dropout and empty operands to products", () => {
    const half = random.randn([2, 4, 8], { dtype: "f16" });
    const plain = (x: Tensor): Tensor => scaledDotProductAttention(x, x, x);
    expect(operations(plain, half)).toContain("attention");
    expect(operations(plain, half.float())).not.toContain("attention");
    expect(
      operations((x) => scaledDotProductAttention(x, x, x, { dropoutP: 0.5 }), half),
    ).not.toContain("attention");
    expect(operations(plain, half.narrow(0, 0, 0))).not.toContain("attention");
    expect(operations(vmap(plain), half)).toContain("attention");
  });

  it("reads q, k and v where one product put them, and gives rows what follows", () => {
    const [batch, length, heads, width] = [2, 16, 2, 8];
    const attend = (x: Tensor, weight: Tensor): Tensor => {
      const [q, k, v] = x
        .matmul(weight)
        .split(heads * width, { dim: -1 })
        .map((part) => part.unflatten(-1, [heads, width]).transpose(1, 2));
      const y = scaledDotProductAttention(q, k, v, { isCausal: true });
      return y
        .transpose(1, 2)
        .flatten({ startDim: 2 })
        .matmul(weight.narrow(1, 0, heads * width));
    };
    const x = random.randn([batch, length, heads * width], { dtype: "bf16", device: "fusing" });
    const weight = random.randn([heads * width, 3 * heads * width], {
      dtype: "bf16",
      device: "fusing",
    });
    realizeSync(x, weight);
    const before = compiled.length;
    realizeSync(jit(attend)(x, weight));
    const [graph] = compiled.slice(before);
    if (graph === undefined) throw new Error("nothing was compiled");
    const traits = { ...wasmTraits, hasAttention: () => true, hasContraction: () => true };
    expect(`\n${printSchedule(planProgram(graph, { traits, verify: true }))}\n`)
      .toMatchInlineSnapshot(`
      "
      0: tmp0 = dot(in0 by 16,1; in1 by 48,1)
      1: tmp3072, – = attention(tmp0 by 768,48,8,1; tmp0 + 16 by 768,48,8,1; tmp0 + 32 by 768,48,8,1) causal
      2: out0 = dot(tmp3072 by 16,1; in1 by 48,1)
           then for i < 1, j < 2, k < 16, l < 16
           then   out0[l + 256*j + 16*k] = out0[l + 256*j + 16*k]
      temporaries: 4096 bytes
      "
    `);
  });
});
