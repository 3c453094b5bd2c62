import type { Tensor } from "athanor";
import { grad, init, jit, memoryStats, random, tensor, vmap } from "athanor";
import * as nn from "athanor/nn";
import { beforeAll, describe, expect, it } from "vitest";
import { blockwiseAttention } from "../../src/tensor/blockwise-attention.ts";

const { functional } = nn;

beforeAll(async () => {
  await init();
  random.manualSeed(7);
});

type Attention = (
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options?: nn.functional.AttentionOptions,
) => Tensor;

/** Result and gradients by all operands, with a cotangent that is no constant. */
function run(attention: Attention, operands: Tensor[], options: nn.functional.AttentionOptions) {
  return jit((...given: Tensor[]) => {
    const [query, key, value, mask] = given;
    const attnMask = mask === undefined ? {} : { attnMask: mask };
    const y = attention(query, key, value, { ...options, ...attnMask });
    const targets = given.filter((x) => x.dtype !== "bool");
    return [y, ...grad(y.square().mul(y.add(0.5)).sum(), targets)];
  })(...operands);
}

/** Largest difference of results and gradients between both ways, relative to the largest value. */
async function difference(
  operands: Tensor[],
  options: nn.functional.AttentionOptions = {},
): Promise<number> {
  const blocks = run(blockwiseAttention, operands, options);
  const whole = run(functional.scaledDotProductAttention, operands, options);
  let worst = 0;
  for (const [i, block] of blocks.entries()) {
    const scale = Number(await whole[i].abs().amax().item());
    const error = Number(await block.sub(whole[i]).abs().amax().item());
    worst = Math.max(worst, error / scale);
  }
  return worst;
}

const close = 1e-5;

const operands = (batch: number[], queries: number, keys: number): Tensor[] => [
  random.randn([...batch, queries, 8]),
  random.randn([...batch, keys, 8]),
  random.randn([...batch, keys, 5]),
];

describe("attention in blocks", () => {
  it("equals attention at once, whatever the lengths", async () => {
    expect(await difference(operands([2], 128, 70))).toBeLessThan(close);
    expect(await difference(operands([1, 2], 300, 257))).toBeLessThan(close);
    expect(await difference(operands([], 40, 33), { scale: 0.7 })).toBeLessThan(close);
  });

  it("is causal", async () => {
    expect(await difference(operands([2], 290, 290), { isCausal: true })).toBeLessThan(close);
    expect(await difference(operands([2], 150, 290), { isCausal: true })).toBeLessThan(close);
    expect(await difference(operands([1], 290, 150), { isCausal: true })).toBeLessThan(close);
  });

  it("takes masks of every kind, with their gradients", async () => {
    const given = operands([2, 3], 200, 90);
    const masks = [
      [4, 2, 3, 200, 90],
      [200, 90],
      [2, 1, 200, 90],
      [3, 200, 90],
      [2, 1, 1, 90],
      [90],
    ];
    for (const shape of masks)
      expect(await difference([...given, random.randn(shape)])).toBeLessThan(close);
    expect(await difference([...given, random.rand([2, 1, 200, 90]).gt(0.4)])).toBeLessThan(close);
    expect(await difference([...given, random.rand([2, 1, 1, 90]).gt(0.4)])).toBeLessThan(close);
  });

  it("gives zeros where nothing may be attended to", async () => {
    const [query, key, value] = operands([1], 130, 64);
    const attnMask = random.rand([130, 1]).gt(0.5).expand([130, 64]);
    const y = blockwiseAttention(query, key, value, { attnMask });
    const closed = attnMask.logicalNot().to("f32").narrow(1, 0, 1);
    expect(await y.mul(closed).abs().sum().item()).toBe(0);
    expect(await y.isnan().any().item()).toBe(0);
  });

  it("shares heads of keys", async () => {
    const [query] = operands([2, 4], 140, 1);
    const [, key, value] = operands([2, 2], 1, 150);
    expect(await difference([query, key, value], { enableGqa: true })).toBeLessThan(close);
    expect(await difference([query, ...operands([2, 1], 1, 150).slice(1)])).toBeLessThan(close);
  });

  it("drops the same weights in both passes", async () => {
    const [query, key] = operands([1], 140, 64);
    const eye = random.randn([64, 64]);
    const value = eye.sub(eye).add(1).triu().tril().unsqueeze(0); // the identity: y is the weights
    const dropoutKey = tensor([3, 4], { dtype: "u32" });
    const dropped = (v: Tensor): Tensor =>
      blockwiseAttention(query, key, v, { dropoutP: 0.5, dropoutKey });
    const plain = blockwiseAttention(query, key, value);
    const ratio = dropped(value).div(plain);
    const kept = ratio.gt(1);
    expect(await ratio.sub(kept.to("f32").mul(2)).abs().amax().item()).toBeLessThan(1e-5);
    const share = Number(await kept.to("f32").mean().item());
    expect(share).toBeGreaterThan(0.47);
    expect(share).toBeLessThan(0.53);
    // The result is linear in the values, so it equals the inner product of values and gradient.
    const y = dropped(value).square().sum();
    const [gradient] = grad(y, [value]);
    const inner = await gradient.mul(value).sum().item();
    expect(Number(inner) / Number(await dropped(value).square().sum().item())).toBeCloseTo(2, 4);
  });

  it("is a function like any other under vmap", async () => {
    const [query, key, value] = operands([3], 130, 70);
    const slope = (q: Tensor, k: Tensor, v: Tensor): Tensor =>
      grad(blockwiseAttention(q, k, v, { isCausal: true }).square().sum(), [k])[0];
    const error = vmap(slope)(query, key, value).sub(slope(query, key, value));
    expect(await error.abs().amax().item()).toBeLessThan(1e-5);
  });

  it("has second derivatives", async () => {
    const [query, key, value] = operands([1], 20, 10);
    const second = (attention: Attention): Tensor =>
      jit((q: Tensor, k: Tensor, v: Tensor) => {
        const [dq, dk] = grad(attention(q, k, v).square().sum(), [q, k]);
        return grad(dq.square().sum().add(dk.sin().sum()), [k])[0];
      })(query, key, value);
    const error = second(blockwiseAttention).sub(second(functional.scaledDotProductAttention));
    expect(await error.abs().amax().item()).toBeLessThan(1e-3);
  });

  it("needs memory for rows of weights, not for all of them", async () => {
    const length = 4096;
    const [query, key, value] = [0, 1, 2].map(() => random.randn([1, 1, length, 16]));
    const step = jit((q: Tensor, k: Tensor, v: Tensor) => {
      const y = functional.scaledDotProductAttention(q, k, v, { isCausal: true });
      return [y, ...grad(y.square().sum(), [q, k, v])];
    });
    const before = memoryStats().reservedBytes;
    const [y] = step(query, key, value);
    expect(y.shape).toEqual([1, 1, length, 16]);
    await y.data();
    expect(memoryStats().reservedBytes - before).toBeLessThan(24e6);
    expect(4 * length * length).toBeGreaterThan(64e6);
  });
});
