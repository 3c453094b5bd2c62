import type { HostData } from "../tensor/host.ts";

/** Items whose arrays all lie in one buffer, which moves to another thread without a copy. */
export interface PackedItems {
  readonly items: readonly unknown[];
  readonly buffer: ArrayBuffer;
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isArrayData(value: unknown): value is HostData {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function mapArrays(value: unknown, change: (data: HostData) => HostData): unknown {
  if (isArrayData(value)) return change(value);
  if (Array.isArray(value)) return value.map((entry) => mapArrays(entry, change));
  if (!isPlain(value)) return value;
  const entries = Object.entries(value).map(([key, entry]) => [key, mapArrays(entry, change)]);
  return Object.fromEntries(entries);
}

/**
 * Copies the typed arrays in lists and plain objects into one buffer. The k-th arrays of all items
 * lie behind each other, so that stacking them later needs no copy.
 */
export function packItems(items: readonly unknown[]): PackedItems {
  const arrays = items.map((item) => {
    const found: HostData[] = [];
    mapArrays(item, (data) => {
      found.push(data);
      return data;
    });
    return found;
  });
  let bytes = 0;
  const offsets = arrays.map((found) => new Array<number>(found.length).fill(0));
  const most = Math.max(0, ...arrays.map((found) => found.length));
  for (let k = 0; k < most; k++) {
    bytes = Math.ceil(bytes / 8) * 8;
    for (const [i, found] of arrays.entries()) {
      if (found[k] === undefined) continue;
      const { BYTES_PER_ELEMENT: width } = found[k];
      bytes = Math.ceil(bytes / width) * width;
      offsets[i][k] = bytes;
      bytes += found[k].byteLength;
    }
  }
  const buffer = new ArrayBuffer(bytes);
  const packed = items.map((item, i) => {
    let k = 0;
    return mapArrays(item, (data) => {
      const Data = data.constructor as new (
        buffer: ArrayBuffer,
        byteOffset: number,
        length: number,
      ) => HostData;
      const copy = new Data(buffer, offsets[i][k++], data.length);
      copy.set(data);
      return copy;
    });
  });
  return { items: packed, buffer };
}
