// One rank of a training run: node train-rank.mjs <folder> [rank that kills itself half-way].
// Weights go to <folder>/<rank>.json.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nn, optim, random, tensor } from "athanor";
import {
  destroyProcessGroup,
  DistributedDataParallel,
  getBackend,
  getRank,
  getWorldSize,
  initProcessGroup,
} from "athanor/dist";

const [folder, victim] = process.argv.slice(2);
const [batch, steps] = [32, 30];

await initProcessGroup({ backend: process.env.TEST_BACKEND ?? "auto", timeoutSeconds: 60 });
const [rank, size] = [getRank(), getWorldSize()];

// Rank 0's values count: the other seeds must not matter.
random.manualSeed(1 + rank);
const model = new DistributedDataParallel(
  new nn.Sequential(new nn.Linear(6, 24), new nn.Tanh(), new nn.Linear(24, 3)),
  { bucketCapMb: 5e-4 },
);
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
const step = model.trainStep(optimizer, (x, y) => nn.functional.mseLoss(model.forward(x), y));

for (let i = 0; i < steps; i++) {
  if (i === steps / 2 && victim === String(rank)) process.kill(process.pid, "SIGKILL");
  const values = (count, frequency) =>
    tensor(
      Float32Array.from({ length: batch * count }, (_, j) => Math.sin((i + 1) * j * frequency)),
    );
  const share = (x) => x.narrow(0, (rank * batch) / size, batch / size);
  const x = share(values(6, 0.37).reshape([batch, 6]));
  const y = share(values(3, 0.11).reshape([batch, 3]));
  await step(x, y);
}

const weights = await Promise.all(model.parameters().map(async (p) => [...(await p.data())]));
writeFileSync(
  join(folder, `${rank}.json`),
  JSON.stringify({ backend: getBackend(), weights: weights.flat() }),
);
console.log(`trained over ${getBackend()}`);
await destroyProcessGroup();
