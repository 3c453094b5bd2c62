/**
 * Descriptor of a matrix product in memory: an array of i32, in the order of `gemmFields`.
 * Strides are in elements.
 */
const gemmFields = [
  "m",
  "n",
  "k",
  "aRow",
  "aCol",
  "bRow",
  "bCol",
  "cRow",
  "accumulate",
  "epilogue",
  "epilogueArgs",
  "outer",
  "inner",
  "aOuter",
  "aInner",
  "bOuter",
  "bInner",
  "cOuter",
  "cInner",
] as const;

type GemmField = (typeof gemmFields)[number];

/** Size of a GEMM descriptor. */
export const GEMM_DESC_BYTES: number = 4 * gemmFields.length;

/** Byte offset of a descriptor field. */
export function gemmField(field: GemmField): number {
  return 4 * gemmFields.indexOf(field);
}

/**
 * C[m, n] = A[m, k]·B[k, n] for each of `outer`·`inner` batches, f32, strides in elements.
 * C has adjacent columns; A and B may be strided any way (0 broadcasts), so transposes are free.
 */
export interface GemmDesc {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly aRow: number;
  readonly aCol: number;
  readonly bRow: number;
  readonly bCol: number;
  readonly cRow: number;
  /** Adds to C instead of overwriting it. */
  readonly accumulate?: boolean;
  /** Table index of the function called for every finished block of C, or -1. */
  readonly epilogue?: number;
  /** First argument of the epilogue. */
  readonly epilogueArgs?: number;
  /** Batch counts and strides, read by `gemm_thread` only; batch = outer index · inner + inner index. */
  readonly outer?: number;
  readonly inner?: number;
  readonly aOuter?: number;
  readonly aInner?: number;
  readonly bOuter?: number;
  readonly bInner?: number;
  readonly cOuter?: number;
  readonly cInner?: number;
}

const defaults: Readonly<Partial<Record<GemmField, number>>> = {
  epilogue: -1,
  outer: 1,
  inner: 1,
};

/** Writes a descriptor at `byteOffset` of the memory that `view` shows from its start. */
export function writeGemmDesc(view: Int32Array, byteOffset: number, desc: GemmDesc): void {
  gemmFields.forEach((field, i) => {
    view[byteOffset / 4 + i] = Number(desc[field] ?? defaults[field] ?? 0);
  });
}

/** Floating-point operations of a product, all batches. */
export function gemmFlops(desc: GemmDesc): number {
  return 2 * desc.m * desc.n * desc.k * (desc.outer ?? 1) * (desc.inner ?? 1);
}
