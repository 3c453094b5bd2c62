import { UsageError } from "../base/errors.ts";

/** Random access to the bytes of a file: on disk, in memory, or a browser's Blob. */
export interface ByteSource {
  /** The path, or words for it, in error messages. */
  readonly name: string;
  readonly size: number;
  /** A copy of the bytes from `begin` to before `end`, which must lie in the file. */
  read(begin: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** What `Blob` and `File` offer. */
export interface BlobLike {
  readonly size: number;
  /** The bytes from `begin` to before `end`. */
  slice(begin: number, end: number): BlobPart;
}

/** A part of a blob. */
export interface BlobPart {
  /** Its bytes. */
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** Where files are read from: a path (Node), bytes in memory, or a `Blob` or `File`. */
export type FileInput = string | Uint8Array | ArrayBuffer | BlobLike;

const inMemory = "the given bytes";

/**
 * Opens whatever holds a file. Platform code is imported only for a path, so that everything else
 * works in browsers.
 *
 * @param format - begins the message if the file cannot be opened.
 * @throws {CheckpointError} if a path cannot be read.
 */
export async function openSource(input: FileInput, format: string): Promise<ByteSource> {
  if (typeof input === "string") {
    const { openFile } = await import("./file-source.ts");
    return openFile(input, format);
  }
  if (input instanceof Uint8Array) return memorySource(input);
  if (input instanceof ArrayBuffer) return memorySource(new Uint8Array(input));
  if (
    typeof input === "object" &&
    input !== null &&
    "slice" in input &&
    typeof input.slice === "function"
  ) {
    return blobSource(input);
  }
  throw new UsageError(
    `${format}: a file is given by path, bytes or Blob, got ${typeof input}; pass one of them`,
  );
}

/** Bytes in memory as a source. */
export function memorySource(bytes: Uint8Array, name: string = inMemory): ByteSource {
  return {
    name,
    size: bytes.byteLength,
    // A copy, because typed arrays need aligned offsets and tensors must not see later changes.
    read: (begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> =>
      Promise.resolve(new Uint8Array(bytes.subarray(begin, end))),
    close: () => Promise.resolve(),
  };
}

function blobSource(blob: BlobLike): ByteSource {
  return {
    name: "the given blob",
    size: blob.size,
    read: async (begin, end) => new Uint8Array(await blob.slice(begin, end).arrayBuffer()),
    close: () => Promise.resolve(),
  };
}
