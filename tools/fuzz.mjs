/**
 * Feeds damaged files to the readers of `athanor/io`: `npm run fuzz -- --minutes 5 [--seed N]`, or
 * one input again with `--seed N --case I`. Fails on an error that is none of Athanor's own, on an
 * input that takes more than 2 s, and on one that makes memory grow by more than 64 MiB.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { rolldown } from "rolldown";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const hangMs = 2000;
const maxGrowth = 64 * 2 ** 20;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    case: { type: "string" },
  },
});
const seed = Number(values.seed);
const minutes = Number(values.minutes);
const only = values.case === undefined ? undefined : Number(values.case);
if (![seed, minutes, only ?? 0].every((value) => Number.isFinite(value) && value >= 0)) {
  console.error("fuzz: --minutes, --seed and --case must be numbers");
  process.exit(2);
}

/** The worker as one module, since Node 20 runs no TypeScript. */
async function bundle(folder) {
  const input = join(root, "test/fuzz/worker.ts");
  const build = await rolldown({
    input,
    platform: "node",
    logLevel: "silent",
    transform: { target: "node20" },
  });
  await build.write({ dir: folder, format: "esm", entryFileNames: "worker.mjs" });
  await build.close();
  return join(folder, "worker.mjs");
}

/** Runs until the time is over, all inputs were read, or an input hangs. */
function run(file, first) {
  return new Promise((resolve) => {
    const progress = new SharedArrayBuffer(4);
    const seen = new Int32Array(progress);
    const count = only === undefined ? Infinity : 1;
    const fixtures = join(root, "test/fixtures");
    const worker = new Worker(file, {
      workerData: { seed, first, count, fixtures, maxGrowth, progress },
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    });
    const failures = [];
    let latest = { counts: {}, largest: 0 };
    let [at, since] = [first, Infinity];
    const stop = async (failure) => {
      clearInterval(watch);
      if (failure !== undefined) failures.push({ index: seen[0], failure });
      await worker.terminate();
      resolve({ ...latest, failures, next: seen[0] + 1 });
    };
    const watch = setInterval(() => {
      const now = performance.now();
      if (seen[0] !== at) [at, since] = [seen[0], now];
      if (now - since > hangMs) void stop(`no end after ${hangMs} ms`);
      else if (now > end) void stop();
    }, 100);
    worker.on("message", (message) => {
      if (message.failure !== undefined) failures.push(message);
      else latest = message;
      if (message.isDone) void stop();
    });
    worker.on("error", (error) => void stop(`the worker died: ${error.stack ?? error}`));
  });
}

const folder = mkdtempSync(join(tmpdir(), "athanor-fuzz-"));
const end = performance.now() + 60_000 * minutes;
const start = performance.now();
const totals = {};
const failures = [];
let largest = 0;
let next = only ?? 0;
try {
  const file = await bundle(folder);
  console.log(`fuzz: seed ${seed}, ${only === undefined ? `${minutes} minutes` : `case ${only}`}`);
  do {
    const result = await run(file, next);
    for (const [format, counts] of Object.entries(result.counts)) {
      totals[format] ??= { read: 0, refused: 0 };
      for (const [kind, count] of Object.entries(counts)) totals[format][kind] += count;
    }
    failures.push(...result.failures);
    largest = Math.max(largest, result.largest);
    next = result.next;
  } while (only === undefined && performance.now() < end && failures.length < 20);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.table(totals);
const seconds = (performance.now() - start) / 1000;
console.log(
  `${next - (only ?? 0)} inputs in ${seconds.toFixed(0)} s, most memory ${largest} bytes`,
);
for (const { index, origin = "", failure } of failures) {
  console.log(`\nFAILED  npm run fuzz -- --seed ${seed} --case ${index}   ${origin}\n${failure}`);
}
console.log(failures.length === 0 ? "fuzz: nothing failed" : `fuzz: ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
