import { existsSync } from "node:fs";
import type { CheckpointFolder } from "./checkpoint-folder.ts";
import { readJsonl } from "./jsonl-logger.ts";

/** Whether a run's folder holds one that has not come to its end. */
export async function holdsInterruptedRun(
  checkpoints: CheckpointFolder,
  logPath: string,
): Promise<boolean> {
  if (!existsSync(logPath) || (await checkpoints.latest()) === undefined) return false;
  return readJsonl(logPath).every(({ event }) => event !== "run-end");
}
