import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CheckpointError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { errnoOf } from "./atomic-file.ts";
import type { LoadOptions, TensorSource } from "./safetensors-file.ts";
import { missingTensor, SafetensorsFile } from "./safetensors-file.ts";
import type { StoredTensorInfo } from "./safetensors-header.ts";

/** A checkpoint in several files, as `model.safetensors.index.json` lists them. */
export class ShardedFile implements TensorSource {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #shards: ReadonlyMap<string, SafetensorsFile>;
  /** Tensor names to the shards that hold them. */
  readonly #places: ReadonlyMap<string, SafetensorsFile>;

  private constructor(
    path: string,
    metadata: Readonly<Record<string, string>>,
    shards: ReadonlyMap<string, SafetensorsFile>,
    places: ReadonlyMap<string, SafetensorsFile>,
  ) {
    this.path = path;
    this.metadata = metadata;
    this.#shards = shards;
    this.#places = places;
  }

  /**
   * Reads the index and the header of every shard.
   *
   * @throws {CheckpointError} if a file is missing or damaged, or the index names a tensor that its
   *   shard does not have.
   */
  static async open(path: string): Promise<ShardedFile> {
    const { weightMap, metadata } = await readIndex(path);
    const shards = new Map<string, SafetensorsFile>();
    const places = new Map<string, SafetensorsFile>();
    try {
      for (const [name, file] of weightMap) {
        let shard = shards.get(file);
        if (shard === undefined) {
          shard = await SafetensorsFile.open(join(dirname(path), file));
          shards.set(file, shard);
        }
        shard.info(name);
        places.set(name, shard);
      }
    } catch (error) {
      await Promise.all([...shards.values()].map((shard) => shard.close()));
      throw error;
    }
    return new ShardedFile(path, metadata, shards, places);
  }

  keys(): string[] {
    return [...this.#places.keys()];
  }

  has(name: string): boolean {
    return this.#places.has(name);
  }

  info(name: string): StoredTensorInfo {
    return this.#shardOf(name).info(name);
  }

  get(name: string, options: LoadOptions = {}): Promise<Tensor> {
    return this.#shardOf(name).get(name, options);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#shards.values()].map((shard) => shard.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #shardOf(name: string): SafetensorsFile {
    const shard = this.#places.get(name);
    if (shard === undefined) throw missingTensor(name, this.keys(), this.path);
    return shard;
  }
}

interface ShardIndex {
  readonly weightMap: readonly (readonly [string, string])[];
  readonly metadata: Readonly<Record<string, string>>;
}

async function readIndex(path: string): Promise<ShardIndex> {
  const index = parseObject(await readText(path), path);
  const weightMap = index["weight_map"];
  if (typeof weightMap !== "object" || weightMap === null || Array.isArray(weightMap)) {
    throw damagedIndex(path, "weight_map must be an object", JSON.stringify(weightMap) ?? "none");
  }
  const entries = Object.entries(weightMap as Readonly<Record<string, unknown>>).map(
    ([name, file]) => {
      // A shard outside the folder would let a downloaded index read any file of its reader.
      if (typeof file !== "string" || basename(file) !== file || file === "..") {
        const got = `${JSON.stringify(file)} for "${name}"`;
        throw damagedIndex(path, "weight_map must name files beside the index", got);
      }
      return [name, file] as const;
    },
  );
  const metadata = Object.entries(index["metadata"] ?? {}).map(
    ([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)] as const,
  );
  return { weightMap: entries, metadata: Object.fromEntries(metadata) };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new CheckpointError(
      `safetensors: the index must be readable, got ${errnoOf(cause)} for ${path}; check the path`,
      { cause, details: { file: path } },
    );
  }
}

function parseObject(text: string, path: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const error = damagedIndex(path, "the index must be JSON", JSON.stringify(text.slice(0, 60)));
    throw new CheckpointError(error.message, { cause, details: error.details });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw damagedIndex(path, "the index must be a JSON object", JSON.stringify(text.slice(0, 60)));
  }
  return value as Readonly<Record<string, unknown>>;
}

function damagedIndex(path: string, invariant: string, got: string): CheckpointError {
  return new CheckpointError(
    `safetensors: ${invariant}, got ${got} in ${path}; download or save the checkpoint again`,
    { details: { file: path } },
  );
}
