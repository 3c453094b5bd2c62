import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../base/errors.ts";
import { encodeNpyHeader, parseNpyHeader } from "./npy-header.ts";
import { parsePythonLiteral } from "./python-literal.ts";

function headerOf(dict: string): Uint8Array {
  const start = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, dict.length & 255];
  return new Uint8Array([...start, dict.length >> 8, ...new TextEncoder().encode(dict)]);
}

function parse(dict: string, dataBytes: number): unknown {
  const header = headerOf(dict);
  return parseNpyHeader(header, header.length + dataBytes, "x.npy");
}

describe("parsePythonLiteral", () => {
  it.each<[string, unknown]>([
    ["{'a': (1, 2L, -3), \"b\": [True, False, None], }", { a: [1, 2, -3], b: [true, false, null] }],
    [" ( ) ", []],
    ["('a',)", ["a"]],
    ["'it\\'s\\n'", "it's\n"],
    ["{}", {}],
    ["{'__proto__': 1}", Object.fromEntries([["__proto__", 1]])],
  ])("reads %s", (text, value) => {
    expect(parsePythonLiteral(text)).toEqual(value);
  });

  it.each([
    "",
    "(1",
    "(1 2)",
    "{'a' 1}",
    "{1: 2}",
    "'open",
    "'open\\",
    "open('x')",
    "1 + 1",
    "1.5",
    "constructor",
    "[".repeat(40),
    "{'a': 1} x",
  ])("refuses %s", (text) => {
    expect(() => parsePythonLiteral(text)).toThrow(CheckpointError);
  });
});

describe("parseNpyHeader", () => {
  const dict = (descr: string, shape: string): string =>
    `{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}}`;

  it.each<[string, string, number, string]>([
    ["a short file", dict("'<f4'", "(2, 3)"), 20, "F32 [2, 3] needs 24 bytes, got 20 in x.npy"],
    ["a long file", dict("'<f4'", "(2, 3)"), 25, "needs 24 bytes, got 25"],
    ["an impossible shape", dict("'<f8'", "(4294967296, 4294967296)"), 0, "needs 147573952589676"],
    ["a fraction", dict("'<f4'", "(1.5,)"), 6, "the header must be a dict"],
    ["texts", dict("'<U8'", "(1,)"), 32, 'dtype must be a number or bool, got "\\"<U8\\""'],
    ["objects", dict("'|O'", "(1,)"), 8, "arrays of objects are pickles, which may run code"],
    ["records", dict("[('a', '<f4')]", "(1,)"), 4, "dtype must be a number or bool"],
    ["no dtype", "{'fortran_order': False, 'shape': ()}", 4, 'got "none"'],
  ])("refuses %s", (_, text, dataBytes, message) => {
    expect(() => parse(text, dataBytes)).toThrow(message);
    expect(() => parse(text, dataBytes)).toThrow(CheckpointError);
  });

  it("reads what was encoded, with elements at a multiple of 64", () => {
    for (const shape of [[], [3], [2, 0, 5], [100, 100, 100]]) {
      const header = encodeNpyHeader("F32", shape);
      expect(header.length % 64).toBe(0);
      const bytes = 4 * shape.reduce((a, b) => a * b, 1);
      const info = parseNpyHeader(header, header.length + bytes, "x.npy");
      expect(info).toMatchObject({
        dtype: "F32",
        shape,
        isFortranOrder: false,
        isBigEndian: false,
      });
    }
  });
});
