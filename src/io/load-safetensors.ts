import type { Tensor } from "../tensor/tensor.ts";
import type { LoadOptions, TensorSource } from "./safetensors-file.ts";
import { SafetensorsFile } from "./safetensors-file.ts";
import { headerLength, lengthBytes, parseHeader } from "./safetensors-header.ts";
import { ShardedFile } from "./sharded-file.ts";
import { tensorFromBytes } from "./tensor-bytes.ts";

/**
 * Opens a safetensors file, or a sharded checkpoint by its `….index.json`, and reads nothing but
 * the headers. Each tensor is read from its byte range when `get` asks for it.
 *
 * @throws {CheckpointError} if a file is missing or damaged.
 * @example
 * await using file = await openSafetensors("model.safetensors");
 * const weight = await file.get("linear.weight");
 */
export function openSafetensors(path: string): Promise<TensorSource> {
  return path.endsWith(".json") ? ShardedFile.open(path) : SafetensorsFile.open(path);
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
  source: string | Uint8Array | ArrayBuffer,
  options: LoadOptions = {},
): Promise<Record<string, Tensor>> {
  if (typeof source !== "string") return loadBytes(source, options);
  await using file = await openSafetensors(source);
  const tensors: [string, Tensor][] = [];
  for (const name of file.keys()) tensors.push([name, await file.get(name, options)]);
  return Object.fromEntries(tensors);
}

function loadBytes(
  source: Uint8Array | ArrayBuffer,
  { device }: LoadOptions,
): Record<string, Tensor> {
  const bytes = source instanceof Uint8Array ? source : new Uint8Array(source);
  const size = bytes.byteLength;
  const label = "the given bytes";
  const headerEnd = lengthBytes + headerLength(bytes, size, label);
  const { tensors } = parseHeader(bytes.subarray(lengthBytes, headerEnd), size, label);
  const entries = [...tensors].map(([name, info]) => {
    // A copy, because typed arrays need aligned offsets and the tensor must not see later changes.
    const data = new Uint8Array(bytes.subarray(info.begin, info.end)).buffer;
    return [name, tensorFromBytes(data, info, `"${name}" in ${label}`, device)] as const;
  });
  return Object.fromEntries(entries);
}
