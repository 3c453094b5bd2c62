import { beforeEach, describe, expect, it } from "vitest";
import type { Tensor } from "athanor";
import {
  UsageError,
  collectGarbage,
  grad,
  jit,
  keep,
  memoryStats,
  ones,
  persistent,
  realize,
  scope,
  setJit,
  tensor,
  zeros,
} from "athanor";

const live = (): number => memoryStats().liveBytes;

describe("dispose", () => {
  it("frees at once", () => {
    const before = live();
    const x = tensor([1, 2, 3, 4]);
    expect(live()).toBe(before + 16);
    x.dispose();
    expect(live()).toBe(before);
    x.dispose();
  });

  it("keeps what pending values need, and no longer", async () => {
    const before = live();
    const x = tensor([1, 2]);
    const y = x.mul(2);
    x.dispose();
    expect(live()).toBe(before + 8);
    expect(await y.tolist()).toEqual([2, 4]);
    expect(live()).toBe(before + 8);
    y.dispose();
    expect(live()).toBe(before);
  });

  it("frees through chains that were never computed", () => {
    const before = live();
    const x = tensor([1, 2]);
    const y = x.mul(2);
    const z = y.add(1);
    x.dispose();
    y.dispose();
    expect(live()).toBe(before + 8);
    z.dispose();
    expect(live()).toBe(before);
  });

  it("bears long chains", async () => {
    const device = "reference";
    const live = (): number => memoryStats(device).liveBytes;
    const before = live();
    const build = (): Tensor =>
      scope(() => {
        let x = tensor([0], { device });
        for (let i = 0; i < 20_000; i++) x = x.add(1);
        return x;
      });
    build().dispose();
    expect(live()).toBe(before);
    const x = build();
    expect(await x.item()).toBe(20_000);
    x.dispose();
    expect(live()).toBe(before);
  });

  it("does not confuse a value with its twin", async () => {
    const x = tensor([1]);
    const a = x.add(1);
    const b = x.add(1);
    await a.data();
    expect(await b.tolist()).toEqual([2]);
    a.dispose();
    expect(await b.tolist()).toEqual([2]);
    const c = x.add(1);
    b.dispose();
    expect(await c.tolist()).toEqual([2]);
    c.dispose();
    x.dispose();
  });

  it("works with using", () => {
    const before = live();
    {
      using x = tensor([1, 2]);
      expect(x.shape).toEqual([2]);
    }
    expect(live()).toBe(before);
  });

  it("refuses disposed tensors by name", async () => {
    const x = tensor([[1, 2]]);
    x.dispose();
    expect(() => x.add(1)).toThrow(UsageError);
    expect(() => x.add(1)).toThrow(/f32\[1, 2\] was used after it was disposed/);
    await expect(x.data()).rejects.toThrow(/disposed/);
    expect(() => x.assign(tensor([[1, 2]]))).toThrow(/disposed/);
    expect(() => tensor([1]).add(x)).toThrow(/disposed/);
  });
});

describe("scope", () => {
  it("disposes what its result does not hold", async () => {
    const before = live();
    const x = tensor([1, 2]);
    const result = await scope(async () => {
      const y = x.mul(2);
      await y.data();
      const z = await scope(async () => {
        const inner = y.add(1);
        await inner.data();
        return { inner };
      });
      await z.inner.data();
      return [z.inner.add(1)];
    });
    expect(await result[0].tolist()).toEqual([4, 6]);
    expect(live()).toBe(before + 16);
    result[0].dispose();
    x.dispose();
    expect(live()).toBe(before);
  });

  it("keeps interleaved scopes apart", async () => {
    const before = live();
    const run = (value: number): Promise<number> =>
      scope(async () => {
        const x = tensor([value]);
        await Promise.resolve();
        const y = x.mul(2);
        await Promise.resolve();
        return y.item();
      });
    expect(await Promise.all([run(1), run(2), run(3)])).toEqual([2, 4, 6]);
    expect(live()).toBe(before);
  });

  it("disposes when the function throws, and honours keep and persistent", () => {
    const before = live();
    const kept: Tensor[] = [];
    expect(() =>
      scope(() => {
        kept.push(
          keep(tensor([1])),
          persistent(() => tensor([2])),
        );
        tensor([3]);
        throw new RangeError("stop");
      }),
    ).toThrow("stop");
    expect(live()).toBe(before + 8);
    for (const x of kept) x.dispose();
    expect(live()).toBe(before);
  });

  it("leaves parameters alone", () => {
    const w = scope(() => {
      const parameter = tensor([1], { requiresGrad: true });
      return () => parameter;
    })();
    expect(w.isDisposed).toBe(false);
    w.dispose();
  });
});

describe("live bytes", () => {
  // Tensors dropped by earlier tests must not be freed in the middle of these.
  beforeEach(collectGarbage);

  it("stay constant over a thousand jitted steps", async () => {
    const before = setJit(true);
    const w = ones([8], { requiresGrad: true });
    const x = tensor([1, 2, 3, 4, 5, 6, 7, 8]);
    const step = jit((input: Tensor) => {
      const loss = w.mul(input).sub(1).square().mean();
      w.assign(w.sub(grad(loss, [w])[0].mul(0.01)));
      return loss;
    });
    let first = 0;
    for (let i = 0; i < 1000; i++) {
      if (i === 2) first = live();
      using loss = step(x);
      if (i % 100 === 0) await loss.item();
    }
    expect(live()).toBe(first);
    step.dispose();
    setJit(before);
  });

  it("stay constant over a thousand eager steps", async () => {
    const w = ones([8], { requiresGrad: true });
    const x = tensor([1, 2, 3, 4, 5, 6, 7, 8]);
    let first = 0;
    for (let i = 0; i < 1000; i++) {
      await scope(async () => {
        const loss = w.mul(x).sub(1).square().mean();
        w.assign(w.sub(grad(loss, [w])[0].mul(0.01)));
        await loss.item();
      });
      if (i === 1) first = live();
    }
    expect(live()).toBe(first);
  });

  it("stay constant where a running value is replaced", async () => {
    const x = tensor([1, 2]);
    let average = zeros([2]);
    await average.data();
    const before = live();
    for (let i = 0; i < 300; i++) {
      const old = average;
      average = scope(() => old.mul(0.9).add(x));
      await average.data();
      old.dispose();
    }
    expect(live()).toBe(before);
    expect((await average.data())[1]).toBeCloseTo(20, 4);
  });

  it("return when dropped tensors are collected", async () => {
    await collectGarbage();
    const before = live();
    let average = zeros([1000]);
    for (let i = 0; i < 200; i++) {
      average = average.mul(0.9).add(1);
      await average.data();
    }
    await collectGarbage();
    expect(live()).toBeLessThanOrEqual(before + 2 * 4000);
    expect(await average.sum().item()).toBeCloseTo(10_000, 0);
  });
});

describe("history", () => {
  it("of a loss stays with its gradients when the loss was read", async () => {
    const [x, labels] = [tensor([1, 2]), tensor([3, 4])];
    const loss = x.mul(labels).square().sum();
    const [gradient] = grad(loss, [x]);
    labels.dispose();
    expect(await loss.item()).toBe(73);
    expect(await gradient.tolist()).toEqual([18, 64]);
  });

  it("outlives a read when gradients were announced", async () => {
    const w = tensor([2, 3], { requiresGrad: true });
    const loss = w.square().sum();
    expect(await loss.item()).toBe(13);
    expect(await grad(loss, [w])[0].tolist()).toEqual([4, 6]);
  });

  it("is dropped by a read otherwise, and grad says so", async () => {
    const w = tensor([2, 3]);
    const loss = w.square().sum();
    expect(await grad(loss, [w])[0].tolist()).toEqual([4, 6]);
    await loss.item();
    expect(() => grad(loss, [w])).toThrow(/must depend on every tensor.*set requiresGrad/);
    expect(await grad(loss, [w], { allowUnused: true })[0].tolist()).toEqual([0, 0]);
  });

  it("does not chain through assigned states", async () => {
    const before = live();
    const w = tensor([1], { requiresGrad: true });
    for (let i = 0; i < 5; i++) {
      const next = w.mul(2);
      w.assign(next);
      next.dispose();
      await realize(w);
    }
    expect(live()).toBe(before + 4);
    expect(await w.item()).toBe(32);
    w.dispose();
    expect(live()).toBe(before);
  });
});
