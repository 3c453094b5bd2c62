import { cat, grad, jit, memoryStats, random, tensor } from "athanor";
import type { Tensor } from "athanor";
import { Llama } from "athanor/models";
import * as nn from "athanor/nn";
import { describe, expect, it } from "vitest";
import { relativeError, useTestDevice } from "../device.ts";

useTestDevice();
const { scaledDotProductAttention } = nn.functional;

/** Lengths of sequences that share a row, and the number of heads; the second kind never stores its weights. */
const kinds = [
  { name: "short", lengths: [5, 1, 7], heads: 4 },
  { name: "long", lengths: [130, 600, 300], heads: 16 },
] as const;

const idsOf = (lengths: readonly number[]): number[] =>
  lengths.flatMap((length, i) => Array.from({ length }, () => i));

interface Operands {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly weights: Tensor;
}

function draw(heads: number, length: number): Operands {
  random.manualSeed(7);
  const normal = (count: number): Tensor => random.normal([1, count, length, 4]);
  return { query: normal(heads), key: normal(2), value: normal(2), weights: normal(heads) };
}

/** Results and gradients as one list. */
function run(
  { query, key, value, weights }: Operands,
  attend: (q: Tensor, k: Tensor, v: Tensor) => Tensor,
): Tensor[] {
  const compute = jit((q: Tensor, k: Tensor, v: Tensor) => {
    const y = attend(q, k, v);
    return [y, ...grad(y.mul(weights).sum(), [q, k, v])];
  });
  return compute(query, key, value);
}

/** The largest error of all. */
async function errorOf(given: readonly Tensor[], wanted: readonly Tensor[]): Promise<number> {
  const pairs = given.map(async (x, i) => relativeError(await x.data(), await wanted[i].data()));
  return Math.max(...(await Promise.all(pairs)));
}

describe.each(kinds)("attention within segments, $name", ({ lengths, heads }) => {
  const length = lengths.reduce((a, b) => a + b, 0);
  const starts = lengths.map((_, i) => lengths.slice(0, i).reduce((a, b) => a + b, 0));

  it.each([true, false])(
    "is that of each alone, with its gradients (causal: %s)",
    async (isCausal) => {
      const operands = draw(heads, length);
      const segmentIds = tensor([idsOf(lengths)], { dtype: "i32" });
      const options = { isCausal, enableGqa: true };
      const packed = run(operands, (q, k, v) =>
        scaledDotProductAttention(q, k, v, { ...options, segmentIds }),
      );
      const alone = run(operands, (...all) => {
        const parts = lengths.map((size, i) => {
          const [q, k, v] = all.map((x) => x.narrow(2, starts[i], size));
          return scaledDotProductAttention(q, k, v, options);
        });
        return cat(parts, { dim: 2 });
      });
      expect(await errorOf(packed, alone)).toBeLessThan(1e-5);
    },
  );

  it("leaves a sequence's bits alone when another one changes", async () => {
    const { query, key, value } = draw(heads, length);
    const segmentIds = tensor([idsOf(lengths)], { dtype: "i32" });
    const second = segmentIds.eq(1).reshape([1, 1, length, 1]);
    const attend = jit((...all: Tensor[]) => {
      const [q, k, v] = all;
      return scaledDotProductAttention(q, k, v, { isCausal: true, enableGqa: true, segmentIds });
    });
    const [before, after] = [0, 3].map((change) =>
      attend(...[query, key, value].map((x) => x.add(second.float().mul(change)))),
    );
    const changes = before.ne(after);
    expect(await changes.logicalAnd(second).any().item()).toBe(1);
    expect(await changes.logicalAnd(second.logicalNot()).any().item()).toBe(0);
  });

  it("shows no keys of a segment that no query has: padding", async () => {
    const operands = draw(heads, length);
    const size = length - 4;
    const query = tensor([idsOf([length])], { dtype: "i32" });
    const key = tensor([[...idsOf([size]), 9, 9, 9, 9]], { dtype: "i32" });
    const { weights } = operands;
    const cut = { ...operands, weights: weights.narrow(2, 0, size) };
    const padded = run(cut, (q, k, v) =>
      scaledDotProductAttention(q, k, v, {
        enableGqa: true,
        segmentIds: { query, key },
      }).narrow(2, 0, size),
    );
    const plain = run(cut, (...all) => {
      const [q, k, v] = all.map((x) => x.narrow(2, 0, size));
      return scaledDotProductAttention(q, k, v, { enableGqa: true });
    });
    expect(await errorOf(padded, plain)).toBeLessThan(1e-5);
  });
});

describe("attention within segments of long sequences", () => {
  it("holds neither weights nor a mask of all pairs", async () => {
    const length = 8192;
    const x = random.normal([1, 1, length, 4]);
    const segmentIds = tensor([Array.from({ length }, (_, i) => Math.floor(i / 700))], {
      dtype: "i32",
    });
    await x.data();
    const before = memoryStats();
    const step = jit((y: Tensor) => {
      const attended = scaledDotProductAttention(y, y, y, { isCausal: true, segmentIds });
      return grad(attended.square().sum(), [y])[0];
    });
    await step(x).data();
    // A mask has a byte for each pair.
    expect(memoryStats().reservedBytes - before.reservedBytes).toBeLessThan(length * length);
  });
});

describe("a packed batch", () => {
  it.each(kinds)("gives each sequence's logits, $name", async ({ lengths, heads }) => {
    const model = new Llama({
      vocabSize: 32,
      hiddenSize: heads * 2,
      intermediateSize: 16,
      numHiddenLayers: 2,
      numAttentionHeads: heads,
      maxPositionEmbeddings: 2048,
    });
    const rows = lengths.map((length) => Array.from({ length }, (_, i) => (i * i + length) % 32));
    const i32 = (values: number[]): Tensor => tensor([values], { dtype: "i32" });
    const packed = model.forward({ inputIds: i32(rows.flat()), segmentIds: i32(idsOf(lengths)) });
    const alone = cat(
      rows.map((row) => model.forward({ inputIds: i32(row) })),
      { dim: 1 },
    );
    expect(await errorOf([packed], [alone])).toBeLessThan(1e-5);
  });
});

describe("segments that are refused", () => {
  const { query } = draw(2, 6);
  const attend =
    (options: object): (() => unknown) =>
    () =>
      scaledDotProductAttention(query, query, query, options);

  it("of other shapes and dtypes, or beside a mask", () => {
    const ids = tensor([idsOf([2, 4])], { dtype: "i32" });
    expect(attend({ segmentIds: ids.narrow(1, 0, 5) })).toThrow("must be [1, 6], got [1, 5]");
    expect(attend({ segmentIds: ids.float() })).toThrow("integers");
    expect(attend({ segmentIds: ids, attnMask: ids.eq(0) })).toThrow("got both");
  });
});
