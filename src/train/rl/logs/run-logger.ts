import type { LogValues } from "../callback.ts";

/** Where the numbers of a training go: a table, a file, TensorBoard. */
export interface RunLogger {
  /** Writes numbers that belong to a step. */
  write(step: number, values: LogValues): void;
  /** Closes what is open. */
  close(): void;
}
