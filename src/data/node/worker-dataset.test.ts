import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataLoader } from "../data-loader.ts";
import { randomSplit } from "../dataset.ts";
import { ConcatDataset } from "../derived-dataset.ts";
import type { HostTensor } from "../host-tensor.ts";
import type * as Door from "./index.ts";

interface Item {
  readonly x: HostTensor;
  readonly index: number;
  readonly draw: number;
  readonly epoch: number;
}

// Node 20 runs no TypeScript in threads: the test bundles the sources as a build would lay them out.
let folder: string;
let door: typeof Door;
let dataset: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "athanor-worker-"));
  const input = Object.fromEntries(
    ["index", "worker-thread"].map((name) => [name, join(import.meta.dirname, `${name}.ts`)]),
  );
  const external = ["sharp", "csv-parse", "hyparquet", "hyparquet-compressors"];
  const bundle = await rolldown({ input, external, platform: "node", logLevel: "silent" });
  await bundle.write({ dir: folder, format: "esm", entryFileNames: "[name].js" });
  await bundle.close();
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  dataset = join(folder, "numbers.js");
  writeFileSync(
    dataset,
    `export const dataset = {
      length: 10,
      async get(index, { random, epoch }) {
        if (index === 8 && epoch === 2) throw new TypeError("torn page");
        await new Promise((done) => setTimeout(done, index % 3));
        const data = Float32Array.of(index, index + 0.5);
        return { x: { data, shape: [2], dtype: "f32" }, index, draw: random.uint32(), epoch };
      },
    };
    export const make = ({ length }) => ({ length, get: (index) => index * index });
    export const crashing = { length: 3, get: () => process.exit(3) };
    export const functions = { length: 3, get: () => () => 1 };
    export const none = 7;`,
  );
  door = await import(pathToFileURL(join(folder, "index.js")).href);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function epoch<Batch>(loader: AsyncIterable<Batch>): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of loader) batches.push(batch);
  return batches;
}

describe("openWorkerDataset", () => {
  it("gives the same items in the same order with any number of threads", async () => {
    const results: unknown[] = [];
    for (const numWorkers of [1, 3]) {
      await using items = await door.openWorkerDataset<Item>(dataset, { numWorkers });
      expect([items.length, items.numWorkers, items.prefetch]).toEqual([
        10,
        numWorkers,
        2 * numWorkers,
      ]);
      const collate = (batch: readonly Item[]) =>
        batch.map(({ index, draw, x }) => [index, draw, ...x.data]);
      const loader = new DataLoader(items, { batchSize: 3, shuffle: true, seed: 4, collate });
      results.push([await epoch(loader), await epoch(loader)]);
    }
    expect(results[1]).toEqual(results[0]);
    const module = (await import(pathToFileURL(dataset).href)) as {
      dataset: { length: number; get(i: number, c: unknown): Promise<Item> };
    };
    const collate = (batch: readonly Item[]) =>
      batch.map(({ index, draw, x }) => [index, draw, ...x.data]);
    const here = new DataLoader(module.dataset, { batchSize: 3, shuffle: true, seed: 4, collate });
    expect([await epoch(here), await epoch(here)]).toEqual(results[0]);
  });

  it("may be split, with the same numbers as without threads", async () => {
    await using items = await door.openWorkerDataset<Item>(dataset, { numWorkers: 2 });
    const module = (await import(pathToFileURL(dataset).href)) as { dataset: typeof items };
    const draws = async (source: typeof items, isBatched: boolean): Promise<unknown> => {
      const [part] = randomSplit<Promise<Item>>(source, [6, 4], { seed: 2 });
      const joined = isBatched ? part : new ConcatDataset([part]);
      expect(part.prefetch).toBe(source.prefetch ?? 0);
      const collate = (batch: readonly Item[]) => batch.map(({ index, draw }) => [index, draw]);
      return epoch(new DataLoader(joined, { batchSize: 4, shuffle: true, collate }));
    };
    const expected = await draws(module.dataset, true);
    expect(await draws(items, true)).toEqual(expected);
    expect(await draws(items, false)).toEqual(expected);
  });

  it("lets the process end though threads are idle", () => {
    const script = `import { openWorkerDataset } from "./index.js";
      const items = await openWorkerDataset("./numbers.js", { numWorkers: 2 });
      console.log((await items.get(3)).index);`;
    const args = ["--input-type=module", "--eval", script];
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: folder, timeout: 15_000 });
    expect([status, String(stdout)]).toEqual([0, "3\n"]);
  });

  it("stacks what arrives, and resumes in the middle", async () => {
    await using items = await door.openWorkerDataset<Item>(pathToFileURL(dataset), {
      numWorkers: 2,
    });
    const options = { batchSize: 4, shuffle: true };
    const whole = new DataLoader(items, options);
    const seen: number[][] = [];
    for await (const { x } of whole) {
      expect(x.shape[1]).toBe(2);
      seen.push([...(await x.data())]);
      if (seen.length === 1) break;
    }
    const after = new DataLoader(items, options);
    after.loadStateDict(whole.stateDict());
    for await (const { x } of after) seen.push([...(await x.data())]);
    const numbers = seen.flat().filter((value) => Number.isInteger(value));
    expect(numbers.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("takes a function and its argument, or items one by one", async () => {
    const options = { export: "make", argument: { length: 5 }, numWorkers: 1 };
    await using squares = await door.openWorkerDataset<number>(dataset, options);
    expect([squares.length, await squares.get(3), await squares.get(4)]).toEqual([5, 9, 16]);
    await expect(squares.get(5)).rejects.toThrow("index must be 0 … 4, got 5");
  });

  it("tells which item failed, and goes on", async () => {
    await using items = await door.openWorkerDataset<Item>(dataset, { numWorkers: 2 });
    const request = { index: 8, epoch: 2, seed: 0, occurrence: 0 };
    await expect(items.getBatch([{ ...request, index: 1 }, request])).rejects.toMatchObject({
      code: "WORKER",
      message: "worker dataset: item 8 must be readable, got TypeError: torn page",
      details: { index: 8 },
    });
    expect((await items.get(8)).index).toBe(8);
    await using functions = await door.openWorkerDataset(dataset, {
      export: "functions",
      numWorkers: 1,
    });
    await expect(functions.get(2)).rejects.toThrow(/item 2 must be readable, got DataCloneError/);
  });

  it("refuses modules without a dataset", async () => {
    const open = (path: string, name: string) =>
      door.openWorkerDataset(path, { export: name, numWorkers: 2 });
    await expect(open(dataset, "none")).rejects.toThrow(/must be a dataset .* got number/);
    await expect(open(dataset, "nothing")).rejects.toThrow(/got undefined among the exports/);
    await expect(open(join(folder, "absent.js"), "dataset")).rejects.toThrow("absent.js");
    await expect(door.openWorkerDataset(dataset, { numWorkers: 0 })).rejects.toThrow("got 0");
  });

  it("fails at once when a thread ends, and after closing", async () => {
    await using items = await door.openWorkerDataset(dataset, {
      export: "crashing",
      numWorkers: 1,
    });
    await expect(items.get(0)).rejects.toThrow("a thread must not end, got exit with code 3");
    await expect(items.get(1)).rejects.toThrow("exit with code 3");
    const closed = await door.openWorkerDataset(dataset, { numWorkers: 1 });
    const pending = closed.get(1);
    pending.catch(() => {});
    await closed.close();
    await expect(pending).rejects.toThrow("it was closed");
    await expect(closed.get(1)).rejects.toThrow("it was closed");
    await closed.close();
  });
});
