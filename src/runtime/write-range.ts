import { ShapeError } from "../base/errors.ts";
import type { HostArray } from "../ir/dtype.ts";
import type { Buffer } from "./backend.ts";

/** @throws {ShapeError} if data written at `offset` would not lie within the buffer. */
export function requireWithin({ bytes }: Buffer, offset: number, data: HostArray): void {
  if (Number.isInteger(offset) && offset >= 0 && offset + data.byteLength <= bytes) return;
  throw new ShapeError(
    `writePart: data must lie within the buffer's ${bytes} bytes, got ${data.byteLength} at ` +
      `offset ${offset}`,
  );
}
