import type { CheckpointError } from "../base/errors.ts";
import { product } from "../base/integers.ts";
import { damagedFile, quoted, shownJson } from "./damaged-file.ts";
import type { StoredDType } from "./stored-dtype.ts";
import { isStoredDType, storedBytes, storedDTypes } from "./stored-dtype.ts";

/** Where one tensor lies in a safetensors file. */
export interface StoredTensorInfo {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** First byte, counted from the start of the file. */
  readonly begin: number;
  /** One past the last byte. */
  readonly end: number;
}

/** A checked header: all ranges lie in the file, fill it, and do not overlap. */
export interface SafetensorsHeader {
  /** In the order of the bytes. */
  readonly tensors: ReadonlyMap<string, StoredTensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes of the length field before the header. */
export const lengthBytes = 8;
/** The longest header the format allows. */
const maxHeaderBytes = 100_000_000;
const metadataKey = "__metadata__";

function damaged(file: string, invariant: string, got: string, cause?: unknown): CheckpointError {
  return damagedFile("safetensors", file, invariant, got, cause);
}

/**
 * Length of the header by the file's first 8 bytes, checked against the file's size, so that a
 * lying length allocates nothing.
 *
 * @throws {CheckpointError}
 */
export function headerLength(start: Uint8Array, fileBytes: number, file: string): number {
  if (fileBytes < lengthBytes || start.byteLength < lengthBytes) {
    throw damaged(file, "a file begins with an 8-byte header length", `${fileBytes} bytes`);
  }
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    throw damaged(file, `a header has at most ${maxHeaderBytes} bytes`, `length ${length}`);
  }
  if (lengthBytes + Number(length) > fileBytes) {
    throw damaged(
      file,
      "the header must lie inside the file",
      `header length ${length} but ${fileBytes} bytes`,
    );
  }
  return Number(length);
}

/** Names of the members of a JSON object, repeated ones included. `text` must be valid JSON. */
function memberNames(text: string): string[] {
  const names: string[] = [];
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    if (char !== '"') continue;
    const start = i;
    for (i++; text[i] !== '"'; i++) if (text[i] === "\\") i++;
    if (depth !== 1) continue;
    let next = i + 1;
    while (" \t\r\n".includes(text[next])) next++;
    if (text[next] === ":") names.push(JSON.parse(text.slice(start, i + 1)) as string);
  }
  return names;
}

function parseJson(bytes: Uint8Array, file: string): Readonly<Record<string, unknown>> {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw damaged(file, "the header must be UTF-8", "other bytes", cause);
  }
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(file, "the header must be JSON", quoted(text), cause);
  }
  if (!text.startsWith("{") || !isObject(value)) {
    throw damaged(file, "the header must be a JSON object", quoted(text));
  }
  const seen = new Set<string>();
  for (const name of memberNames(text)) {
    if (seen.has(name)) throw damaged(file, "every name stands once", `"${name}" twice`);
    seen.add(name);
  }
  return value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function parseMetadata(value: unknown, file: string): Record<string, string> {
  const isStrings =
    isObject(value) && Object.values(value).every((entry) => typeof entry === "string");
  if (!isStrings) {
    throw damaged(file, `${metadataKey} maps names to strings`, shownJson(value, 80));
  }
  return value as Record<string, string>;
}

/** One entry of the header, with offsets from the start of the data. */
function parseEntry(name: string, value: unknown, file: string): StoredTensorInfo {
  if (!isObject(value)) {
    throw damaged(file, `tensor "${name}" is described by an object`, shownJson(value));
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isStoredDType(dtype)) {
    const known = storedDTypes().join(", ");
    throw damaged(file, `dtype of "${name}" must be one of ${known}`, shownJson(dtype));
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw damaged(file, `shape of "${name}" must be a list of whole numbers`, shownJson(value));
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw damaged(file, `data_offsets of "${name}" must be two whole numbers`, shownJson(value));
  }
  const [begin, end] = offsets as [number, number];
  const bytes = storedBytes(dtype, product(shape));
  if (bytes !== end - begin || !Number.isSafeInteger(bytes)) {
    throw damaged(
      file,
      `"${name}" (${dtype} [${shape.join(", ")}]) must have ${bytes} bytes`,
      `offsets ${begin} to ${end} (${end - begin} bytes)`,
    );
  }
  return { dtype, shape, begin, end };
}

/** The ranges in order must fill the data: no holes, no overlaps, nothing left over. */
function checkCoverage(
  entries: readonly (readonly [string, StoredTensorInfo])[],
  dataBytes: number,
  file: string,
): void {
  let reached = 0;
  let previous = "the header";
  for (const [name, { begin, end }] of entries) {
    if (begin !== reached) {
      const kind = begin < reached ? "overlap" : "leave a hole";
      throw damaged(
        file,
        `tensors must not ${kind}: "${name}" must begin at ${reached}, after ${previous}`,
        `${begin} to ${end}`,
      );
    }
    reached = end;
    previous = `"${name}"`;
  }
  if (reached !== dataBytes) {
    throw damaged(file, `the tensors need ${reached} bytes of data`, `${dataBytes} bytes`);
  }
}

/**
 * Parses and checks the JSON header.
 *
 * @param bytes - the header without its length field.
 * @throws {CheckpointError} naming the file, the tensor and the numbers.
 */
export function parseHeader(bytes: Uint8Array, fileBytes: number, file: string): SafetensorsHeader {
  let metadata: Record<string, string> = {};
  const entries: (readonly [string, StoredTensorInfo])[] = [];
  for (const [name, value] of Object.entries(parseJson(bytes, file))) {
    if (name === metadataKey) metadata = parseMetadata(value, file);
    else entries.push([name, parseEntry(name, value, file)]);
  }
  // An empty tensor sorts before the one that begins where it ends.
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  const dataStart = lengthBytes + bytes.byteLength;
  checkCoverage(entries, fileBytes - dataStart, file);
  const tensors = entries.map(
    ([name, info]) =>
      [name, { ...info, begin: info.begin + dataStart, end: info.end + dataStart }] as const,
  );
  return { tensors: new Map(tensors), metadata };
}

/** What a header says about one tensor to write. */
export interface TensorToStore {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/**
 * The length field and the header of a file that holds the tensors in the given order, padded
 * with spaces so that the data begins at a multiple of 8.
 */
export function encodeHeader(
  tensors: readonly TensorToStore[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const members = Object.keys(metadata).length === 0 ? [] : [member(metadataKey, metadata)];
  let offset = 0;
  for (const { name, dtype, shape, bytes } of tensors) {
    members.push(member(name, { dtype, shape, data_offsets: [offset, offset + bytes] }));
    offset += bytes;
  }
  const json = new TextEncoder().encode(`{${members.join(",")}}`);
  const length = Math.ceil(json.byteLength / 8) * 8;
  const header = new Uint8Array(lengthBytes + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, lengthBytes);
  return header;
}

function member(name: string, value: unknown): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}
