import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { HostTensor } from "../host-tensor.ts";
import { parseIdx } from "../idx.ts";
import { explainReadError } from "./lines.ts";

/** A compressed file may not become larger than this. */
const mostBytes = 4 * 2 ** 30;

/**
 * Reads an IDX file, compressed by gzip or not.
 *
 * @throws {CheckpointError} if it cannot be read or is damaged.
 */
export async function readIdx(path: string): Promise<HostTensor> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
    const isCompressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
    if (isCompressed) bytes = await promisify(gunzip)(bytes, { maxOutputLength: mostBytes });
  } catch (cause) {
    throw explainReadError("readIdx", path, cause);
  }
  return parseIdx(bytes, path);
}
