import { describe, expect, it } from "vitest";
import {
  forLoop,
  grad,
  jit,
  random,
  scan,
  stack,
  tensor,
  Tensor,
  vmap,
  whileLoop,
  zeros,
} from "athanor";

const values = async (x: Tensor): Promise<number[]> => [...(await x.data())];

async function expectClose(a: Tensor, b: Tensor, tolerance = 1e-5): Promise<void> {
  expect(a.shape).toEqual(b.shape);
  const [left, right] = [await values(a), await values(b)];
  left.forEach((value, i) => expect(Math.abs(value - right[i])).toBeLessThan(tolerance));
}

function cell(h: Tensor, x: Tensor, w: Tensor, u: Tensor): Tensor {
  return x.matmul(w).add(h.matmul(u)).tanh();
}

function weights(): { xs: Tensor; h: Tensor; w: Tensor; u: Tensor } {
  random.manualSeed(3);
  const options = { requiresGrad: true } as const;
  return {
    xs: random.normal([5, 2, 3], options),
    h: random.normal([2, 4], options),
    w: random.normal([3, 4], options),
    u: random.normal([4, 4], options),
  };
}

function unrolled(xs: Tensor, h: Tensor, w: Tensor, u: Tensor): { carry: Tensor; ys: Tensor } {
  const ys: Tensor[] = [];
  let carry = h;
  for (let t = 0; t < xs.shape[0]; t++) {
    carry = cell(carry, xs.select(0, t), w, u);
    ys.push(carry);
  }
  return { carry, ys: stack(ys) };
}

function scanned(xs: Tensor, h: Tensor, w: Tensor, u: Tensor): { carry: Tensor; ys: Tensor } {
  return scan(
    (carry: Tensor, x: Tensor) => {
      const next = cell(carry, x, w, u);
      return [next, next] as const;
    },
    h,
    xs,
  );
}

describe("scan", () => {
  it("sums", async () => {
    const { carry, ys } = scan(
      (sum: Tensor, x: Tensor) => [sum.add(x), sum.add(x)] as const,
      tensor(0),
      tensor([1, 2, 3, 4]),
    );
    expect(await values(carry)).toEqual([10]);
    expect(await values(ys)).toEqual([1, 3, 6, 10]);
  });

  it("equals the unrolled computation", async () => {
    const { xs, h, w, u } = weights();
    const a = scanned(xs, h, w, u);
    const b = unrolled(xs, h, w, u);
    await expectClose(a.carry, b.carry);
    await expectClose(a.ys, b.ys);
  });

  it("has the gradients of the unrolled computation", async () => {
    const { xs, h, w, u } = weights();
    const loss = ({ carry, ys }: { carry: Tensor; ys: Tensor }): Tensor =>
      carry.square().sum().add(ys.mul(ys).mul(0.3).sum());
    const a = grad(loss(scanned(xs, h, w, u)), [xs, h, w, u]);
    const b = grad(loss(unrolled(xs, h, w, u)), [xs, h, w, u]);
    for (let i = 0; i < a.length; i++) await expectClose(a[i], b[i]);
  });

  it("has second derivatives", async () => {
    const { xs, h, w, u } = weights();
    const second = (run: typeof scanned): Tensor[] => {
      const { ys } = run(xs, h, w, u);
      const first = grad(ys.square().sum(), [u, h]);
      return grad(first[0].square().sum().add(first[1].square().sum()), [xs, h, w, u]);
    };
    const a = second(scanned);
    const b = second(unrolled);
    for (let i = 0; i < a.length; i++) await expectClose(a[i], b[i], 1e-3);
  });
});

void [forLoop, jit, vmap, whileLoop, zeros];
