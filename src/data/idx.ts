import { CheckpointError } from "../base/errors.ts";
import type { HostTensor } from "./host-tensor.ts";
import { hostTensor } from "./host-tensor.ts";

type Reader = (view: DataView, offset: number) => number;

interface IdxType {
  readonly bytes: number;
  readonly create: (length: number) => HostTensor["data"];
  readonly read: Reader;
}

const types: Readonly<Record<number, IdxType>> = {
  0x08: { bytes: 1, create: (n) => new Uint8Array(n), read: (v, at) => v.getUint8(at) },
  0x09: { bytes: 1, create: (n) => new Int8Array(n), read: (v, at) => v.getInt8(at) },
  0x0b: { bytes: 2, create: (n) => new Int16Array(n), read: (v, at) => v.getInt16(at) },
  0x0c: { bytes: 4, create: (n) => new Int32Array(n), read: (v, at) => v.getInt32(at) },
  0x0d: { bytes: 4, create: (n) => new Float32Array(n), read: (v, at) => v.getFloat32(at) },
  0x0e: { bytes: 8, create: (n) => new Float64Array(n), read: (v, at) => v.getFloat64(at) },
};

/**
 * The array in an IDX file, the format MNIST comes in; 16-bit integers are i32.
 *
 * @param name - of the file, for messages.
 * @throws {CheckpointError} if the bytes are no IDX file, or not as many as the header says.
 * @example
 * const file = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9);
 * parseIdx(file).data; // 7, 8, 9
 */
export function parseIdx(bytes: Uint8Array, name = "the file"): HostTensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = bytes.length >= 4 && view.getUint16(0) === 0 ? types[bytes[2]] : undefined;
  if (type === undefined) {
    const start = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0"));
    throw new CheckpointError(
      `idx: ${name} must begin with 00 00, a type and a count of dims, ` +
        `got ${start.join(" ") || "no bytes"}; is it compressed?`,
    );
  }
  const start = 4 + 4 * bytes[3];
  const shape = Array.from({ length: bytes[3] }, (_, i) =>
    8 + 4 * i <= bytes.length ? view.getUint32(4 + 4 * i) : NaN,
  );
  const length = shape.reduce((product, size) => product * size, 1);
  if (start + length * type.bytes !== bytes.length) {
    throw new CheckpointError(
      `idx: ${name} must hold [${shape.join(", ")}] values of ${type.bytes} bytes, ` +
        `got ${Math.max(0, bytes.length - start)} bytes; it is damaged or cut off`,
    );
  }
  const data = type.create(length);
  if (type.bytes === 1) data.set(new Uint8Array(bytes.buffer, bytes.byteOffset + start, length));
  else for (let i = 0; i < length; i++) data[i] = type.read(view, start + i * type.bytes);
  return hostTensor(data, shape);
}
