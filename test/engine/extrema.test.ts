import { grad, random, realize } from "athanor";
import { describe, expect, it } from "vitest";

describe("gradients of extrema that were read before", () => {
  // The product is summed with a fused multiply-add where nothing else reads it, and without where
  // something does: the sums of the two programs differ in the last bit.
  it.each([0, 1, 2, 3, 4, 5, 6, 7])("find their element, seed %d", async (seed) => {
    random.manualSeed(seed);
    const [x, w] = [random.randn([64, 300]), random.randn([64, 300])];
    await realize(x, w);
    const product = x.mul(w);
    const highest = product.sum({ dim: 1, keepdim: true }).amax({ dim: 0, keepdim: true });
    const loss = highest.sum().add(product.exp().sum().mul(0));
    const [gradient] = grad(loss, [x]);
    await highest.data();
    const rows = await gradient.abs().sum({ dim: 1 }).gt(0).float().sum().item();
    expect(rows).toBe(1);
  });
});
