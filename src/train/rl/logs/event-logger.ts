import type { LogEvent } from "../../jsonl-logger.ts";
import type { RunLogger } from "./run-logger.ts";

/** Name of the events that hold the numbers of a line of the log. */
const metricsEvent = "metrics";

/**
 * Hands each line of the log on as an event `{ event: "metrics", step, … }`, such as to the `log` of
 * a `jsonlLogger`.
 */
export function eventLogger(emit: (event: LogEvent) => void): RunLogger {
  return {
    write(step, values) {
      emit({ event: metricsEvent, step, ...values });
    },
    close() {},
  };
}
