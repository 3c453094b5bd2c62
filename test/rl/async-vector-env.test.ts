import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SyncVectorEnv } from "athanor/rl";
import type { AutoresetMode, VectorEnv } from "athanor/rl";
import type * as Door from "athanor/rl/node";
import { actionStream, Walk } from "./walk.ts";

// Node 20 runs no TypeScript in threads: the test bundles the sources as a build would lay them out.
let folder: string;
let door: typeof Door;
let module: string;
const root = join(import.meta.dirname, "../..");
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "athanor-envs-"));
  const input = {
    index: join(root, "src/rl/node/index.ts"),
    "env-thread": join(root, "src/rl/node/env-thread.ts"),
    walk: join(import.meta.dirname, "walk.ts"),
  };
  const bundle = await rolldown({
    input,
    platform: "node",
    logLevel: "silent",
    external: (id) => !id.startsWith(".") && !id.startsWith("/") && !id.startsWith("athanor"),
    resolve: { alias: { "athanor/rl": join(root, "src/rl/index.ts") } },
  });
  await bundle.write({ dir: folder, format: "esm", entryFileNames: "[name].js" });
  await bundle.close();
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  module = join(folder, "envs.js");
  writeFileSync(
    module,
    `import { Walk } from "./walk.js";
    import { appendFileSync } from "node:fs";
    export const makeEnv = () => new Walk();
    export const notes = (path, index) => {
      const env = new Walk();
      env.close = () => appendFileSync(path, index + "\\n");
      return env;
    };
    export const failing = ({ at, how }, index) => {
      const env = new Walk();
      const step = env.step.bind(env);
      env.step = (action) => {
        if (index !== at) return step(action);
        if (how === "throw") throw new TypeError("torn cable");
        if (how === "exit") process.exit(3);
        if (how === "function") return { ...step(action), info: { f: () => 1 } };
        for (;;);
      };
      return env;
    };
    export const broken = (_, index) => {
      if (index === 2) throw new RangeError("no licence");
      return new Walk();
    };
    export const none = 7;`,
  );
  door = await import(pathToFileURL(join(folder, "index.js")).href);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function open(options: object, source: object = {}) {
  return door.openAsyncVectorEnv<Float32Array, Float32Array>(
    { module, ...source },
    { numEnvs: 3, numWorkers: 2, ...options },
  );
}

/** Everything 30 calls return. */
async function record(envs: VectorEnv<Float32Array, Float32Array>): Promise<unknown[]> {
  const log: unknown[] = [await envs.reset({ seed: 5, options: {} })];
  const source = actionStream(envs.numEnvs);
  for (let i = 0; i < 30; i++) {
    const step = await envs.step(source.next().value);
    log.push(step);
    const resetMask = step.terminated.map((ended, e) => ended | step.truncated[e]);
    if (envs.autoresetMode === "Disabled" && resetMask.includes(1)) {
      log.push(await envs.reset({ resetMask }));
    }
  }
  return log;
}

describe("openAsyncVectorEnv", () => {
  it.each<AutoresetMode>(["NextStep", "SameStep", "Disabled"])(
    "in mode %s gives what environments in one thread give",
    async (autoresetMode) => {
      const walks = Array.from({ length: 3 }, () => new Walk());
      const expected = await record(new SyncVectorEnv(walks, { autoresetMode }));
      await using envs = await open({ autoresetMode });
      expect(await record(envs)).toEqual(expected);
    },
  );

  it("makes registered environments, calls them, and closes them", async () => {
    await using envs = await door.openAsyncVectorEnv(
      { id: "Pendulum-v1", options: { maxEpisodeSteps: 2 } },
      { numEnvs: 2, numWorkers: 8 },
    );
    expect([envs.numWorkers, envs.spec?.maxEpisodeSteps]).toEqual([2, 2]);
    await envs.reset({ seed: 0 });
    await envs.step(Float32Array.of(1, 1));
    expect((await envs.step(Float32Array.of(1, 1))).truncated).toEqual(Uint8Array.of(1, 1));

    const path = join(folder, "closed.txt");
    const walks = await open({}, { export: "notes", argument: path });
    expect(await walks.call("double", 4)).toEqual([8, 8, 8]);
    await expect(walks.call("halve")).rejects.toThrow(
      /environment 0 must call halve, got UsageError.*its episode goes on/,
    );
    await walks.reset();
    writeFileSync(path, "");
    await walks.close();
    await walks.close();
    expect(readFileSync(path, "utf8").trim().split("\n").toSorted()).toEqual(["0", "1", "2"]);
    await expect(walks.step([0, 0, 0])).rejects.toThrow("it was closed");
  });

  it.each([
    ["throw", "environment 1 must step, got TypeError: torn cable; all environments were closed"],
    ["exit", "environment 1 must stay alive, got Error: its thread exited with code 3"],
    ["function", /environment 1 must step with results that can be copied, got DataCloneError/],
    ["hang", "step must take at most 0.2 s; all were closed"],
  ])("tells when an environment fails: %s", async (how, message) => {
    const argument = { at: 1, how };
    const timeout = how === "hang" ? 0.2 : null;
    const envs = await open({ timeout, numWorkers: 3 }, { export: "failing", argument });
    await envs.reset({ seed: 0 });
    await expect(envs.step([0, 0, 0])).rejects.toThrow(message);
    await expect(envs.step([0, 0, 0])).rejects.toThrow("it was closed");
  });

  it("tells which environment cannot be made", async () => {
    const broken = open({}, { export: "broken" });
    await expect(broken).rejects.toThrow("environment 2 must be made, got RangeError: no licence");
    await expect(open({}, { export: "none" })).rejects.toThrow(/got number among the exports/);
    await expect(open({}, { module: join(folder, "absent.js") })).rejects.toThrow("absent.js");
    await expect(open({ numEnvs: 0 })).rejects.toThrow("numEnvs must be a positive integer, got 0");
    await expect(open({ numWorkers: 1.5 })).rejects.toThrow("got 1.5");
    await expect(open({ timeout: 0 })).rejects.toThrow("positive seconds or null, got 0");
    const id = door.openAsyncVectorEnv({ id: "Pendulun-v1" }, { numEnvs: 1 });
    await expect(id).rejects.toThrow("did you mean Pendulum-v1?");
  });

  it("takes one call at a time, and leaves its state when arguments are wrong", async () => {
    await using envs = await open({});
    await expect(envs.step([0, 0, 0])).rejects.toThrow("must be reset before it steps");
    await envs.reset({ seed: 0 });
    const first = envs.step([0, 0, 0]);
    await expect(envs.step([0, 0, 0])).rejects.toThrow("step must wait for the call before it");
    await first;
    await expect(envs.step([0, NaN, 0])).rejects.toThrow("got NaN");
    await expect(envs.reset({ seed: -1 })).rejects.toThrow("got -1");
    expect((await envs.step([0, 0, 0])).rewards).toHaveLength(3);
  });

  it("leaves no thread behind, twenty times", async () => {
    const threads = () => (process.report.getReport() as { workers: unknown[] }).workers.length;
    expect(threads()).toBe(0);
    let seen = 0;
    for (let i = 0; i < 20; i++) {
      const envs = await open({ numEnvs: 2 });
      await envs.reset({ seed: i });
      seen = Math.max(seen, threads());
      await envs.close();
    }
    expect([seen, threads()]).toEqual([2, 0]);
  });
});
