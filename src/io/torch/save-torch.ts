import { ConfigError } from "../../base/errors.ts";
import { contiguousStrides } from "../contiguous-strides.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { FileTarget } from "../byte-sink.ts";
import { writeFile } from "../byte-sink.ts";
import { describeTensor } from "../tensor-bytes.ts";
import { ZipWriter } from "../zip/zip-writer.ts";
import { PickleWriter } from "./pickle-writer.ts";
import { storageOfDType } from "./torch-dtypes.ts";

const maxDepth = 200;
/** Where torch aligns storages, so that they can be mapped. */
const alignment = 64;

/**
 * Writes state of any shape as `torch.save` does, whole or not at all; PyTorch reads it with
 * `torch.load(path, weights_only=True)`. Tensors, numbers, texts, booleans, null, bigints, arrays
 * (lists), plain objects and Maps (dicts) can be saved. Whole numbers become `int`, others `float`. The
 * keys of objects become text; a Map keeps numbers, as torch's optimizers have them.
 *
 * @throws {ConfigError} if the state holds something else; {CheckpointError} if the file cannot be
 *   written.
 * @example
 * await saveTorch("model.pth", model.stateDict());
 */
export async function saveTorch(target: FileTarget, state: unknown): Promise<void> {
  const { pickle, tensors } = pickleState(state);
  await writeFile(target, async (sink) => {
    const zip = new ZipWriter(sink);
    const text = (content: string): Uint8Array => new TextEncoder().encode(content);
    await zip.add("archive/data.pkl", pickle, { alignment });
    await zip.add("archive/.format_version", text("1"), { alignment });
    await zip.add("archive/byteorder", text("little"), { alignment });
    for (const [i, tensor] of tensors.entries()) {
      await zip.add(`archive/data/${i}`, await tensor.bytes(), { alignment });
    }
    await zip.add("archive/version", text("3\n"), { alignment });
    await zip.finish();
  });
}

function pickleState(state: unknown): { pickle: Uint8Array; tensors: readonly Tensor[] } {
  const writer = new PickleWriter();
  const keys = new Map<Tensor, number>();
  const write = (value: unknown, path: string, depth: number): void => {
    if (depth > maxDepth) {
      throw new ConfigError(
        `saveTorch: state may be nested ${maxDepth} levels deep, got more; does it hold itself?`,
      );
    }
    const inner = (item: unknown, key: unknown): void =>
      write(item, path === "" ? String(key) : `${path}.${String(key)}`, depth + 1);
    if (value instanceof Tensor) {
      const key = keys.get(value) ?? keys.size;
      keys.set(value, key);
      writeTensor(writer, value, key, path);
    } else if (Array.isArray(value)) {
      writer.op("]").op("(");
      for (const [i, item] of value.entries()) inner(item, i);
      writer.op("e");
    } else if (value instanceof Map || isPlainObject(value)) {
      const entries = value instanceof Map ? [...value] : Object.entries(value);
      writer.op("}").op("(");
      for (const [key, item] of entries as [unknown, unknown][]) {
        if (item === undefined) continue;
        inner(key, "a key");
        inner(item, key);
      }
      writer.op("u");
    } else if (!writePlain(writer, value)) {
      const got = typeof value === "object" ? (value?.constructor.name ?? "null") : typeof value;
      throw new ConfigError(
        "saveTorch: state must be tensors, numbers, bigints, strings, booleans, null, arrays, plain " +
          `objects and Maps, got ${got} at ${path || "the top"}; save its stateDict()`,
      );
    }
  };
  write(state, "", 0);
  return { pickle: writer.finish(), tensors: [...keys.keys()] };
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Writes a value without parts; false if it is none. */
function writePlain(writer: PickleWriter, value: unknown): boolean {
  if (value === null || value === undefined) writer.op("N");
  else if (typeof value === "string") writer.text(value);
  else if (typeof value === "boolean") writer.bool(value);
  else if (typeof value === "bigint" && BigInt.asIntN(2000, value) === value) writer.integer(value);
  else if (typeof value !== "number") return false;
  else if (Number.isSafeInteger(value) && !Object.is(value, -0)) writer.integer(value);
  else writer.float(value);
  return true;
}

function writeTensor(writer: PickleWriter, tensor: Tensor, key: number, path: string): void {
  const { dtype, bytes } = describeTensor(path, tensor);
  const storage = storageOfDType(dtype);
  writer.global("torch._utils", `_rebuild_tensor_v${storage === undefined ? 3 : 2}`).op("(");
  writer.op("(").text("storage");
  if (storage === undefined) writer.global("torch.storage", "UntypedStorage");
  else writer.global("torch", storage);
  const units = storage === undefined ? bytes : tensor.numel;
  writer.text(String(key)).text("cpu").integer(units).op("t").op("Q");
  writer.integer(0).integers(tensor.shape).integers(contiguousStrides(tensor.shape)).bool(false);
  writer.global("collections", "OrderedDict").op(")").op("R");
  // u32 has no storage class of its own, so the dtype stands beside untyped bytes.
  if (storage === undefined) writer.global("torch", "uint32");
  writer.op("t").op("R");
}
