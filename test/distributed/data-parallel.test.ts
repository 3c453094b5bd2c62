import { describe, expect, it } from "vitest";
import { DistributedDataParallel } from "../../src/dist/data-parallel.ts";
import { flatten, planBuckets, unflatten } from "../../src/dist/gradient-buckets.ts";
import type { HostGroup } from "../../src/dist/host-group.ts";
import { clipGradNorm } from "../../src/optim/clip.ts";
import { nn, optim, random, tensor, zeros, jit, grad, engineStats } from "../../src/index.ts";
import type { Tensor } from "../../src/index.ts";
import { onAll, openGroups } from "./groups.ts";

const batch = 16;
const steps = 12;

const makeModel = (seed: number): nn.Sequential => {
  random.manualSeed(seed);
  return new nn.Sequential(new nn.Linear(3, 8), new nn.Tanh(), new nn.Linear(8, 2));
};

const inputs = (): Tensor =>
  tensor(Float32Array.from({ length: batch * 3 }, (_, i) => Math.sin(i * 1.7))).reshape([batch, 3]);
const targets = (): Tensor =>
  tensor(Float32Array.from({ length: batch * 2 }, (_, i) => Math.cos(i))).reshape([batch, 2]);

/** One process that sees the whole batch. */
async function trainAlone(clip?: number): Promise<Float32Array[]> {
  const model = makeModel(1);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.2, momentum: 0.9 });
  const step = jit((x: Tensor, y: Tensor) => {
    const loss = nn.functional.mseLoss(model.forward(x), y);
    const gradients = grad(loss, optimizer.parameters);
    optimizer.step(clip === undefined ? gradients : clipGradNorm(gradients, clip).grads);
  });
  const [x, y] = [inputs(), targets()];
  for (let i = 0; i < steps; i++) step(x, y);
  return weightsOf(model);
}

async function weightsOf(model: nn.Module): Promise<Float32Array[]> {
  return Promise.all(model.parameters().map(async (p) => (await p.data()) as Float32Array));
}

function largestDifference(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let largest = 0;
  a.forEach((one, i) => {
    one.forEach((value, j) => (largest = Math.max(largest, Math.abs(value - b[i][j]))));
  });
  return largest;
}

const share = (x: Tensor, { rank, size }: HostGroup): Tensor =>
  x.narrow(0, (rank * batch) / size, batch / size);

describe.each([2, 4])("DistributedDataParallel on %i ranks", (size) => {
  it.each([undefined, 0.05])("trains as one process does (clip %s)", async (clip) => {
    const groups = await openGroups(size);
    const trained = await onAll(groups, async (group, rank) => {
      const model = new DistributedDataParallel(makeModel(rank + 1), { group, bucketCapMb: 1e-4 });
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.2, momentum: 0.9 });
      const step = model.trainStep(
        optimizer,
        (x: Tensor, y: Tensor) => nn.functional.mseLoss(model.forward(x), y),
        clip === undefined ? {} : { transform: (gradients) => clipGradNorm(gradients, clip).grads },
      );
      const [x, y] = [share(inputs(), group), share(targets(), group)];
      for (let i = 0; i < steps; i++) await step(x, y);
      return weightsOf(model);
    });
    const alone = await trainAlone(clip);
    for (const weights of trained) {
      expect(largestDifference(weights, alone)).toBeLessThanOrEqual(1e-6);
      expect(weights).toEqual(trained[0]);
    }
  });

  it("adds gradients up without communication inside noSync", async () => {
    const groups = await openGroups(size);
    const trained = await onAll(groups, async (group) => {
      const model = new DistributedDataParallel(makeModel(1), { group });
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.2, momentum: 0.9 });
      const step = model.trainStep(optimizer, (x: Tensor, y: Tensor) =>
        nn.functional.mseLoss(model.forward(x), y).div(3),
      );
      const [x, y] = [share(inputs(), group), share(targets(), group)];
      const before = await weightsOf(model);
      await model.noSync(async () => {
        await step(x, y);
        await step(x, y);
      });
      expect(await weightsOf(model)).toEqual(before);
      await step(x, y);
      for (let i = 1; i < steps; i++) {
        await model.noSync(() => step(x, y));
        await model.noSync(() => step(x, y));
        await step(x, y);
      }
      return weightsOf(model);
    });
    expect(largestDifference(trained[0], await trainAlone())).toBeLessThanOrEqual(1e-6);
  });
});

describe("DistributedDataParallel", () => {
  it("compiles its step once", async () => {
    const [group] = await openGroups(1);
    const model = new DistributedDataParallel(makeModel(1), { group });
    const optimizer = new optim.AdamW(model.parameters(), { lr: 0.01 });
    const step = model.trainStep(optimizer, (x: Tensor, y: Tensor) => ({
      loss: nn.functional.mseLoss(model.forward(x), y),
      guess: model.forward(x),
    }));
    const [x, y] = [inputs(), targets()];
    const first = await step(x, y);
    const { traces } = engineStats();
    const second = await step(x, y);
    expect(engineStats().traces).toBe(traces);
    expect(await second.loss.item()).toBeLessThan(await first.loss.item());
    expect(second.guess.shape).toEqual([batch, 2]);
  });

  it("averages gradients for loops of one's own", async () => {
    const groups = await openGroups(2);
    const results = await onAll(groups, async (group, rank) => {
      const model = new DistributedDataParallel(makeModel(1), { group });
      const gradients = model.parameters().map((p) => zeros(p.shape).add(rank));
      const averaged = await model.averageGradients(gradients);
      return Promise.all(averaged.map(async (x) => [x.shape, new Set(await x.data())]));
    });
    const shapes = makeModel(1)
      .parameters()
      .map(({ shape }) => shape);
    for (const result of results) {
      expect(result).toEqual(shapes.map((shape) => [shape, new Set([0.5])]));
    }
  });

  it("takes over rank 0's running statistics", async () => {
    const groups = await openGroups(2);
    const means = await onAll(groups, async (group, rank) => {
      const model = new DistributedDataParallel(
        new nn.Sequential(new nn.Linear(3, 2), new nn.BatchNorm1d(2)),
        { group },
      );
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
      const step = model.trainStep(optimizer, (x: Tensor) => model.forward(x).square().mean());
      for (let i = 0; i < 2; i++) await step(inputs().mul(rank + 1));
      await new DistributedDataParallel(model.module, { group }).synchronize();
      return Promise.all(model.buffers().map((buffer) => buffer.tolist()));
    });
    expect(means[1]).toEqual(means[0]);
  });

  it("says what differs between the modules", async () => {
    const groups = await openGroups(2);
    const outcomes = await onAll(groups, async (group, rank) => {
      const model = new DistributedDataParallel(new nn.Linear(3, 2 + rank), { group });
      return model.synchronize().catch(String);
    });
    expect(outcomes[1]).toContain(
      "got weight: f32[3, 3] on rank 1 for weight: f32[2, 3] on rank 0; build the module alike",
    );
    expect(outcomes[0]).toContain("got others on rank 1");
  });
});

describe("planBuckets", () => {
  const sizes = (...list: [string, number][]) =>
    list.map(([dtype, numel]) => ({ dtype: dtype as "f32", numel }));

  it("fills buckets from the last tensor on, by dtype", () => {
    const tensors = sizes(["f32", 10], ["f32", 3], ["bf16", 4], ["f32", 5]);
    expect(planBuckets(tensors, 32)).toEqual([
      { dtype: "f32", positions: [3, 1] },
      { dtype: "bf16", positions: [2] },
      { dtype: "f32", positions: [0] },
    ]);
  });

  it("is undone by unflatten", async () => {
    const tensors = [
      tensor([
        [1, 2],
        [3, 4],
      ]),
      tensor(5),
      tensor([6, 7]),
    ];
    const buckets = planBuckets(tensors, 12);
    const back = unflatten(buckets, flatten(buckets, tensors), tensors);
    expect(await Promise.all(back.map((x) => x.tolist()))).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
      5,
      [6, 7],
    ]);
  });
});
