/** `bench/gpu`: Athanor beside PyTorch on one GPU. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { writeSection } from "../docs.ts";
import type { Side } from "./cell-process.ts";
import { GpuBench } from "./measure.ts";
import type { Effort, GpuResult } from "./measure.ts";
import { detailTable, failureLines, reportFooter, reportTable, targetLines } from "./report.ts";
import type { GpuReport } from "./report.ts";
import { gpuRows } from "./rows.ts";
import type { GpuRow } from "./rows.ts";

const usage = `node bench/dist/gpu/main.js [options]

  --device name      of Athanor (cuda); on others PyTorch runs on the CPU
  --python command   that has PyTorch (python3)
  --rows a,b         only rows whose names start so: ${gpuRows.map(({ name }) => name).join(", ")}
  --side name        only athanor or pytorch
  --minutes m        starts no row that does not fit into the time left (9)
  --rounds n         turns of each contender (5)
  --milliseconds n   of each turn (200)
  --all-variants     also PyTorch's ways that take long to compile
  --out file         results as JSON (runs/gpu-bench.json)
  --from a,b         reads results instead of measuring, later files win
  --write-docs       puts the table into docs/cuda.md and the README`;

const { values: options } = parseArgs({
  options: {
    device: { type: "string", default: "cuda" },
    python: { type: "string", default: "python3" },
    rows: { type: "string", default: "" },
    side: { type: "string" },
    minutes: { type: "string", default: "9" },
    rounds: { type: "string", default: "5" },
    milliseconds: { type: "string", default: "200" },
    "all-variants": { type: "boolean", default: false },
    out: { type: "string", default: "runs/gpu-bench.json" },
    from: { type: "string" },
    "write-docs": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function numberOf(name: "minutes" | "rounds" | "milliseconds"): number {
  const value = Number(options[name]);
  if (value > 0) return value;
  throw new Error(`--${name}: must be a number above 0, got "${options[name]}"`);
}

/** Rows asked for, by the starts of their names or by whole names. */
function chosenRows(): readonly GpuRow[] {
  const wanted = options.rows.split(",").filter((name) => name !== "");
  const unknown = wanted.find((start) => !gpuRows.some(({ name }) => name.startsWith(start)));
  if (unknown !== undefined) throw new Error(`--rows: no row starts with "${unknown}"\n${usage}`);
  if (wanted.length === 0) return gpuRows;
  return gpuRows.filter(({ name }) => wanted.some((start) => name.startsWith(start)));
}

function chosenSides(): readonly Side[] {
  const { side } = options;
  if (side === undefined) return ["athanor", "pytorch"];
  if (side === "athanor" || side === "pytorch") return [side];
  throw new Error(`--side: must be athanor or pytorch, got "${side}"`);
}

/** A file as the person named it: npm runs scripts in the folder of the workspace. */
const pathOf = (file: string): string => resolve(process.env["INIT_CWD"] ?? ".", file);

function save(report: GpuReport): void {
  const file = pathOf(options.out);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
}

async function run(): Promise<GpuReport> {
  const effort: Effort = {
    rounds: numberOf("rounds"),
    milliseconds: numberOf("milliseconds"),
    sampleMilliseconds: 20,
    allVariants: options["all-variants"],
    sides: chosenSides(),
  };
  const end = performance.now() + numberOf("minutes") * 60_000;
  const bench = new GpuBench(options.device, options.python, effort);
  const describe = (side: Side): Promise<string> =>
    effort.sides.includes(side)
      ? bench.describe(side).catch((error: unknown) => `${side} failed: ${String(error)}`)
      : Promise.resolve("");
  const [athanor, pytorch] = await Promise.all([describe("athanor"), describe("pytorch")]);
  console.log(`${athanor}\n${pytorch}`);
  const device = /, on (.*)$/.exec(pytorch)?.[1] ?? options.device;
  const date = new Date().toISOString().slice(0, 10);
  const results: GpuResult[] = [];
  const report = { device, date, athanor, pytorch, results };
  try {
    for (const row of chosenRows()) {
      if (performance.now() + row.seconds * 1000 > end) {
        console.log(`${row.name}: no time left`);
        continue;
      }
      const start = performance.now();
      const result = await bench.measure(row);
      results.push(result);
      // What is measured is kept even if the machine takes the rest away.
      save(report);
      const seconds = ((performance.now() - start) / 1000).toFixed(0);
      console.log(`\n${detailTable({ ...report, results: [result] })}\n(${seconds} s)`);
      for (const text of result.failures) console.log(text);
    }
  } finally {
    await bench.stop();
  }
  return report;
}

/** Results of earlier runs as one; rows in the order of the table. */
function read(files: readonly string[]): GpuReport {
  const reports = files.map((file) => JSON.parse(readFileSync(pathOf(file), "utf8")) as GpuReport);
  const latest = reports.at(-1);
  if (latest === undefined) throw new Error("--from: names no file");
  const all = new Map(reports.flatMap(({ results }) => results.map((one) => [one.row, one])));
  const results = gpuRows.flatMap(({ name }) => all.get(name) ?? []);
  return { ...latest, results };
}

function writeDocs(report: GpuReport): void {
  const section = `${reportTable(report)}\n\n${reportFooter(report)}`;
  for (const file of ["docs/cuda.md", "README.md"]) {
    writeSection(file, section, "bench/gpu --write-docs");
  }
}

async function main(): Promise<void> {
  const report = options.from === undefined ? await run() : read(options.from.split(","));
  console.log(`\n${reportTable(report)}\n\n${reportFooter(report)}\n`);
  for (const text of targetLines(report)) console.log(text);
  const failures = failureLines(report);
  if (failures.length > 0) console.log(`\nfailures:\n${failures.join("\n")}`);
  if (options["write-docs"]) writeDocs(report);
}

if (options.help) console.log(usage);
else {
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
