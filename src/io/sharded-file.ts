import { CheckpointError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { decodeUtf8 } from "./byte-cursor.ts";
import { openSource } from "./byte-source.ts";
import { quoted, shownJson } from "./damaged-file.ts";
import type { LoadOptions, TensorInfo, TensorSource } from "./tensor-source.ts";
import { missingTensor } from "./tensor-source.ts";

/** Longest index that is read: a million tensors take about 100 MB. */
const maxIndexBytes = 100_000_000;

/** A checkpoint in several files, as `model.safetensors.index.json` lists them. */
export class ShardedFile<Info extends TensorInfo> implements TensorSource<Info> {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #shards: ReadonlyMap<string, TensorSource<Info>>;
  /** Tensor names to the shards that hold them. */
  readonly #places: ReadonlyMap<string, TensorSource<Info>>;

  private constructor(
    path: string,
    metadata: Readonly<Record<string, string>>,
    shards: ReadonlyMap<string, TensorSource<Info>>,
    places: ReadonlyMap<string, TensorSource<Info>>,
  ) {
    this.path = path;
    this.metadata = metadata;
    this.#shards = shards;
    this.#places = places;
  }

  /**
   * Reads the index and the header of every shard, which `openShard` opens.
   *
   * @throws {CheckpointError} if a file is missing or damaged, or the index names a tensor that its
   *   shard does not have.
   */
  static async open<Info extends TensorInfo>(
    path: string,
    openShard: (path: string) => Promise<TensorSource<Info>>,
  ): Promise<ShardedFile<Info>> {
    const { weightMap, metadata } = await readIndex(path);
    const shards = new Map<string, TensorSource<Info>>();
    const places = new Map<string, TensorSource<Info>>();
    try {
      for (const [name, file] of weightMap) {
        let shard = shards.get(file);
        if (shard === undefined) {
          shard = await openShard(folderOf(path) + file);
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

  info(name: string): Info {
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

  #shardOf(name: string): TensorSource<Info> {
    const shard = this.#places.get(name);
    if (shard === undefined) throw missingTensor("sharded", name, this.keys(), this.path);
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
    throw damagedIndex(path, "weight_map must be an object", shownJson(weightMap));
  }
  const entries = Object.entries(weightMap as Readonly<Record<string, unknown>>).map(
    ([name, file]) => {
      // A shard outside the folder would let a downloaded index read any file of its reader.
      if (typeof file !== "string" || !isPlainName(file)) {
        const got = `${shownJson(file)} for "${name}"`;
        throw damagedIndex(path, "weight_map must name files beside the index", got);
      }
      return [name, file] as const;
    },
  );
  const metadata = Object.entries(index["metadata"] ?? {}).map(
    ([name, value]) =>
      [name, typeof value === "string" ? value : shownJson(value, Infinity)] as const,
  );
  return { weightMap: entries, metadata: Object.fromEntries(metadata) };
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

function isPlainName(file: string): boolean {
  return file !== "" && file !== "." && file !== ".." && !/[/\\\0]/.test(file);
}

async function readText(path: string): Promise<string> {
  const source = await openSource(path, "sharded");
  try {
    if (source.size > maxIndexBytes) {
      const got = `${source.size} bytes`;
      throw damagedIndex(path, `an index has at most ${maxIndexBytes} bytes`, got);
    }
    return decodeUtf8(await source.read(0, source.size));
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    const { message, details } = damagedIndex(path, "the index must be UTF-8", "other bytes");
    throw new CheckpointError(message, { cause, details });
  } finally {
    await source.close();
  }
}

function parseObject(text: string, path: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const error = damagedIndex(path, "the index must be JSON", quoted(text));
    throw new CheckpointError(error.message, { cause, details: error.details });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw damagedIndex(path, "the index must be a JSON object", quoted(text));
  }
  return value as Readonly<Record<string, unknown>>;
}

function damagedIndex(path: string, invariant: string, got: string): CheckpointError {
  return new CheckpointError(
    `sharded: ${invariant}, got ${got} in ${path}; download or save the checkpoint again`,
    { details: { file: path } },
  );
}
