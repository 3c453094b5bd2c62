import { bf16FromNumber, bf16ToNumber, f16FromNumber, f16ToNumber } from "../../ir/dtype.ts";
import type { DType } from "../../ir/dtype.ts";

/** What a value is in registers: halves are f32, i8 and bool are i32, u8 is u32. */
export type RegisterType = "f32" | "f64" | "i32" | "u32";

/** Register type of a dtype. */
export function registerOf(dtype: DType): RegisterType {
  switch (dtype) {
    case "f64":
      return "f64";
    case "f32":
    case "f16":
    case "bf16":
      return "f32";
    case "i32":
    case "i8":
    case "bool":
      return "i32";
    case "u32":
    case "u8":
      return "u32";
    default:
      return dtype satisfies never;
  }
}

const cTypes: Readonly<Record<RegisterType, string>> = {
  f32: "float",
  f64: "double",
  i32: "int",
  u32: "u32",
};

/** C type of a dtype in registers. */
export function registerType(dtype: DType): string {
  return cTypes[registerOf(dtype)];
}

/** C type of an element in memory. */
export function storageType(dtype: DType): string {
  switch (dtype) {
    case "f64":
      return "double";
    case "f32":
      return "float";
    case "f16":
    case "bf16":
      return "u16";
    case "i32":
      return "int";
    case "u32":
      return "u32";
    case "i8":
      return "i8";
    case "u8":
    case "bool":
      return "u8";
    default:
      return dtype satisfies never;
  }
}

/** A float's shortest decimal digits, which name it exactly. */
function floatText(value: number, suffix: string, name: string): string {
  if (value !== value) return `NAN_${name}`;
  if (Math.abs(value) === Infinity) return value > 0 ? `INF_${name}` : `-INF_${name}`;
  const digits = Object.is(value, -0) ? "-0" : String(value);
  const point = /[.e]/.test(digits) ? "" : ".0";
  const text = `${digits}${point}${suffix}`;
  return text.startsWith("-") ? `(${text})` : text;
}

const clamp = (value: number, low: number, high: number): number =>
  value !== value ? 0 : Math.trunc(Math.min(Math.max(value, low), high));

/** A number as an element of a dtype, in C. Integers saturate, as casts of floats do. */
export function constantText(dtype: DType, value: number): string {
  switch (dtype) {
    case "f64":
      return floatText(value, "", "F64");
    case "f32":
      return floatText(Math.fround(value), "f", "F32");
    case "f16":
      return floatText(f16ToNumber(f16FromNumber(value)), "f", "F32");
    case "bf16":
      return floatText(bf16ToNumber(bf16FromNumber(value)), "f", "F32");
    case "i32": {
      const whole = clamp(value, -(2 ** 31), 2 ** 31 - 1);
      if (whole === -(2 ** 31)) return "(-2147483647 - 1)";
      return whole < 0 ? `(${whole})` : `${whole}`;
    }
    case "i8": {
      const whole = clamp(value, -128, 127);
      return whole < 0 ? `(${whole})` : `${whole}`;
    }
    case "u32":
      return `${clamp(value, 0, 2 ** 32 - 1)}u`;
    case "u8":
      return `${clamp(value, 0, 255)}u`;
    case "bool":
      return value === 0 ? "0" : "1";
    default:
      return dtype satisfies never;
  }
}
