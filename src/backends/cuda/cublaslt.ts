import { DeviceError } from "../../base/errors.ts";
import type { ForeignLibrary } from "./ffi.ts";
import { FunctionTable } from "./function-table.ts";

/** cuBLASLt: matrix products with epilogues. Handles and device addresses are `u64`. */
const cublasLtPrototypes = {
  cublasLtCreate: "int cublasLtCreate(p handle)",
  cublasLtDestroy: "int cublasLtDestroy(u64 handle)",
  cublasLtGetVersion: "size_t cublasLtGetVersion()",
  cublasLtMatmulDescCreate: "int cublasLtMatmulDescCreate(p description, int compute, int scale)",
  cublasLtMatmulDescSetAttribute:
    "int cublasLtMatmulDescSetAttribute(u64 description, int attribute, p value, size_t bytes)",
  cublasLtMatmulDescDestroy: "int cublasLtMatmulDescDestroy(u64 description)",
  cublasLtMatrixLayoutCreate:
    "int cublasLtMatrixLayoutCreate(p layout, int type, u64 rows, u64 columns, i64 leading)",
  cublasLtMatrixLayoutSetAttribute:
    "int cublasLtMatrixLayoutSetAttribute(u64 layout, int attribute, p value, size_t bytes)",
  cublasLtMatrixLayoutDestroy: "int cublasLtMatrixLayoutDestroy(u64 layout)",
  cublasLtMatmulPreferenceCreate: "int cublasLtMatmulPreferenceCreate(p preference)",
  cublasLtMatmulPreferenceSetAttribute:
    "int cublasLtMatmulPreferenceSetAttribute(u64 preference, int attribute, p value, size_t bytes)",
  cublasLtMatmulPreferenceDestroy: "int cublasLtMatmulPreferenceDestroy(u64 preference)",
  cublasLtMatmulAlgoGetHeuristic:
    "int cublasLtMatmulAlgoGetHeuristic(u64 handle, u64 description, u64 a, u64 b, u64 c, u64 d, u64 preference, int count, p results, p found)",
  cublasLtMatmulAlgoCheck:
    "int cublasLtMatmulAlgoCheck(u64 handle, u64 description, u64 a, u64 b, u64 c, u64 d, p algorithm, p result)",
  cublasLtMatmul:
    "int cublasLtMatmul(u64 handle, u64 description, p alpha, u64 a, u64 layoutA, u64 b, u64 layoutB, p beta, u64 c, u64 layoutC, u64 d, u64 layoutD, p algorithm, u64 workspace, size_t bytes, u64 stream)",
} as const;

type CublasLtFunction = keyof typeof cublasLtPrototypes;

/** `cudaDataType_t`. */
export const cudaDataType = { f32: 0, f64: 1, f16: 2, bf16: 14 } as const;

/** `cublasComputeType_t`. */
export const computeType = { f32: 68, f64: 70, tf32: 77 } as const;

/** Attributes of a product's description. */
export const matmulAttribute = { transposeA: 3, transposeB: 4, epilogue: 7, bias: 8 } as const;

const layoutAttribute = { batchCount: 5, batchStride: 6 } as const;
const preference = { workspaceBytes: 1, reductionSchemes: 3, alignments: [5, 6, 7, 8] } as const;
/** Parts of a long sum are added up in the type of the computation, not of the result. */
const reductionInComputeType = 2;

/** Bytes of an algorithm and of a result of the heuristics; see `cublasLtMatmulHeuristicResult_t`. */
const ALGORITHM_BYTES = 64;
const RESULT_BYTES = 96;

const statusText: Readonly<Record<number, string>> = {
  1: "the library is not initialized",
  3: "an allocation failed",
  7: "an argument is invalid",
  8: "the card lacks a feature",
  11: "memory is not accessible",
  13: "the kernel failed",
  14: "internal error of the library",
  15: "not supported",
};
const notSupported = 15;

/** An algorithm the library suggests. */
export interface MatmulAlgorithm {
  /** The library's 64 bytes; good for the same library version only. */
  readonly bytes: Uint8Array;
  readonly workspaceBytes: number;
}

/** What suggested algorithms must keep to. */
export interface MatmulLimits {
  readonly workspaceBytes: number;
  /** Bytes all addresses are multiples of. */
  readonly alignment: number;
  /** Whether partial sums may not be rounded to the result's type. */
  readonly isExact: boolean;
}

/** Descriptors of one product: description, and layouts of A, B and D (C is D). */
export interface MatmulDescriptors {
  readonly description: number;
  readonly a: number;
  readonly b: number;
  readonly d: number;
}

/** The library on one device; the handle is made on first use and needs a current context. */
export class CublasLt {
  /** Such as 130101. */
  readonly version: number;
  private readonly functions: FunctionTable<CublasLtFunction>;
  private context: number | null = null;

  constructor(library: ForeignLibrary) {
    this.functions = new FunctionTable(library, cublasLtPrototypes);
    this.version = this.functions.get("cublasLtGetVersion")();
  }

  private check(status: number, name: CublasLtFunction): void {
    if (status === 0) return;
    const text = statusText[status] ?? "unknown status";
    throw new DeviceError(`cuBLASLt: ${name} returned ${status} (${text})`, {
      details: { status, call: name },
    });
  }

  private get handle(): number {
    this.context ??= this.create("cublasLtCreate");
    return this.context;
  }

  private create(name: CublasLtFunction, ...rest: readonly number[]): number {
    const out = new BigUint64Array(1);
    this.check(this.functions.get(name)(out, ...rest), name);
    return Number(out[0]);
  }

  /** A product's description. */
  description(compute: number, scale: number): number {
    return this.create("cublasLtMatmulDescCreate", compute, scale);
  }

  /** Sets an attribute of a description: i32, or u64 for addresses. */
  setDescription(description: number, attribute: number, value: Int32Array | BigUint64Array): void {
    const name = "cublasLtMatmulDescSetAttribute";
    const { byteLength } = value;
    this.check(this.functions.get(name)(description, attribute, value, byteLength), name);
  }

  /** A column-major matrix, one of `batchCount` that are `batchStride` elements apart. */
  layout(
    type: number,
    rows: number,
    columns: number,
    leading: number,
    batch: { readonly count: number; readonly stride: number },
  ): number {
    const layout = this.create("cublasLtMatrixLayoutCreate", type, rows, columns, leading);
    const name = "cublasLtMatrixLayoutSetAttribute";
    const set = this.functions.get(name);
    if (batch.count > 1) {
      this.check(set(layout, layoutAttribute.batchCount, Int32Array.of(batch.count), 4), name);
      const stride = BigInt64Array.of(BigInt(batch.stride));
      this.check(set(layout, layoutAttribute.batchStride, stride, 8), name);
    }
    return layout;
  }

  /** Algorithms for a product, best first by the library's judgement; none if it cannot do it. */
  suggest(descriptors: MatmulDescriptors, count: number, limits: MatmulLimits): MatmulAlgorithm[] {
    const wish = this.create("cublasLtMatmulPreferenceCreate");
    const set = this.functions.get("cublasLtMatmulPreferenceSetAttribute");
    const setName = "cublasLtMatmulPreferenceSetAttribute";
    const bytes = BigUint64Array.of(BigInt(limits.workspaceBytes));
    this.check(set(wish, preference.workspaceBytes, bytes, 8), setName);
    const setSmall = (attribute: number, value: number): void =>
      this.check(set(wish, attribute, Uint32Array.of(value), 4), setName);
    for (const attribute of preference.alignments) setSmall(attribute, limits.alignment);
    if (limits.isExact) setSmall(preference.reductionSchemes, reductionInComputeType);
    const results = new Uint8Array(RESULT_BYTES * count);
    const found = new Int32Array(1);
    const { description, a, b, d } = descriptors;
    const name = "cublasLtMatmulAlgoGetHeuristic";
    const call = this.functions.get(name);
    const status = call(this.handle, description, a, b, d, d, wish, count, results, found);
    this.functions.get("cublasLtMatmulPreferenceDestroy")(wish);
    if (status === notSupported) return [];
    this.check(status, name);
    const all = Array.from({ length: found[0] }, (_, i) => resultAt(results, i));
    return all.filter((result) => result !== null);
  }

  /** Whether an algorithm found earlier fits, with the workspace it needs; null if it does not. */
  accept(descriptors: MatmulDescriptors, bytes: Uint8Array): MatmulAlgorithm | null {
    const { description, a, b, d } = descriptors;
    const result = new Uint8Array(RESULT_BYTES);
    const call = this.functions.get("cublasLtMatmulAlgoCheck");
    if (call(this.handle, description, a, b, d, d, bytes, result) !== 0) return null;
    const workspace = new DataView(result.buffer).getBigUint64(ALGORITHM_BYTES, true);
    return { bytes, workspaceBytes: Number(workspace) };
  }

  /** D = op(A) · op(B), on a stream. */
  multiply(
    { description, a, b, d }: MatmulDescriptors,
    addresses: { readonly a: number; readonly b: number; readonly d: number },
    one: Float32Array | Float64Array,
    zero: Float32Array | Float64Array,
    algorithm: MatmulAlgorithm,
    workspace: number,
    stream: number,
  ): void {
    const name = "cublasLtMatmul";
    const status = this.functions.get(name)(
      this.handle,
      description,
      one,
      addresses.a,
      a,
      addresses.b,
      b,
      zero,
      addresses.d,
      d,
      addresses.d,
      d,
      algorithm.bytes,
      workspace,
      algorithm.workspaceBytes,
      stream,
    );
    this.check(status, name);
  }

  /** Destroys the descriptors of a product. */
  destroy({ description, a, b, d }: MatmulDescriptors): void {
    this.functions.get("cublasLtMatmulDescDestroy")(description);
    const destroyLayout = this.functions.get("cublasLtMatrixLayoutDestroy");
    for (const layout of [a, b, d]) destroyLayout(layout);
  }

  /** Gives the handle back. */
  dispose(): void {
    if (this.context !== null) this.functions.get("cublasLtDestroy")(this.context);
    this.context = null;
  }
}

/** One result of the heuristics, or null if its state says it is none. */
function resultAt(results: Uint8Array, index: number): MatmulAlgorithm | null {
  const view = new DataView(results.buffer, index * RESULT_BYTES, RESULT_BYTES);
  if (view.getInt32(ALGORITHM_BYTES + 8, true) !== 0) return null;
  const bytes = new Uint8Array(new ArrayBuffer(ALGORITHM_BYTES));
  bytes.set(results.subarray(index * RESULT_BYTES, index * RESULT_BYTES + ALGORITHM_BYTES));
  return { bytes, workspaceBytes: Number(view.getBigUint64(ALGORITHM_BYTES, true)) };
}
