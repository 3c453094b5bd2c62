import type { DType } from "../../src/ir/dtype.ts";
import { formatShape } from "../../src/ir/shape.ts";

/** Two numbers are close when |actual − expected| ≤ atol + rtol · |expected|. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

const exact: Tolerance = { rtol: 0, atol: 0 };

/**
 * The one tolerance table: torch.testing.assert_close's defaults, but f64 tighter, because finite
 * differences need more than torch's 1e-7, and integers and bool exact.
 */
const tolerances: Readonly<Record<DType, Tolerance>> = {
  f64: { rtol: 1e-12, atol: 1e-12 },
  f32: { rtol: 1.3e-6, atol: 1e-5 },
  f16: { rtol: 1e-3, atol: 1e-5 },
  bf16: { rtol: 1.6e-2, atol: 1e-5 },
  i32: exact,
  u32: exact,
  i8: exact,
  u8: exact,
  bool: exact,
};

/** How to compare. Without `exact` or `tolerance` the dtype's row of the table counts. */
export interface ClosenessOptions {
  readonly dtype: DType;
  /** Equal numbers only (NaN equals NaN, −0 equals 0). */
  readonly exact?: boolean;
  /** Overrides the table; needs a `reason`. */
  readonly tolerance?: Tolerance;
  readonly reason?: string;
  /** Shape, to name the place of a difference. */
  readonly shape?: readonly number[];
}

function isClose(actual: number, expected: number, { rtol, atol }: Tolerance): boolean {
  if (actual === expected || (actual !== actual && expected !== expected)) return true;
  // An infinite limit must not accept everything: infinities are equal or different.
  if (!Number.isFinite(expected)) return false;
  return Math.abs(actual - expected) <= atol + rtol * Math.abs(expected);
}

function placeOf(index: number, shape: readonly number[] | undefined): string {
  if (shape === undefined || shape.length < 2) return "";
  const place: number[] = [];
  for (let rest = index, dim = shape.length - 1; dim >= 0; dim--) {
    place.unshift(rest % shape[dim]);
    rest = Math.floor(rest / shape[dim]);
  }
  return ` at ${formatShape(place)}`;
}

/** Describes the first difference and counts them all; undefined when everything is close. */
export function differenceOf(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  options: ClosenessOptions,
): string | undefined {
  if (actual.length !== expected.length) {
    return `has ${actual.length} elements, expected ${expected.length}`;
  }
  if (options.tolerance !== undefined && options.reason === undefined) {
    return "overrides the tolerance table without a reason";
  }
  const limit = options.exact ? exact : (options.tolerance ?? tolerances[options.dtype]);
  let first = -1;
  let count = 0;
  for (let i = 0; i < expected.length; i++) {
    if (isClose(actual[i], expected[i], limit)) continue;
    if (first < 0) first = i;
    count++;
  }
  if (count === 0) return undefined;
  const error = Math.abs(actual[first] - expected[first]);
  return (
    `differs in ${count} of ${expected.length} elements, first index ${first}` +
    `${placeOf(first, options.shape)}: got ${actual[first]}, expected ${expected[first]} ` +
    `(difference ${error.toPrecision(3)}, rtol ${limit.rtol}, atol ${limit.atol})`
  );
}

/** Fails with the first difference when the numbers are not close. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  options: ClosenessOptions,
): void {
  const difference = differenceOf(actual, expected, options);
  if (difference !== undefined) throw new Error(`${options.dtype} result ${difference}`);
}
