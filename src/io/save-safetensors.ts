import { CheckpointError, ConfigError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { FileTarget } from "./byte-sink.ts";
import { targetName, writeFile } from "./byte-sink.ts";
import type { TensorToStore } from "./safetensors-header.ts";
import { encodeHeader } from "./safetensors-header.ts";
import { storedBytes } from "./stored-dtype.ts";
import { describeTensor } from "./tensor-bytes.ts";

/** What goes into a file beside the tensors, and how much into one file. */
export interface SaveOptions {
  /** Free text by name; transformers and others look for `{ format: "pt" }`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * Most bytes of tensors per file, as a number or as `"5GB"` (10⁹) or `"5GiB"` (2³⁰). More go into
   * `model-00001-of-00003.safetensors`, … and `model.safetensors.index.json`. A larger tensor gets
   * a file of its own.
   * @defaultValue one file for all
   */
  readonly maxShardSize?: number | string;
}

interface Entry {
  readonly tensor: Tensor;
  readonly stored: TensorToStore;
}

/**
 * Writes tensors into a safetensors file, whole or not at all: whatever happens, the path holds the
 * old file or the new one. Equal tensors give equal bytes. Of a sharded checkpoint each file is
 * written so, the index last.
 *
 * @throws {CheckpointError} if the file cannot be written (full disk, no permission).
 */
export async function saveSafetensors(
  target: FileTarget,
  tensors: Readonly<Record<string, Tensor>>,
  options: SaveOptions = {},
): Promise<void> {
  const { metadata = {}, maxShardSize } = options;
  const entries = Object.entries(tensors).map(([name, tensor]) => {
    if (name === "__metadata__") {
      throw new CheckpointError(
        'safetensors: a tensor must not be called "__metadata__", got one for ' +
          `${targetName(target)}; rename it`,
      );
    }
    return { tensor, stored: describeTensor(name, tensor) };
  });
  const shards = maxShardSize === undefined ? [entries] : split(entries, byteLimit(maxShardSize));
  if (shards.length <= 1) await writeShard(target, entries, metadata);
  else await writeShards(target, shards, metadata);
}

async function writeShard(
  target: FileTarget,
  entries: readonly Entry[],
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  // Wide elements first, so that every tensor is aligned in a mapped file; then by name.
  const sorted = entries.toSorted(({ stored: a }, { stored: b }) => {
    const width = storedBytes(b.dtype, 1) - storedBytes(a.dtype, 1);
    return width || (a.name < b.name ? -1 : 1);
  });
  const header = encodeHeader(
    sorted.map(({ stored }) => stored),
    metadata,
  );
  await writeFile(target, async (sink) => {
    await sink.write(header);
    for (const { tensor } of sorted) await sink.write(await tensor.bytes());
  });
}

async function writeShards(
  target: FileTarget,
  shards: readonly (readonly Entry[])[],
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  if (typeof target !== "string") {
    throw new ConfigError(
      `safetensors: maxShardSize needs a path, got a sink for ${shards.length} files; ` +
        "save to a path or drop maxShardSize",
    );
  }
  const [, stem, ending] = /^(.*?)(\.safetensors)?$/s.exec(target) ?? [];
  const five = (value: number): string => String(value).padStart(5, "0");
  const weightMap: [string, string][] = [];
  let totalSize = 0;
  for (const [i, entries] of shards.entries()) {
    const path = `${stem}-${five(i + 1)}-of-${five(shards.length)}${ending ?? ""}`;
    await writeShard(path, entries, metadata);
    for (const { stored } of entries) {
      weightMap.push([stored.name, path.slice(Math.max(...folderEnds(path)) + 1)]);
      totalSize += stored.bytes;
    }
  }
  const index = {
    metadata: { ...metadata, total_size: totalSize },
    weight_map: Object.fromEntries(weightMap),
  };
  const text = `${JSON.stringify(index, undefined, 2)}\n`;
  await writeFile(`${target}.index.json`, (sink) => sink.write(new TextEncoder().encode(text)));
}

function folderEnds(path: string): [number, number] {
  return [path.lastIndexOf("/"), path.lastIndexOf("\\")];
}

/** Groups in the given order, each at most `limit` bytes unless one tensor alone is larger. */
function split(entries: readonly Entry[], limit: number): Entry[][] {
  const shards: Entry[][] = [];
  let room = 0;
  for (const entry of entries) {
    const { bytes } = entry.stored;
    if (shards.length === 0 || bytes > room) {
      shards.push([]);
      room = limit;
    }
    shards[shards.length - 1].push(entry);
    room -= bytes;
  }
  return shards;
}

const units: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

function byteLimit(size: number | string): number {
  const [, digits, unit] = /^\s*([\d.]+)\s*([a-z]*)\s*$/i.exec(String(size)) ?? [];
  const limit = Number(digits) * (units[(unit || "B").toUpperCase()] ?? NaN);
  if (limit >= 1 && Number.isFinite(limit)) return Math.floor(limit);
  throw new ConfigError(
    `safetensors: maxShardSize must be a number of bytes or text such as "5GB", got ${size}`,
  );
}
