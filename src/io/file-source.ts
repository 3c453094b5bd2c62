import type { FileHandle } from "node:fs/promises";
import { open, stat } from "node:fs/promises";
import { CheckpointError } from "../base/errors.ts";
import { errnoOf } from "./atomic-file.ts";
import type { ByteSource } from "./byte-source.ts";

/** Node reads at most 2 GiB at once. */
const chunkBytes = 2 ** 30;

/**
 * Opens a file for reading.
 *
 * @throws {CheckpointError} if there is none, or it may not be read.
 */
export async function openFile(path: string, format: string): Promise<ByteSource> {
  try {
    const status = await stat(path);
    // Opening a pipe would wait for its writer.
    if (!status.isFile()) {
      const kind = status.isDirectory() ? "a folder" : "a device or pipe";
      throw new CheckpointError(
        `${format}: the path must name a file, got ${kind} at ${path}; name the file in it`,
        { details: { file: path } },
      );
    }
    const handle = await open(path, "r");
    return {
      name: path,
      size: (await handle.stat()).size,
      read: (begin, end) => readRange(handle, begin, end, path, format),
      close: () => handle.close(),
    };
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(
      `${format}: the file must be readable, got ${errnoOf(cause) ?? String(cause)} for ${path}; ` +
        "check the path",
      { cause, details: { file: path } },
    );
  }
}

async function readRange(
  handle: FileHandle,
  begin: number,
  end: number,
  path: string,
  format: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - begin);
  let done = 0;
  while (done < bytes.byteLength) {
    const length = Math.min(chunkBytes, bytes.byteLength - done);
    const { bytesRead } = await handle.read(bytes, done, length, begin + done);
    if (bytesRead === 0) {
      throw new CheckpointError(
        `${format}: the file must keep its size while it is read, got its end at byte ` +
          `${begin + done} instead of ${end} in ${path}; is it being written?`,
        { details: { file: path } },
      );
    }
    done += bytesRead;
  }
  return bytes;
}
