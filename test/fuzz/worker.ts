// Runs inputs one after the other and tells the thread that watches which one it is at.
import { parentPort, workerData } from "node:worker_threads";
import { watchAllocations } from "./allocations.ts";
import { formats, loadSeeds, makeCase, readEverything } from "./targets.ts";

/** What `tools/fuzz.mjs` gives. */
interface Order {
  readonly seed: number;
  readonly first: number;
  /** How many inputs; Infinity until the watching thread stops it. */
  readonly count: number;
  readonly fixtures: string;
  /** Most bytes that the process may grow by while one input is read. */
  readonly maxGrowth: number;
  /** The number of the input that is being read, as a shared 32-bit integer. */
  readonly progress: SharedArrayBuffer;
}

async function run(order: Order): Promise<void> {
  const progress = new Int32Array(order.progress);
  const seeds = await loadSeeds(order.fixtures);
  const counts = Object.fromEntries(formats.map((format) => [format, { read: 0, refused: 0 }]));
  using watch = watchAllocations(order.maxGrowth);
  let largest = 0;
  for (let index = order.first; index < order.first + order.count; index++) {
    Atomics.store(progress, 0, index);
    const input = await makeCase(seeds, order.seed, index);
    const before = memory();
    watch.takeLargest();
    try {
      counts[input.format][await readEverything(input)]++;
    } catch (error) {
      report(index, input.origin, error instanceof Error ? (error.stack ?? "") : String(error));
    }
    const growth = Math.max(memory() - before, watch.takeLargest());
    largest = Math.max(largest, growth);
    if (growth > order.maxGrowth) report(index, input.origin, `memory grew by ${growth} bytes`);
    // Lets finalizers run.
    if (index % 256 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    if (index % 1024 === 0) parentPort?.postMessage({ counts, largest });
  }
  parentPort?.postMessage({ counts, largest, isDone: true });
}

function memory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function report(index: number, origin: string, failure: string): void {
  parentPort?.postMessage({ index, origin, failure });
}

await run(workerData as Order);
