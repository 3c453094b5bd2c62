import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fixturePath, loadFixture } from "../../test/reference/fixture.ts";
import { CheckpointError } from "../base/errors.ts";
import { encodeHeader, headerLength, parseHeader } from "./safetensors-header.ts";

const { cases } = loadFixture("storage");

function parse(bytes: Uint8Array): ReturnType<typeof parseHeader> {
  const length = headerLength(bytes, bytes.byteLength, "file");
  return parseHeader(bytes.subarray(8, 8 + length), bytes.byteLength, "file");
}

/** A file with this header and `dataBytes` bytes of data. */
function fileOf(header: unknown, dataBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(
    typeof header === "string" ? header : JSON.stringify(header),
  );
  const bytes = new Uint8Array(8 + json.byteLength + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.byteLength), true);
  bytes.set(json, 8);
  return bytes;
}

describe("parseHeader", () => {
  const whole = cases.filter((entry) => entry.tensors !== undefined);
  it.each(whole)("reads what the reference library wrote: $name", (entry) => {
    const header = parse(readFileSync(fixturePath(entry.file ?? "")));
    const expected = Object.entries(entry.tensors ?? {});
    expect(header.tensors.size).toBe(expected.length);
    for (const [name, { dtype, shape }] of expected) {
      expect(header.tensors.get(name)).toMatchObject({ dtype, shape });
    }
    expect(header.metadata).toEqual(entry.metadata ?? {});
  });

  const broken = cases.filter((entry) => entry.broken !== undefined);
  it.each(broken)("refuses $name: $broken", (entry) => {
    const bytes = readFileSync(fixturePath(entry.file ?? ""));
    expect(() => parse(bytes)).toThrow(CheckpointError);
  });

  const f32 = (begin: number, end: number, shape = [(end - begin) / 4]): object => ({
    dtype: "F32",
    shape,
    data_offsets: [begin, end],
  });

  it.each<[string, unknown, number, string]>([
    ["a hole", { a: f32(0, 4), b: f32(8, 12) }, 12, 'leave a hole: "b" must begin at 4, after "a"'],
    ["a hole at the start", { a: f32(4, 8) }, 8, '"a" must begin at 0, after the header'],
    ["overlap", { a: f32(0, 8), b: f32(4, 8) }, 8, 'overlap: "b" must begin at 8'],
    ["equal ranges", { a: f32(0, 4), b: f32(0, 4) }, 4, 'overlap: "b" must begin at 4'],
    ["short data", { a: f32(0, 8) }, 4, "need 8 bytes of data, got 4 bytes"],
    ["long data", { a: f32(0, 8) }, 9, "need 8 bytes of data, got 9 bytes"],
    ["a wrong shape", { a: f32(0, 8, [3]) }, 8, '"a" (F32 [3]) must have 12 bytes, got offsets 0'],
    ["a fraction", { a: f32(0, 8, [1.5]) }, 8, 'shape of "a" must be a list of whole numbers'],
    ["an overflow", { a: f32(0, 8, [2 ** 40, 2 ** 40]) }, 8, "must have 4.8357"],
    ["half a byte", { a: { dtype: "F4", shape: [1], data_offsets: [0, 1] } }, 1, "0.5 bytes"],
    ["an array", [], 0, 'must be a JSON object, got "[]"'],
    ["a list as a tensor", { a: [] }, 0, 'tensor "a" is described by an object, got []'],
    ["no dtype", { a: { shape: [], data_offsets: [0, 4] } }, 4, 'dtype of "a" must be one of'],
    ["inherited names", { a: { dtype: "toString", shape: [] } }, 0, 'dtype of "a" must be one of'],
    ["metadata of numbers", { __metadata__: { a: 1 } }, 0, "maps names to strings"],
    ["text", "hello", 0, 'must be JSON, got "hello"'],
    ["leading space", " {}", 0, 'must be a JSON object, got " {}"'],
    ["endless nesting", `{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}`, 0, "got a value nested too"],
    ["endless text", `{"__metadata__":${"[".repeat(1e5)}${"]".repeat(1e5)}}`, 0, "nested too deep"],
    ["a name twice", '{"a":1,"b":{"a":2},"\\u0061":3}', 0, 'every name stands once, got "a" twice'],
  ])("refuses %s", (_, header, dataBytes, message) => {
    expect(() => parse(fileOf(header, dataBytes))).toThrow(message);
    expect(() => parse(fileOf(header, dataBytes))).toThrow(CheckpointError);
  });

  it("ignores member names inside strings and inner objects", () => {
    const header = { a: f32(0, 4), __metadata__: { a: '{"a":', b: "\\", shape: '"a"' } };
    expect(parse(fileOf(header, 4)).metadata["b"]).toBe("\\");
  });

  it("checks the length before anything is allocated", () => {
    const bytes = fileOf("{}");
    new DataView(bytes.buffer).setBigUint64(0, 2n ** 63n, true);
    expect(() => parse(bytes)).toThrow("at most 100000000 bytes, got length 9223372036854775808");
    new DataView(bytes.buffer).setBigUint64(0, 99_999_999n, true);
    expect(() => parse(bytes)).toThrow("got header length 99999999 but 10 bytes in file");
  });
});

describe("encodeHeader", () => {
  it("pads with spaces to a multiple of 8 and can be parsed again", () => {
    for (const note of ["", "1", "12", "123", "1234", "12345", "123456", "1234567"]) {
      const tensors = [
        { name: "__proto__", dtype: "F64", shape: [2], bytes: 16 },
        { name: 'ü"\n', dtype: "BOOL", shape: [3, 1], bytes: 3 },
        { name: "", dtype: "F32", shape: [0, 7], bytes: 0 },
      ] as const;
      const header = encodeHeader(tensors, { note });
      expect(header.byteLength % 8).toBe(0);
      const file = new Uint8Array(header.byteLength + 19);
      file.set(header);
      const parsed = parse(file);
      expect(parsed.metadata).toEqual({ note });
      expect([...parsed.tensors]).toEqual([
        ["__proto__", { dtype: "F64", shape: [2], begin: header.byteLength, end: file.length - 3 }],
        ['ü"\n', { dtype: "BOOL", shape: [3, 1], begin: file.length - 3, end: file.length }],
        ["", { dtype: "F32", shape: [0, 7], begin: file.length, end: file.length }],
      ]);
    }
  });
});
