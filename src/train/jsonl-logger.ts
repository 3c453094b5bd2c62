import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { explainWriteError } from "../io/atomic-file.ts";

/** One line of a log: a name such as `step-end` and what belongs to it. */
export interface LogEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** Writes events into a file, one JSON object a line. */
export interface JsonlLogger extends Disposable {
  /** Writes a line. @throws {CheckpointError} if it cannot, such as on a full disk. */
  log(event: LogEvent): void;
  /** Closes the file. */
  close(): void;
}

/**
 * Opens a log of events. Each line is written at once, so that nothing is lost when the process is
 * killed.
 *
 * @param options.keep - which events of an existing log stay; a run that resumes at a step keeps
 *   those before it. @defaultValue none
 * @throws {CheckpointError} if the file cannot be written, such as on a full disk.
 */
export function jsonlLogger(
  path: string,
  options: { readonly keep?: (event: LogEvent) => boolean } = {},
): JsonlLogger {
  const { keep = () => false } = options;
  let written = 0;
  const attempt = <T>(write: () => T): T => {
    try {
      return write();
    } catch (error) {
      throw explainWriteError(error, path, written);
    }
  };
  const kept = readJsonl(path).filter(keep);
  const file = attempt(() => {
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, "w");
  });
  let isOpen = true;
  const log = (event: LogEvent): void => {
    written += attempt(() => writeSync(file, `${JSON.stringify(event)}\n`));
  };
  for (const event of kept) log(event);
  const close = (): void => {
    if (isOpen) closeSync(file);
    isOpen = false;
  };
  return { log, close, [Symbol.dispose]: close };
}

/** The events of a log, none if there is no file. A last line cut by a kill is left out. */
export function readJsonl(path: string): LogEvent[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        const event: unknown = JSON.parse(line);
        return isEvent(event) ? [event] : [];
      } catch {
        return [];
      }
    });
}

function isEvent(value: unknown): value is LogEvent {
  return typeof value === "object" && value !== null && "event" in value;
}
