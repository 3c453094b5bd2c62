// Several processes that train one model: npx athanor run --nproc 2 examples/dist/distributed.js
import { nn, optim, random, tensor } from "athanor";
import type { Tensor } from "athanor";
import { DataLoader, TensorDataset, hostTensor } from "athanor/data";
import {
  DistributedDataParallel,
  allReduce,
  destroyProcessGroup,
  distributedSampler,
  getBackend,
  getRank,
  getWorldSize,
  initProcessGroup,
} from "athanor/dist";

await initProcessGroup();
const isFirst = getRank() === 0;
if (isFirst) console.log(`${getWorldSize()} processes over ${getBackend()}`);

// Two spirals, as in quickstart.ts; every process knows all of them and reads its share.
const count = 512;
const points = new Float32Array(2 * count);
const classes = new Int32Array(count);
for (let i = 0; i < count; i++) {
  const radius = 0.2 + (0.8 * i) / count;
  const angle = 7 * radius + (i % 2) * Math.PI;
  points.set([radius * Math.cos(angle), radius * Math.sin(angle)], 2 * i);
  classes[i] = i % 2;
}
const spirals = new TensorDataset(hostTensor(points, [count, 2]), hostTensor(classes, [count]));
const batchSize = 128;
const loader = new DataLoader(spirals, {
  sampler: distributedSampler(spirals),
  batchSize: batchSize / getWorldSize(),
});

random.manualSeed(getRank()); // what rank 0 draws is what all start from
const model = new DistributedDataParallel(
  new nn.Sequential(
    new nn.Linear(2, 32),
    new nn.Tanh(),
    new nn.Linear(32, 32),
    new nn.Tanh(),
    new nn.Linear(32, 2),
  ),
);
const optimizer = new optim.AdamW(model.parameters(), { lr: 0.01 });
const step = model.trainStep(optimizer, (x: Tensor, y: Tensor) =>
  nn.functional.crossEntropy(model.forward(x), y),
);

for (let epoch = 1; epoch <= 80; epoch++) {
  let last: Tensor | undefined;
  for await (const [x, y] of loader) last = await step(x, y);
  if (epoch % 20 > 0 || last === undefined) continue;
  // Each process knows the loss of its own share.
  await allReduce(last, { op: "avg" });
  if (isFirst) console.log(`epoch ${epoch}: loss ${(await last.item()).toFixed(4)}`);
}

const guesses = model.forward(tensor(points).reshape([count, 2])).argmax({ dim: 1 });
const accuracy = await guesses.eq(tensor(classes)).to("f32").mean().item();
if (isFirst) console.log(`accuracy ${(100 * accuracy).toFixed(1)} %`);
await destroyProcessGroup();
