import type { LogEvent } from "../jsonl-logger.ts";

/** Values of a field over the steps of one kind of event. */
export function eventCurve(
  events: readonly LogEvent[],
  kind: string,
  field: string,
): (readonly [step: number, value: number])[] {
  return events.flatMap((event) => {
    const [step, value] = [event["step"], event[field]];
    const isPoint = event.event === kind && typeof step === "number" && typeof value === "number";
    return isPoint ? [[step, value] as const] : [];
  });
}
