import { randomBytes } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { formatBytes } from "../base/integers.ts";
import { CheckpointError } from "../base/errors.ts";
import type { ByteSink } from "./byte-sink.ts";

/** Node refuses to write 2 GiB at once. */
const chunkBytes = 256 * 2 ** 20;

/**
 * Writes a file so that at any moment, even after a crash or a power cut, its path holds the whole
 * old file or the whole new one: a temporary file beside it is written, synced and renamed over it.
 * On failure the temporary file is removed.
 *
 * @throws {CheckpointError} if the file cannot be written; what `write` throws passes through.
 */
export async function writeFileAtomically(
  path: string,
  write: (sink: ByteSink) => Promise<void>,
): Promise<void> {
  const target = resolve(path);
  const folder = dirname(target);
  let written = 0;
  let temporary: string | undefined;
  try {
    await mkdir(folder, { recursive: true });
    await removeAbandoned(folder, (name) => name === basename(target));
    temporary = join(folder, temporaryName(basename(target)));
    const handle = await open(temporary, "wx");
    try {
      await write({
        async write(bytes) {
          await writeAll(handle, bytes);
          written += bytes.byteLength;
        },
      });
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
    await syncFolder(folder);
  } catch (error) {
    if (temporary !== undefined) await unlink(temporary).catch(() => {});
    throw explainWriteError(error, target, written);
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const length = Math.min(chunkBytes, bytes.byteLength - done);
    done += (await handle.write(bytes, done, length)).bytesWritten;
  }
}

function temporaryName(name: string): string {
  return `.${name}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
}

/** Removes temporary files of killed writers, for the targets in a folder that are named. */
export async function removeAbandoned(
  folder: string,
  isTarget: (name: string) => boolean,
): Promise<void> {
  for (const file of await readdir(folder)) {
    const [, name, writer] = /^\.(.+)\.(\d+)\.[0-9a-f]{8}\.tmp$/.exec(file) ?? [];
    if (name === undefined || !isTarget(name) || isAlive(Number(writer))) continue;
    await unlink(join(folder, file)).catch(() => {});
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errnoOf(error) === "EPERM";
  }
}

/** Makes the rename itself survive a power cut. Windows cannot open folders and needs no sync. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot sync folders; the file itself is safe.
    if (errnoOf(error) !== "EINVAL" && errnoOf(error) !== "ENOTSUP") throw error;
  } finally {
    await handle.close();
  }
}

/** The errno name of a system error, such as `ENOSPC`. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return undefined;
  return String(error.code);
}

const advice: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; free some space or choose another folder",
  EDQUOT: "the disk quota is used up; free some space or choose another folder",
  EFBIG: "the file is larger than the file system or the process limit allows",
  EACCES: "you may not write there; choose another folder",
  EPERM: "you may not write there; choose another folder",
  EROFS: "the file system is read-only; choose another folder",
  EISDIR: "a folder has this name; choose another file name",
  ENOTDIR: "a file has the name of a folder in this path; choose another path",
  // mkdir says so if the parent of the target is a file.
  EEXIST: "a file has the name of a folder in this path; choose another path",
};

/** A system error of writing a file as a CheckpointError with advice; other errors as they are. */
export function explainWriteError(error: unknown, path: string, written: number): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const hint = advice[errno] ?? "see the cause";
  return new CheckpointError(
    `save: ${path} must be writable, got ${errno} after ${formatBytes(written)}; ${hint} ` +
      "(what was there before is unchanged)",
    { cause: error, details: { path, errno, written } },
  );
}
