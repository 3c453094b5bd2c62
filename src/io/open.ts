import { CheckpointError, ConfigError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { FileTarget } from "./byte-sink.ts";
import type { ByteSource, FileInput } from "./byte-source.ts";
import { openSource } from "./byte-source.ts";
import { GgufFile } from "./gguf/gguf-file.ts";
import { isGguf } from "./gguf/gguf-header.ts";
import { saveGguf } from "./gguf/save-gguf.ts";
import { NpyFile, saveNpy } from "./numpy/npy-file.ts";
import { isNpy } from "./numpy/npy-header.ts";
import { NpzFile, saveNpz } from "./numpy/npz-file.ts";
import { SafetensorsFile } from "./safetensors-file.ts";
import { saveSafetensors } from "./save-safetensors.ts";
import { ShardedFile } from "./sharded-file.ts";
import type { LoadOptions, TensorInfo, TensorSource } from "./tensor-source.ts";
import { readAll } from "./tensor-source.ts";
import { isLegacyTorch } from "./torch/legacy-storages.ts";
import { saveTorch } from "./torch/save-torch.ts";
import { isTar } from "./torch/tar-storages.ts";
import { TorchFile } from "./torch/torch-file.ts";
import { findTorchPickle } from "./torch/zip-storages.ts";
import { ZipArchive } from "./zip/zip-archive.ts";

/** Bytes that tell the formats apart. */
const startBytes = 512;

/**
 * Opens a file of tensors, whatever its format: safetensors, `.npy`, `.npz`, `.pt` and `.pth` of
 * torch, GGUF, or a sharded checkpoint by its `….index.json`. The contents decide, not the name. Only
 * headers are read; each tensor is read when `get` asks for it.
 *
 * @throws {CheckpointError} if the file is missing, damaged, or of no known format.
 * @example
 * await using file = await open("model.safetensors");
 * for (const name of file.keys()) console.log(name, file.info(name).dtype, file.info(name).shape);
 */
export async function open(input: FileInput): Promise<TensorSource> {
  if (typeof input === "string" && input.endsWith(".json")) {
    return ShardedFile.open<TensorInfo>(input, open);
  }
  const source = await openSource(input, "open");
  try {
    return await sniff(source);
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function sniff(source: ByteSource): Promise<TensorSource> {
  const start = await source.read(0, Math.min(source.size, startBytes));
  if (isGguf(start)) return GgufFile.over(source);
  if (isNpy(start)) return NpyFile.over(source);
  if (isLegacyTorch(start) || isTar(start)) return TorchFile.over(source);
  if (start[0] === 0x50 && start[1] === 0x4b) {
    const archive = await ZipArchive.open(source, "zip");
    const isTorch = findTorchPickle(archive) !== undefined;
    return isTorch ? TorchFile.over(source) : NpzFile.over(archive);
  }
  if (start[8] === 0x7b) return SafetensorsFile.over(source);
  const shown = Array.from(start.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0"));
  throw new CheckpointError(
    "open: a file must be safetensors, .npy, .npz, .pt, .pth or GGUF, got one that begins with " +
      `${shown.join(" ") || "nothing"}: ${source.name}; check that it was downloaded whole`,
    { details: { file: source.name } },
  );
}

/**
 * Loads all tensors of a file by name, whatever its format: see {@link open}. The array of an
 * `.npy` file is called "tensor". Of a `.pth` only the tensors are given, under their paths;
 * {@link loadTorch} gives everything.
 *
 * @throws {CheckpointError} as `open`, and if a tensor cannot be represented.
 * @example
 * const tensors = await load("weights.npz");
 */
export async function load(
  input: FileInput,
  options: LoadOptions = {},
): Promise<Record<string, Tensor>> {
  const source = await open(input);
  // Its tensors may share storage, so it checks how much they take together.
  if (source instanceof TorchFile) source.requireModestSize();
  return readAll(source, options);
}

type Tensors = Readonly<Record<string, Tensor>>;

const writers: Readonly<Record<string, (target: FileTarget, tensors: Tensors) => Promise<void>>> = {
  safetensors: saveSafetensors,
  npz: saveNpz,
  pt: saveTorch,
  pth: saveTorch,
  gguf: saveGguf,
  npy: async (target, tensors) => {
    const [first, ...others] = Object.values(tensors);
    if (first === undefined || others.length > 0) {
      throw new ConfigError(
        `save: an .npy file holds one tensor, got ${Object.keys(tensors).length}; use .npz`,
      );
    }
    await saveNpy(target, first);
  },
};

/**
 * Saves tensors in the format that the ending of the path names: `.safetensors`, `.npz`, `.npy`
 * (one tensor), `.pt`, `.pth` or `.gguf`. Each format's own function has options.
 *
 * @throws {ConfigError} for another ending; {CheckpointError} as the format's own function.
 */
export async function save(path: string, tensors: Tensors): Promise<void> {
  const ending = /\.([a-z]+)$/i.exec(path)?.[1].toLowerCase() ?? "";
  if (!Object.hasOwn(writers, ending)) {
    const known = Object.keys(writers).map((name) => `.${name}`);
    throw new ConfigError(`save: a path must end in ${known.join(", ")}, got "${path}"`);
  }
  await writers[ending](path, tensors);
}
