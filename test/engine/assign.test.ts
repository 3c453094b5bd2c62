import { describe, expect, it } from "vitest";
import {
  DTypeError,
  ShapeError,
  customOp,
  engineStats,
  grad,
  realize,
  tensor,
  zeros,
} from "athanor";

describe("assign", () => {
  it("gives the variable a new value and leaves older results alone", async () => {
    const x = tensor([1, 2]);
    const old = x.mul(10);
    x.assign(x.add(1));
    expect(await x.tolist()).toEqual([2, 3]);
    expect(await old.tolist()).toEqual([10, 20]);
    expect(await x.assign(7).tolist()).toEqual([7, 7]);
  });

  it("is computed with the next read of anything", async () => {
    const x = tensor([1]);
    const y = tensor([5]);
    x.assign(x.add(1));
    const before = engineStats();
    expect(await y.mul(2).tolist()).toEqual([10]);
    expect(engineStats().runs).toBe(before.runs + 1);
    await x.data();
    expect(engineStats().runs).toBe(before.runs + 1);
  });

  it("keeps loops without reads short", async () => {
    const x = zeros([4]);
    const before = engineStats();
    for (let i = 0; i < 500; i++) x.assign(x.add(1));
    await realize(x);
    expect(await x.tolist()).toEqual([500, 500, 500, 500]);
    expect(engineStats().compiles - before.compiles).toBeLessThan(4);
    expect(engineStats().runs - before.runs).toBeGreaterThan(10);
  });

  it("refuses values that do not fit", () => {
    const x = tensor([1, 2]);
    expect(() => x.assign(tensor([1, 2, 3]))).toThrow(ShapeError);
    expect(() => x.assign(tensor([1, 2], { dtype: "i32" }))).toThrow(DTypeError);
    expect(() => x.assign(tensor([1, 2, 3]))).toThrow(/got f32\[3\] for f32\[2\]/);
  });

  it("passes no gradient", async () => {
    const w = tensor([3], { requiresGrad: true });
    const average = tensor([1]);
    average.assign(average.mul(0.5).add(w.mul(0.5)));
    const loss = average.mul(w).sum();
    const [g] = grad(loss, [w]);
    expect(await g.tolist()).toEqual([2]);
  });

  it("does not let one impossible state block other reads", async () => {
    let isBroken = true;
    const moody = customOp({
      name: "test-moody",
      forward: ([x], output) => {
        if (isBroken) throw new RangeError("moody");
        output.set(x);
      },
    });
    const x = tensor([1]);
    x.assign(moody(x.add(1)));
    expect(await tensor([5]).add(1).tolist()).toEqual([6]);
    await expect(x.data()).rejects.toThrow("moody");
    isBroken = false;
    expect(await x.tolist()).toEqual([2]);
  });
});
