import { CheckpointError } from "../base/errors.ts";

/** CRC-32C (Castagnoli), bits reflected. */
const crcTable = new Uint32Array(256).map((_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** The checksum of RFC 3720. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The checksum as TFRecord files store it, so that a checksum of checksums is none. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/**
 * A record of a TFRecord file: length u64, checksum of the length, data, checksum of the data; all
 * little-endian.
 */
export function encodeRecord(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + data.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return bytes;
}

/**
 * The records of a TFRecord file. A last record that was cut off, as by a kill, is left out.
 *
 * @param name - of the file, for messages.
 * @throws {CheckpointError} if a checksum is wrong.
 */
export function* decodeRecords(bytes: Uint8Array, name: string): Generator<Uint8Array, void, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + 12 <= bytes.length) {
    const length = Number(view.getBigUint64(at, true));
    requireChecksum(bytes.subarray(at, at + 8), view.getUint32(at + 8, true), name, at);
    const end = at + 12 + length;
    if (end + 4 > bytes.length) return;
    const data = bytes.subarray(at + 12, end);
    requireChecksum(data, view.getUint32(end, true), name, at);
    yield data;
    at = end + 4;
  }
}

function requireChecksum(data: Uint8Array, stored: number, name: string, at: number): void {
  if (maskedCrc32c(data) === stored) return;
  throw new CheckpointError(
    `tensorboard: the record at byte ${at} of ${name} must match its checksum, got damaged data`,
  );
}
