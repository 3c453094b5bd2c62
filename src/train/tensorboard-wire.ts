import { CheckpointError } from "../base/errors.ts";

/** One field of a protocol buffer, encoded. */
export type WireField = Uint8Array;

function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

/** Fields behind each other: the content of a message. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** An int32, int64, enum or bool. */
export function integerField(number: number, value: number): WireField {
  return Uint8Array.from([...varint(number * 8), ...varint(value)]);
}

/** A double. */
export function doubleField(number: number, value: number): WireField {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return concatBytes([Uint8Array.from(varint(number * 8 + 1)), bytes]);
}

/** A float. */
export function floatField(number: number, value: number): WireField {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concatBytes([Uint8Array.from(varint(number * 8 + 5)), bytes]);
}

/** Bytes, a text, or a message of fields. */
export function bytesField(
  number: number,
  content: string | Uint8Array | readonly WireField[],
): WireField {
  const bytes =
    typeof content === "string"
      ? new TextEncoder().encode(content)
      : content instanceof Uint8Array
        ? content
        : concatBytes(content);
  return concatBytes([
    Uint8Array.from([...varint(number * 8 + 2), ...varint(bytes.length)]),
    bytes,
  ]);
}

/** A packed list of doubles. */
export function doublesField(number: number, values: ArrayLike<number>): WireField {
  const bytes = new Uint8Array(8 * values.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setFloat64(8 * i, values[i], true);
  return bytesField(number, bytes);
}

/** A decoded field: the number of a varint, or raw bytes. */
export interface WireValue {
  readonly number: number;
  readonly value: bigint | Uint8Array;
}

/**
 * The fields of a message.
 *
 * @throws {CheckpointError} if it ends within a field.
 */
export function* decodeFields(bytes: Uint8Array): Generator<WireValue, void, void> {
  let at = 0;
  const fail = (): never => {
    throw new CheckpointError("tensorboard: a message must hold whole fields, got damaged data");
  };
  const readVarint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (at >= bytes.length) return fail();
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
    }
    return fail();
  };
  const take = (length: number): Uint8Array => {
    if (!(length >= 0) || at + length > bytes.length) return fail();
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = Number(readVarint());
    const number = Math.floor(key / 8);
    const kind = key % 8;
    if (kind === 0) yield { number, value: readVarint() };
    else if (kind === 1) yield { number, value: take(8) };
    else if (kind === 2) yield { number, value: take(Number(readVarint())) };
    else if (kind === 5) yield { number, value: take(4) };
    else fail();
  }
}
