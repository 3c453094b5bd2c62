import { UnsupportedOpError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import type {
  LibraryCall,
  MatmulCall,
  MatmulEpilogue,
  MatrixView,
} from "../../compiler/cuda/library-calls.ts";
import { matrixOrder } from "../../compiler/cuda/matrix-order.ts";
import type { DType } from "../../ir/dtype.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import { CublasLt, computeType, cudaDataType, matmulAttribute } from "./cublaslt.ts";
import type { MatmulAlgorithm, MatmulDescriptors } from "./cublaslt.ts";
import type { LibraryContext, LibraryExecutor, PreparedCall } from "./library-executor.ts";
import { MatmulAutotune, isExact } from "./matmul-autotune.ts";

/** `cublasLtEpilogue_t`; the library's GELU is the one with tanh. */
const epilogues: Readonly<Record<MatmulEpilogue, number>> = {
  none: 1,
  relu: 2,
  bias: 4,
  "bias-relu": 6,
  gelu: 32,
  "bias-gelu": 36,
};

/** Bytes addresses are expected to be multiples of; others get an algorithm of their own. */
const ALIGNMENT = 16;

/** Products through cuBLASLt. */
export class MatmulExecutor implements LibraryExecutor {
  private readonly context: LibraryContext;
  private library: CublasLt | null = null;
  private autotune: MatmulAutotune | null = null;
  private readonly prepared: Map<string, PreparedMatmul | null> = new Map();

  constructor(context: LibraryContext) {
    this.context = context;
  }

  /** Whether the library is there and has an algorithm for the call. */
  supports(call: LibraryCall): boolean {
    if (call.kind !== "matmul" || this.context.find("cublasLt") === null) return false;
    return this.find(call) !== null;
  }

  /** @throws {DeviceError} without the library; {UnsupportedOpError} if it cannot do the call. */
  prepare(call: LibraryCall): PreparedCall {
    if (call.kind !== "matmul") {
      throw new UnsupportedOpError(`cuBLASLt: does products, got ${call.kind}`);
    }
    const found = this.find(call);
    if (found !== null) return found;
    const { m, n, k, dtype, outputDtype, epilogue } = call;
    throw new UnsupportedOpError(
      `cuBLASLt: no algorithm for a product ${m}×${k} · ${k}×${n} of ${dtype} to ${outputDtype} ` +
        `with epilogue ${epilogue}; this card or library version lacks it`,
    );
  }

  private find(call: MatmulCall): PreparedMatmul | null {
    const key = JSON.stringify(call);
    const known = this.prepared.get(key);
    if (known !== undefined) return known;
    this.library ??= new CublasLt(this.context.open("cublasLt"));
    this.autotune ??= new MatmulAutotune(this.context, this.library);
    const made = PreparedMatmul.make(call, this.library, this.autotune, this.context.stream);
    this.prepared.set(key, made);
    return made;
  }

  dispose(): void {
    for (const call of this.prepared.values()) call?.dispose();
    this.prepared.clear();
    this.library?.dispose();
    this.library = null;
  }
}

/** A matrix as the library sees it: column-major, taken as it is or transposed. */
interface LibraryMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly leading: number;
  readonly isTransposed: boolean;
}

/**
 * The library's columns are our rows: it is asked for Dᵀ = Bᵀ · Aᵀ, so that the bias, one number
 * per row for the library, is one per column for us.
 */
function libraryMatrix(
  rows: number,
  columns: number,
  { rowStride, columnStride }: MatrixView,
): LibraryMatrix | null {
  const found = matrixOrder(rows, columns, rowStride, columnStride);
  if (found === null) return null;
  const { leading } = found;
  return found.order === "rows"
    ? { rows: columns, columns: rows, leading, isTransposed: false }
    : { rows, columns, leading, isTransposed: true };
}

/** Which batch dim one call covers (-1: none), and where the other calls begin. */
interface BatchPlan {
  readonly dim: number;
  readonly starts: readonly (readonly [a: number, b: number, d: number])[];
}

function planBatch({ batch, a, b, d }: MatmulCall): BatchPlan {
  const dim = batch.length === 0 ? -1 : batch.indexOf(Math.max(...batch));
  let starts: [number, number, number][] = [[0, 0, 0]];
  batch.forEach((size, i) => {
    if (i === dim) return;
    starts = starts.flatMap(([startA, startB, startD]) =>
      Array.from({ length: size }, (_, at): [number, number, number] => [
        startA + at * a.batchStrides[i],
        startB + at * b.batchStrides[i],
        startD + at * d.batchStrides[i],
      ]),
    );
  });
  return { dim, starts };
}

const typeOf = (dtype: DType): number | null =>
  dtype === "f32" || dtype === "f64" || dtype === "f16" || dtype === "bf16"
    ? cudaDataType[dtype]
    : null;

function computeOf({ dtype, allowTf32 }: MatmulCall): number {
  if (dtype === "f64") return computeType.f64;
  return dtype === "f32" && allowTf32 ? computeType.tf32 : computeType.f32;
}

/** Descriptors of one call of a batch, or null if the operands are not what the library takes. */
function describe(library: CublasLt, call: MatmulCall, dim: number): MatmulDescriptors | null {
  const { m, n, k } = call;
  const type = typeOf(call.dtype);
  const outputType = typeOf(call.outputDtype);
  const left = libraryMatrix(k, n, call.b);
  const right = libraryMatrix(m, k, call.a);
  const result = libraryMatrix(m, n, call.d);
  if (type === null || outputType === null) return null;
  if (left === null || right === null || result === null || result.isTransposed) return null;
  const scale = call.dtype === "f64" ? cudaDataType.f64 : cudaDataType.f32;
  const description = library.description(computeOf(call), scale);
  const set = (attribute: number, value: number): void =>
    library.setDescription(description, attribute, Int32Array.of(value));
  set(matmulAttribute.transposeA, left.isTransposed ? 1 : 0);
  set(matmulAttribute.transposeB, right.isTransposed ? 1 : 0);
  set(matmulAttribute.epilogue, epilogues[call.epilogue]);
  const count = dim < 0 ? 1 : call.batch[dim];
  const layout = (of: number, matrix: LibraryMatrix, view: MatrixView): number => {
    const stride = dim < 0 ? 0 : view.batchStrides[dim];
    return library.layout(of, matrix.rows, matrix.columns, matrix.leading, { count, stride });
  };
  return {
    description,
    a: layout(type, left, call.b),
    b: layout(type, right, call.a),
    d: layout(outputType, result, call.d),
  };
}

/** A product with its descriptors and algorithm. */
class PreparedMatmul implements PreparedCall {
  readonly workspaceBytes: number;
  private readonly call: MatmulCall;
  private readonly library: CublasLt;
  private readonly autotune: MatmulAutotune;
  private readonly descriptors: MatmulDescriptors;
  private readonly algorithm: MatmulAlgorithm;
  private readonly starts: BatchPlan["starts"];
  /** Whether aligned operands are aligned in every call of the batch. */
  private readonly keepsAlignment: boolean;
  private readonly one: Float32Array | Float64Array;
  private readonly zero: Float32Array | Float64Array;
  private unaligned: MatmulAlgorithm | null = null;
  private bias: number = 0;

  private constructor(
    call: MatmulCall,
    library: CublasLt,
    autotune: MatmulAutotune,
    descriptors: MatmulDescriptors,
    starts: BatchPlan["starts"],
    stream: number,
  ) {
    this.call = call;
    this.library = library;
    this.autotune = autotune;
    this.descriptors = descriptors;
    this.starts = starts;
    const bytes = this.elementBytes();
    this.keepsAlignment = starts.flat().every((start) => (start * bytes) % ALIGNMENT === 0);
    const scalar = call.dtype === "f64" ? Float64Array : Float32Array;
    this.one = new scalar(new ArrayBuffer(16));
    this.one[0] = 1;
    this.zero = new scalar(new ArrayBuffer(16));
    this.algorithm = this.choose(ALIGNMENT, stream);
    this.workspaceBytes = this.algorithm.workspaceBytes;
  }

  /** A product made ready, or null if the library cannot do it. */
  static make(
    call: MatmulCall,
    library: CublasLt,
    autotune: MatmulAutotune,
    stream: number,
  ): PreparedMatmul | null {
    const { dim, starts } = planBatch(call);
    if (product([call.m, call.n, call.k, ...call.batch]) === 0) return null;
    const descriptors = describe(library, call, dim);
    if (descriptors === null) return null;
    try {
      return new PreparedMatmul(call, library, autotune, descriptors, starts, stream);
    } catch (error) {
      library.destroy(descriptors);
      if (error instanceof UnsupportedOpError) return null;
      throw error;
    }
  }

  private choose(alignment: number, stream: number, workspaceBytes?: number): MatmulAlgorithm {
    const problem = {
      call: this.call,
      descriptors: this.descriptors,
      alignment,
      run: (algorithm: MatmulAlgorithm, addresses: readonly number[], workspace: number): void =>
        this.issue(algorithm, addresses, workspace, stream),
    };
    const found = this.autotune.choose(problem, workspaceBytes);
    if (found === null) throw new UnsupportedOpError("cuBLASLt: no algorithm");
    return found;
  }

  /** Calls without a workspace share nothing. */
  get hasParts(): boolean {
    return this.starts.length > 1 && this.workspaceBytes === 0;
  }

  run(
    addresses: readonly number[],
    workspace: number,
    stream: number,
    nextPart?: () => void,
  ): void {
    const operands = addresses.slice(0, 3);
    const isAligned = this.keepsAlignment && operands.every((address) => address % ALIGNMENT === 0);
    const algorithm = isAligned ? this.algorithm : this.forUnaligned();
    this.issue(algorithm, addresses, workspace, stream, nextPart);
  }

  /** Rare: operands inside other tensors. Not tried, since this may be while a graph is captured. */
  private forUnaligned(): MatmulAlgorithm {
    if (this.unaligned === null) {
      const limits = {
        workspaceBytes: this.workspaceBytes,
        alignment: this.elementBytes(),
        isExact: isExact(this.call),
      };
      const [first] = this.library.suggest(this.descriptors, 1, limits);
      if (first === undefined) {
        throw new UnsupportedOpError(
          `cuBLASLt: no algorithm for operands that are not aligned to ${ALIGNMENT} bytes`,
        );
      }
      this.unaligned = first;
    }
    return this.unaligned;
  }

  private elementBytes(): number {
    return Math.min(dtypeBytes(this.call.dtype), dtypeBytes(this.call.outputDtype));
  }

  private issue(
    algorithm: MatmulAlgorithm,
    [a, b, d, bias = 0]: readonly number[],
    workspace: number,
    stream: number,
    nextPart?: () => void,
  ): void {
    if (this.call.epilogue.startsWith("bias") && bias !== this.bias) {
      const address = BigUint64Array.of(BigInt(bias));
      this.library.setDescription(this.descriptors.description, matmulAttribute.bias, address);
      this.bias = bias;
    }
    const bytes = dtypeBytes(this.call.dtype);
    const output = dtypeBytes(this.call.outputDtype);
    for (const [i, [startA, startB, startD]] of this.starts.entries()) {
      if (i > 0) nextPart?.();
      const addresses = { a: b + startB * bytes, b: a + startA * bytes, d: d + startD * output };
      const { one, zero } = this;
      const { descriptors } = this;
      this.library.multiply(descriptors, addresses, one, zero, algorithm, workspace, stream);
    }
  }

  dispose(): void {
    this.library.destroy(this.descriptors);
  }
}
