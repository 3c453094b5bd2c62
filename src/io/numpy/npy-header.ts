import { product } from "../../base/integers.ts";
import { CheckpointError } from "../../base/errors.ts";
import { ByteCursor } from "../byte-cursor.ts";
import { damagedFile, quoted, shownJson } from "../damaged-file.ts";
import type { StoredDType } from "../stored-dtype.ts";
import { storedBytes } from "../stored-dtype.ts";
import type { TensorInfo } from "../tensor-source.ts";
import type { PythonLiteral } from "./python-literal.ts";
import { parsePythonLiteral } from "./python-literal.ts";

const format = "npy";

/** Elements of an `.npy` file: type, shape and how they lie in the file. */
export interface NpyInfo extends TensorInfo {
  readonly dtype: StoredDType;
  /** The first dim varies fastest. */
  readonly isFortranOrder: boolean;
  readonly isBigEndian: boolean;
  /** Where the elements begin in the file. */
  readonly begin: number;
  /** Where the file ends. */
  readonly end: number;
}

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Bytes at the beginning of a file that surely hold a header of NumPy. */
export const npyPrefixBytes: number = 2 ** 16 + 12;

const dtypesByCode: Readonly<Record<string, StoredDType>> = {
  f2: "F16",
  f4: "F32",
  f8: "F64",
  i1: "I8",
  i2: "I16",
  i4: "I32",
  i8: "I64",
  u1: "U8",
  u2: "U16",
  u4: "U32",
  u8: "U64",
  b1: "BOOL",
  c8: "C64",
};

const codes: Readonly<Partial<Record<StoredDType, string>>> = {
  F64: "<f8",
  F32: "<f4",
  F16: "<f2",
  I32: "<i4",
  U32: "<u4",
  I8: "|i1",
  U8: "|u1",
  BOOL: "|b1",
};

/** What NumPy's codes such as `f4` mean; undefined if there is no counterpart. */
export function dtypeOfCode(code: string): StoredDType | undefined {
  return Object.hasOwn(dtypesByCode, code) ? dtypesByCode[code] : undefined;
}

/** Whether bytes begin as an `.npy` file does. */
export function isNpy(start: Uint8Array): boolean {
  return magic.every((byte, i) => start[i] === byte);
}

/**
 * Parses the header of an `.npy` file, versions 1 to 3, and checks it against the file's size.
 *
 * @param start - the first `npyPrefixBytes` of the file, or all of it.
 * @throws {CheckpointError} if it is damaged, or holds something other than numbers.
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export function parseNpyHeader(start: Uint8Array, fileBytes: number, file: string): NpyInfo {
  const cursor = new ByteCursor(start, format, file);
  if (!isNpy(start)) throw cursor.damaged("a file begins with \\x93NUMPY", "other bytes");
  cursor.at = magic.length;
  const [major, minor] = [cursor.u8(), cursor.u8()];
  if (major < 1 || major > 3 || minor !== 0) {
    throw cursor.damaged("the version must be 1.0, 2.0 or 3.0", `${major}.${minor}`);
  }
  const length = major === 1 ? cursor.u16() : cursor.u32();
  if (length > npyPrefixBytes - 12) {
    throw cursor.damaged(`a header has at most ${npyPrefixBytes - 12} bytes`, `length ${length}`);
  }
  const header = major === 3 ? cursor.text(length) : latin1(cursor.take(length));
  const { descr, fortran_order: isFortranOrder, shape } = parseDict(header, file);
  if (typeof isFortranOrder !== "boolean") {
    throw cursor.damaged("fortran_order must be True or False", quoted(header, 120));
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw cursor.damaged("shape must be a tuple of whole numbers", quoted(header, 120));
  }
  const { dtype, isBigEndian } = parseDescr(descr, file);
  const bytes = storedBytes(dtype, product(shape));
  if (cursor.at + bytes !== fileBytes) {
    const kind = `${dtype} [${shape.join(", ")}]`;
    throw cursor.damaged(`${kind} needs ${bytes} bytes`, `${fileBytes - cursor.at}`);
  }
  return { dtype, shape, isFortranOrder, isBigEndian, begin: cursor.at, end: fileBytes };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

function parseDict(text: string, file: string): Readonly<Record<string, PythonLiteral>> {
  let value: PythonLiteral;
  try {
    value = parsePythonLiteral(text);
  } catch (cause) {
    throw damagedFile(format, file, "the header must be a dict", quoted(text), cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw damagedFile(format, file, "the header must be a dict", quoted(text));
  }
  return value as Readonly<Record<string, PythonLiteral>>;
}

function parseDescr(
  descr: PythonLiteral | undefined,
  file: string,
): { readonly dtype: StoredDType; readonly isBigEndian: boolean } {
  const [, order, code] = /^([<>|=])?(\w+)$/.exec(typeof descr === "string" ? descr : "") ?? [];
  const dtype = dtypeOfCode(code ?? "");
  if (dtype !== undefined) return { dtype, isBigEndian: order === ">" };
  const hint = code?.startsWith("O")
    ? "arrays of objects are pickles, which may run code; save numbers"
    : "save it as floats, integers or bools (bf16 of ml_dtypes as float32)";
  throw new CheckpointError(
    `${format}: dtype must be a number or bool, got ${quoted(shownJson(descr, 80), 80)} ` +
      `in ${file}; ${hint}`,
    { details: { file } },
  );
}

/** Magic, version 1.0 and header for row-major elements, which begin at a multiple of 64. */
export function encodeNpyHeader(dtype: StoredDType, shape: readonly number[]): Uint8Array {
  const code = codes[dtype];
  if (code === undefined) {
    throw new CheckpointError(
      `${format}: dtype must be one of ${Object.keys(codes).join(", ")}, got ${dtype}, which ` +
        'NumPy does not have; convert it with x.to("f32")',
    );
  }
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const dict = `{'descr': '${code}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const length = Math.ceil((magic.length + 4 + dict.length + 1) / 64) * 64;
  const header = new Uint8Array(length).fill(0x20);
  header.set([...magic, 1, 0, (length - 10) & 255, (length - 10) >> 8]);
  header.set(new TextEncoder().encode(dict), 10);
  header[length - 1] = 0x0a;
  return header;
}
