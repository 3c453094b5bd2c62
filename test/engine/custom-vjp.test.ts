import { Tensor, checkpoint, customOp, customVjp, grad, jit, tensor, vmap } from "athanor";
import { describe, expect, it } from "vitest";

const roundThrough = customVjp({
  forward: (x) => x.round(),
  backward: (g) => [g],
});

/** x³ with a gradient of 5·x, so that nobody confuses it with the derived one. */
const cube = customVjp({
  forward: (x) => {
    const squared = x.square();
    return [squared.mul(x), squared];
  },
  // The zeros need shapes that fit: the context has all it promises.
  backward: (g, { inputs: [x], saved: [squared], result }) => [
    g.mul(x).mul(5).add(squared.mul(0)).add(result.mul(0)),
  ],
});

describe("customVjp", () => {
  it("passes gradients where the function has none", async () => {
    const x = tensor([0.2, 1.7]);
    const [g] = grad(roundThrough(x).square().sum(), [x]);
    expect(await g.tolist()).toEqual([0, 4]);
    expect(await roundThrough(x).tolist()).toEqual([0, 2]);
  });

  it("gives the gradient of its rule, to second order", async () => {
    const x = tensor([2, 3], { requiresGrad: true });
    const [g] = grad(cube(x).sum(), [x]);
    expect(await g.tolist()).toEqual([10, 15]);
    const [second] = grad(g.square().sum(), [x]);
    expect(await second.tolist()).toEqual([100, 150]);
  });

  it("works in jit, in vmap and in a checkpoint", async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    const expected = [
      [5, 10],
      [15, 20],
    ];
    const gradient = (of: Tensor): Tensor => grad(cube(of).sum(), [of])[0];
    expect(await jit(gradient)(x).tolist()).toEqual(expected);
    expect(await vmap(gradient)(x).tolist()).toEqual(expected);
    const [batched] = grad(vmap(cube)(x).sum(), [x]);
    expect(await batched.tolist()).toEqual(expected);
    const [again] = grad(checkpoint(cube)(x.mul(1)).sum(), [x]);
    expect(await again.tolist()).toEqual(expected);
  });

  it("sums the gradient of an operand that vmap shares", async () => {
    const product = customVjp({
      forward: (x, y) => x.mul(y),
      backward: (g, { inputs: [x, y] }) => [g.mul(y), g.mul(x).mul(10)],
    });
    const [x, y] = [tensor([1, 2, 3]), tensor(5)];
    const [dx, dy] = grad(vmap(product, { inDims: [0, null] })(x, y).sum(), [x, y]);
    expect([await dx.tolist(), await dy.item()]).toEqual([[5, 5, 5], 60]);
  });

  it("lets a rule use tensors of its own", async () => {
    const scaled = customVjp({
      forward: (x) => x.mul(1),
      backward: (g) => [g.mul(Tensor.from(Float32Array.of(3, 4)))],
    });
    const x = tensor([1, 1]);
    expect(await grad(scaled(x).sum(), [x])[0].tolist()).toEqual([3, 4]);
  });

  it("leaves out inputs whose gradient is null", () => {
    const first = customVjp({
      forward: (x, y) => x.add(y),
      backward: (g) => [g, null],
    });
    const [x, y] = [tensor([1]), tensor([2])];
    expect(() => grad(first(x, y).sum(), [y])).toThrow("the loss must depend on every tensor");
  });

  it("refuses a gradient of another shape, and too few of them", () => {
    const x = tensor([1, 2]);
    const wrong = customVjp({ forward: (a) => a.mul(2), backward: (g) => [g.sum()] });
    expect(() => grad(wrong(x).sum(), [x])).toThrow(
      "grad: a custom gradient must be like its operand, got f32[] for operand 0, f32[2]",
    );
    const few = customVjp({ forward: (a, b) => a.mul(b), backward: (g) => [g] });
    expect(() => grad(few(x, x).sum(), [x])).toThrow(
      "customVjp: backward must give one gradient per input, got 1 for 2",
    );
  });
});

describe("customOp with a gradient", () => {
  it("gives it eagerly and in jit", async () => {
    const halve = customOp({
      name: "test-halve",
      forward: ([x], output) => {
        for (let i = 0; i < output.length; i++) output[i] = x[i] / 2;
      },
      backward: (g) => [g.div(2)],
    });
    const x = tensor([2, 6]);
    const gradient = (of: Tensor): Tensor => grad(halve(of).square().sum(), [of])[0];
    expect(await gradient(x).tolist()).toEqual([1, 3]);
    expect(await jit(gradient)(x).tolist()).toEqual([1, 3]);
  });
});
