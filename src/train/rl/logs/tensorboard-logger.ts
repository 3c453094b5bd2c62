import { SummaryWriter } from "../../tensorboard-writer.ts";
import type { RunLogger } from "./run-logger.ts";

/** Writes an event file that TensorBoard shows: a curve for each number. */
export function tensorboardLogger(folder: string): RunLogger {
  const writer = new SummaryWriter(folder);
  return {
    write(step, values) {
      for (const [tag, value] of Object.entries(values)) writer.addScalar(tag, value, step);
    },
    close() {
      writer.close();
    },
  };
}
