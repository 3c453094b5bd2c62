import { createHash, randomUUID } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const DIGEST_BYTES = 32;
const DEFAULT_LIMIT_BYTES = 1024 ** 3;
/** How full a pruned cache is, so that not every entry makes it prune. */
const KEPT_PART = 0.75;

/** Folder of compiled kernels: in ATHANOR_CACHE, else in the person's cache folder. */
export function kernelCacheFolder(): string {
  const { ATHANOR_CACHE: own, XDG_CACHE_HOME: caches } = process.env;
  return join(own ?? join(caches ?? join(homedir(), ".cache"), "athanor"), "cuda");
}

/**
 * Compiled units on disk. A cache that cannot be read or written is no error: the unit is compiled
 * again. Entries carry their digest, so that a damaged one is not used.
 */
export class KernelCache {
  readonly folder: string;
  private readonly limitBytes: number;
  /** Bytes of all entries when they were last looked through, and what this cache added since. */
  private bytes: number = Infinity;

  constructor(folder: string = kernelCacheFolder(), limitBytes: number = DEFAULT_LIMIT_BYTES) {
    this.folder = folder;
    this.limitBytes = limitBytes;
  }

  /** Name of an entry: a digest of everything its content depends on. */
  static key(...parts: readonly string[]): string {
    const hash = createHash("sha256");
    for (const part of parts) hash.update(`${part.length}:`).update(part);
    return hash.digest("hex");
  }

  /** The entry, or null if there is none or it is damaged. */
  get(key: string): Uint8Array | null {
    const path = join(this.folder, key);
    try {
      const bytes = readFileSync(path);
      const content = bytes.subarray(DIGEST_BYTES);
      if (!digest(content).equals(bytes.subarray(0, DIGEST_BYTES))) return null;
      const now = new Date();
      utimesSync(path, now, now);
      return new Uint8Array(content);
    } catch {
      return null;
    }
  }

  /** Stores an entry; other processes see all of it or nothing. */
  set(key: string, content: Uint8Array): void {
    const draft = join(this.folder, `.${key.slice(0, 16)}-${randomUUID()}`);
    try {
      mkdirSync(this.folder, { recursive: true });
      writeFileSync(draft, Buffer.concat([digest(content), content]));
      renameSync(draft, join(this.folder, key));
      this.bytes += DIGEST_BYTES + content.length;
      if (this.bytes > this.limitBytes) this.prune();
    } catch {
      // A full or read-only disk costs time, no results.
      remove(draft);
    }
  }

  /** Removes the entries that were not used for longest, once all of them are too large. */
  private prune(): void {
    const entries = readdirSync(this.folder).map((name) => {
      const path = join(this.folder, name);
      const { size, mtimeMs } = statSync(path);
      return { path, size, mtimeMs };
    });
    this.bytes = entries.reduce((sum, { size }) => sum + size, 0);
    if (this.bytes <= this.limitBytes) return;
    for (const { path, size } of entries.toSorted((a, b) => a.mtimeMs - b.mtimeMs)) {
      remove(path);
      this.bytes -= size;
      if (this.bytes <= this.limitBytes * KEPT_PART) return;
    }
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // What cannot be removed was not ours to remove.
  }
}

function digest(content: Uint8Array): Buffer {
  return createHash("sha256").update(content).digest();
}
