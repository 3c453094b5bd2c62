import { describe, expect, it } from "vitest";
import {
  ConfigError,
  Generator,
  UsageError,
  jit,
  rand,
  randn,
  random,
  setJit,
  tensor,
} from "athanor";

const moments = (data: ArrayLike<number>): { mean: number; variance: number } => {
  const values = Array.from(data);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, variance };
};

describe("random", () => {
  it("repeats from a seed and differs between draws", async () => {
    const run = async (): Promise<unknown> => {
      random.manualSeed(7);
      return [await rand([3]).tolist(), await rand([3]).tolist(), await randn([2]).tolist()];
    };
    const first = (await run()) as number[][];
    expect(first[0]).not.toEqual(first[1]);
    expect(await run()).toEqual(first);
    random.manualSeed(8);
    expect(await rand([3]).tolist()).not.toEqual(first[0]);
  });

  it("advances inside jit as outside", async () => {
    const draw = (generator: Generator): (() => Promise<unknown>) => {
      const f = jit(() =>
        random.uniform([2], { generator }).add(random.uniform([2], { generator })),
      );
      return () => f().tolist();
    };
    const compiled = draw(new Generator(3));
    const [a, b] = [await compiled(), await compiled()];
    expect(a).not.toEqual(b);
    const generator = new Generator(3);
    const eager = (): Promise<unknown> =>
      random
        .uniform([2], { generator })
        .add(random.uniform([2], { generator }))
        .tolist();
    expect([await eager(), await eager()]).toEqual([a, b]);
  });

  it("goes on from a stored state", async () => {
    const generator = new Generator(11);
    await rand([4], { generator }).data();
    const state = await generator.getState();
    const next = await rand([4], { generator }).tolist();
    const other = new Generator();
    other.setState(state);
    expect(await rand([4], { generator: other }).tolist()).toEqual(next);
    expect(() => other.setState([1])).toThrow(UsageError);
    expect(() => random.manualSeed(-1)).toThrow(ConfigError);
  });

  it("does not advance when the jitted function throws", async () => {
    const before = setJit(true);
    const generator = new Generator(5);
    const f = jit(() => {
      random.uniform([1], { generator });
      throw new RangeError("stop");
    });
    expect(() => f()).toThrow("stop");
    expect(await generator.getState()).toEqual(new Uint32Array([5, 0]));
    setJit(before);
  });

  it.each(["f64", "f32", "f16", "bf16"] as const)("has the right moments in %s", async (dtype) => {
    const generator = new Generator(1);
    const uniform = await random.uniform([20_000], { dtype, generator }).data();
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...uniform)).toBeLessThan(1);
    expect(moments(uniform).mean).toBeCloseTo(0.5, 1);
    expect(moments(uniform).variance).toBeCloseTo(1 / 12, 2);
    const normal = await random.normal([20_000], { dtype, generator, mean: 2, std: 3 }).data();
    expect(Math.abs(moments(normal).mean - 2)).toBeLessThan(0.1);
    expect(Math.abs(moments(normal).variance - 9)).toBeLessThan(0.4);
  });

  it("draws integers, flags, orders and classes", async () => {
    const generator = new Generator(2);
    const integers = await random.randint(-2, 3, [1000], { generator }).data();
    expect(new Set(integers)).toEqual(new Set([-2, -1, 0, 1, 2]));
    const flags = await random.bernoulli([5000], 0.3, { generator, dtype: "f32" }).data();
    expect(moments(flags).mean).toBeCloseTo(0.3, 1);
    const order = await random.permutation(50, { generator }).data();
    expect(Array.from(order).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, i) => i),
    );
    expect(Array.from(order)).not.toEqual(Array.from({ length: 50 }, (_, i) => i));
    const logits = tensor([Math.log(0.7), Math.log(0.3), -Infinity]).expand([5000, 3]);
    const classes = await random.categorical(logits, { generator }).data();
    expect(moments(classes).mean).toBeCloseTo(0.3, 1);
    expect(Math.max(...classes)).toBe(1);
  });
});
