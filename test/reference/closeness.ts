// How close a result must come to torch's, in one place.
import type { TensorData } from "athanor";
import { expect } from "vitest";
import type { FixtureDType, FixtureTensor } from "./fixture.ts";

/** |actual − expected| ≤ relative · |expected| + absolute. */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
  /**
   * Makes `absolute` count from the largest element instead of from 1. Sums of many terms of both
   * signs come out small now and then, with the rounding error of their terms.
   */
  readonly fromLargest?: boolean;
}

/** What a compared tensor is of its case. */
export type ResultKind = "output" | "gradient" | "second";

const exact: Tolerance = { relative: 0, absolute: 0 };

/** f32 results; the absolute part is a few units in the last place of numbers around 1. */
const f32: Readonly<Record<ResultKind, Tolerance>> = {
  output: { relative: 1e-5, absolute: 1e-6 },
  gradient: { relative: 1e-4, absolute: 1e-6 },
  second: { relative: 1e-4, absolute: 1e-6 },
};

/** One unit in the last place of the half types, and what f64 leaves after a few operations. */
const byDType: Readonly<Partial<Record<FixtureDType, Tolerance>>> = {
  f64: { relative: 1e-12, absolute: 1e-13 },
  f16: { relative: 2 ** -10, absolute: 2 ** -24 },
  bf16: { relative: 2 ** -7, absolute: 2 ** -24 },
};

/** Areas whose operations act on single elements: their results are compared one by one. */
const elementwiseAreas = ["elementwise", "binary", "creation", "cast"];

/** The tolerance of a result; integers and bool must be equal. */
export function toleranceOf(area: string, kind: ResultKind, dtype: FixtureDType): Tolerance {
  const tolerance = dtype === "f32" ? f32[kind] : (byDType[dtype] ?? exact);
  return { ...tolerance, fromLargest: !elementwiseAreas.includes(area) };
}

/**
 * Half types against the reference device, which rounds after every operation as all devices do:
 * what is left is where a function's last bit or the order of a sum moved a rounding, and what the
 * operations after it made of that. Four units in the last place, of the largest element; twice as
 * many where every step of a recurrent net rounds what the step before made.
 */
const half: Readonly<Record<"bf16" | "f16", Tolerance>> = {
  bf16: { relative: 2 ** -6, absolute: 2 ** -7, fromLargest: true },
  f16: { relative: 2 ** -9, absolute: 2 ** -10, fromLargest: true },
};

/** The tolerance of a result computed in a half type. */
export function halfTolerance(dtype: "bf16" | "f16", area: string, what: string): Tolerance {
  const { relative, absolute } = half[dtype];
  const scale = (what.startsWith("gradient") ? 4 : 1) * (area === "recurrent" ? 2 : 1);
  return { relative: relative * scale, absolute: absolute * scale, fromLargest: true };
}

function largestOf(values: ArrayLike<number>): number {
  let largest = 1;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) largest = Math.max(largest, Math.abs(values[i]));
  }
  return largest;
}

const halfToNumber = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

const brainToNumber = (bits: number): number =>
  new Float32Array(new Uint32Array([bits << 16]).buffer)[0];

/** The stored values as numbers. */
function numbersOf({ dtype, data }: FixtureTensor): ArrayLike<number> {
  if (dtype === "f16") return Array.from(data, halfToNumber);
  if (dtype === "bf16") return Array.from(data, brainToNumber);
  return data;
}

/** Fails with the worst element if a result is not close enough. NaN equals NaN. */
export function expectTensor(
  actual: TensorData,
  expected: FixtureTensor,
  tolerance: Tolerance,
  what: string,
): void {
  expectNear(actual, numbersOf(expected), tolerance, what);
}

/** The same for numbers that are no fixture's. */
export function expectNear(
  actual: ArrayLike<number>,
  wanted: ArrayLike<number>,
  { relative, absolute, fromLargest = false }: Tolerance,
  what: string,
): void {
  const floor = absolute * (fromLargest ? largestOf(wanted) : 1);
  let worst = 0;
  let place = -1;
  for (let i = 0; i < wanted.length; i++) {
    const [a, e] = [actual[i], wanted[i]];
    if (Object.is(a, e) || a === e || (a !== a && e !== e)) continue;
    const allowed = relative * Math.abs(e) + floor;
    const error = Number.isFinite(a) && Number.isFinite(e) ? Math.abs(a - e) / allowed : Infinity;
    if (error > worst) [worst, place] = [error, i];
  }
  const text =
    place < 0
      ? ""
      : `${what}[${place}]: got ${actual[place]}, expected ${wanted[place]}, ` +
        `${worst.toPrecision(3)} × the tolerance`;
  expect(worst <= 1, text).toBe(true);
}
