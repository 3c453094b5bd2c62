import { CheckpointError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Where tensors go that are read from a file. */
export interface LoadOptions {
  /** @defaultValue the default device */
  readonly device?: string | undefined;
}

/** What a file says about one tensor. */
export interface TensorInfo {
  /** Element type as the file has it, spelled as safetensors or GGUF do: `"F32"`, `"Q4_K"`. */
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** Contents of a file by name, read when asked for. Close it (or declare it with `await using`). */
export interface TensorSource<Info extends TensorInfo = TensorInfo> extends AsyncDisposable {
  /** What the file says beside its tensors. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Names of all tensors. */
  keys(): string[];
  /** Whether there is a tensor of this name. */
  has(name: string): boolean;
  /** Dtype and shape of a tensor. @throws {CheckpointError} if there is none. */
  info(name: string): Info;
  /** Reads one tensor. @throws {CheckpointError} if there is none, or it cannot be represented. */
  get(name: string, options?: LoadOptions): Promise<Tensor>;
  /** Closes the files; nothing can be read after. */
  close(): Promise<void>;
}

/** Reads all tensors and closes the source. */
export async function readAll(
  source: TensorSource,
  options: LoadOptions,
): Promise<Record<string, Tensor>> {
  await using file = source;
  const tensors: [string, Tensor][] = [];
  for (const name of file.keys()) tensors.push([name, await file.get(name, options)]);
  return Object.fromEntries(tensors);
}

/** The error for a name that a file does not have. */
export function missingTensor(
  format: string,
  name: string,
  names: readonly string[],
  path: string,
): CheckpointError {
  const shown = names.slice(0, 5).map((other) => `"${other}"`);
  if (names.length > shown.length) shown.push(`${names.length - shown.length} more`);
  return new CheckpointError(
    `${format}: the tensor must be in the file, got "${name}", which is not in ${path}; ` +
      `it has ${shown.join(", ") || "no tensors"}`,
    { details: { file: path, name } },
  );
}
