/** Takes the bytes of a file in order. */
export interface ByteSink {
  /** Resolves when the bytes may change again. */
  write(bytes: Uint8Array): Promise<void>;
}

/** Where files are written to: a path (Node), or a sink, such as a writer of a `WritableStream`. */
export type FileTarget = string | ByteSink;

/**
 * Writes a file, to a path whole or not at all.
 *
 * @throws {CheckpointError} if a path cannot be written; what `write` throws passes through.
 */
export async function writeFile(
  target: FileTarget,
  write: (sink: ByteSink) => Promise<void>,
): Promise<void> {
  if (typeof target !== "string") return write(target);
  const { writeFileAtomically } = await import("./atomic-file.ts");
  return writeFileAtomically(target, write);
}

/** How errors call a target. */
export function targetName(target: FileTarget): string {
  return typeof target === "string" ? target : "the given sink";
}
