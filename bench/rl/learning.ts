/** `npm run bench:rl:learning`: how fast Athanor learns beside the Python peers. */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { groupRuns, meanReturn } from "./learning-groups.ts";
import { argumentTable, learningTable } from "./learning-table.ts";
import { writeLearningDocs } from "./learning-docs.ts";
import { learningPictures } from "./learning-charts.ts";
import { LearningPlan } from "./learning-plan.ts";
import type { PlannedRun } from "./learning-plan.ts";
import { algorithms } from "./protocol.ts";
import { runRecipe, sides } from "./run-process.ts";
import type { RunRecord } from "./run-process.ts";
import { RunStore } from "./run-store.ts";
import { tasks, tasksNamed } from "./tasks.ts";

const usage = `npm run bench:rl:learning -- [options]

  --tasks a,b         ${tasks.map(({ name }) => name).join(", ")};
                      lqr: all of these, argument: what continuous actions are for (pendulum)
  --algorithms a,b    of ${algorithms.join(", ")} (ddpg)
  --seeds n           runs of each (5)
  --first-seed n      number of the first seed (1)
  --peers a,b         of torch, sb3, sb3-zoo (the recipe of SB3's zoo); "" for none (torch)
  --python command    with gymnasium, mujoco, torch, for sb3 also stable-baselines3 (python3)
  --steps n           environment steps of a run instead of the task's own
  --threads n         of every contender (1)
  --stop-at-goal      ends runs that reach their goal
  --minutes m         starts no run that does not fit into the time left (1000)
  --runs folder       where finished runs are kept: what is there is not run again (runs/rl-learning)
  --report-only       measures nothing
  --pictures folder   learning curves as SVG files
  --out file          all runs as JSON
  --write-docs        puts table and pictures of all runs kept into docs/rl.md`;

const { values: options } = parseArgs({
  options: {
    tasks: { type: "string", default: "pendulum" },
    algorithms: { type: "string", default: "ddpg" },
    seeds: { type: "string", default: "5" },
    "first-seed": { type: "string", default: "1" },
    peers: { type: "string", default: "torch" },
    python: { type: "string", default: "python3" },
    steps: { type: "string" },
    threads: { type: "string", default: "1" },
    "stop-at-goal": { type: "boolean", default: false },
    minutes: { type: "string", default: "1000" },
    runs: { type: "string", default: "runs/rl-learning" },
    "report-only": { type: "boolean", default: false },
    pictures: { type: "string" },
    out: { type: "string" },
    "write-docs": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function integerOf(name: "seeds" | "first-seed" | "steps" | "threads"): number {
  const value = Number(options[name]);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name}: must be a whole number above 0, got "${options[name]}"`);
}

function minutes(): number {
  const value = Number(options.minutes);
  if (value > 0) return value;
  throw new Error(`--minutes: must be a number above 0, got "${options.minutes}"`);
}

/** A list of known words. */
function wordsOf<T extends string>(name: "algorithms" | "peers", known: readonly T[]): T[] {
  return options[name]
    .split(",")
    .filter((text) => text !== "")
    .map((text) => {
      const word = known.find((one) => one === text);
      if (word !== undefined) return word;
      throw new Error(`--${name}: must be of ${known.join(", ")}, got "${text}"`);
    });
}

/** A file as the person named it: npm runs scripts in the folder of the workspace. */
const pathOf = (file: string): string => resolve(process.env["INIT_CWD"] ?? ".", file);

const label = ({ task, side, recipe }: PlannedRun): string =>
  `${task.name} ${recipe.algorithm} ${side} seed ${recipe.seed}`;

async function measure(run: PlannedRun, store: RunStore): Promise<RunRecord> {
  const { task, side, recipe } = run;
  const load = loadavg()[0];
  const lines = await runRecipe(side, recipe, options.python, (line) => {
    if (!process.stdout.isTTY) return;
    process.stdout.write(
      `\r${label(run)}: step ${line.step}, return ${meanReturn(line).toFixed(1)}   `,
    );
  });
  if (process.stdout.isTTY) process.stdout.write("\r\u001B[K");
  const machine = `${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} cores`;
  const date = new Date().toISOString();
  const record = { task: task.name, side, recipe, date, machine, load, ...lines };
  store.save(record);
  return record;
}

function say(run: PlannedRun, { evaluations, done, processSeconds }: RunRecord): void {
  const line = evaluations.at(-1);
  const result = line === undefined ? "no evaluation" : meanReturn(line).toFixed(1);
  const cpu = (done.cpu - done.evaluationCpu).toFixed(2);
  console.log(
    `${label(run)}: return ${result}, ${done.steps} steps in ${cpu} CPU s without evaluations, ` +
      `${processSeconds.toFixed(1)} s in all`,
  );
}

/** Runs what is missing. @returns what failed. */
async function run(store: RunStore): Promise<string[]> {
  const algorithmsWanted = wordsOf("algorithms", algorithms);
  const plan = new LearningPlan({
    tasks: tasksNamed(options.tasks.split(",").filter((name) => name !== "")),
    algorithms: options.tasks === "argument" ? algorithms : algorithmsWanted,
    sides: ["athanor", ...wordsOf("peers", sides.slice(1))],
    seeds: Array.from({ length: integerOf("seeds") }, (_, i) => i + integerOf("first-seed")),
    steps: options.steps === undefined ? undefined : integerOf("steps"),
    threads: integerOf("threads"),
    stopAtGate: options["stop-at-goal"],
  });
  const end = performance.now() + minutes() * 60_000;
  const failures: string[] = [];
  for (const planned of plan.missing(store)) {
    const seconds = (end - performance.now()) / 1000;
    if (plan.secondsOf(planned, store) > seconds) {
      console.log(`${label(planned)}: no time left`);
      continue;
    }
    try {
      say(planned, await measure(planned, store));
    } catch (error) {
      failures.push(`${label(planned)}: ${error instanceof Error ? error.message : String(error)}`);
      console.error(failures.at(-1));
    }
  }
  return failures;
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

async function main(): Promise<void> {
  const store = new RunStore(pathOf(options.runs));
  const failures = options["report-only"] ? [] : await run(store);
  const records = store.all();
  const groups = groupRuns(records);
  console.log(`\n${learningTable(groups)}`);
  const argument = argumentTable(groups);
  if (argument !== undefined) console.log(`\n${argument}`);
  if (options.out !== undefined) write(pathOf(options.out), `${JSON.stringify(records)}\n`);
  const { pictures } = options;
  if (pictures !== undefined) {
    for (const { name, svg } of learningPictures(groups)) {
      write(pathOf(`${pictures}/${name}.svg`), svg);
    }
  }
  const root = fileURLToPath(new URL("../../..", import.meta.url));
  if (options["write-docs"]) writeLearningDocs(groups, root);
  if (failures.length > 0) {
    console.error(`\n${failures.length} failed:\n${failures.join("\n")}`);
    process.exitCode = 1;
  }
}

// Leaving by `exit` ends the run in progress too; finished ones are kept.
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));
if (options.help) console.log(usage);
else {
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
