import { CheckpointError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import { encodeHeader } from "./safetensors-header.ts";
import { storedBytes } from "./stored-dtype.ts";
import { describeTensor } from "./tensor-bytes.ts";

/** What goes into a file beside the tensors. */
export interface SaveOptions {
  /** Free text by name; transformers and others look for `{ format: "pt" }`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes tensors into a safetensors file, whole or not at all: whatever happens, the path holds the
 * old file or the new one. Equal tensors give equal bytes.
 *
 * @throws {CheckpointError} if the file cannot be written (full disk, no permission).
 */
export async function saveSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  options: SaveOptions = {},
): Promise<void> {
  const { metadata = {} } = options;
  const entries = Object.entries(tensors).map(([name, tensor]) => {
    if (name === "__metadata__") {
      throw new CheckpointError(
        `safetensors: a tensor must not be called "__metadata__", got one for ${path}; rename it`,
      );
    }
    return { tensor, stored: describeTensor(name, tensor) };
  });
  // Wide elements first, so that every tensor is aligned in a mapped file; then by name.
  entries.sort(({ stored: a }, { stored: b }) => {
    const width = storedBytes(b.dtype, 1) - storedBytes(a.dtype, 1);
    return width || (a.name < b.name ? -1 : 1);
  });
  const header = encodeHeader(
    entries.map(({ stored }) => stored),
    metadata,
  );
  await writeFileAtomically(path, async (sink) => {
    await sink.write(header);
    for (const { tensor } of entries) await sink.write(await tensor.bytes());
  });
}
