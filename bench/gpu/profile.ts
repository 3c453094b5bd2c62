/**
 * Where the time of a row goes: `node bench/dist/gpu/profile.js [--device cuda] row/way …` times
 * every launch by itself and prints them with GB/s and GFLOP/s, slowest first.
 */
import { parseArgs } from "node:util";
import { init, memoryStats, profile } from "athanor";
import { workloads } from "./workloads.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: "string", default: "cuda" },
    lines: { type: "string", default: "40" },
    runs: { type: "string", default: "3" },
    help: { type: "boolean", default: false },
  },
});

/** Ways of rows whose names start so. */
function namesOf(start: string): readonly string[] {
  const names = Object.keys(workloads).filter((name) => name.startsWith(start));
  if (names.length > 0) return names;
  const known = Object.keys(workloads).join(", ");
  throw new Error(`profile: no row starts with "${start}"; there are ${known}`);
}

async function show(name: string): Promise<void> {
  const workload = await workloads[name]();
  await workload.check();
  const runs = Number(values.runs);
  const result = await profile(async () => {
    for (let i = 0; i < runs; i++) await workload.run();
  });
  const launches = result.kernels.reduce((sum, { calls }) => sum + calls, 0) / runs;
  const path = result.longestPath;
  const { peakBytes, reservedBytes } = memoryStats();
  const lines = String(result).split("\n");
  const [header, ...body] = lines;
  console.log(
    `\n${name}: ${(result.milliseconds / runs).toFixed(3)} ms in ${launches} launches a run, ` +
      `${(path.milliseconds / runs).toFixed(3)} ms and ${path.calls / runs} launches on its longest ` +
      `path, ` +
      `peak ${(peakBytes / 1e9).toFixed(2)} GB, held ${(reservedBytes / 1e9).toFixed(2)} GB; ` +
      `sums of ${runs} runs:`,
  );
  console.log([header, ...body.slice(0, Number(values.lines))].join("\n"));
}

if (values.help || positionals.length === 0) {
  console.log("node bench/dist/gpu/profile.js [--device cuda] [--lines 40] [--runs 3] row/way …");
  console.log(Object.keys(workloads).join("\n"));
} else {
  await init({ device: values.device });
  for (const name of positionals.flatMap(namesOf)) {
    await show(name).catch((error: unknown) => {
      console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
    });
  }
}
