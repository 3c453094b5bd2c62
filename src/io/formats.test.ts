import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { FormatTensor } from "../../test/reference/fixture.ts";
import { fixturePath, loadFixture } from "../../test/reference/fixture.ts";
import { AthanorError, CheckpointError } from "../base/errors.ts";
import type { HostData } from "../tensor/host.ts";
import { Tensor } from "../tensor/tensor.ts";
import { loadGguf, openGguf } from "./gguf/gguf-file.ts";
import { quantize } from "./gguf/quantize.ts";
import { load, open } from "./open.ts";
import { loadTorch, openTorch } from "./torch/torch-file.ts";

const { cases } = loadFixture("formats");
const pathOf = (file: string): string => fileURLToPath(fixturePath(file));

async function shown(tensor: Tensor): Promise<FormatTensor> {
  const { dtype, shape } = tensor;
  return { dtype, shape, values: [...(await tensor.data())] };
}

/** JSON says what half precision and bf16 hold only after rounding. */
function expected({ dtype, shape, values, repeats }: FormatTensor): FormatTensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const made = values ?? Array.from({ length: count }, (_, i) => i % (repeats ?? 1));
  return { dtype, shape, values: dtype === "f32" ? made.map(Math.fround) : made };
}

describe("load", () => {
  const whole = cases.filter((entry) => entry.tensors !== undefined);
  it.each(whole)("reads $name", async ({ file, tensors = {} }) => {
    for (const input of [
      pathOf(file),
      readFileSync(pathOf(file)),
      new Blob([readFileSync(pathOf(file))]),
    ]) {
      const loaded = await load(input);
      expect(Object.keys(loaded).toSorted()).toEqual(Object.keys(tensors).toSorted());
      for (const [name, tensor] of Object.entries(loaded)) {
        expect([name, await shown(tensor)]).toEqual([name, expected(tensors[name])]);
      }
    }
  });

  it.each(whole)(
    "knows dtypes and shapes of $name before reading",
    async ({ file, tensors = {} }) => {
      await using source = await open(pathOf(file));
      for (const name of source.keys()) {
        expect(source.info(name).shape).toEqual(tensors[name].shape);
        expect(source.has(name)).toBe(true);
      }
      expect(source.has("no such tensor")).toBe(false);
      expect(() => source.info("no such tensor")).toThrow(CheckpointError);
    },
  );

  it.each(cases.filter((entry) => entry.broken !== undefined))(
    "refuses $name",
    async ({ file }) => {
      await expect(load(pathOf(file))).rejects.toThrow(CheckpointError);
      await expect(load(readFileSync(pathOf(file)))).rejects.toThrow(CheckpointError);
    },
  );

  it.each(cases.filter((entry) => entry.refused !== undefined && !entry.name.startsWith("torch")))(
    "refuses what cannot be a tensor in $name",
    async ({ file }) => {
      await expect(load(pathOf(file))).rejects.toThrow(AthanorError);
    },
  );

  it("names a file of an unknown format", async () => {
    await expect(load(new TextEncoder().encode("<html><body></body></html>"))).rejects.toThrow(
      "open: a file must be safetensors, .npy, .npz, .pt, .pth or GGUF, got one that begins with " +
        "3c 68 74 6d 6c 3e 3c 62: the given bytes",
    );
  });

  it("opens safetensors and sharded checkpoints too", async () => {
    const tensors = await load(pathOf("storage/model.safetensors.index.json"));
    expect(Object.keys(tensors).toSorted()).toEqual(["a.weight", "b.weight", "c"]);
    expect(Object.keys(await load(pathOf("storage/metadata.safetensors")))).toEqual(["x"]);
  });
});

/** Contents of a file as the fixture writes them down. */
async function described(value: unknown): Promise<unknown> {
  if (value instanceof Tensor) return { $tensor: await shown(value) };
  if (typeof value === "bigint") return { $bigint: String(value) };
  if (value instanceof Uint8Array) return { $bytes: [...value] };
  if (value instanceof Set) return { $set: [...value] };
  if (Array.isArray(value)) return Promise.all(value.map(described));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(async ([key, item]) => [key, await described(item)]);
  return Object.fromEntries((await Promise.all(entries)) as [string, unknown][]);
}

/** The fixture's values with f32 rounded, as JSON has more digits. */
function rounded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== "object" || value === null) return value;
  if ("$tensor" in value) return { $tensor: expected(value.$tensor as FormatTensor) };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rounded(item)]));
}

describe("loadTorch", () => {
  it.each(cases.filter((entry) => "contents" in entry))(
    "reads $name",
    async ({ file, contents }) => {
      expect(await described(await loadTorch(pathOf(file)))).toEqual(rounded(contents));
    },
  );

  it.each(cases.filter(({ name, refused }) => refused !== undefined && name.startsWith("torch")))(
    "refuses $name and names $refused",
    async ({ file, refused }) => {
      await expect(loadTorch(pathOf(file))).rejects.toThrow(CheckpointError);
      await expect(loadTorch(pathOf(file))).rejects.toThrow(refused);
      expect(existsSync("/tmp/athanor-was-run")).toBe(false);
    },
  );

  it("gives objects of unknown classes as plain data if asked", async () => {
    const options = { unknownClasses: "keep" } as const;
    const { config } = await loadTorch<{ config: Record<string, unknown> }>(
      pathOf("formats/refused-class.pth"),
      options,
    );
    expect(config).toMatchObject({ $class: "formats_torch.Unknown", width: 3 });
    expect(await (config["weight"] as Tensor).tolist()).toEqual([1, 1]);
    await loadTorch(pathOf("formats/refused-system.pth"), options);
    expect(existsSync("/tmp/athanor-was-run")).toBe(false);
  });

  it("gives one tensor for one tensor, and views of a storage apart", async () => {
    const { shared } = await loadTorch<{ shared: Tensor[] }>(pathOf("formats/checkpoint.pth"));
    expect(shared[0]).toBe(shared[1]);
    expect(await shared[2].tolist()).toEqual([1, 2]);
  });

  it("names tensors by their path", async () => {
    await using file = await openTorch(pathOf("formats/checkpoint.pth"));
    expect(file.keys()).toContain("optimizer.state.0.exp_avg");
    expect(file.info("model.weight")).toMatchObject({
      dtype: "F32",
      shape: [2, 3],
      strides: [3, 1],
    });
    expect((await file.get("model.bias")).shape).toEqual([2]);
    expect(file.contents).toMatchObject({ epoch: 7, args: { lr: 0.1 } });
    await using single = await openTorch(pathOf("formats/tensor.pth"));
    expect(single.keys()).toEqual(["tensor"]);
  });
});

describe("loadGguf", () => {
  it.each(cases.filter((entry) => entry.metadata !== undefined))(
    "reads the metadata of $name",
    async ({ file, metadata }) => {
      await using source = await openGguf(pathOf(file));
      expect(await described(source.metadata)).toEqual(metadata);
    },
  );

  const packed = cases.find((entry) => entry.packed !== undefined);
  it.each(packed?.packed ?? [])("unpacks %s bit for bit", async (type) => {
    await using source = await openGguf(pathOf(packed?.file ?? ""));
    expect(source.info(type).dtype).toBe(type);
    const [unpacked, elements] = [await source.get(type), await source.get(`${type}.elements`)];
    expect(unpacked.shape).toEqual(elements.shape);
    expect(await unpacked.bytes()).toEqual(await elements.bytes());
  });

  it.each(["Q8_0", "Q4_0"] as const)("packs %s as gguf does", async (type) => {
    await using source = await openGguf(pathOf("formats/packed.gguf"));
    const values = (await (await source.get("values")).data()) as HostData;
    const bytes = quantize(type, values as Float32Array);
    expect(bytes).toEqual(await source.bytes(`values.${type}`));
  });

  it("says which packed types it knows", async () => {
    await expect(loadGguf(pathOf("formats/refused-iq2.gguf"))).rejects.toThrow(
      /packed types must be Q4_0, .*, got IQ2_XXS for "x" in .*; convert the file/,
    );
  });
});
