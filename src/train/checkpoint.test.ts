import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { engineStats } from "../engine/statistics.ts";
import { loadSafetensors } from "../io/load-safetensors.ts";
import { saveSafetensors } from "../io/save-safetensors.ts";
import { Tensor } from "../tensor/tensor.ts";
import { CheckpointFolder } from "./checkpoint-folder.ts";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-checkpoint-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const vector = (...values: number[]): Tensor => Tensor.from(Float32Array.from(values));

/** Tensors as their bytes, so that trees can be compared. */
async function plain(tree: unknown): Promise<unknown> {
  if (tree instanceof Tensor) return { dtype: tree.dtype, bytes: await tree.bytes() };
  if (typeof tree !== "object" || tree === null) return tree;
  if (Array.isArray(tree)) return Promise.all(tree.map(plain));
  const entries = Object.entries(tree).map(async ([key, item]) => [key, await plain(item)]);
  return Object.fromEntries((await Promise.all(entries)) as [string, unknown][]);
}

describe("saveCheckpoint", () => {
  it("computes what is pending in one program", async () => {
    const values = [1, 2, 3].map((factor) => vector(1, 2).mul(factor).sub(0.5));
    const before = engineStats().runs;
    await saveCheckpoint(join(folder, "run.safetensors"), { values });
    expect(engineStats().runs - before).toBe(1);
  });

  it("restores structure and values exactly", async () => {
    const state = {
      model: { "conv.weight": vector(1, NaN), "conv.bias": vector(-0) },
      optimizer: { groups: [{ lr: 0.1 + 0.2, betas: [0.9, 0.999] }], moments: [vector(1 / 3)] },
      numbers: [NaN, -Infinity, -0, 5e-324, Number.MAX_SAFE_INTEGER],
      texts: { $tensor: "not one", $$x: true, empty: "", nothing: null },
      random: Tensor.from(Uint32Array.from([1, 2 ** 32 - 1])),
    };
    const path = join(folder, "run.safetensors");
    await saveCheckpoint(path, state);
    expect(await plain(await loadCheckpoint(path))).toEqual(await plain(state));
  });

  it("names tensors by their path, even if two paths read alike", async () => {
    const path = join(folder, "run.safetensors");
    const state = { model: { a: { b: vector(1) }, "a.b": vector(2) }, list: [vector(3)] };
    await saveCheckpoint(path, state);
    expect(Object.keys(await loadSafetensors(path)).toSorted()).toEqual([
      "list.0",
      "model.a.b",
      "model.a.b'",
    ]);
    expect(await plain(await loadCheckpoint(path))).toEqual(await plain(state));
  });

  it("refuses files that are no checkpoints, or of another version", async () => {
    const path = join(folder, "run.safetensors");
    await saveSafetensors(path, { x: vector(1) });
    await expect(loadCheckpoint(path)).rejects.toThrow("must be written by saveCheckpoint");
    const metadata = { "athanor.checkpoint": JSON.stringify({ version: 2, tree: {} }) };
    await saveSafetensors(path, {}, { metadata });
    await expect(loadCheckpoint(path)).rejects.toThrow("format version must be 1, got 2");
  });
});

it("refuses state that it could not restore", async () => {
  const path = join(folder, "run.safetensors");
  const save = (state: object): Promise<void> => saveCheckpoint(path, state);
  await expect(save({ a: [new Float32Array(2)] })).rejects.toThrow("got Float32Array at a.0");
  await expect(save(new Map())).rejects.toThrow("got Map at the top");
  await expect(save({ f: () => 0 })).rejects.toThrow("got function at f; save its stateDict()");
  expect(readdirSync(folder)).toEqual([]);
});

describe("CheckpointFolder", () => {
  it("keeps the last few steps", async () => {
    const checkpoints = new CheckpointFolder(join(folder, "new"), { keepLast: 2 });
    expect(await checkpoints.latest()).toBeUndefined();
    for (const step of [5, 10, 100_000_000]) await checkpoints.save(step, { step });
    expect((await checkpoints.list()).map(({ step }) => step)).toEqual([10, 100_000_000]);
    expect(await checkpoints.load()).toEqual({ step: 100_000_000 });
    await checkpoints.clear();
    expect(readdirSync(join(folder, "new"))).toEqual([]);
  });

  it("forgets the later steps of an earlier run", async () => {
    const checkpoints = new CheckpointFolder(folder, { keepLast: 3 });
    await checkpoints.save(50, { run: 1 });
    await checkpoints.save(10, { run: 2 });
    expect((await checkpoints.list()).map(({ step }) => step)).toEqual([10]);
  });

  it("removes what a killed run left of another step", async () => {
    const dead = `.step-00000009.safetensors.${2 ** 22 + 1}.0123abcd.tmp`;
    writeFileSync(join(folder, dead), "");
    await new CheckpointFolder(folder).save(1, {});
    expect(readdirSync(folder)).toEqual(["step-00000001.safetensors"]);
  });

  it("names the checkpoint before one that is damaged", async () => {
    const checkpoints = new CheckpointFolder(folder);
    for (const step of [1, 2]) await checkpoints.save(step, { step });
    writeFileSync(checkpoints.pathOf(2), "damaged");
    await expect(checkpoints.load()).rejects.toThrow(
      `(or remove it to continue from ${checkpoints.pathOf(1)})`,
    );
  });

  it("says what is missing, and leaves other files alone", async () => {
    writeFileSync(join(folder, "notes.txt"), "mine");
    const checkpoints = new CheckpointFolder(folder);
    await expect(checkpoints.load()).rejects.toThrow(`got none in ${folder}; check the folder`);
    await checkpoints.save(1, {});
    await checkpoints.clear();
    expect(readFileSync(join(folder, "notes.txt"), "utf8")).toBe("mine");
    expect(() => new CheckpointFolder(folder, { keepLast: 0 })).toThrow("at least 1, got 0");
  });
});
