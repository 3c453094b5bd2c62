import { describe, expect, it } from "vitest";
import type { Tensor } from "athanor";
import {
  Generator,
  arange,
  checkpoint,
  customOp,
  customVjp,
  engineStats,
  forLoop,
  full,
  grad,
  jit,
  memoryStats,
  nn,
  ones,
  random,
  realize,
  scan,
  scope,
  stack,
  tensor,
  vmap,
  where,
  whileLoop,
  zeros,
} from "athanor";

const values = async (x: Tensor): Promise<number[]> => [...(await x.data())];

/** Largest difference of two lists of tensors, relative to the largest element. */
async function difference(left: readonly Tensor[], right: readonly Tensor[]): Promise<number> {
  let most = left.length === right.length ? 0 : Infinity;
  for (const [i, x] of left.entries()) {
    if (x.shape.join() !== right[i].shape.join()) return Infinity;
    const [a, b] = [await values(x), await values(right[i])];
    const scale = Math.max(1, ...b.map(Math.abs));
    a.forEach((value, at) => (most = Math.max(most, Math.abs(value - b[at]) / scale)));
    if (a.some(Number.isNaN)) return NaN;
  }
  return most;
}

interface Net {
  readonly xs: Tensor;
  readonly h: Tensor;
  readonly w: Tensor;
  readonly u: Tensor;
}

function net(steps = 5, batch = 2, inputs = 3, hidden = 4): Net {
  const options = { requiresGrad: true, generator: new Generator(3) } as const;
  return {
    xs: random.normal([steps, batch, inputs], options),
    h: random.normal([batch, hidden], options),
    w: random.normal([inputs, hidden], options),
    u: random.normal([hidden, hidden], { ...options, std: 1 / Math.sqrt(hidden) }),
  };
}

const cell = (h: Tensor, x: Tensor, { w, u }: Net): Tensor => x.matmul(w).add(h.matmul(u)).tanh();

interface Run {
  readonly carry: Tensor;
  readonly ys: Tensor;
}

function unrolled(given: Net, order = (t: number) => t): Run {
  const ys: Tensor[] = [];
  let carry = given.h;
  for (let t = 0; t < given.xs.shape[0]; t++) {
    carry = cell(carry, given.xs.select(0, order(t)), given);
    ys[order(t)] = carry;
  }
  return { carry, ys: stack(ys) };
}

function scanned(given: Net, options = {}): Run {
  const step = (h: Tensor, x: Tensor): readonly [Tensor, Tensor] => {
    const next = cell(h, x, given);
    return [next, next];
  };
  return scan(step, given.h, given.xs, options);
}

const loss = ({ carry, ys }: Run): Tensor => carry.square().sum().add(ys.mul(ys).mul(0.3).sum());
const wrt = ({ xs, h, w, u }: Net): Tensor[] => [xs, h, w, u];

describe("scan", () => {
  it("sums, and stacks what its steps return", async () => {
    const step = (sum: Tensor, x: Tensor) => [sum.add(x), sum.mul(x)] as const;
    const { carry, ys } = scan(step, tensor(0), tensor([1, 2, 3, 4]));
    expect(await values(carry)).toEqual([10]);
    expect(await values(ys)).toEqual([0, 2, 9, 24]);
  });

  it("equals the unrolled computation, in both directions", async () => {
    const given = net();
    const forward = unrolled(given);
    expect(await difference(Object.values(scanned(given)), Object.values(forward))).toBeLessThan(
      1e-6,
    );
    const last = given.xs.shape[0] - 1;
    const backward = unrolled(given, (t) => last - t);
    const found = scanned(given, { reverse: true });
    expect(await difference(Object.values(found), Object.values(backward))).toBeLessThan(1e-6);
  });

  it("has the gradients of the unrolled computation", async () => {
    const given = net();
    const wanted = grad(loss(unrolled(given)), wrt(given));
    expect(await difference(grad(loss(scanned(given)), wrt(given)), wanted)).toBeLessThan(1e-5);
    const compiled = jit(() => grad(loss(scanned(given)), wrt(given)));
    expect(await difference(compiled(), wanted)).toBeLessThan(1e-5);
  });

  it("has gradients of gradients", async () => {
    const given = net();
    const second = (run: Run): Tensor[] => {
      const [du, dh] = grad(loss(run), [given.u, given.h]);
      return grad(du.square().sum().add(dh.square().sum()), wrt(given));
    };
    const wanted = second(unrolled(given));
    expect(await difference(second(scanned(given)), wanted)).toBeLessThan(1e-4);
  });

  it("gives the same on many threads: products and rows large enough to be shared", async () => {
    const given = net(6, 64, 32, 128);
    const wanted = unrolled(given);
    const found = scanned(given);
    expect(await difference(Object.values(found), Object.values(wanted))).toBeLessThan(1e-5);
    const gradients = grad(loss(scanned(given)), wrt(given));
    expect(await difference(gradients, grad(loss(wanted), wrt(given)))).toBeLessThan(1e-4);
  });

  it("takes trees: objects and arrays of tensors, plain values left alone", async () => {
    const xs = { a: tensor([1, 2, 3]), b: [tensor([4, 5, 6]), "name"] as const };
    const init = { sum: tensor(0), pair: [tensor(1), tensor([1, 1])] as const };
    const { carry, ys } = scan(
      ({ sum, pair: [p, q] }, { a, b: [b, name] }) => [
        { sum: sum.add(a).add(b), pair: [p.mul(a), q.add(p)] as const },
        { twice: a.mul(2), name, none: null },
      ],
      init,
      xs,
    );
    expect(await values(carry.sum)).toEqual([21]);
    expect(await values(carry.pair[0])).toEqual([6]);
    expect(await values(carry.pair[1])).toEqual([5, 5]);
    expect(await values(ys.twice)).toEqual([2, 4, 6]);
    expect(ys.name).toBe("name");
  });

  it("steps along any dim, and without xs", async () => {
    const x = arange(6, { dtype: "f32" }).reshape([2, 3]);
    const step = (sum: Tensor, row: Tensor) => [sum.add(row), sum.add(row)] as const;
    const { carry, ys } = scan(step, zeros([2]), x, { dim: -1 });
    expect(await values(carry)).toEqual([3, 12]);
    expect(await ys.tolist()).toEqual(await x.cumsum(1).tolist());
    const powers = scan((p: Tensor) => [p.mul(2), p] as const, tensor(1), null, { length: 5 });
    expect(await values(powers.ys)).toEqual([1, 2, 4, 8, 16]);
    const none = scan((p: Tensor) => [p.mul(2), null] as const, tensor(1), null, { length: 7 });
    expect([await values(none.carry), none.ys]).toEqual([[128], null]);
  });

  it("of no steps gives the initial carry, no results, and gradients", async () => {
    const init = tensor([1, 2], { requiresGrad: true });
    const step = (sum: Tensor, x: Tensor) => [sum.mul(x), sum.sum()] as const;
    const xs = zeros([0, 2]);
    const { carry, ys } = scan(step, init, xs);
    expect([await values(carry), ys.shape, await values(ys)]).toEqual([[1, 2], [0], []]);
    const gradients = grad(carry.sum(), [init, xs], { allowUnused: true });
    expect([await values(gradients[0]), gradients[1].shape]).toEqual([
      [1, 1],
      [0, 2],
    ]);
  });

  it("runs in scans", async () => {
    const x = random.normal([3, 4, 2], { requiresGrad: true, generator: new Generator(1) });
    const scale = tensor([0.5, -0.25], { requiresGrad: true });
    const inner = (sum: Tensor, row: Tensor) => {
      const next = sum.mul(scale).add(row).sin();
      return [next, next] as const;
    };
    const outer = (sum: Tensor, rows: Tensor) => {
      const { carry, ys } = scan(inner, sum, rows);
      return [carry.add(sum), ys.mul(scale)] as const;
    };
    const { carry, ys } = scan(outer, zeros([2]), x);
    let sum = zeros([2]);
    const all: Tensor[] = [];
    for (let i = 0; i < 3; i++) {
      let part = sum;
      for (let j = 0; j < 4; j++) {
        part = part.mul(scale).add(x.select(0, i).select(0, j)).sin();
        all.push(part.mul(scale));
      }
      sum = part.add(sum);
    }
    const plain = stack(all).reshape([3, 4, 2]);
    expect(await difference([carry, ys], [sum, plain])).toBeLessThan(1e-6);
    const wanted = grad(sum.mul(sum).sum().add(plain.sum()), [x, scale]);
    const found = grad(carry.mul(carry).sum().add(ys.sum()), [x, scale]);
    expect(await difference(found, wanted)).toBeLessThan(1e-5);
  });

  it("updates tensors from outside step by step, also in jit", async () => {
    const count = tensor(10);
    const run = jit((xs: Tensor) => {
      const step = (sum: Tensor, x: Tensor) => {
        count.assign(count.add(1));
        return [sum.add(x.mul(count)), count.mul(1)] as const;
      };
      return scan(step, tensor(0), xs);
    });
    const first = run(ones([3]));
    expect(await values(first.ys)).toEqual([11, 12, 13]);
    expect(await values(run(ones([3])).carry)).toEqual([14 + 15 + 16]);
    expect(await values(count)).toEqual([16]);
  });

  it("draws other random numbers in every step and every call", async () => {
    const generator = new Generator(5);
    const draw = (): Tensor =>
      scan((c: Tensor) => [c, random.uniform([2], { generator })] as const, zeros([]), null, {
        length: 4,
      }).ys;
    const all = [...(await values(draw())), ...(await values(jit(draw)()))];
    expect(new Set(all).size).toBe(16);
    const again = new Generator(5);
    const plain: number[] = [];
    for (let i = 0; i < 8; i++) {
      plain.push(...(await values(random.uniform([2], { generator: again }))));
    }
    expect(all).toEqual(plain);
  });

  it("runs modules with state of their own in the body", async () => {
    const norm = new nn.BatchNorm1d(3);
    const plain = new nn.BatchNorm1d(3);
    const x = random.normal([4, 5, 3], { generator: new Generator(2) });
    const { ys } = scan(
      (c: Tensor, rows: Tensor) => [c, norm.forward(rows)] as const,
      zeros([]),
      x,
    );
    const wanted: Tensor[] = [];
    for (let i = 0; i < 4; i++) wanted.push(plain.forward(x.select(0, i)));
    expect(await difference([ys], [stack(wanted)])).toBeLessThan(1e-5);
    expect(
      await difference([norm.runningMean as Tensor], [plain.runningMean as Tensor]),
    ).toBeLessThan(1e-6);
  });

  it("recomputes checkpointed regions of its body in the backward steps", async () => {
    const given = net();
    const wanted = grad(loss(unrolled(given)), wrt(given));
    const step = (h: Tensor, x: Tensor) => {
      const next = checkpoint((a: Tensor, b: Tensor) => cell(a, b, given))(h, x);
      return [next, next] as const;
    };
    const found = grad(loss(scan(step, given.h, given.xs)), wrt(given));
    expect(await difference(found, wanted)).toBeLessThan(1e-5);
    const whole = checkpoint(() => scanned(given))();
    expect(await difference(grad(loss(whole), wrt(given)), wanted)).toBeLessThan(1e-5);
  });

  it("calls host functions in its steps", async () => {
    const halve = customOp({
      name: "loops-halve",
      forward: ([x], output) => output.forEach((_, i) => (output[i] = x[i] / 2)),
    });
    const step = (x: Tensor) => [halve(x.add(1)), halve(x)] as const;
    const { carry, ys } = scan(step, tensor([8, 4]), null, { length: 3 });
    await realize(carry, ys);
    expect(await values(carry)).toEqual([1.875, 1.375]);
    expect(await ys.tolist()).toEqual([
      [4, 2],
      [2.25, 1.25],
      [1.375, 0.875],
    ]);
  });

  it("follows gradients given by hand, which may read tensors from outside", async () => {
    const [slope, x] = [tensor([3, 4]), tensor([1, 2], { requiresGrad: true })];
    const rounded = customVjp({ forward: (v) => v.round(), backward: (g) => [g.mul(slope)] });
    const step = (v: Tensor) => [rounded(v), null] as const;
    const run = (): Tensor => grad(scan(step, x, null, { length: 2 }).carry.sum(), [x])[0];
    expect(await values(run())).toEqual([9, 16]);
    expect(await values(jit(run)())).toEqual([9, 16]);
  });

  it("makes tensors of host data, reads modes, and differentiates inside its body", async () => {
    const dropout = new nn.Dropout(0.5);
    const run = jit((x: Tensor) => {
      const step = (v: Tensor) => {
        const [slope] = grad(v.mul(v).sum(), [v]);
        return [dropout.forward(v).sub(slope.mul(tensor([0.25, 0.5]))), null] as const;
      };
      return scan(step, x, null, { length: 2 }).carry;
    });
    dropout.eval();
    expect(await values(run(tensor([4, 5])))).toEqual([1, 0]);
    dropout.train();
    const draws = new Set<number>();
    for (let i = 0; i < 12; i++) draws.add((await values(run(tensor([4, 5]))))[0]);
    expect(draws.size).toBeGreaterThan(1);
  });

  it("stops gradients where its body does", async () => {
    const w = tensor(3, { requiresGrad: true });
    const run = (isCut: boolean): Tensor => {
      const step = (x: Tensor) => [(isCut ? x.detach() : x).mul(w), null] as const;
      return scan(step, tensor(2), null, { length: 3 }).carry;
    };
    expect(await values(grad(run(false), [w])[0])).toEqual([54]);
    expect(await values(grad(run(true), [w])[0])).toEqual([18]);
  });

  it("computes what is the same in every step before the first", async () => {
    const w = tensor([1, 2, 3], { requiresGrad: true });
    const run = (): Tensor => {
      const step = (x: Tensor) => [x.add(w.exp().sum()), w.log1p().t()] as const;
      const { carry, ys } = scan(step, tensor(0), null, { length: 4 });
      return carry.add(ys.sum());
    };
    const x = [1, 2, 3];
    const wanted = 4 * x.reduce((sum, value) => sum + Math.exp(value) + Math.log1p(value), 0);
    expect(await difference([run()], [tensor(wanted)])).toBeLessThan(1e-5);
    const slope = x.map((value) => 4 * (Math.exp(value) + 1 / (1 + value)));
    expect(await difference(grad(run(), [w]), [tensor(slope)])).toBeLessThan(1e-5);
  });

  it("is compiled once for all values, with one copy of the body", async () => {
    const run = (length: number, start: number): Tensor => {
      const step = (x: Tensor) => [x.mul(1.5).add(1), null] as const;
      return scan(step, full([7], start), null, { length }).carry;
    };
    await values(run(900, 1e-3));
    const before = engineStats();
    await values(run(900, 1e-3));
    const w = net(40);
    const twice = async (): Promise<void> => {
      for (const gradient of grad(loss(scanned(w)), wrt(w))) await values(gradient);
    };
    await twice();
    const middle = engineStats();
    await twice();
    expect(engineStats().compiles).toBe(middle.compiles);
    expect(middle.compiles - before.compiles).toBeGreaterThan(0);
  });

  it("takes a thousand steps", async () => {
    const xs = random.normal([1000, 4], { generator: new Generator(8) });
    const decay = tensor(0.9, { requiresGrad: true });
    const step = (sum: Tensor, x: Tensor) => {
      const next = sum.mul(decay).add(x);
      return [next, next.sum()] as const;
    };
    const { carry, ys } = scan(step, zeros([4]), xs);
    const x = (await xs.tolist()) as number[][];
    let [sum, slope] = [
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ];
    for (const row of x) {
      slope = slope.map((s, i) => 0.9 * s + sum[i]);
      sum = sum.map((s, i) => 0.9 * s + row[i]);
    }
    expect(ys.shape).toEqual([1000]);
    expect(await difference([carry], [tensor(sum)])).toBeLessThan(1e-5);
    const total = slope.reduce((a, b) => a + b, 0);
    expect(await difference(grad(carry.sum(), [decay]), [tensor(total)])).toBeLessThan(1e-4);
  });

  it("leaves no memory behind", async () => {
    const given = net();
    const step = jit(() => grad(loss(scanned(given)), [given.u])[0]);
    const round = async (): Promise<void> => scope(async () => void (await values(step())));
    await round();
    await round();
    const before = memoryStats().liveBytes;
    for (let i = 0; i < 20; i++) await round();
    expect(memoryStats().liveBytes).toBe(before);
  });

  it("says which leaf of the carry changes its type", () => {
    const init = { h: zeros([2, 3]), c: [zeros([4])] };
    type Carry = typeof init;
    const run = (fn: (carry: Carry) => unknown) => (): unknown =>
      scan((carry: Carry) => [fn(carry) as Carry, null], init, null, { length: 2 });
    expect(run(({ h, c }) => ({ h: h.sum(), c }))).toThrow(
      "scan: carry.h must keep its shape, got f32[] after f32[2, 3]",
    );
    expect(run(({ h, c }) => ({ h, c: [c[0].to("i32")] }))).toThrow(
      "scan: carry.c[0] must keep its dtype, got i32[4] after f32[4]",
    );
    expect(run(({ h }) => ({ h, c: [] }))).toThrow("scan: the carry must keep its structure");
  });

  it("explains other mistakes", () => {
    const step = (sum: Tensor, x: Tensor) => [sum.add(x), null] as const;
    expect(() => scan(step, zeros([]), null as unknown as Tensor)).toThrow(
      "scan: length must be given",
    );
    expect(() => scan(step, zeros([]), zeros([3]), { length: 4 })).toThrow(
      "scan: all of xs must have 4 elements along dim 0, got xs f32[3]",
    );
    const asynchronous = async (): Promise<never> => Promise.reject(new Error("never"));
    expect(() => scan(asynchronous as never, zeros([]), zeros([3]))).toThrow("do not await");
    expect(() => scan((() => zeros([])) as never, zeros([]), zeros([3]))).toThrow(
      "must return [carry, y]",
    );
    const reads = (sum: Tensor): readonly [Tensor, null] => [sum.add(sum.dataSync()[0]), null];
    expect(() => scan(reads, zeros([]), null, { length: 2 })).toThrow("traced by scan");
  });
});

describe("scan under vmap", () => {
  it("equals scans one by one, whatever is batched", async () => {
    const given = net(4, 1, 3, 3);
    const xs = random.normal([5, 4, 1, 3], { generator: new Generator(4) });
    const hs = random.normal([5, 1, 3], { generator: new Generator(5) });
    const us = random.normal([5, 3, 3], { generator: new Generator(6) });
    const run = (x: Tensor, h: Tensor, u: Tensor): Tensor =>
      loss(scanned({ ...given, xs: x, h, u }));
    for (const inDims of [
      [0, 0, 0],
      [0, null, null],
      [null, 0, null],
      [null, null, 0],
    ] as const) {
      const whole = [xs, hs, us];
      const args = whole.map((all, i) => (inDims[i] === null ? all.select(0, 1) : all));
      const found = vmap(run, { inDims })(args[0], args[1], args[2]);
      const wanted: Tensor[] = [];
      for (let e = 0; e < 5; e++) {
        const own = whole.map((all, i) => all.select(0, inDims[i] === null ? 1 : e));
        wanted.push(run(own[0], own[1], own[2]));
      }
      expect(await difference([found], [stack(wanted)])).toBeLessThan(1e-5);
    }
  });

  it("lets all elements draw the same numbers, and leaves the generator usable", async () => {
    const generator = new Generator(9);
    const run = (x: Tensor): Tensor => {
      const step = (v: Tensor) => [v.add(random.uniform([2], { generator })), null] as const;
      return scan(step, x, null, { length: 3 }).carry;
    };
    const found = vmap(run, { randomness: "same" })(zeros([4, 2]));
    const after = random.uniform([2], { generator });
    const again = new Generator(9);
    let wanted = zeros([2]);
    for (let i = 0; i < 3; i++) wanted = wanted.add(random.uniform([2], { generator: again }));
    expect(await difference([found], [stack([wanted, wanted, wanted, wanted])])).toBeLessThan(1e-6);
    expect(await difference([after], [random.uniform([2], { generator: again })])).toBe(0);
    expect(() => vmap(run)(zeros([4, 2]))).toThrow("one key per batch element");
  });

  it("has gradients, and batches gradients", async () => {
    const w = tensor(
      [
        [0.5, -0.2],
        [0.1, 0.7],
      ],
      { requiresGrad: true },
    );
    const x = random.normal([3, 4, 1, 2], { generator: new Generator(7) });
    const run = (row: Tensor): Tensor => {
      const step = (h: Tensor, at: Tensor) => [h.matmul(w).add(at).tanh(), null] as const;
      return scan(step, zeros([1, 2]), row)
        .carry.square()
        .sum();
    };
    const wanted = [0, 1, 2].map((i) => grad(run(x.select(0, i)), [w])[0]);
    const batched = vmap((row: Tensor) => grad(run(row), [w])[0])(x);
    expect(await difference([batched], [stack(wanted)])).toBeLessThan(1e-5);
    const [whole] = grad(vmap(run)(x).sum(), [w]);
    expect(await difference([whole], [stack(wanted).sum({ dim: 0 })])).toBeLessThan(1e-5);
  });
});

describe("whileLoop", () => {
  it("runs as long as its condition holds", async () => {
    const run = (start: Tensor): Tensor =>
      whileLoop(
        (x) => x.lt(100),
        (x) => x.mul(2),
        start,
      );
    expect(await values(run(tensor(3)))).toEqual([192]);
    expect(await values(run(tensor(200)))).toEqual([200]);
    const compiled = jit(run);
    const found: number[] = [];
    for (const start of [1, 60, 50, 100]) found.push(await compiled(tensor(start)).item());
    expect(found).toEqual([128, 120, 100, 100]);
  });

  it("carries trees, reads what it closes over, stops after maxIterations", async () => {
    const modulus = tensor(2, { dtype: "i32" });
    const collatz = (start: number, options = {}): { n: Tensor; steps: Tensor } =>
      whileLoop(
        ({ n }) => n.gt(1),
        ({ n, steps }) => ({
          n: where(n.remainder(modulus).eq(0), n.div(2).to("i32"), n.mul(3).add(1)),
          steps: steps.add(1),
        }),
        { n: tensor(start, { dtype: "i32" }), steps: tensor(0, { dtype: "i32" }) },
        options,
      );
    expect(await values(collatz(27).steps)).toEqual([111]);
    expect(await values(collatz(27, { maxIterations: 10 }).steps)).toEqual([10]);
    expect(await values(collatz(27, { maxIterations: 0 }).n)).toEqual([27]);
  });

  it("runs each element of a batch for as long as it wants", async () => {
    const run = (x: Tensor, step: Tensor): Tensor =>
      whileLoop(
        (v) => v.lt(10),
        (v) => v.add(step),
        x,
      );
    const found = vmap(run)(tensor([0, 20, 9, 5]), tensor([3, 1, 4, 5]));
    expect(await values(found)).toEqual([12, 20, 13, 10]);
    const shared = vmap(run, { inDims: [0, null] })(tensor([0, 20, 9, 5]), tensor(4));
    expect(await values(shared)).toEqual([12, 20, 13, 13]);
  });

  it("runs on several threads, in loops, with products inside", async () => {
    const a = random.normal([96, 96], { generator: new Generator(3), std: 0.05 });
    const init = { x: ones([96, 96]), i: tensor(0) };
    const { x } = whileLoop(
      ({ i }) => i.lt(5),
      (state) => ({ x: state.x.matmul(a).add(1), i: state.i.add(1) }),
      init,
    );
    let wanted = ones([96, 96]);
    for (let i = 0; i < 5; i++) wanted = wanted.matmul(a).add(1);
    expect(await difference([x], [wanted])).toBeLessThan(1e-5);
    const step = (sum: Tensor, n: Tensor) => {
      const next = whileLoop(
        (v: Tensor) => v.lt(n),
        (v) => v.add(2),
        sum,
      );
      return [next, next] as const;
    };
    expect(await values(scan(step, tensor(0), tensor([3, 4, 9])).ys)).toEqual([4, 4, 10]);
  });

  it("has no gradient, and says what has", () => {
    const x = tensor(1, { requiresGrad: true });
    const y = whileLoop(
      (v: Tensor) => v.lt(10),
      (v) => v.mul(2),
      x,
    );
    expect(() => grad(y, [x])).toThrow("whileLoop has no gradient");
  });

  it("explains mistakes", () => {
    const double = (x: Tensor): Tensor => x.mul(2);
    expect(() => whileLoop((x: Tensor) => x.sub(1), double, tensor(1))).toThrow("one bool");
    expect(() => whileLoop((x: Tensor) => x.lt(9), double, ones([2]))).toThrow("one bool");
    expect(() =>
      whileLoop(
        (x: Tensor) => x.lt(9),
        (x) => x.expand([2]),
        tensor(1),
      ),
    ).toThrow("whileLoop: carry must keep its shape");
    const options = { maxIterations: -1 };
    expect(() => whileLoop((x: Tensor) => x.lt(9), double, tensor(1), options)).toThrow("≥ 0");
  });

  it("keeps the random numbers it drew, however often its results are read", async () => {
    const generator = new Generator(5);
    const { x } = whileLoop(
      (carry) => carry.k.lt(2),
      ({ k, x: sum }) => ({ k: k.add(1), x: sum.add(random.uniform([3], { generator })) }),
      { k: tensor(0), x: full([3], 0) },
    );
    const least = await x.min().item();
    expect(await x.max().item()).toBeGreaterThan(least);
    expect(Math.min(...(await values(x)))).toBe(least);
  });
});

describe("forLoop", () => {
  it("counts, and has gradients", async () => {
    const x = tensor(2, { requiresGrad: true });
    const y = forLoop(3, (i, product: Tensor) => product.mul(x).add(i.to("f32")), tensor(1));
    expect(await values(y)).toEqual([8 + 0 + 2 + 2]);
    expect(await values(grad(y, [x])[0])).toEqual([13]);
  });
});
