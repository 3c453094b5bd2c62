import type { DType } from "../../ir/dtype.ts";
import type { ElementwiseOp, ReduceOp } from "../kernel.ts";
import type { FunctionBuilder, ValueType } from "./assembler-function.ts";

/** Pushes one operand. */
export type Operand = () => void;

/**
 * How values of one kernel live in registers: four lanes of a vector (VectorLanes), or one scalar
 * (ScalarLanes, for kernels that touch f64). f16 and bf16 are f32 in registers; small integers are
 * i32; bool is a lane mask in vectors and 0 or 1 in scalars.
 */
export interface Lanes {
  /** Elements per register. */
  readonly width: 1 | 4;
  valueType(dtype: DType): ValueType;
  constant(f: FunctionBuilder, dtype: DType, value: number): void;
  /** Address on the stack; pushes `width` adjacent elements. */
  load(f: FunctionBuilder, dtype: DType, offset: number): void;
  /** Address on the stack; pushes one element in all lanes. */
  loadUniform(f: FunctionBuilder, dtype: DType, offset: number): void;
  /** Address and value on the stack; stores `width` adjacent elements. */
  store(f: FunctionBuilder, dtype: DType, offset: number): void;
  /** Address on the stack, value in a local; stores one lane. */
  storeLane(f: FunctionBuilder, dtype: DType, value: number, lane: number, offset: number): void;
  /** Pushes the value of local `into` with `lane` replaced by the element at `address`. */
  loadLane(f: FunctionBuilder, dtype: DType, into: number, lane: number, address: Operand): void;
  /** Operands are pushed by the callbacks, in order; pushes the result. */
  apply(
    f: FunctionBuilder,
    op: ElementwiseOp,
    from: DType,
    to: DType,
    operands: readonly Operand[],
  ): void;
  /** Value on the stack; brings it to what the dtype can hold: halves round, i8 and u8 wrap. */
  round(f: FunctionBuilder, dtype: DType): void;
  /** Whether sums of products of the dtype may round once per term (fused multiply-add). */
  addsProducts(dtype: DType): boolean;
  /** Two factors and the accumulator on the stack; pushes the new sum. */
  addProduct(f: FunctionBuilder): void;
  /**
   * Whether maxima and minima of the dtype are folded with `combineOrdered`, one instruction, and
   * a separate note of the NaN met, which `restoreNaN` puts back.
   */
  notesNaN(op: ReduceOp, dtype: DType): boolean;
  /** Accumulator and value on the stack; pushes the larger (smaller) one, ignoring NaN values. */
  combineOrdered(f: FunctionBuilder, op: ReduceOp): void;
  /** Accumulator and note on the stack; pushes NaN where a NaN was noted. */
  restoreNaN(f: FunctionBuilder): void;
  /** Two values on the stack; pushes the combination. */
  combine(f: FunctionBuilder, op: ReduceOp, dtype: DType): void;
  /** Value on the stack; folds the lanes and pushes the result in all lanes. */
  fold(f: FunctionBuilder, op: ReduceOp, dtype: DType): void;
  /** i32 on the stack; pushes it in all lanes as an i32 value. */
  splatIndex(f: FunctionBuilder): void;
  /** Pushes [0, s, 2s, 3s] as an i32 value. */
  ramp(f: FunctionBuilder, stride: number): void;
  /** Pushes bool lanes: low ≤ index < high, the index (i32 value) is on the stack. */
  within(f: FunctionBuilder, low: number, high: number): void;
  /** if-true, if-false and bool lanes are on the stack in this order; pushes the choice. */
  select(f: FunctionBuilder, dtype: DType): void;
  /** i32 value on the stack; pushes lane `lane` as a scalar i32. */
  extractIndex(f: FunctionBuilder, lane: number): void;
}

/** Value that changes nothing in a reduction. */
export function reduceIdentity(op: ReduceOp, dtype: DType): number {
  if (op === "sum") return 0;
  if (op === "prod") return 1;
  const lowest = op === "max";
  switch (dtype) {
    case "i32":
    case "i8":
      return lowest ? -(2 ** 31) : 2 ** 31 - 1;
    case "u32":
    case "u8":
      return lowest ? 0 : 2 ** 32 - 1;
    case "bool":
      return lowest ? 0 : 1;
    default:
      return lowest ? -Infinity : Infinity;
  }
}
