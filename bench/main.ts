/** Measures Athanor and its peers: `npm run bench -- --help`. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isInstalled, peersFolder } from "./contenders.ts";
import { boundOf } from "./bounds.ts";
import { writeDocs } from "./docs.ts";
import { readmeTable } from "./readme.ts";
import { describeMachine, loadWarning, machineLine } from "./machine.ts";
import { measureRow } from "./measure.ts";
import type { RowResult } from "./measure.ts";
import { contenders, rows } from "./rows.ts";
import type { Contender } from "./rows.ts";
import { targetLines } from "./targets.ts";
import { factLines, formatMilliseconds, machineTable, resultTable } from "./table.ts";

const help = `Measures Athanor against the machine's own limits and against other libraries.

usage: npm run bench -- [options]

  --filter TEXT     only rows whose name contains TEXT (several: separated by commas)
  --threads LIST    thread counts, as 1,2 (default: 1 and the number of cores, at most 8)
  --only LIST       contenders, as athanor,jax-js (default: all that are installed)
  --python PATH     a Python that has torch: PyTorch on the CPU takes part too
  --quick           a fraction of the time, without the runs that take seconds
  --json            the results as JSON on standard output instead of tables
  --results FOLDER  where the results go as JSON (default: bench/results)
  --write-docs      also puts the tables into docs/benchmarks.md and the README
  --install-peers   installs the other libraries into bench/peers, and ends
  --help            this text

Rows:
${rows.map(({ name, summary }) => `  ${name.padEnd(24)}${summary}`).join("\n")}

Where the time of a step goes: npm run profile --workspace
bench. What the columns mean: docs/benchmarks.md.`;

function installPeers(): number {
  const shell = process.platform === "win32";
  // No install scripts: what they would download (GPU providers) is not measured here.
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  return spawnSync("npm", args, { cwd: peersFolder, stdio: "inherit", shell }).status ?? 1;
}

/** Refuses an option in one line. */
function refuse(message: string): never {
  console.error(`bench: ${message}`);
  process.exit(2);
}

function parseThreads(text: string | undefined): number[] {
  const cores = Math.min(availableParallelism(), 8);
  if (text === undefined) return cores > 1 ? [1, cores] : [1];
  return text.split(",").map((part) => {
    const threads = Number(part);
    if (Number.isInteger(threads) && threads >= 1) return threads;
    return refuse(`--threads must be numbers from 1, as 1,2, got "${text}"`);
  });
}

function parseContenders(text: string | undefined): Contender[] {
  const wanted = text?.split(",") ?? contenders;
  return wanted.map((name) => {
    const known = contenders.find((contender) => contender === name);
    return known ?? refuse(`--only must be of ${contenders.join(", ")}, got "${name}"`);
  });
}

function parseOptions(): ReturnType<typeof parse>["values"] {
  try {
    return parse().values;
  } catch (error) {
    return refuse(`${error instanceof Error ? error.message : String(error)}; see --help`);
  }
}

const parse = () =>
  parseArgs({
    options: {
      filter: { type: "string" },
      threads: { type: "string" },
      only: { type: "string" },
      python: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      results: { type: "string" },
      "write-docs": { type: "boolean", default: false },
      "install-peers": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });

const options = parseOptions();
if (options.help) {
  console.log(help);
  process.exit(0);
}
if (options["install-peers"]) process.exit(installPeers());

const filters = options.filter?.split(",") ?? [""];
const selected = rows.filter(({ name }) => filters.some((filter) => name.includes(filter)));
if (selected.length === 0) refuse(`no row contains "${options.filter}"; see --help`);
const wanted = parseContenders(options.only);
/** Refuses a Python that is not there or has no torch. */
function requireTorch(python: string): string {
  const { error, status, stderr } = spawnSync(python, ["-c", "import torch"], { encoding: "utf8" });
  if (status === 0) return python;
  const reason = error?.message ?? stderr.trim().split("\n").at(-1) ?? `status ${status}`;
  return refuse(`--python must be a Python that imports torch, got "${python}": ${reason}`);
}

const interpreters = {
  python: options.python === undefined ? undefined : requireTorch(options.python),
};
const present = wanted.filter((contender) => isInstalled(contender, interpreters));
const missing = wanted.filter((one) => !present.includes(one) && one !== "pytorch");
const threadCounts = parseThreads(options.threads);
const effort = options.quick
  ? { rounds: 3, milliseconds: 80, includeSlow: false }
  : { rounds: 7, milliseconds: 200, includeSlow: true };

const machine = describeMachine();
const warning = loadWarning(machine);
console.error(machineLine(machine));
if (warning !== undefined) console.error(warning);
if (missing.length > 0) {
  console.error(
    `note: ${missing.join(", ")} not installed; --install-peers installs them, but for the library ` +
      "OpenBLAS: install libopenblas0, or name its file in OPENBLAS",
  );
}

const results: RowResult[] = [];
for (const row of selected) {
  for (const threads of row.threads ?? threadCounts) {
    const result = await measureRow(row, threads, present, effort, interpreters);
    results.push(result);
    const times = Object.entries(result.contenders).map(
      ([name, { timing }]) => `${name} ${formatMilliseconds(timing.median)}`,
    );
    console.error(`${row.name}, ${threads}: ${times.join(", ")} ms`);
    for (const failure of result.failures) console.error(`  ${failure}`);
  }
}

const record = {
  date: new Date().toISOString(),
  machine,
  loadAverageAtEnd: loadavg()[0],
  effort,
  results: results.map((result) => {
    const { row, ...rest } = result;
    return { row: row.name, work: row.work, bound: boundOf(result, "median"), ...rest };
  }),
};
const folder = options.results ?? fileURLToPath(new URL("../results", import.meta.url));
mkdirSync(folder, { recursive: true });
const path = `${folder}/${record.date.replaceAll(":", "-")}.json`;
writeFileSync(path, `${JSON.stringify(record, null, 2)}\n`);

const facts = factLines(results);
const targets = targetLines(results);
const report = [
  `${machineLine(machine)}; ${record.date.slice(0, 10)}. Medians in milliseconds; in brackets how many times as long as Athanor.`,
  resultTable(results, present),
  ...(results.some(({ probes }) => Object.keys(probes).length > 0) ? [machineTable(results)] : []),
  ...(targets.length > 0 ? [`Targets, by medians:\n\n${targets.join("\n")}`] : []),
  ...(facts.length > 0 ? [`First calls and other facts, ms:\n\n${facts.join("\n")}`] : []),
].join("\n\n");
console.log(options.json ? JSON.stringify(record, null, 2) : report);
if (options["write-docs"]) {
  const where = `${machineLine(machine)}; ${record.date.slice(0, 10)}; milliseconds, medians.`;
  writeDocs(report, `${readmeTable(results)}\n\n${where}`);
}
console.error(`results: ${path}`);
process.exitCode = results.some(({ failures }) => failures.length > 0) ? 1 : 0;
