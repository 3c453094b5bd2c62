import { describe, expect, it } from "vitest";
import type { Tensor } from "athanor";
import {
  DeviceError,
  checkpoint,
  customOp,
  grad,
  init,
  jit,
  profile,
  randn,
  setDefaultDevice,
  setJit,
  tensor,
  vmap,
  zeros,
} from "athanor";

describe("grad", () => {
  it("works inside and outside jit, and twice", async () => {
    const second = (x: Tensor): Tensor => {
      const [g] = grad(x.pow(3).sum(), [x]);
      return grad(g.sum(), [x])[0];
    };
    expect(await second(tensor([1, 2])).tolist()).toEqual([6, 12]);
    expect(await jit(second)(tensor([1, 2])).tolist()).toEqual([6, 12]);
  });

  it("refuses what it cannot differentiate", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const other = tensor([1], { requiresGrad: true });
    expect(() => grad(x, [x])).toThrow(/loss must have one element, got \[2\]/);
    expect(() => grad(x.sum(), [other])).toThrow(/not on tensor 0, f32\[1\]/);
    expect(() => grad(x.sum(), [tensor([1], { dtype: "i32" })])).toThrow(/must be floats/);
  });

  it("tells variables apart that start equal", async () => {
    const both = (): Tensor[] => {
      const [a, b] = [zeros([2]), zeros([2])];
      return grad(a.add(b.mul(3)).sum(), [a, b]);
    };
    for (const gradients of [both(), jit(both)()]) {
      expect(await Promise.all(gradients.map((g) => g.tolist()))).toEqual([
        [1, 1],
        [3, 3],
      ]);
    }
    const x = tensor([1]).add(1);
    const [p, q] = [x.detach(), x.detach()];
    expect(await grad(p.mul(q.square()).sum(), [p])[0].tolist()).toEqual([4]);
  });

  it("stops at detach", async () => {
    const x = tensor([3], { requiresGrad: true });
    const y = x.mul(2);
    expect(await grad(y.detach().mul(x).sum(), [x])[0].tolist()).toEqual([6]);
    await y.data();
    expect(await grad(y.detach().mul(x).sum(), [x])[0].tolist()).toEqual([6]);
    const f = jit((v: Tensor) => grad(v.detach().mul(v).sum(), [v])[0]);
    expect(await f(x).tolist()).toEqual([3]);
  });

  it("is with respect to the value at hand", async () => {
    const w = tensor([2], { requiresGrad: true });
    const f = jit(() => {
      w.assign(w.mul(10));
      return grad(w.square().sum(), [w])[0];
    });
    expect(await f().tolist()).toEqual([40]);
  });
});

describe("vmap and checkpoint", () => {
  it("equals a loop", async () => {
    const rows = tensor([
      [1, 2],
      [3, 4],
    ]);
    const w = tensor([10, 100]);
    const f = (row: Tensor, scale: number): Tensor => row.mul(w).sum().mul(scale);
    expect(await vmap(f)(rows, 2).tolist()).toEqual([420, 860]);
    expect(await jit(vmap(f))(rows, 2).tolist()).toEqual([420, 860]);
    const columns = vmap((a: Tensor, b: Tensor) => a.sub(b), { inDims: [1, null], outDims: 1 });
    expect(await columns(rows, tensor([1, 1])).tolist()).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it("gives gradients per example", async () => {
    const w = tensor([1, 1], { requiresGrad: true });
    const perExample = vmap((x: Tensor) => grad(x.mul(w).sum().square(), [w])[0]);
    expect(
      await perExample(
        tensor([
          [1, 2],
          [3, 4],
        ]),
      ).tolist(),
    ).toEqual([
      [6, 12],
      [42, 56],
    ]);
  });

  it("recomputes with the same result", async () => {
    const w = randn([4, 4], { requiresGrad: true });
    const x = randn([2, 4]);
    const block = (v: Tensor): Tensor => v.matmul(w).tanh().matmul(w).tanh();
    const plain = grad(block(x).sum(), [w])[0];
    const again = grad(checkpoint(block)(x).sum(), [w])[0];
    const difference = plain.sub(again).abs().max();
    expect(await difference.item()).toBeLessThan(1e-6);
    const compiled = jit((v: Tensor) => grad(checkpoint(block)(v).sum(), [w])[0]);
    expect(await compiled(x).sub(plain).abs().max().item()).toBeLessThan(1e-6);
  });
});

describe("customOp and profile", () => {
  it("runs host functions as part of programs", async () => {
    const reverse = customOp({
      name: "test-reverse",
      forward: ([x], output) => output.set(x.slice().reverse()),
    });
    expect(
      await reverse(tensor([1, 2, 3]).add(1))
        .mul(2)
        .tolist(),
    ).toEqual([8, 6, 4]);
    expect(await jit((x: Tensor) => reverse(x).add(1))(tensor([1, 2])).tolist()).toEqual([3, 2]);
    expect(() => customOp({ name: "test-reverse", forward: () => {} })).toThrow(/must be unique/);
  });

  it("leaves no update when a host function fails", async () => {
    const failing = customOp({
      name: "test-failing",
      forward: () => {
        throw new RangeError("host");
      },
    });
    const [a, b] = [tensor([1]), tensor([1])];
    const f = jit(() => {
      a.assign(a.add(1));
      b.assign(failing(b));
    });
    const before = setJit(true);
    expect(() => f()).toThrow("host");
    setJit(before);
    expect([await a.tolist(), await b.tolist()]).toEqual([[1], [1]]);
  });

  it("lists kernels with their rates", async () => {
    const x = randn([32, 32]);
    await x.data();
    const report = await profile(() => x.matmul(x).relu().sum());
    expect(report.kernels.length).toBeGreaterThan(0);
    expect(report.kernels[0].calls).toBeGreaterThan(0);
    const calls = report.kernels.reduce((sum, kernel) => sum + kernel.calls, 0);
    expect(report.longestPath).toEqual({ calls, milliseconds: report.milliseconds });
    expect(String(report)).toMatch(/kernel +calls +ms/);
    expect(String(report)).toMatch(/ms in \d+ kernels/);
  });
});

describe("devices", () => {
  it("start once, and say when options come too late", async () => {
    await Promise.all([init(), init()]);
    const x = tensor([1, 2]).add(1);
    expect(await x.tolist()).toEqual([2, 3]);
    await expect(init({ device: "reference", threads: 7 })).rejects.toThrow(/runs with 1 threads/);
    await expect(init({ device: "toaster" })).rejects.toThrow(DeviceError);
  });

  it("refuses to mix them and moves tensors", async () => {
    const x = tensor([1, 2], { device: "reference" });
    expect(x.device).toBe("reference");
    expect(await x.to("reference").tolist()).toEqual([1, 2]);
    expect(() => setDefaultDevice("toaster")).toThrow(DeviceError);
    expect(() => zeros([1], { device: "toaster" })).toThrow(/must be one of .*got "toaster"/);
    expect(() => x.to("toaster")).toThrow(DeviceError);
  });

  it("converts dtypes", async () => {
    expect(await tensor([1.7, -1.7]).to("i32").tolist()).toEqual([1, -1]);
    expect(await tensor([0, 2]).bool().tolist()).toEqual([false, true]);
    expect(tensor([1], { dtype: "i32" }).add(1).dtype).toBe("i32");
    expect(tensor([1], { dtype: "i32" }).add(0.5).dtype).toBe("f32");
    expect(tensor([1], { dtype: "bf16" }).mul(0.5).dtype).toBe("bf16");
    expect(() => Number(tensor([1]))).toThrow(/await its item/);
  });
});
