/** Measures updates of DDPG, TD3 and SAC beside PyTorch: `npm run bench:rl -- --help`. */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { CellProcess } from "../cell-process.ts";
import { cellOf } from "../contenders.ts";
import { writeSection } from "../docs.ts";
import { describeMachine, loadWarning, machineLine } from "../machine.ts";
import { summarise } from "../statistics.ts";
import type { Recipe } from "./protocol.ts";
import { parseRow, policyDelays, rowName, updateFlops } from "./update-sizes.ts";
import { updateAlgorithms, updateSizes } from "./update-sizes.ts";
import type { UpdateAlgorithm } from "./update-sizes.ts";

const help = `Measures one update of DDPG, TD3 and SAC: gather, targets, gradients, Adam, targets' move.

usage: npm run bench:rl -- [options]

  --algorithms LIST  of ${updateAlgorithms.join(",")} (default: all)
  --sizes LIST       of ${Object.keys(updateSizes).join(",")} (default: all)
  --threads LIST     thread counts, as 1,2 (default: 1,2)
  --device NAME      wasm or cuda (default: wasm)
  --python PATH      a Python that has torch and gymnasium: PyTorch takes turns with us
  --rounds N         turns of each (default: 12)
  --json             results as JSON
  --write-docs       also puts the table into docs/rl.md
  --help             this text`;

/** Samples of a turn, and the time a turn should take. */
const turnMilliseconds = 200;

interface Result {
  readonly row: string;
  readonly threads: number;
  /** Milliseconds of an update, medians. */
  readonly athanor: number;
  /** PyTorch as people write it, and with fused Adam and targets moved by one call. */
  readonly usual: number | null;
  readonly fused: number | null;
  /** Time of the products alone at the rate of a large product in the same run. */
  readonly bound: number | null;
  readonly actMicroseconds: number;
  readonly rememberMicroseconds: number;
}

interface Turn {
  readonly cell: CellProcess;
  readonly samples: number[];
  perTurn: number;
}

interface Settings {
  readonly device: string;
  readonly python: string | undefined;
  readonly rounds: number;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What the torch peer is told: the recipe of a learning run, of which it makes nets and updates. */
function recipeOf(row: string, threads: number, device: string, isFused: boolean): string {
  const { algorithm, size } = parseRow(row);
  const { observation, action, hidden, batch } = size;
  const recipe: Recipe = {
    ...unused,
    algorithm,
    threads,
    seed: 1,
    hidden: [hidden, hidden],
    policyHidden: null,
    activation: "relu",
    lastLayerInit: null,
    batch,
    learningRate: 1e-3,
    actorLearningRate: null,
    tau: 0.005,
    gamma: 0.99,
    noise: { kind: "gaussian", sigma: 0.1 },
    policyDelay: policyDelays[algorithm],
    targetNoise: 0.2,
    targetNoiseClip: 0.5,
  };
  return JSON.stringify({
    ...recipe,
    device: device === "wasm" ? "cpu" : device,
    isFused,
    observation,
    action,
  });
}

/** Of a recipe, what only matters where an environment is played. */
const unused = {
  env: "",
  envOptions: {},
  steps: 1,
  bufferSize: 1,
  learningStarts: 0,
  randomSteps: null,
  firstTemperature: 1,
  bins: 0,
  explorationFraction: 0,
  finalEpsilon: 0,
  evaluation: { every: 1, episodes: 1, seed: 0 },
  gate: null,
  gateOfOptimum: null,
  stopAtGate: false,
};

/** Updates of a run: as many as make waiting for a card small, and whole turns of a delay. */
const updatesPerRun = (device: string): number => (device === "cuda" ? 100 : 2);

async function measure(row: string, threads: number, settings: Settings): Promise<Result> {
  const { device, python, rounds } = settings;
  const perRun = updatesPerRun(device);
  const torchCell = (isFused: boolean, interpreter: string): CellProcess =>
    new CellProcess({
      script: here("../../rl/peers/update_torch.py"),
      interpreter,
      args: [recipeOf(row, threads, device, isFused), String(perRun)],
      row,
      threads,
    });
  const cells = {
    athanor: new CellProcess({
      script: here("update-cell.js"),
      args: [device, String(perRun)],
      row,
      threads,
    }),
    ...(python !== undefined && {
      usual: torchCell(false, python),
      fused: torchCell(true, python),
    }),
    ...(device === "wasm" && { gemm: new CellProcess(cellOf("athanor", "gemm 1024", threads)) }),
  };
  try {
    const turns = new Map<string, Turn>();
    let facts: Readonly<Record<string, number>> = {};
    for (const [name, cell] of Object.entries(cells)) {
      const ready = await cell.start(name === "gemm" ? "gemm 1024" : row, threads);
      if (name === "athanor") ({ facts } = ready);
      turns.set(name, { cell, samples: [], perTurn: await samplesPerTurn(cell) });
    }
    for (let round = 0; round < rounds; round++) {
      for (const { cell, samples, perTurn } of turns.values()) {
        await sleep(10);
        samples.push(...(await cell.measure(perTurn)));
      }
    }
    const median = (name: string): number | null => {
      const samples = turns.get(name)?.samples;
      return samples === undefined ? null : summarise(samples).median;
    };
    const gemm = best(turns.get("gemm")?.samples);
    const { algorithm, size } = parseRow(row);
    const perUpdate = (milliseconds: number | null): number | null =>
      milliseconds === null ? null : milliseconds / perRun;
    return {
      row,
      threads,
      athanor: perUpdate(median("athanor")) ?? Number.NaN,
      usual: perUpdate(median("usual")),
      fused: perUpdate(median("fused")),
      bound: gemm === null ? null : (updateFlops(algorithm, size) * gemm) / (2 * 1024 ** 3),
      actMicroseconds: facts["actMicroseconds"],
      rememberMicroseconds: facts["rememberMicroseconds"],
    };
  } finally {
    for (const cell of Object.values(cells)) cell.stop();
  }
}

function best(samples: readonly number[] | undefined): number | null {
  return samples === undefined ? null : summarise(samples).best;
}

async function samplesPerTurn(cell: CellProcess): Promise<number> {
  await cell.measure(5);
  const [once] = await cell.measure(1);
  return Math.max(1, Math.min(500, Math.round(turnMilliseconds / once)));
}

const format = (milliseconds: number | null): string =>
  milliseconds === null ? "" : milliseconds.toPrecision(3);

function table(results: readonly Result[]): string {
  const lines = results.map((result) => {
    const { row, threads, athanor, usual, fused, bound } = result;
    const peer = (time: number | null): string =>
      time === null ? "" : `${format(time)} (${(time / athanor).toFixed(1)}×)`;
    const { algorithm, size } = parseRow(row);
    const limit = algorithm === "ddpg" ? size.limits[threads] : undefined;
    const cells = [
      row,
      threads,
      format(bound),
      `**${format(athanor)}**`,
      limit === undefined ? "" : `${athanor <= limit ? "≤" : "**not** ≤"} ${limit}`,
      peer(usual),
      peer(fused),
      result.actMicroseconds.toFixed(1),
      result.rememberMicroseconds.toFixed(1),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    "| update | threads | bound, ms | Athanor, ms | wanted | PyTorch, ms | PyTorch fused, ms | act, µs | remember, µs |",
    "| --- | --: | --: | --: | --: | --: | --: | --: | --: |",
    ...lines,
  ].join("\n");
}

/** Refuses an option in one line. */
function refuse(message: string): never {
  console.error(`bench:rl: ${message}`);
  process.exit(2);
}

function chosen<T extends string>(name: string, text: string | undefined, all: readonly T[]): T[] {
  if (text === undefined) return [...all];
  return text.split(",").map((part) => {
    const found = all.find((one) => one === part);
    return found ?? refuse(`--${name} must be of ${all.join(",")}, got "${part}"`);
  });
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  return refuse(`--${name} must be a number from 1, got "${text}"`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      algorithms: { type: "string" },
      sizes: { type: "string" },
      threads: { type: "string", default: "1,2" },
      device: { type: "string", default: "wasm" },
      python: { type: "string" },
      rounds: { type: "string", default: "12" },
      json: { type: "boolean", default: false },
      "write-docs": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(help);
  const { device, python } = values;
  if (device !== "wasm" && device !== "cuda")
    refuse(`--device must be wasm or cuda, got "${device}"`);
  const settings = { device, python, rounds: count("rounds", values.rounds) };
  const algorithms = chosen<UpdateAlgorithm>("algorithms", values.algorithms, updateAlgorithms);
  const sizes = chosen("sizes", values.sizes, Object.keys(updateSizes));
  const threads = values.threads.split(",").map((part) => count("threads", part));
  const machine = describeMachine();
  const warning = loadWarning(machine);
  if (warning !== undefined) console.error(warning);
  const results: Result[] = [];
  for (const algorithm of algorithms) {
    for (const size of sizes) {
      for (const number of device === "cuda" ? [1] : threads) {
        results.push(await measure(rowName(algorithm, size), number, settings));
        if (!values.json) console.error(table(results.slice(-1)).split("\n").at(-1));
      }
    }
  }
  const report = `${machineLine(machine)}\n\n${table(results)}`;
  console.log(values.json ? JSON.stringify({ machine, device, results }, null, 2) : report);
  const command = "npm run bench:rl -- --write-docs";
  if (values["write-docs"]) writeSection("docs/rl.md", report, command);
}

await main();
