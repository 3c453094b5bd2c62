import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { CheckpointError } from "../../base/errors.ts";
import { ArrayDataset } from "../array-dataset.ts";
import { listOf, streamOf } from "./stream-of.ts";

/** @internal The bytes of a file; those of a `.gz` file are decompressed. */
export function openBytes(path: string): AsyncIterable<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: 256 * 1024 });
  // Errors of the file reach whoever reads the result.
  return path.endsWith(".gz") ? pipeline(file, createGunzip(), () => {}) : file;
}

/** @internal Says which file could not be read. */
export function explainReadError(reader: string, path: string, cause: unknown): CheckpointError {
  if (cause instanceof CheckpointError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CheckpointError(`${reader}: ${path} must be a readable file, got ${reason}`, {
    cause,
  });
}

/** @internal The lines of a UTF-8 file, without their ends. Only \n and \r\n end a line. */
export async function* readLineTexts(
  reader: string,
  path: string,
): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  try {
    for await (const chunk of openBytes(path)) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield withoutReturn(line);
    }
    rest += decoder.decode();
  } catch (cause) {
    throw explainReadError(reader, path, cause);
  }
  if (rest !== "") yield withoutReturn(rest);
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/** The lines of a text file, one after the other; `.gz` files are decompressed. */
export function streamLines(path: string): AsyncIterable<string> {
  return streamOf(() => readLineTexts("streamLines", path));
}

/**
 * The lines of a text file as a dataset in memory; `.gz` files are decompressed.
 *
 * @throws {CheckpointError} if the file cannot be read or is not UTF-8.
 */
export async function readLines(path: string): Promise<ArrayDataset<string>> {
  return new ArrayDataset(await listOf(readLineTexts("readLines", path)));
}
