import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bf16FromNumber,
  bf16ToNumber,
  dtypeBytes,
  dtypes,
  f16FromNumber,
  f16ToNumber,
  hostView,
  isFloat,
  isInteger,
  isUnsigned,
  parseDType,
  promote,
  roundTiesToEven,
} from "./dtype.ts";

const scratch = new DataView(new ArrayBuffer(4));

/** f16 by arithmetic on its fields, apart from the code under test. */
function f16Value(bits: number): number {
  const [sign, exponent, fraction] = [bits >>> 15, (bits >>> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? (sign ? -Infinity : Infinity) : NaN;
  const scaled = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return sign ? -scaled : scaled;
}

function bf16Value(bits: number): number {
  scratch.setUint32(0, bits * 65536);
  return scratch.getFloat32(0);
}

const patterns = Array.from({ length: 65536 }, (_, bits) => bits);

describe.each([
  { name: "f16", decode: f16ToNumber, encode: f16FromNumber, value: f16Value },
  { name: "bf16", decode: bf16ToNumber, encode: bf16FromNumber, value: bf16Value },
])("$name", ({ decode, encode, value }) => {
  it("decodes all 65,536 patterns", () => {
    expect(patterns.filter((bits) => !Object.is(decode(bits), value(bits)))).toEqual([]);
  });

  it("encodes every value back to its own pattern, NaN to a NaN", () => {
    const wrong = patterns.filter((bits) => {
      const back = encode(value(bits));
      return Number.isNaN(value(bits)) ? !Number.isNaN(value(back)) : back !== bits;
    });
    expect(wrong).toEqual([]);
  });

  it("rounds what lies between two neighbours to the nearer, halfway to the even", () => {
    const finite = patterns.slice(0, 0x7fff).filter((bits) => Number.isFinite(value(bits + 1)));
    const wrong = finite.filter((bits) => {
      const [low, high] = [value(bits), value(bits + 1)];
      const middle = (low + high) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const quarter = low + (high - low) / 4;
      const nearer = encode(quarter) !== bits || encode(high - (high - low) / 4) !== bits + 1;
      return encode(middle) !== even || encode(-middle) !== (even | 0x8000) || nearer;
    });
    expect(wrong).toEqual([]);
  });
});

describe("f16FromNumber", () => {
  it("overflows from 65520 on", () => {
    expect([65504, 65519.999, 65520, -65520, 1e300].map(f16FromNumber)).toEqual([
      0x7bff, 0x7bff, 0x7c00, 0xfc00, 0x7c00,
    ]);
  });

  it("underflows to zero at half of the smallest subnormal", () => {
    expect([2 ** -24, 2 ** -25, 2 ** -25 * 1.001, -(2 ** -26)].map(f16FromNumber)).toEqual([
      1, 0, 1, 0x8000,
    ]);
  });

  it("rounds doubles once, not by way of f32", () => {
    // Just above the middle of 1 and 1 + 2⁻¹⁰: f32 cannot tell it from the middle.
    expect(f16FromNumber(1 + 2 ** -11 + 2 ** -40)).toBe(0x3c01);
  });
});

describe("bf16FromNumber", () => {
  it("overflows past the largest value and keeps the sign of zero", () => {
    expect([3.4e38, 3.38e38, -3.4e38, -0].map(bf16FromNumber)).toEqual([
      0x7f80, 0x7f7e, 0xff80, 0x8000,
    ]);
  });
});

describe("roundTiesToEven", () => {
  it("rounds halves to the even neighbour", () => {
    const values = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999999999999994, 4503599627370495.5];
    expect(values.map(roundTiesToEven)).toEqual([0, 2, 2, -0, -2, -2, 0, 4503599627370496]);
  });

  it("keeps integers, infinities, NaN and the sign of zero", () => {
    const values = [0, -0, 7, -7, 2 ** 60, Infinity, -Infinity, NaN, -0.25];
    expect(values.map(roundTiesToEven)).toEqual([
      0,
      -0,
      7,
      -7,
      2 ** 60,
      Infinity,
      -Infinity,
      NaN,
      -0,
    ]);
  });
});

describe("promote", () => {
  const anyDType = fc.constantFrom(...dtypes);

  it("is commutative and idempotent", () => {
    fc.assert(
      fc.property(anyDType, anyDType, (a, b) => {
        expect(promote(a, b)).toBe(promote(b, a));
        expect(promote(a, a)).toBe(a);
        expect(promote(promote(a, b), b)).toBe(promote(a, b));
      }),
    );
  });

  it("promotes as torch does", () => {
    const rows = dtypes.map(
      (a) => `${a.padEnd(5)}${dtypes.map((b) => promote(a, b).padEnd(5)).join("")}`,
    );
    expect(rows.map((row) => row.trimEnd())).toMatchInlineSnapshot(`
      [
        "f64  f64  f64  f64  f64  f64  f64  f64  f64  f64",
        "f32  f64  f32  f32  f32  f32  f32  f32  f32  f32",
        "f16  f64  f32  f16  f32  f16  f16  f16  f16  f16",
        "bf16 f64  f32  f32  bf16 bf16 bf16 bf16 bf16 bf16",
        "i32  f64  f32  f16  bf16 i32  u32  i32  i32  i32",
        "u32  f64  f32  f16  bf16 u32  u32  u32  u32  u32",
        "i8   f64  f32  f16  bf16 i32  u32  i8   i32  i8",
        "u8   f64  f32  f16  bf16 i32  u32  i32  u8   u8",
        "bool f64  f32  f16  bf16 i32  u32  i8   u8   bool",
      ]
    `);
  });
});

describe("dtype facts", () => {
  it("agree with the host arrays", () => {
    for (const dtype of dtypes) {
      const view = hostView(dtype, new ArrayBuffer(16), 8);
      expect(view.BYTES_PER_ELEMENT).toBe(dtypeBytes(dtype));
      expect(view.length).toBe(8 / dtypeBytes(dtype));
    }
    expect(hostView("i8", new ArrayBuffer(16), 3, 2)).toEqual(new Int8Array(2));
  });

  it("put each dtype into one kind", () => {
    expect(dtypes.filter(isFloat)).toEqual(["f64", "f32", "f16", "bf16"]);
    expect(dtypes.filter(isInteger)).toEqual(["i32", "u32", "i8", "u8"]);
    expect(dtypes.filter(isUnsigned)).toEqual(["u32", "u8"]);
  });

  it("parseDType names the choices", () => {
    expect(parseDType("bf16")).toBe("bf16");
    expect(() => parseDType("float32")).toThrowErrorMatchingInlineSnapshot(
      `[DTypeError: dtype: must be one of f64, f32, f16, bf16, i32, u32, i8, u8, bool, got "float32"]`,
    );
  });
});
