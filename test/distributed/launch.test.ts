import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { execute, root } from "../package/consumer.ts";

const worker = join(root, "test/distributed/train-rank.mjs");
const athanor = join(root, "dist/cli/main.js");
const hasMpi = spawnSync("mpirun", ["--version"], { encoding: "utf8" }).stdout?.includes(
  "Open MPI",
);

let folder: string;
let alone: readonly number[];

beforeAll(async () => {
  execute(process.execPath, ["tools/build.mjs"], root);
  folder = mkdtempSync(join(tmpdir(), "athanor-dist-"));
  [{ weights: alone }] = await train(1, [process.execPath]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number | null;
  readonly text: string;
}

/** Runs a command to its end. */
function run(command: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const [program, ...args] = command;
  const env = { ...process.env, ATHANOR_THREADS: "1", ...environment };
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (more: string) => (text += more));
  }
  return new Promise((resolve) => {
    child.once("close", (code) => resolve({ code, text }));
  });
}

interface Trained {
  readonly backend: string;
  readonly weights: readonly number[];
}

/** Trains in a folder of its own and returns what each rank has at the end. */
async function train(
  size: number,
  launcher: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<Trained[]> {
  const own = mkdtempSync(join(folder, "run-"));
  const { code, text } = await run([...launcher, worker, own], environment);
  expect(text.match(/trained over/g) ?? [], text).toHaveLength(size);
  expect(code, text).toBe(0);
  return readdirSync(own)
    .toSorted()
    .map((name) => JSON.parse(readFileSync(join(own, name), "utf8")) as Trained);
}

function expectTrainedAsOne(ranks: readonly Trained[], backend: string): void {
  for (const { backend: used, weights } of ranks) {
    expect(used).toBe(backend);
    expect(weights).toEqual(ranks[0].weights);
    const differences = weights.map((weight, i) => Math.abs(weight - alone[i]));
    expect(Math.max(...differences)).toBeLessThanOrEqual(1e-6);
  }
}

describe("athanor run", () => {
  const launcher = (size: number): string[] => [
    process.execPath,
    athanor,
    "run",
    "--nproc",
    `${size}`,
  ];

  it.each([2, 4])("trains on %i ranks over TCP as one process does", async (size) => {
    const ranks = await train(size, launcher(size));
    expect(ranks).toHaveLength(size);
    expectTrainedAsOne(ranks, "tcp");
  });

  it("ends the others when a rank is killed, and says so", async () => {
    const start = performance.now();
    const own = mkdtempSync(join(folder, "killed-"));
    const { code, text } = await run([...launcher(4), worker, own, "1"]);
    expect(performance.now() - start).toBeLessThan(30_000);
    expect(code).toBe(128 + 9);
    expect(text).toMatch(/athanor run: rank 1 \(process \d+\) was killed by SIGKILL/);
    expect(readdirSync(own)).toEqual([]);
  });

  it("quotes the rank that fails and ends with its exit code", async () => {
    const script = join(folder, "fail.mjs");
    writeFileSync(
      script,
      `console.log("hello " + process.argv.slice(2));
      if (process.env.RANK === "0") setInterval(() => {}, 1000);
      else { console.error("out of luck"); process.exitCode = 7; }`,
    );
    const { code, text } = await run([...launcher(2), script, "--help", "x"]);
    expect(code).toBe(7);
    expect(text).toContain("[rank 0] hello --help,x\n");
    expect(text).toContain("[rank 1] out of luck\n");
    expect(text).toMatch(/rank 1 \(process \d+\) ended with exit code 7.*stderr:\n {2}out of luck/);
    expect(text).toContain("athanor run: ending the other ranks: 0");
  });

  it("tells each rank its place among several machines", async () => {
    const script = join(folder, "place.mjs");
    const names = "RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT";
    writeFileSync(
      script,
      `console.log(${JSON.stringify(names.split(" "))}.map((name) => process.env[name]).join(" "));`,
    );
    const flags = ["--nnodes", "3", "--node-rank", "1", "--master-addr", "gpu0"];
    const { text } = await run([...launcher(2), ...flags, script]);
    const lines = text.trim().split("\n").toSorted();
    expect(lines).toEqual(["[rank 2] 2 6 0 2 gpu0 29500", "[rank 3] 3 6 1 2 gpu0 29500"]);
  });

  it("passes Ctrl-C on", async () => {
    const script = join(folder, "wait.mjs");
    writeFileSync(
      script,
      `process.once("SIGINT", () => { console.log("saved"); process.exit(0); });
      setInterval(() => {}, 1000); console.log("ready");`,
    );
    const [program, ...args] = launcher(2);
    const child = spawn(program, [...args, script], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (more: string) => {
      text += more;
      if (text.match(/ready/g)?.length === 2 && !text.includes("saved")) child.kill("SIGINT");
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(code).toBe(130);
    expect(text.match(/saved/g)).toHaveLength(2);
  });
});

describe("without a launcher", () => {
  it("a killed rank ends the others with a clear message", async () => {
    const own = mkdtempSync(join(folder, "bare-"));
    const port = 20_000 + (process.pid % 20_000);
    const start = (rank: number): Promise<Outcome> =>
      run([process.execPath, worker, own, "0"], {
        RANK: `${rank}`,
        WORLD_SIZE: "4",
        MASTER_PORT: `${port}`,
      });
    const begin = performance.now();
    const outcomes = await Promise.all([0, 1, 2, 3].map(start));
    expect(performance.now() - begin).toBeLessThan(30_000);
    expect(outcomes.map(({ code }) => code)).toEqual([null, 1, 1, 1]);
    for (const rank of [1, 2, 3]) {
      expect(outcomes[rank].text).toMatch(
        new RegExp(`DistributedError: process group: rank 0 is gone .*noticed on rank ${rank}`),
      );
    }
  });
});

describe.skipIf(!hasMpi)("mpirun", () => {
  const launcher = (size: number): string[] => {
    const flags = ["--allow-run-as-root", "--oversubscribe", "-n", String(size)];
    return ["mpirun", ...flags, process.execPath];
  };

  it.each([2, 4])("trains on %i ranks as one process does", async (size) => {
    const ranks = await train(size, launcher(size));
    expect(ranks).toHaveLength(size);
    expectTrainedAsOne(ranks, "mpi");
  });

  it("trains over TCP too", async () => {
    const ranks = await train(2, launcher(2), { TEST_BACKEND: "tcp" });
    expect(ranks).toHaveLength(2);
    expectTrainedAsOne(ranks, "tcp");
  });

  it("ends the others when a rank is killed", async () => {
    const start = performance.now();
    const own = mkdtempSync(join(folder, "mpi-killed-"));
    const { code, text } = await run([...launcher(2), worker, own, "1"]);
    expect(performance.now() - start).toBeLessThan(30_000);
    expect(code).not.toBe(0);
    expect(text).toMatch(/rank 1 .*signal 9|Killed/s);
  });
});
