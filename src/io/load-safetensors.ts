import type { Tensor } from "../tensor/tensor.ts";
import type { FileInput } from "./byte-source.ts";
import type { LoadOptions, SafetensorsSource } from "./safetensors-file.ts";
import { SafetensorsFile } from "./safetensors-file.ts";
import { ShardedFile } from "./sharded-file.ts";
import { readAll } from "./tensor-source.ts";

/**
 * Opens a safetensors file, or a sharded checkpoint by its `….index.json`, and reads nothing but
 * the headers. Each tensor is read from its byte range when `get` asks for it.
 *
 * @throws {CheckpointError} if a file is missing or damaged.
 * @example
 * await using file = await openSafetensors("model.safetensors");
 * const weight = await file.get("linear.weight");
 */
export function openSafetensors(input: FileInput): Promise<SafetensorsSource> {
  return typeof input === "string" && input.endsWith(".json")
    ? ShardedFile.open(input, (shard) => SafetensorsFile.open(shard))
    : SafetensorsFile.open(input);
}

/**
 * Loads all tensors of a safetensors file, of a sharded checkpoint (by its `….index.json`), or of
 * bytes in memory. I64 becomes i32 and U64 u32 if the values fit, I16 and U16 become i32.
 *
 * @throws {CheckpointError} if a file is missing, damaged, or has a dtype or value without a
 *   counterpart here.
 * @see https://huggingface.co/docs/safetensors, "Format".
 */
export async function loadSafetensors(
  input: FileInput,
  options: LoadOptions = {},
): Promise<Record<string, Tensor>> {
  return readAll(await openSafetensors(input), options);
}
