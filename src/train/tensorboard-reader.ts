import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "../base/errors.ts";
import { decodeRecords } from "./tensorboard-record.ts";
import { decodeFields } from "./tensorboard-wire.ts";

/** A number of an event file. */
export interface ScalarEvent {
  readonly step: number;
  readonly value: number;
  /** Seconds since 1970. */
  readonly wallTime: number;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Little-endian numbers of 4 or 8 bytes; NaN if it is neither. */
function numberOf(value: bigint | Uint8Array): number {
  if (typeof value === "bigint") return Number(value);
  if (value.length === 4) return viewOf(value).getFloat32(0, true);
  return value.length === 8 ? viewOf(value).getFloat64(0, true) : NaN;
}

/** The number of a value: its own field, or as newer programs write it, a tensor of one number. */
function scalarOf(fields: Iterable<{ number: number; value: bigint | Uint8Array }>): {
  tag: string;
  value: number | undefined;
} {
  let tag = "";
  let value: number | undefined;
  for (const field of fields) {
    if (field.number === 1 && typeof field.value !== "bigint") {
      tag = new TextDecoder().decode(field.value);
    } else if (field.number === 2) value = numberOf(field.value);
    else if (field.number === 8 && typeof field.value !== "bigint")
      value = tensorScalar(field.value);
  }
  return { tag, value };
}

/** The number of a float tensor with one element. */
function tensorScalar(bytes: Uint8Array): number | undefined {
  const floatTypes = [1n, 2n];
  const fields = [...decodeFields(bytes)];
  const isFloat = fields.some(
    ({ number, value }) => number === 1 && floatTypes.includes(value as bigint),
  );
  const content = fields.find(({ number }) => number === 4 || number === 5 || number === 6);
  return isFloat && content !== undefined ? numberOf(content.value) : undefined;
}

/** Calls `visit` for each number in a file. */
function visitScalars(
  bytes: Uint8Array,
  name: string,
  visit: (tag: string, event: ScalarEvent) => void,
): void {
  for (const record of decodeRecords(bytes, name)) {
    let [wallTime, step] = [0, 0];
    const summaries: Uint8Array[] = [];
    for (const { number, value } of decodeFields(record)) {
      if (number === 1) wallTime = numberOf(value);
      else if (number === 2) step = numberOf(value);
      else if (number === 5 && typeof value !== "bigint") summaries.push(value);
    }
    for (const { number, value } of summaries.flatMap((summary) => [...decodeFields(summary)])) {
      if (number !== 1 || typeof value === "bigint") continue;
      const scalar = scalarOf(decodeFields(value));
      if (scalar.value !== undefined) visit(scalar.tag, { step, value: scalar.value, wallTime });
    }
  }
}

function eventFiles(path: string): string[] {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder === undefined) {
    throw new CheckpointError(`readScalars: ${path} must be an event file or folder, got neither`);
  }
  if (!isFolder) return [path];
  const names = readdirSync(path).filter((name) => name.includes("tfevents"));
  return names.toSorted().map((name) => join(path, name));
}

/**
 * The numbers in an event file, or in all event files of a folder, by tag and in the order of
 * their files. An event cut off by a kill is left out.
 *
 * @throws {CheckpointError} if there is no such file, or one is damaged.
 */
export function readScalars(path: string): Map<string, ScalarEvent[]> {
  const scalars = new Map<string, ScalarEvent[]>();
  for (const file of eventFiles(path)) {
    visitScalars(readFileSync(file), file, (tag, event) => {
      const events = scalars.get(tag);
      if (events === undefined) scalars.set(tag, [event]);
      else events.push(event);
    });
  }
  return scalars;
}
