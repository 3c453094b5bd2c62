import { ConfigError, ShapeError } from "../base/errors.ts";
import type { HostData } from "../tensor/host.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { HostTensor } from "./host-tensor.ts";
import { hostTensor } from "./host-tensor.ts";

/** What {@link stackItems} makes of a list of items. */
export type Collated<Item> = Item extends HostTensor | HostData | number | boolean
  ? Tensor
  : Item extends string
    ? string[]
    : { -readonly [Key in keyof Item]: Collated<Item[Key]> };

function isHostTensor(item: unknown): item is HostTensor {
  return typeof item === "object" && item !== null && "data" in item && "dtype" in item;
}

/**
 * Stacks items into batches, as torch's default collate function does: host tensors and typed
 * arrays become a tensor with a new first dim, numbers an f32 tensor, booleans a bool tensor, strings a list; lists and
 * records are stacked member by member.
 *
 * @throws {ShapeError} if the items differ in shape or dtype.
 */
export function stackItems<Item>(
  items: readonly Item[],
  options: { readonly device?: string | undefined } = {},
): Collated<Item> {
  return stack(items, options.device) as Collated<Item>;
}

function stack(items: readonly unknown[], device: string | undefined): unknown {
  const [first] = items;
  if (isHostTensor(first)) return stackHostTensors(items as readonly HostTensor[], device);
  if (ArrayBuffer.isView(first)) {
    const arrays = items as readonly HostData[];
    return stackHostTensors(
      arrays.map((data) => hostTensor(data)),
      device,
    );
  }
  if (typeof first === "number") {
    return Tensor.from(Float32Array.from(items as readonly number[]), [items.length], { device });
  }
  if (typeof first === "boolean") {
    const bytes = Uint8Array.from(items, Number);
    return Tensor.from(bytes, [items.length], { dtype: "bool", device });
  }
  if (typeof first === "string") return items;
  if (Array.isArray(first)) {
    const rows = items as readonly (readonly unknown[])[];
    return first.map((_, i) => stack(column(rows, i), device));
  }
  if (typeof first === "object" && first !== null) {
    const rows = items as readonly Readonly<Record<string, unknown>>[];
    const columns = Object.keys(first).map((key) => [key, stack(column(rows, key), device)]);
    return Object.fromEntries(columns);
  }
  throw new ConfigError(
    "collate: items must be host tensors, numbers, booleans, strings, or lists and records of " +
      `them, got ${typeof first}; give the loader a collate function`,
  );
}

function column<Key extends PropertyKey>(
  rows: readonly { readonly [K in Key]: unknown }[],
  key: Key,
): unknown[] {
  return rows.map((row) => row[key]);
}

/** Puts the items into one array behind each other and makes a tensor of it. */
function stackHostTensors(items: readonly HostTensor[], device: string | undefined): Tensor {
  const { shape, dtype } = items[0];
  for (const [i, item] of items.entries()) {
    const isAlike = item.dtype === dtype && item.shape.join() === shape.join();
    if (!isAlike) {
      throw new ShapeError(
        `collate: items must agree in dtype and shape, got ${dtype}[${shape.join(", ")}] and ` +
          `${item.dtype}[${item.shape.join(", ")}] (item ${i}); resize or pad them`,
      );
    }
  }
  const stacked = adjacentData(items) ?? copiedData(items);
  return Tensor.from(stacked, [items.length, ...shape], { dtype, device });
}

type DataConstructor = {
  new (length: number): HostData;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): HostData;
};

/** The items as one array without a copy, if they already lie behind each other. */
function adjacentData(items: readonly HostTensor[]): HostData | undefined {
  const { data } = items[0];
  const areAdjacent = items.every(
    (item, i) =>
      item.data.buffer === data.buffer &&
      item.data.constructor === data.constructor &&
      item.data.byteOffset === data.byteOffset + i * data.byteLength,
  );
  const Data = data.constructor as DataConstructor;
  return areAdjacent
    ? new Data(data.buffer, data.byteOffset, data.length * items.length)
    : undefined;
}

function copiedData(items: readonly HostTensor[]): HostData {
  const { data } = items[0];
  const Data = data.constructor as DataConstructor;
  const stacked = new Data(data.length * items.length);
  for (const [i, item] of items.entries()) stacked.set(item.data, i * data.length);
  return stacked;
}
