import { CheckpointError, ConfigError } from "../../base/errors.ts";
import { roundUp } from "../../base/integers.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { FileTarget } from "../byte-sink.ts";
import { targetName, writeFile } from "../byte-sink.ts";
import { describeTensor } from "../tensor-bytes.ts";
import type { GgufValue } from "./gguf-header.ts";
import type { GgufType } from "./gguf-types.ts";
import { ggufBytes, ggufLayout, plainDType } from "./gguf-types.ts";
import { GgufWriter } from "./gguf-writer.ts";
import type { GgufPackedType } from "./quantize.ts";
import { quantize } from "./quantize.ts";

/** What goes into a GGUF file beside the tensors, and how tensors are packed. */
export interface GgufOptions {
  /**
   * Values by name. Whole numbers are written as u32, i32 or 64 bits, others as f32; arrays have
   * one type of element. `llama.cpp` asks for `general.architecture`.
   */
  readonly metadata?: Readonly<Record<string, GgufValue>>;
  /** Packed type of an f32 tensor; undefined keeps its dtype. */
  readonly quantize?: (name: string, tensor: Tensor) => GgufPackedType | undefined;
}

interface Entry {
  readonly name: string;
  readonly tensor: Tensor;
  readonly type: GgufType;
  readonly bytes: number;
  readonly offset: number;
}

const alignment = 32;
const maxDims = 4;

/**
 * Writes tensors as a GGUF file of version 3, whole or not at all: f32, f16, bf16, f64, i32 and i8
 * as they are, f32 also packed as Q8_0 or Q4_0.
 *
 * @throws {CheckpointError} for other dtypes, more than 4 dims, rows that are no whole blocks, or if
 *   the file cannot be written.
 */
export async function saveGguf(
  target: FileTarget,
  tensors: Readonly<Record<string, Tensor>>,
  options: GgufOptions = {},
): Promise<void> {
  const { metadata = {} } = options;
  if (Object.hasOwn(metadata, "general.alignment")) {
    throw new ConfigError(`saveGguf: general.alignment is ${alignment}, got one in metadata`);
  }
  const entries: Entry[] = [];
  let offset = 0;
  for (const [name, tensor] of Object.entries(tensors)) {
    const entry = describe(name, tensor, offset, options, targetName(target));
    entries.push(entry);
    offset = roundUp(offset + entry.bytes, alignment);
  }
  const writer = new GgufWriter();
  writer.text4("GGUF").u32(3).u64(entries.length).u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) writer.text(key).value(value, key);
  for (const { name, tensor, type, offset: at } of entries) {
    writer.text(name).u32(tensor.ndim);
    for (const size of tensor.shape.toReversed()) writer.u64(size);
    writer.u32(ggufLayout(type).id).u64(at);
  }
  const header = writer.finish(alignment);
  await writeFile(target, async (sink) => {
    await sink.write(header);
    for (const { tensor, type, bytes } of entries) {
      await sink.write(await contents(tensor, type));
      await sink.write(new Uint8Array(roundUp(bytes, alignment) - bytes));
    }
  });
}

function describe(
  name: string,
  tensor: Tensor,
  offset: number,
  options: GgufOptions,
  file: string,
): Entry {
  const packed = tensor.dtype === "f32" ? options.quantize?.(name, tensor) : undefined;
  const type = (packed ?? describeTensor(name, tensor).dtype) as GgufType;
  if (packed === undefined && plainDType(type) === undefined) {
    throw new CheckpointError(
      `gguf: dtype must be f32, f16, bf16, f64, i32 or i8, got ${tensor.dtype} for "${name}" in ` +
        `${file}; convert it with x.to("i32")`,
    );
  }
  const bytes = ggufBytes(type, tensor.shape);
  if (bytes === undefined || tensor.ndim > maxDims) {
    const rule = bytes === undefined ? `rows of whole blocks for ${type}` : `${maxDims} dims`;
    throw new CheckpointError(
      `gguf: a tensor must have ${rule}, got [${tensor.shape.join(", ")}] for "${name}" in ${file}; ` +
        "leave it unpacked, or reshape it",
    );
  }
  return { name, tensor, type, bytes, offset };
}

async function contents(tensor: Tensor, type: GgufType): Promise<Uint8Array> {
  const bytes = await tensor.bytes();
  if (type !== "Q8_0" && type !== "Q4_0") return bytes;
  return quantize(type, new Float32Array(new Uint8Array(bytes).buffer));
}
