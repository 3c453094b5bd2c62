import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fixturePath } from "../../test/reference/fixture.ts";
import { CheckpointError, ConfigError } from "../base/errors.ts";
import { Tensor } from "../tensor/tensor.ts";
import { openGguf } from "./gguf/gguf-file.ts";
import { saveGguf } from "./gguf/save-gguf.ts";
import { saveNpy } from "./numpy/npy-file.ts";
import { loadNpz, saveNpz } from "./numpy/npz-file.ts";
import { load, open, save } from "./open.ts";
import { saveSafetensors } from "./save-safetensors.ts";
import { saveTorch } from "./torch/save-torch.ts";
import { loadTorch } from "./torch/torch-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-written-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const pathOf = (file: string): string => fileURLToPath(fixturePath(file));
const half = new Uint16Array([0, 0x8000, 0x7c00, 0x7e01, 1, 0x3c01]);

const everyDType = {
  f64: Tensor.from(new Float64Array([Math.PI, -0, 5e-324]), [3]),
  f32: Tensor.from(new Float32Array([1 / 3, Infinity, NaN, -0]), [2, 2]),
  f16: Tensor.from(half, [2, 3], { dtype: "f16" }),
  bf16: Tensor.from(half, [6], { dtype: "bf16" }),
  i32: Tensor.from(new Int32Array([-(2 ** 31)]), []),
  u32: Tensor.from(new Uint32Array([2 ** 32 - 1]), [1]),
  i8: Tensor.from(new Int8Array([-128, 127, 1]), [3]),
  u8: Tensor.from(new Uint8Array(0), [0, 4]),
  bool: Tensor.from(new Uint8Array([1, 0]), [2], { dtype: "bool" }),
};
const { bf16: _bf16, ...numpyDTypes } = everyDType;
const { u32: _u32, u8: _u8, bool: _bool, ...ggufDTypes } = everyDType;

const weights = Tensor.from(
  Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)),
  [2, 32],
);
const metadata = {
  "general.architecture": "test",
  "m.count": 7,
  "m.negative": -7,
  "m.wide": 2 ** 40,
  "m.big": 2n ** 63n,
  "m.eps": 1e-5,
  "m.on": true,
  "m.tokens": ["<s>", "", "層"],
  "m.scores": [0.5, 1],
  "m.ids": [1, -2],
  "m.lists": [[1, 2], [3]],
};

const checkpoint = {
  model: { "fc.weight": weights, ...everyDType },
  optimizer: {
    state: new Map([[0, { step: 3, exp_avg: weights }]]),
    param_groups: [{ lr: 0.125, betas: [0.9, 0.999], params: [0], foreach: null, fused: false }],
  },
  epoch: 3,
  name: "naïve \u{1f525}",
  big: [2 ** 40, -(2n ** 63n), 2n ** 100n],
};

/** Files that the libraries of each format were seen to read: see tools/fixtures/written.py. */
const goldens: Readonly<Record<string, (path: string) => Promise<void>>> = {
  "every.safetensors": (path) => saveSafetensors(path, everyDType, { metadata: { format: "pt" } }),
  "every.npz": (path) => saveNpz(path, numpyDTypes),
  "fc.npy": (path) => saveNpy(path, weights),
  "checkpoint.pth": (path) => saveTorch(path, checkpoint),
  "every.gguf": (path) =>
    saveGguf(
      path,
      { ...ggufDTypes, plain: weights, "packed.8": weights, "packed.4": weights },
      {
        metadata,
        quantize: (name) =>
          name === "packed.8" ? "Q8_0" : name === "packed.4" ? "Q4_0" : undefined,
      },
    ),
};

/** Everything about tensors that must not change, NaN bits included. */
async function bitsOf(tensors: Readonly<Record<string, Tensor>>): Promise<unknown> {
  const rows = Object.entries(tensors).map(async ([name, tensor]) => {
    return [name, tensor.dtype, tensor.shape, await tensor.bytes()] as const;
  });
  return (await Promise.all(rows)).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

describe("files that are written", () => {
  it.each(Object.entries(goldens))(
    "are those that other libraries read: %s",
    async (name, write) => {
      const path = join(folder, name);
      await write(path);
      if (process.env["ATHANOR_WRITE_FIXTURES"] === "1") {
        writeFileSync(fixturePath(`written/${name}`), readFileSync(path));
      }
      expect(readFileSync(path).equals(readFileSync(pathOf(`written/${name}`)))).toBe(true);
      expect(readdirSync(folder)).toEqual([name]);
    },
  );

  it("have the bytes that NumPy and gguf write for the same contents", async () => {
    for (const name of ["f4", "f2", "i4", "i1", "u4", "b1", "scalar", "empty", "strided"]) {
      const { tensor } = await load(pathOf(`formats/${name}.npy`));
      const path = join(folder, `${name}.npy`);
      await saveNpy(path, tensor);
      expect([name, readFileSync(path)]).toEqual([
        name,
        readFileSync(pathOf(`formats/${name}.npy`)),
      ]);
    }
  });

  it("round-trip through every format", async () => {
    const endings = {
      safetensors: everyDType,
      npz: numpyDTypes,
      pth: everyDType,
      gguf: ggufDTypes,
    };
    for (const [ending, tensors] of Object.entries(endings)) {
      const path = join(folder, `every.${ending}`);
      await save(path, tensors);
      expect(await bitsOf(await load(path))).toEqual(await bitsOf(tensors));
    }
    await save(join(folder, "one.npy"), { anything: weights });
    expect(await bitsOf(await load(join(folder, "one.npy")))).toEqual(
      await bitsOf({ tensor: weights }),
    );
    await save(join(folder, "one.PT"), { weights });
    expect(await bitsOf(await load(join(folder, "one.PT")))).toEqual(await bitsOf({ weights }));
  });

  it("go to a sink where there are no paths", async () => {
    const parts: Uint8Array[] = [];
    const sink = {
      write: (bytes: Uint8Array) => {
        parts.push(bytes.slice());
        return Promise.resolve();
      },
    };
    await saveTorch(sink, { weights });
    expect(await bitsOf(await load(new Uint8Array(Buffer.concat(parts))))).toEqual(
      await bitsOf({ weights }),
    );
  });

  it("refuse endings and contents without a format", async () => {
    const path = join(folder, "x");
    await expect(save(`${path}.onnx`, { weights })).rejects.toThrow(
      'save: a path must end in .safetensors, .npz, .pt, .pth, .gguf, .npy, got "',
    );
    await expect(save(`${path}.npy`, {})).rejects.toThrow("an .npy file holds one tensor, got 0");
    await expect(save(`${path}.npz`, everyDType)).rejects.toThrow(
      /got BF16, which NumPy does not have; convert it with x.to\("f32"\)/,
    );
    await expect(save(`${path}.gguf`, everyDType)).rejects.toThrow(
      'must be f32, f16, bf16, f64, i32 or i8, got u32 for "u32"',
    );
    await expect(saveNpz(path, { a: weights, "a.npy": weights })).rejects.toThrow(CheckpointError);
    const packed = saveGguf(path, { x: everyDType.f32 }, { quantize: () => "Q8_0" });
    await expect(packed).rejects.toThrow("rows of whole blocks for Q8_0, got [2, 2]");
    const mixed = saveGguf(path, {}, { metadata: { a: ["x", 1] } });
    await expect(mixed).rejects.toThrow('an array of text and u32 for "a"');
    await expect(saveTorch(path, { f: () => 1 })).rejects.toThrow("got function at f");
    await expect(saveTorch(path, { date: new Date(0) })).rejects.toThrow("got Date at date");
    const loop: unknown[] = [];
    loop.push(loop);
    await expect(saveTorch(path, loop)).rejects.toThrow(ConfigError);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("say so if the parent of the path is a file", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    const writing = saveSafetensors(join(file, "model.safetensors"), { weights });
    await expect(writing).rejects.toThrow(/got E\w+ after 0 B; a file has the name of a folder/);
    await expect(writing).rejects.toThrow(CheckpointError);
  });
});

describe("saveTorch", () => {
  it("keeps structure, shared tensors and whole numbers", async () => {
    const path = join(folder, "x.pth");
    await saveTorch(path, checkpoint);
    const loaded = await loadTorch<{
      model: Record<string, Tensor>;
      optimizer: { state: Record<string, { step: number; exp_avg: Tensor }> };
      big: unknown[];
    }>(path);
    expect(await bitsOf(loaded.model)).toEqual(await bitsOf(checkpoint.model));
    const { step, exp_avg: average } = loaded.optimizer.state["0"];
    expect([step, await average.tolist()]).toEqual([3, await weights.tolist()]);
    expect(loaded.big).toEqual([2 ** 40, -(2n ** 63n), 2n ** 100n]);
    const { model: _m, optimizer: _o, ...rest } = loaded;
    const { model: _model, optimizer: _optimizer, ...plain } = checkpoint;
    expect(rest).toEqual(plain);
  });
});

describe("saveNpz", () => {
  it("compresses", async () => {
    const zeros = Tensor.from(new Float32Array(10_000), [100, 100]);
    const [stored, packed] = [join(folder, "a.npz"), join(folder, "b.npz")];
    await saveNpz(stored, { zeros, weights });
    await saveNpz(packed, { zeros, weights }, { compress: true });
    expect(readFileSync(packed).length).toBeLessThan(readFileSync(stored).length / 20);
    expect(await bitsOf(await loadNpz(packed))).toEqual(await bitsOf({ zeros, weights }));
  });

  it("begins elements at multiples of 64 bytes", async () => {
    const path = join(folder, "a.npz");
    await saveNpz(path, { weights, more: weights });
    const file = readFileSync(path);
    const starts = [file.indexOf("\x93NUMPY", 0, "latin1")];
    starts.push(file.indexOf("\x93NUMPY", starts[0] + 1, "latin1"));
    expect(starts.map((start) => start % 64)).toEqual([0, 0]);
  });
});

describe("saveGguf", () => {
  it("keeps metadata", async () => {
    const path = join(folder, "x.gguf");
    await goldens["every.gguf"](path);
    await using file = await openGguf(path);
    expect(file.metadata).toEqual({ ...metadata, "m.eps": Math.fround(1e-5) });
    expect([file.version, file.info("packed.8").dtype]).toEqual([3, "Q8_0"]);
    const unpacked = await (await file.get("packed.8")).data();
    const values = await weights.data();
    unpacked.forEach((value, i) => expect(Math.abs(value - values[i])).toBeLessThan(0.005));
  });
});

describe("sharded checkpoints", () => {
  const tensors = Object.fromEntries(
    Array.from({ length: 5 }, (_, i) => [`layer.${i}.weight`, weights] as const),
  );

  it("are split by size in the given order, and read as one file", async () => {
    const path = join(folder, "model.safetensors");
    await saveSafetensors(path, tensors, { maxShardSize: 600, metadata: { format: "pt" } });
    expect(readdirSync(folder).toSorted()).toEqual([
      "model-00001-of-00003.safetensors",
      "model-00002-of-00003.safetensors",
      "model-00003-of-00003.safetensors",
      "model.safetensors.index.json",
    ]);
    const index = JSON.parse(readFileSync(`${path}.index.json`, "utf8"));
    expect(index.metadata).toEqual({ format: "pt", total_size: 5 * 256 });
    expect(index.weight_map["layer.2.weight"]).toBe("model-00002-of-00003.safetensors");
    expect(await bitsOf(await load(`${path}.index.json`))).toEqual(await bitsOf(tensors));
    await using source = await open(`${path}.index.json`);
    expect(source.metadata).toEqual({ format: "pt", total_size: "1280" });
    expect(() => source.info("x")).toThrow('got "x"');
  });

  it("are one file if all fits, and give a large tensor a file of its own", async () => {
    await saveSafetensors(join(folder, "a.safetensors"), tensors, { maxShardSize: "2KB" });
    expect(readdirSync(folder)).toEqual(["a.safetensors"]);
    await saveSafetensors(join(folder, "b"), tensors, { maxShardSize: 1 });
    expect(readdirSync(folder)).toHaveLength(7);
    expect(readdirSync(folder)).toContain("b-00005-of-00005");
    expect(await bitsOf(await load(join(folder, "b.index.json")))).toEqual(await bitsOf(tensors));
  });

  it.each(["5 apples", "", 0, -1, NaN])("refuse %s as a size", async (maxShardSize) => {
    const saving = saveSafetensors(join(folder, "a"), tensors, { maxShardSize });
    await expect(saving).rejects.toThrow(ConfigError);
  });

  it("may hold shards of other formats", async () => {
    await saveTorch(join(folder, "pytorch_model-1.bin"), { a: weights });
    await saveTorch(join(folder, "pytorch_model-2.bin"), { b: weights });
    const map = { a: "pytorch_model-1.bin", b: "pytorch_model-2.bin" };
    const path = join(folder, "pytorch_model.bin.index.json");
    writeFileSync(path, JSON.stringify({ metadata: {}, weight_map: map }));
    expect(await bitsOf(await load(path))).toEqual(await bitsOf({ a: weights, b: weights }));
  });
});
