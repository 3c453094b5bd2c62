// How fast gradients travel: npx athanor run --nproc 2 examples/dist/allreduce.js [MiB …]
import { zeros } from "athanor";
import {
  allReduce,
  barrier,
  destroyProcessGroup,
  getBackend,
  getRank,
  getWorldSize,
  initProcessGroup,
} from "athanor/dist";

const given = process.argv.slice(2).map(Number);
const sizes = given.length > 0 && given.every((size) => size > 0) ? given : [0.004, 1, 16];
const repeats = 9;

await initProcessGroup();
const ranks = getWorldSize();
if (getRank() === 0)
  console.log(`allReduce over ${getBackend()}, ${ranks} ranks, f32, median of ${repeats}`);
for (const size of sizes) {
  const x = await zeros([Math.round(size * 2 ** 18)]).realize();
  const times: number[] = [];
  for (let i = 0; i < repeats + 2; i++) {
    await barrier();
    const start = performance.now();
    await allReduce(x);
    await x.narrow(0, 0, 1).data(); // over NCCL: the card has done it
    times.push(performance.now() - start);
  }
  const milliseconds = times.slice(2).toSorted((a, b) => a - b)[(repeats - 1) / 2];
  const rate = size / 1024 / (milliseconds / 1000);
  if (getRank() === 0) {
    // Every link carries 2 (n - 1) / n of the data: the bus bandwidth is comparable among rank counts.
    const bus = (rate * 2 * (ranks - 1)) / ranks;
    console.log(
      `${String(size).padStart(6)} MiB  ${milliseconds.toFixed(3).padStart(9)} ms  ` +
        `${rate.toFixed(2)} GiB/s  bus ${bus.toFixed(2)} GiB/s`,
    );
  }
  x.dispose();
}
await destroyProcessGroup();
