import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Tensor } from "athanor";
import {
  UsageError,
  engineStats,
  grad,
  jit,
  ones,
  persistent,
  setJit,
  tensor,
  valueAndGrad,
  zeros,
} from "athanor";

const state = (values: number[]): Tensor => tensor(values, { requiresGrad: true });

describe("jit", () => {
  // These are tests of compilation, also where the suite runs with it switched off.
  let before: boolean;
  beforeEach(() => (before = setJit(true)));
  afterEach(() => setJit(before));

  it("traces and compiles once per signature", async () => {
    let calls = 0;
    const f = jit((x: Tensor, scale: number) => {
      calls++;
      return x.mul(scale).sum();
    });
    expect(await f(tensor([1, 2]), 3).item()).toBe(9);
    const before = engineStats();
    expect(await f(tensor([3, 4]), 3).item()).toBe(21);
    expect(engineStats()).toMatchObject({
      traces: before.traces,
      compiles: before.compiles,
      cacheHits: before.cacheHits,
      runs: before.runs + 1,
    });
    expect(await f(tensor([3, 4]), 2).item()).toBe(14);
    expect(await f(tensor([[3], [4]]), 2).item()).toBe(14);
    expect(await f(tensor([3, 4], { dtype: "f64" }), 2).item()).toBe(14);
    expect(calls).toBe(4);
    expect(await f(tensor([1, 1]), 3).item()).toBe(6);
    expect(calls).toBe(4);
  });

  it("takes and returns trees", async () => {
    const f = jit(({ x, rows }: { x: Tensor; rows: Tensor[] }, mode: string | null) => ({
      sum: x.add(rows[0]).add(rows[1]),
      same: x,
      mode,
      list: [rows[1].neg()],
    }));
    const rows = [tensor([1]), tensor([2])];
    const result = f({ x: tensor([10]), rows }, "a");
    expect(await result.sum.tolist()).toEqual([13]);
    expect(await result.same.tolist()).toEqual([10]);
    expect(result.mode).toBe("a");
    expect(await result.list[0].tolist()).toEqual([-2]);
    expect(await f({ x: tensor([20]), rows }, null).list[0].tolist()).toEqual([-2]);
  });

  it("updates what it closes over, in place and with the value of each call", async () => {
    const w = state([1, 2]);
    const momentum = zeros([2]);
    const step = jit((x: Tensor) => {
      const loss = w.mul(x).square().sum();
      const [g] = grad(loss, [w]);
      momentum.assign(momentum.mul(0.5).add(g));
      w.assign(w.sub(momentum.mul(0.1)));
      return loss;
    });
    const eager = { w: [1, 2], m: [0, 0] };
    for (let i = 0; i < 4; i++) {
      const loss = eager.w[0] ** 2 + eager.w[1] ** 2;
      eager.m = eager.m.map((m, k) => 0.5 * m + 2 * eager.w[k]);
      eager.w = eager.w.map((w0, k) => w0 - 0.1 * eager.m[k]);
      expect(await step(ones([2])).item()).toBeCloseTo(loss, 5);
    }
    (await w.data()).forEach((v, k) => expect(v).toBeCloseTo(eager.w[k], 5));
    w.assign(tensor([5, 5]));
    expect(await step(ones([2])).item()).toBe(50);
  });

  it("gives the same result switched off", async () => {
    const run = async (): Promise<unknown> => {
      const w = state([1, 2, 3]);
      const step = jit((x: Tensor) => {
        const [loss, [g]] = valueAndGrad(() => w.mul(x).exp().sum(), [w]);
        w.assign(w.sub(g.mul(0.01)));
        return loss;
      });
      const losses: number[] = [];
      for (let i = 0; i < 3; i++) losses.push(await step(tensor([0.1, 0.2, 0.3])).item());
      return [losses, await w.tolist()];
    };
    const compiled = await run();
    setJit(false);
    expect(await run()).toEqual(compiled);
  });

  it("sees updates made earlier in the same trace, and returns old and new values", async () => {
    const counter = tensor([1]);
    const f = jit(() => {
      const old = counter.clone();
      counter.assign(counter.add(1));
      counter.assign(counter.mul(10));
      return [old, counter, counter.add(0.5)];
    });
    const [old, now, later] = f();
    expect(await old.tolist()).toEqual([1]);
    expect(await now.tolist()).toEqual([20]);
    expect(await later.tolist()).toEqual([20.5]);
    expect(await counter.tolist()).toEqual([20]);
    f();
    expect(await counter.tolist()).toEqual([210]);
    expect(await now.tolist()).toEqual([20]);
  });

  it("swaps states", async () => {
    const a = tensor([1]);
    const b = tensor([2]);
    const swap = jit(() => {
      const kept = a.clone();
      a.assign(b);
      b.assign(kept);
    });
    swap();
    expect([await a.tolist(), await b.tolist()]).toEqual([[2], [1]]);
    swap();
    expect([await a.tolist(), await b.tolist()]).toEqual([[1], [2]]);
  });

  it("copies on write what somebody else still sees", async () => {
    const w = tensor([1]);
    const add = jit(() => {
      w.assign(w.add(1));
    });
    const snapshot = w.detach();
    const pending = w.mul(100);
    add();
    expect(await w.tolist()).toEqual([2]);
    expect(await snapshot.tolist()).toEqual([1]);
    expect(await pending.tolist()).toEqual([100]);
    expect(await w.mul(100).tolist()).toEqual([200]);
    add();
    expect(await w.mul(100).tolist()).toEqual([300]);
  });

  it("does not let a node stand for the value it had before an update", async () => {
    const w = tensor([2]);
    const y = w.mul(100);
    const twin = w.mul(100);
    await y.data();
    jit(() => {
      y.assign(y.add(1));
    })();
    expect(await y.tolist()).toEqual([201]);
    expect(await twin.tolist()).toEqual([200]);
  });

  it("updates arguments, also when one is closed over or passed twice", async () => {
    const w = tensor([1]);
    const f = jit((a: Tensor, b: Tensor) => {
      a.assign(a.add(1));
      return b.add(w);
    });
    expect(await f(w, w).tolist()).toEqual([4]);
    expect(await w.tolist()).toEqual([2]);
    const other = tensor([10]);
    expect(await f(other, w).tolist()).toEqual([4]);
    expect(await other.tolist()).toEqual([11]);
  });

  it("changes nothing when the function throws", async () => {
    const w = tensor([1]);
    let fail = true;
    const f = jit((x: Tensor) => {
      w.assign(w.add(x));
      if (fail) throw new RangeError("stop");
      return w;
    });
    expect(() => f(tensor([1]))).toThrow("stop");
    expect(await w.tolist()).toEqual([1]);
    fail = false;
    expect(await f(tensor([1])).tolist()).toEqual([2]);
    expect(await w.tolist()).toEqual([2]);
  });

  it("refuses reads, promises and foreign arguments with an explanation", async () => {
    const read = jit((x: Tensor) => x.add(x.itemSync()));
    expect(() => read(tensor([1]))).toThrow(/dataSync|not possible while/);
    const asynchronous = jit(async (x: Tensor) => x.add(await x.item()));
    expect(() => asynchronous(tensor([1]))).toThrow(/must return its tensors at once/);
    const any = jit((x: unknown) => x);
    expect(() => any(new Map())).toThrow(/got Map at argument 0/);
    expect(() => any({ a: [() => 1] })).toThrow(/got function at argument 0\.a\[0\]/);
  });

  it("explains tensors that escaped from a trace", async () => {
    let escaped: Tensor | undefined;
    const f = jit((x: Tensor) => {
      escaped = x.add(1);
      return escaped.mul(2);
    });
    f(tensor([1]));
    expect(() => escaped?.add(1)).toThrow(UsageError);
    expect(() => escaped?.add(1)).toThrow(/return it, or store it in a tensor made outside/);
  });

  it("inlines jitted functions", async () => {
    const w = tensor([1]);
    const inner = jit((x: Tensor) => {
      w.assign(w.add(x));
      return w.mul(2);
    });
    const outer = jit((x: Tensor) => inner(x).add(inner(x)));
    expect(await outer(tensor([1])).tolist()).toEqual([10]);
    expect(await w.tolist()).toEqual([3]);
    expect(await inner(tensor([1])).tolist()).toEqual([8]);
  });

  it("keeps host data made inside as constants", async () => {
    const f = jit((x: Tensor) => x.add(tensor([10, 20])));
    expect(await f(tensor([1, 2])).tolist()).toEqual([11, 22]);
    expect(await f(tensor([3, 4])).tolist()).toEqual([13, 24]);
    f.dispose();
  });

  it("lets state be made on first use", async () => {
    let count: Tensor | undefined;
    const f = jit(() => {
      count ??= persistent(() => zeros([1]));
      count.assign(count.add(1));
      return count;
    });
    f();
    expect(await f().tolist()).toEqual([2]);
    expect(await count?.tolist()).toEqual([2]);
  });

  it("computes pending arguments and captures first", async () => {
    const w = tensor([1]).add(1);
    const f = jit((x: Tensor) => x.mul(w));
    expect(await f(tensor([3]).add(1)).tolist()).toEqual([8]);
    w.assign(w.add(1));
    expect(await f(tensor([3])).tolist()).toEqual([9]);
  });

  it("says which capture was disposed", async () => {
    const w = tensor([1]);
    const f = jit((x: Tensor) => x.mul(w));
    f(tensor([2]));
    w.dispose();
    expect(() => f(tensor([2]))).toThrow(/f32\[1\] was used after it was disposed/);
  });
});
