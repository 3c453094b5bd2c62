import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fixturePath, loadFixture } from "../../test/reference/fixture.ts";
import { CheckpointError } from "../base/errors.ts";
import { Tensor } from "../tensor/tensor.ts";
import { loadSafetensors, openSafetensors } from "./load-safetensors.ts";
import { saveSafetensors } from "./save-safetensors.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-safetensors-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const storage = (name: string): string => fileURLToPath(fixturePath(`storage/${name}`));
const { cases } = loadFixture("storage");
const contents = (name: string): Record<string, { shape: readonly number[]; values: unknown[] }> =>
  (cases.find((entry) => entry.name === name)?.tensors ?? {}) as never;

const dtypes = {
  f64: "f64",
  f32: "f32",
  f16: "f16",
  bf16: "bf16",
  i32: "i32",
  i16: "i32",
  i8: "i8",
  u8: "u8",
  bool: "bool",
} as const;

describe("openSafetensors", () => {
  it.each(Object.entries(dtypes))("reads torch's %s as %s", async (name, dtype) => {
    await using file = await openSafetensors(storage("dtypes.safetensors"));
    const { shape, values } = contents("dtypes")[name];
    const tensor = await file.get(name);
    expect([tensor.dtype, tensor.shape]).toEqual([dtype, shape]);
    expect([...(await tensor.data())]).toEqual(values.map(Number));
  });

  it("refuses 64-bit integers that do not fit, with value and place", async () => {
    await using file = await openSafetensors(storage("dtypes.safetensors"));
    await expect(file.get("i64")).rejects.toThrow(
      /read as i32, so they must be -2147483648 … 2147483647, got 2147483648 at index 2 of "i64"/,
    );
  });

  it("reads 64-bit integers that fit", async () => {
    const tensors = await loadSafetensors(wideFile([-(2n ** 31n), 2n ** 31n - 1n], "I64"));
    expect(await tensors["x"].tolist()).toEqual([-(2 ** 31), 2 ** 31 - 1]);
    const unsigned = await loadSafetensors(wideFile([0n, 2n ** 32n - 1n], "U64"));
    expect(unsigned["x"].dtype).toBe("u32");
    expect(await unsigned["x"].tolist()).toEqual([0, 2 ** 32 - 1]);
  });

  it("knows names, places and metadata without reading data", async () => {
    await using file = await openSafetensors(storage("metadata.safetensors"));
    expect(file.keys()).toEqual(["x"]);
    expect([file.has("x"), file.has("y")]).toEqual([true, false]);
    expect(file.metadata).toEqual({ format: "pt" });
    const { begin, end, ...info } = file.info("x");
    expect([end - begin, info]).toEqual([24, { dtype: "F32", shape: [2, 3] }]);
    expect(() => file.info("y")).toThrow('got "y", which is not in');
  });

  it("opens a sharded checkpoint by its index", async () => {
    await using file = await openSafetensors(storage("model.safetensors.index.json"));
    expect(file.keys().toSorted()).toEqual(["a.weight", "b.weight", "c"]);
    expect(await (await file.get("c")).item()).toBe(7);
    expect(await (await file.get("b.weight")).tolist()).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(() => file.get("d")).toThrow('got "d"');
  });

  it.each<[string, unknown, string]>([
    ["a shard outside the folder", { weight_map: { x: "../x" } }, "name files beside the index"],
    ["the parent folder", { weight_map: { x: ".." } }, "name files beside the index"],
    ["no weight map", { weights: {} }, "weight_map must be an object, got none"],
    ["a missing shard", { weight_map: { x: "none.safetensors" } }, "ENOENT"],
    ["a tensor its shard lacks", { weight_map: { y: "one.safetensors" } }, 'got "y", which is not'],
    ["a list", [], 'must be a JSON object, got "[]"'],
  ])("refuses an index with %s", async (_, index, message) => {
    cpSync(storage("metadata.safetensors"), join(folder, "one.safetensors"));
    const path = join(folder, "model.safetensors.index.json");
    writeFileSync(path, JSON.stringify(index));
    await expect(openSafetensors(path)).rejects.toThrow(message);
    await expect(openSafetensors(path)).rejects.toThrow(CheckpointError);
  });

  const broken = cases.filter((entry) => entry.broken !== undefined);
  it.each(broken)("refuses $name from disk and from memory", async (entry) => {
    const path = fileURLToPath(fixturePath(entry.file ?? ""));
    await expect(openSafetensors(path)).rejects.toThrow(CheckpointError);
    await expect(openSafetensors(path)).rejects.toThrow(path);
    await expect(loadSafetensors(readFileSync(path))).rejects.toThrow(CheckpointError);
  });

  it("names a file that is missing", async () => {
    const path = join(folder, "none.safetensors");
    await expect(openSafetensors(path)).rejects.toThrow(`got ENOENT for ${path}; check the path`);
  });
});

/** A file with one tensor "x" whose data is these 64-bit words. */
function wideFile(values: readonly bigint[], dtype: string, size = values.length): Uint8Array {
  const bytes = 8 * values.length;
  const header = JSON.stringify({ x: { dtype, shape: [size], data_offsets: [0, bytes] } });
  const file = new Uint8Array(8 + header.length + bytes);
  const view = new DataView(file.buffer);
  view.setBigUint64(0, BigInt(header.length), true);
  file.set(new TextEncoder().encode(header), 8);
  values.forEach((value, i) =>
    view.setBigUint64(8 + header.length + 8 * i, BigInt.asUintN(64, value), true),
  );
  return file;
}

describe("loadSafetensors", () => {
  it.each(["shapes", "names", "none", "metadata"])("loads %s", async (name) => {
    const expected = contents(name);
    for (const source of [
      storage(`${name}.safetensors`),
      readFileSync(storage(`${name}.safetensors`)),
    ]) {
      const tensors = await loadSafetensors(source);
      expect(Object.keys(tensors).toSorted()).toEqual(Object.keys(expected).toSorted());
      for (const [key, tensor] of Object.entries(tensors)) {
        expect(tensor.shape).toEqual(expected[key].shape);
        expect([...(await tensor.data())]).toEqual(expected[key].values);
      }
    }
  });

  it("refuses dtypes without a counterpart", async () => {
    await expect(loadSafetensors(wideFile([2n], "C64"))).rejects.toThrow(
      'got C64 for "x" in the given bytes; convert the file',
    );
  });

  it("refuses BOOL bytes other than 0 and 1", async () => {
    const bytes = wideFile([0x0001_0002_0100_0101n], "BOOL", 8);
    await expect(loadSafetensors(bytes)).rejects.toThrow("must be 0 or 1, got 2 at index 4 of");
  });
});

describe("saveSafetensors", () => {
  it("writes every dtype bit for bit, equal files for equal tensors", async () => {
    const half = new Uint16Array([0, 0x8000, 0x7c00, 0x7e01, 1, 0x3c01]);
    const tensors = {
      f64: Tensor.from(new Float64Array([Math.PI, -0, 5e-324]), [3]),
      f32: Tensor.from(new Float32Array([1 / 3, Infinity, NaN]), [3, 1]),
      f16: Tensor.from(half, [2, 3], { dtype: "f16" }),
      bf16: Tensor.from(half, [6], { dtype: "bf16" }),
      i32: Tensor.from(new Int32Array([-(2 ** 31)]), []),
      u32: Tensor.from(new Uint32Array([2 ** 32 - 1]), [1]),
      i8: Tensor.from(new Int8Array([-128, 127, 1]), [3]),
      u8: Tensor.from(new Uint8Array(0), [0, 4]),
      bool: Tensor.from(new Uint8Array([1, 0]), [2], { dtype: "bool" }),
    };
    const path = join(folder, "all.safetensors");
    await saveSafetensors(path, tensors, { metadata: { format: "pt", note: "naïve" } });
    await using file = await openSafetensors(path);
    expect(file.metadata).toEqual({ format: "pt", note: "naïve" });
    for (const [name, tensor] of Object.entries(tensors)) {
      const loaded = await file.get(name);
      expect([name, loaded.dtype, loaded.shape]).toEqual([name, tensor.dtype, tensor.shape]);
      expect(await loaded.bytes()).toEqual(await tensor.bytes());
    }
    expect(file.info("f64").begin % 8).toBe(0);
    expect(file.keys()).toEqual("f64 f32 i32 u32 bf16 f16 bool i8 u8".split(" "));
    const again = join(folder, "again.safetensors");
    const shuffled = Object.fromEntries(Object.entries(tensors).toReversed());
    await saveSafetensors(again, shuffled, { metadata: { format: "pt", note: "naïve" } });
    expect(readFileSync(again).equals(readFileSync(path))).toBe(true);
    expect(readdirSync(folder)).toEqual(["again.safetensors", "all.safetensors"]);
  });

  it("writes no tensors, and names such as __proto__", async () => {
    const path = join(folder, "empty.safetensors");
    await saveSafetensors(path, {});
    expect(await loadSafetensors(path)).toEqual({});
    await saveSafetensors(
      path,
      Object.fromEntries([["__proto__", Tensor.from(new Float32Array(1))]]),
    );
    expect(Object.keys(await loadSafetensors(path))).toEqual(["__proto__"]);
  });

  it("refuses the name of the metadata and leaves nothing", async () => {
    const save = saveSafetensors(join(folder, "x.safetensors"), {
      __metadata__: Tensor.from(new Float32Array(1)),
    });
    await expect(save).rejects.toThrow('must not be called "__metadata__"');
    expect(readdirSync(folder)).toEqual([]);
  });
});
