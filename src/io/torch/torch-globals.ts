import { CheckpointError } from "../../base/errors.ts";
import { NumpyArray, NumpyDType, numpyScalar } from "./numpy-values.ts";
import type { PickleGlobal } from "./pickle-values.ts";
import {
  isPickleGlobal,
  PickleDict,
  pickleGlobal,
  PickleObject,
  PickleSet,
  PickleTuple,
} from "./pickle-values.ts";
import { dtypeOfGlobal, dtypeOfStorage } from "./torch-dtypes.ts";
import type { TorchStorage } from "./torch-tensor.ts";
import { TorchTensor } from "./torch-tensor.ts";

/** What to do with classes that are not on the list of plain data. */
export type UnknownClasses = "refuse" | "keep";

type Call = (args: readonly unknown[], file: string) => unknown;

/** Storages as the pickle machine holds them. */
export class PickledStorage {
  readonly storage: TorchStorage;

  constructor(storage: TorchStorage) {
    this.storage = storage;
  }
}

/** Every function and class that may be called, with what it means here. */
const calls: Readonly<Record<string, Call>> = {
  "collections.OrderedDict": ([items]) => dictOf(items),
  "collections.Counter": ([items]) => dictOf(items),
  "collections.defaultdict": ([, items]) => dictOf(items),
  "builtins.dict": ([items]) => dictOf(items),
  "builtins.list": ([items]) => [...itemsOf(items)],
  "builtins.tuple": ([items]) => new PickleTuple(itemsOf(items)),
  "builtins.set": ([items]) => new PickleSet(itemsOf(items)),
  "builtins.frozenset": ([items]) => new PickleSet(itemsOf(items)),
  "builtins.bytearray": ([data]) => (typeof data === "string" ? encodeLatin1(data) : data),
  "_codecs.encode": ([text]) => (typeof text === "string" ? encodeLatin1(text) : null),
  "argparse.Namespace": (args) => new PickleObject("argparse.Namespace", args),
  "torch.Size": ([sizes]) => sizes,
  "torch.device": ([type, index]) =>
    typeof type === "string" && typeof index === "number" ? `${type}:${index}` : type,
  "torch._utils._rebuild_tensor": rebuild,
  "torch._utils._rebuild_tensor_v2": rebuild,
  "torch._utils._rebuild_tensor_v3": ([storage, offset, size, strides, grad, , dtype], file) =>
    rebuild([storage, offset, size, strides, grad, undefined, undefined, dtype], file),
  "torch._utils._rebuild_parameter": rebuildParameter,
  "torch._utils._rebuild_parameter_with_state": rebuildParameter,
  "torch._tensor._rebuild_from_type_v2": rebuildFromType,
  "numpy.dtype": ([code]) => new NumpyDType(code),
  "numpy._core.multiarray._reconstruct": () => new NumpyArray(),
  "numpy._core.numeric._frombuffer": ([data, type, shape, order]) => {
    const array = new NumpyArray();
    array.setState(new PickleTuple([1, shape, type, order === "F", data]));
    return array;
  },
  "numpy._core.multiarray.scalar": ([type, data]) => numpyScalar(type, data),
};

/** Classes that only stand as arguments of the above. */
const names: ReadonlySet<string> = new Set([
  "builtins.int",
  "builtins.float",
  "builtins.str",
  "builtins.bool",
  "numpy.ndarray",
  "torch.Tensor",
  "torch.nn.parameter.Parameter",
  "torch.nn.parameter.Buffer",
]);

/** Names of tensor types in the oldest files. */
const tensorClass = /^torch\.(cuda\.)?(Double|Float|Half|Long|Int|Short|Char|Byte)Tensor$/;

/** Modules under names that Python 2 and older versions gave them. */
function canonical(name: string): string {
  return name
    .replace(/^__builtin__\./, "builtins.")
    .replace(/^numpy\.core\./, "numpy._core.")
    .replace(/^torch\.tensor\._rebuild/, "torch._tensor._rebuild");
}

/**
 * The allow-list of torch files: plain data, tensors and arrays. Nothing outside it is called.
 *
 * @throws {CheckpointError} naming a global that is not on it, if those are refused.
 */
export function torchGlobals(
  file: string,
  unknown: UnknownClasses,
): (name: string) => PickleGlobal {
  const found = new Map<string, PickleGlobal>();
  return (name) => {
    const known = found.get(name);
    if (known !== undefined) return known;
    const made = makeGlobal(name, file, unknown);
    found.set(name, made);
    return made;
  };
}

function makeGlobal(name: string, file: string, unknown: UnknownClasses): PickleGlobal {
  const plain = canonical(name);
  if (Object.hasOwn(calls, plain)) return pickleGlobal(plain, (args) => calls[plain](args, file));
  const isDType = (dtypeOfGlobal(plain) ?? dtypeOfStorage(plain)) !== undefined;
  if (isDType || names.has(plain) || tensorClass.test(plain)) return pickleGlobal(plain);
  if (unknown === "keep") return pickleGlobal(name, (args) => new PickleObject(name, args));
  throw new CheckpointError(
    `torch: a file may hold tensors and plain data only, got the class or function "${plain}" in ` +
      `${file}; nothing of it was run. Save a state dict instead, or pass ` +
      '{ unknownClasses: "keep" } to get such objects as plain data',
    { details: { file, global: plain } },
  );
}

function itemsOf(value: unknown): readonly unknown[] {
  if (value instanceof PickleTuple || value instanceof PickleSet) return value.items;
  return Array.isArray(value) ? value : [];
}

/** A dict from another, from a list of pairs, or empty. */
function dictOf(value: unknown): PickleDict {
  const dict = new PickleDict();
  if (value instanceof PickleDict) for (const [key, item] of value.entries()) dict.set(key, item);
  else for (const pair of itemsOf(value)) dict.set(itemsOf(pair)[0], itemsOf(pair)[1]);
  return dict;
}

function encodeLatin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** As many as torch has. */
const maxDims = 64;

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Arguments: storage, offset, sizes, strides, requiresGrad, hooks, metadata, dtype. */
function rebuild(args: readonly unknown[], file: string): TorchTensor {
  const [pickled, offset, size, stride, requiresGrad] = args;
  const [shape, strides] = [itemsOf(size), itemsOf(stride)];
  const isView =
    pickled instanceof PickledStorage &&
    isCount(offset) &&
    shape.length === strides.length &&
    shape.length <= maxDims &&
    shape.every(isCount) &&
    strides.every(isCount);
  if (!isView) {
    throw new CheckpointError(
      `torch: a tensor must be a storage, offset, sizes and strides, got others in ${file}; ` +
        "the file is damaged, download or save it again",
      { details: { file } },
    );
  }
  const { storage } = pickled;
  const dtype = isPickleGlobal(args[7]) ? dtypeOfGlobal(args[7].name) : storage.dtype;
  if (dtype === undefined) {
    throw new CheckpointError(`torch: a tensor must have a known dtype, got others in ${file}`);
  }
  const view = { dtype, offset, shape, strides, requiresGrad: requiresGrad === true };
  return new TorchTensor(storage, view, file);
}

function rebuildParameter([data, requiresGrad]: readonly unknown[], file: string): unknown {
  return data instanceof TorchTensor ? data.withGrad(requiresGrad === true, file) : data;
}

/** Tensors with attributes: function, class, arguments, attributes. */
function rebuildFromType([builder, , args]: readonly unknown[], file: string): unknown {
  const isTensor =
    isPickleGlobal(builder) && /^torch\._utils\._rebuild_(tensor|parameter)/.test(builder.name);
  if (isTensor && builder.call !== undefined) return builder.call(itemsOf(args));
  throw new CheckpointError(
    `torch: a tensor subclass must be rebuilt from a tensor, got another builder in ${file}; ` +
      "save plain tensors",
    { details: { file } },
  );
}
