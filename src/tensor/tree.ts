import { UsageError } from "../base/errors.ts";
import type { Cell } from "../engine/cell.ts";
import type { DeviceName } from "../engine/devices.ts";
import type { DType } from "../ir/dtype.ts";
import type { Shape } from "../ir/shape.ts";
import { sameShape } from "../ir/shape.ts";
import { Tensor } from "./tensor.ts";

/** Tensors and plain values in nested arrays and plain objects. */
export type Tree =
  | Tensor
  | number
  | boolean
  | string
  | null
  | undefined
  | readonly Tree[]
  | { readonly [name: string]: Tree };

/** What makes two calls of a jitted function the same program. */
export type TreeSpec =
  | {
      readonly kind: "tensor";
      readonly shape: Shape;
      readonly dtype: DType;
      readonly device: DeviceName;
      readonly requiresGrad: boolean;
    }
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "array"; readonly items: readonly TreeSpec[] }
  | {
      readonly kind: "object";
      readonly keys: readonly string[];
      readonly items: readonly TreeSpec[];
    };

type PlainObject = Readonly<Record<string, unknown>>;

function isPlainObject(value: unknown): value is PlainObject {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** All tensors of a tree in order; anything else in it is left alone. */
export function tensorsOf(tree: unknown, found: Tensor[] = []): Tensor[] {
  if (tree instanceof Tensor) found.push(tree);
  else if (Array.isArray(tree)) for (const item of tree) tensorsOf(item, found);
  else if (isPlainObject(tree)) for (const key of Object.keys(tree)) tensorsOf(tree[key], found);
  return found;
}

/** All tensors of a tree in order, each with where it is: `carry.hidden[0]`. */
export function tensorLeaves(
  tree: unknown,
  path: string,
  found: { readonly path: string; readonly tensor: Tensor }[] = [],
): { readonly path: string; readonly tensor: Tensor }[] {
  if (tree instanceof Tensor) found.push({ path, tensor: tree });
  else if (Array.isArray(tree))
    tree.forEach((item, i) => tensorLeaves(item, `${path}[${i}]`, found));
  else if (isPlainObject(tree)) {
    for (const key of Object.keys(tree)) tensorLeaves(tree[key], `${path}.${key}`, found);
  }
  return found;
}

/** A copy of a tree with its tensors replaced. */
export function mapTensors<T>(tree: T, replace: (tensor: Tensor) => Tensor): T {
  const map = (value: unknown): unknown => {
    if (value instanceof Tensor) return replace(value);
    if (Array.isArray(value)) return value.map(map);
    if (!isPlainObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, map(item)]));
  };
  return map(tree) as T;
}

/** Describes an argument. @throws {UsageError} if it is neither tensor, plain value nor container. */
export function specOf(value: unknown, path: string): TreeSpec {
  if (value instanceof Tensor) {
    const { shape, dtype, device, requiresGrad } = value;
    return { kind: "tensor", shape, dtype, device, requiresGrad };
  }
  if (value === null || ["number", "boolean", "string", "undefined"].includes(typeof value)) {
    return { kind: "value", value };
  }
  if (Array.isArray(value)) {
    return { kind: "array", items: value.map((item, i) => specOf(item, `${path}[${i}]`)) };
  }
  if (isPlainObject(value)) {
    const keys = Object.keys(value);
    return { kind: "object", keys, items: keys.map((key) => specOf(value[key], `${path}.${key}`)) };
  }
  const name = typeof value === "object" ? (value?.constructor.name ?? "object") : typeof value;
  throw new UsageError(
    `jit: arguments must be tensors, numbers, strings, booleans, null, arrays or plain objects, ` +
      `got ${name} at ${path}; let the function close over it instead of taking it`,
  );
}

/** Whether a value fits a description; its tensors' cells are appended to `found` in order. */
export function matchesSpec(spec: TreeSpec, value: unknown, found: Cell[]): boolean {
  switch (spec.kind) {
    case "tensor":
      if (!(value instanceof Tensor)) return false;
      found.push(value.cell);
      return (
        value.cell.dtype === spec.dtype &&
        value.cell.device === spec.device &&
        value.cell.requiresGrad === spec.requiresGrad &&
        sameShape(value.cell.shape, spec.shape)
      );
    case "value":
      return Object.is(value, spec.value);
    case "array":
      return (
        Array.isArray(value) &&
        value.length === spec.items.length &&
        spec.items.every((item, i) => matchesSpec(item, value[i], found))
      );
    case "object":
      return isPlainObject(value) && matchesObject(spec, value, found);
    default:
      return spec satisfies never;
  }
}

function matchesObject(
  spec: Extract<TreeSpec, { kind: "object" }>,
  value: PlainObject,
  found: Cell[],
): boolean {
  const keys = Object.keys(value);
  return (
    keys.length === spec.keys.length &&
    spec.keys.every((key, i) => key === keys[i] && matchesSpec(spec.items[i], value[key], found))
  );
}
