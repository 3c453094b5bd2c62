import { AthanorError } from "../base/errors.ts";
import { sameNumbers } from "../base/integers.ts";
import type { DType } from "../ir/dtype.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Two numbers are close when |actual - expected| ≤ atol + rtol · |expected|. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

const exact: Tolerance = { rtol: 0, atol: 0 };

/** Tolerances of each dtype, as torch.testing.assert_close has them. */
export const defaultTolerances: Readonly<Record<DType, Tolerance>> = {
  f64: { rtol: 1e-7, atol: 1e-7 },
  f32: { rtol: 1.3e-6, atol: 1e-5 },
  f16: { rtol: 1e-3, atol: 1e-5 },
  bf16: { rtol: 1.6e-2, atol: 1e-5 },
  i32: exact,
  u32: exact,
  i8: exact,
  u8: exact,
  bool: exact,
};

/** How to compare. */
export interface CloseOptions extends Partial<Tolerance> {
  /** Whether NaN equals NaN. @defaultValue true */
  readonly equalNan?: boolean;
}

/** What a comparison found. */
export interface CloseReport {
  readonly isClose: boolean;
  /** Elements compared, and those that are not close. */
  readonly count: number;
  readonly mismatches: number;
  /** Largest |actual - expected|; NaN if one side alone is NaN. */
  readonly largestError: number;
  /** Largest |actual - expected| / |expected| where expected is not 0. */
  readonly largestRelativeError: number;
  /** Flat index of the first element that is not close. */
  readonly firstIndex: number | undefined;
  /** One sentence for people. */
  readonly message: string;
}

/** A tensor, or plain numbers. */
export type Comparable = Tensor | ArrayLike<number>;

/** Compares numbers element by element. The tolerance defaults to f32's. */
export function compareNumbers(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol, atol, equalNan = true }: CloseOptions = {},
): CloseReport {
  const tolerance = {
    rtol: rtol ?? defaultTolerances.f32.rtol,
    atol: atol ?? defaultTolerances.f32.atol,
  };
  if (actual.length !== expected.length) {
    return failure(`lengths differ: got ${actual.length}, expected ${expected.length}`);
  }
  let mismatches = 0;
  let firstIndex: number | undefined;
  let largestError = 0;
  let largestRelativeError = 0;
  for (let i = 0; i < actual.length; i++) {
    const [a, b] = [actual[i], expected[i]];
    const isSame = a === b || (equalNan && a !== a && b !== b);
    const error = isSame ? 0 : Math.abs(a - b);
    largestError = larger(largestError, error);
    if (b !== 0) largestRelativeError = larger(largestRelativeError, error / Math.abs(b));
    // An infinite limit would accept everything.
    const limit = Number.isFinite(b) ? tolerance.atol + tolerance.rtol * Math.abs(b) : 0;
    if (isSame || error <= limit) continue;
    mismatches++;
    firstIndex ??= i;
  }
  const count = actual.length;
  const message =
    firstIndex === undefined
      ? `all ${count} elements are close`
      : `${mismatches} of ${count} elements differ, first at index ${firstIndex}: ` +
        `got ${actual[firstIndex]}, expected ${expected[firstIndex]}; ` +
        `largest error ${largestError}, relative ${largestRelativeError}`;
  const isClose = mismatches === 0;
  return { isClose, count, mismatches, largestError, largestRelativeError, firstIndex, message };
}

/** The larger one; NaN wins. */
const larger = (a: number, b: number): number => (b > a || b !== b ? b : a);

function failure(message: string): CloseReport {
  return {
    isClose: false,
    count: 0,
    mismatches: 0,
    largestError: Number.NaN,
    largestRelativeError: Number.NaN,
    firstIndex: undefined,
    message,
  };
}

/**
 * Compares tensors, or a tensor with plain numbers: first their shapes, then element by element.
 * @param options - tolerances; by default those of the wider-tolerance dtype of the two.
 */
export async function allClose(
  actual: Comparable,
  expected: Comparable,
  options: CloseOptions = {},
): Promise<CloseReport> {
  const tensors = [actual, expected].filter((side) => side instanceof Tensor);
  if (tensors.length === 2 && !sameNumbers(tensors[0].shape, tensors[1].shape)) {
    const [a, b] = tensors.map(({ shape }) => `[${shape.join(", ")}]`);
    return failure(`shapes differ: got ${a}, expected ${b}`);
  }
  const rows = tensors.map(({ dtype }) => defaultTolerances[dtype]);
  const widest = (name: keyof Tolerance): number | undefined =>
    rows.length === 0 ? undefined : Math.max(...rows.map((row) => row[name]));
  const rtol = options.rtol ?? widest("rtol") ?? defaultTolerances.f32.rtol;
  const atol = options.atol ?? widest("atol") ?? defaultTolerances.f32.atol;
  const [a, b] = await Promise.all([numbersOf(actual), numbersOf(expected)]);
  return compareNumbers(a, b, { ...options, rtol, atol });
}

async function numbersOf(side: Comparable): Promise<ArrayLike<number>> {
  return side instanceof Tensor ? side.data() : side;
}

/** As {@link allClose}, but throws. @throws {AthanorError} with the report's message. */
export async function assertClose(
  actual: Comparable,
  expected: Comparable,
  options: CloseOptions = {},
): Promise<void> {
  const report = await allClose(actual, expected, options);
  if (report.isClose) return;
  throw new AthanorError("NOT_CLOSE", `assertClose: ${report.message}`, { details: { report } });
}
