import { CompileError } from "../../base/errors.ts";
import type { DType } from "../../ir/dtype.ts";
import { isFloat, isUnsigned } from "../../ir/dtype.ts";
import type { ElementwiseOp, ReduceOp } from "../kernel.ts";
import type { FunctionBuilder, FunctionRef, ValueType } from "./assembler-function.ts";
import type { PlainOp } from "./assembler-opcodes.ts";
import type { ModuleBuilder } from "./assembler.ts";
import { pushLoadedHalf, pushStoredHalf } from "./half-lanes.ts";
import type { Lanes, Operand } from "./lanes.ts";
import type { ScalarMath } from "./program-math.ts";
import { defineThreefry } from "./threefry-lanes.ts";
import type { VectorFunction, VectorMath } from "./vector-math.ts";

type OpTable = Partial<Readonly<Record<ElementwiseOp, PlainOp>>>;

const floatOps: OpTable = {
  neg: "f32x4.neg",
  abs: "f32x4.abs",
  floor: "f32x4.floor",
  ceil: "f32x4.ceil",
  trunc: "f32x4.trunc",
  round: "f32x4.nearest",
  sqrt: "f32x4.sqrt",
  add: "f32x4.add",
  sub: "f32x4.sub",
  mul: "f32x4.mul",
  div: "f32x4.div",
  max: "f32x4.max",
  min: "f32x4.min",
  eq: "f32x4.eq",
  ne: "f32x4.ne",
  lt: "f32x4.lt",
  le: "f32x4.le",
};

const mathFunctions: Partial<Readonly<Record<ElementwiseOp, VectorFunction>>> = {
  exp: "exp",
  expm1: "expm1",
  log: "log",
  log1p: "log1p",
  sin: "sin",
  cos: "cos",
  tanh: "tanh",
  erf: "erf",
  pow: "pow",
};

const integerOps = (unsigned: boolean): OpTable => ({
  neg: "i32x4.neg",
  abs: "i32x4.abs",
  not: "v128.not",
  add: "i32x4.add",
  sub: "i32x4.sub",
  mul: "i32x4.mul",
  max: unsigned ? "i32x4.max_u" : "i32x4.max_s",
  min: unsigned ? "i32x4.min_u" : "i32x4.min_s",
  and: "v128.and",
  or: "v128.or",
  xor: "v128.xor",
  eq: "i32x4.eq",
  ne: "i32x4.ne",
  lt: unsigned ? "i32x4.lt_u" : "i32x4.lt_s",
  le: unsigned ? "i32x4.le_u" : "i32x4.le_s",
});
const signedOps = integerOps(false);
const unsignedOps: OpTable = { ...integerOps(true), abs: "v128.or" };

/** Masks are 0 or −1, so their order as numbers is the reverse of false < true. */
const boolOps: OpTable = {
  not: "v128.not",
  and: "v128.and",
  or: "v128.or",
  xor: "v128.xor",
  max: "v128.or",
  min: "v128.and",
  eq: "i32x4.eq",
  ne: "v128.xor",
  lt: "i32x4.gt_s",
  le: "i32x4.ge_s",
};

/** Integer division and shifts by lane: [signed, unsigned]. */
const laneOps: Partial<Readonly<Record<ElementwiseOp, readonly [PlainOp, PlainOp]>>> = {
  div: ["i32.div_s", "i32.div_u"],
  rem: ["i32.rem_s", "i32.rem_u"],
  shl: ["i32.shl", "i32.shl"],
  shr: ["i32.shr_s", "i32.shr_u"],
};

function bytesOf(values: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

function constantBits(dtype: DType, value: number): number {
  if (isFloat(dtype)) return new Int32Array(Float32Array.of(value).buffer)[0];
  if (dtype === "bool") return value === 0 ? 0 : -1;
  return value | 0;
}

/** Float operations whose result needs no rounding when their operands are f16 or bf16. */
const exactOps: ReadonlySet<ElementwiseOp> = new Set([
  "neg",
  "abs",
  "sign",
  "floor",
  "ceil",
  "trunc",
  "round",
  "max",
  "min",
]);

const narrowRange: Partial<Readonly<Record<DType, readonly [number, number]>>> = {
  i8: [-128, 127],
  u8: [0, 255],
};

const isHalf = (dtype: DType): dtype is "f16" | "bf16" => dtype === "f16" || dtype === "bf16";
const isWord = (dtype: DType): boolean => dtype === "f32" || dtype === "i32" || dtype === "u32";

/** Four lanes of f32 or i32. */
export class VectorLanes implements Lanes {
  readonly width: 1 | 4 = 4;
  private readonly math: VectorMath;
  private readonly scalarMath: ScalarMath;
  private readonly module: ModuleBuilder;
  private random: FunctionRef | null = null;

  constructor(module: ModuleBuilder, math: VectorMath, scalarMath: ScalarMath) {
    this.module = module;
    this.math = math;
    this.scalarMath = scalarMath;
  }

  valueType(_dtype: DType): ValueType {
    return "v128";
  }

  constant(f: FunctionBuilder, dtype: DType, value: number): void {
    const bits = constantBits(dtype, value);
    f.v128(bytesOf([bits, bits, bits, bits]));
  }

  load(f: FunctionBuilder, dtype: DType, offset: number): void {
    if (isWord(dtype)) {
      f.load("v128.load", offset, 2);
    } else if (isHalf(dtype)) {
      f.load("v128.load64_zero", offset, 1).emit("i32x4.extend_low_i16x8_u");
      pushLoadedHalf(f, dtype);
    } else if (dtype === "i8") {
      f.load("v128.load32_zero", offset, 0);
      f.emit("i16x8.extend_low_i8x16_s", "i32x4.extend_low_i16x8_s");
    } else {
      f.load("v128.load32_zero", offset, 0);
      f.emit("i16x8.extend_low_i8x16_u", "i32x4.extend_low_i16x8_u");
      if (dtype === "bool") this.toMask(f);
    }
  }

  loadUniform(f: FunctionBuilder, dtype: DType, offset: number): void {
    if (isWord(dtype)) {
      f.load("v128.load32_splat", offset, 2);
      return;
    }
    if (isHalf(dtype)) f.load("i32.load16_u", offset);
    else f.load(dtype === "i8" ? "i32.load8_s" : "i32.load8_u", offset);
    f.emit("i32x4.splat");
    if (isHalf(dtype)) pushLoadedHalf(f, dtype);
    if (dtype === "bool") this.toMask(f);
  }

  store(f: FunctionBuilder, dtype: DType, offset: number): void {
    if (isWord(dtype)) {
      f.store("v128.store", offset, 2);
      return;
    }
    this.pack(f, dtype);
    f.memoryLane(isHalf(dtype) ? "v128.store64_lane" : "v128.store32_lane", 0, offset, 0);
  }

  storeLane(f: FunctionBuilder, dtype: DType, value: number, lane: number, offset: number): void {
    f.get(value);
    if (isWord(dtype)) {
      f.memoryLane("v128.store32_lane", lane, offset, 2);
      return;
    }
    this.pack(f, dtype);
    f.memoryLane(isHalf(dtype) ? "v128.store16_lane" : "v128.store8_lane", lane, offset, 0);
  }

  loadLane(f: FunctionBuilder, dtype: DType, into: number, lane: number, address: Operand): void {
    address();
    if (isWord(dtype)) {
      f.get(into).memoryLane("v128.load32_lane", lane, 0, 2);
      return;
    }
    const element = f.local("v128");
    this.loadUniform(f, dtype, 0);
    f.set(element);
    f.get(into).get(element).lane("i32x4.extract_lane", 0).lane("i32x4.replace_lane", lane);
    f.release(element);
  }

  private toMask(f: FunctionBuilder): void {
    this.constant(f, "i32", 0);
    f.emit("i32x4.ne");
  }

  /** Four values into the low bytes in storage format. */
  private pack(f: FunctionBuilder, dtype: DType): void {
    const rest = 16;
    if (isHalf(dtype)) {
      pushStoredHalf(f, dtype);
      f.v128(new Uint8Array(16)).shuffle([
        0,
        1,
        4,
        5,
        8,
        9,
        12,
        13,
        ...Array<number>(8).fill(rest),
      ]);
      return;
    }
    if (dtype === "bool") {
      this.constant(f, "i32", 1);
      f.emit("v128.and");
    }
    f.v128(new Uint8Array(16)).shuffle([0, 4, 8, 12, ...Array<number>(12).fill(rest)]);
  }

  apply(
    f: FunctionBuilder,
    op: ElementwiseOp,
    from: DType,
    to: DType,
    operands: readonly Operand[],
  ): void {
    if (op === "where") {
      operands[1]();
      operands[2]();
      operands[0]();
      f.emit("v128.bitselect");
      return;
    }
    for (const operand of operands) operand();
    if (op === "threefry") this.threefry(f);
    else if (op === "fma") this.fusedProduct(f);
    else if (op === "cast") this.cast(f, from, to);
    else if (op === "bitcast") this.bitcast(f, from, to);
    else if (isFloat(from)) this.applyFloat(f, op, to);
    else if (from === "bool") this.emitTable(f, boolOps, op);
    else this.applyInteger(f, op, from, to);
  }

  /** a, b and c on the stack: a · b + c, by way of f64 where there is no instruction for it. */
  private fusedProduct(f: FunctionBuilder): void {
    if (this.math.fma) {
      f.emit("f32x4.relaxed_madd");
      return;
    }
    const operands = f.locals("v128", 3);
    for (const operand of operands.toReversed()) f.set(operand);
    const half = (isHigh: boolean): void => {
      operands.forEach((operand, i) => {
        f.get(operand);
        if (isHigh) f.get(operand).shuffle32(2, 3, 2, 3);
        f.emit("f64x2.promote_low_f32x4");
        if (i === 1) f.emit("f64x2.mul");
      });
      f.emit("f64x2.add", "f32x4.demote_f64x2_zero");
    };
    half(false);
    half(true);
    f.shuffle32(0, 1, 4, 5).release(...operands);
  }

  /** Key words and counter on the stack. */
  threefry(f: FunctionBuilder): void {
    this.random ??= defineThreefry(this.module);
    f.call(this.random);
  }

  private emitTable(f: FunctionBuilder, table: OpTable, op: ElementwiseOp): void {
    const plain = table[op];
    if (plain === undefined) throw new CompileError(`wasm: no vector code for ${op}`);
    f.emit(plain);
  }

  private applyFloat(f: FunctionBuilder, op: ElementwiseOp, to: DType): void {
    this.computeFloat(f, op);
    if (!exactOps.has(op)) this.round(f, to);
  }

  /** Each f16 or bf16 operation rounds, as unfused code does, so that fusing changes no bits. */
  round(f: FunctionBuilder, dtype: DType): void {
    if (!isHalf(dtype)) {
      this.wrapNarrow(f, dtype);
      return;
    }
    pushStoredHalf(f, dtype);
    pushLoadedHalf(f, dtype);
  }

  private computeFloat(f: FunctionBuilder, op: ElementwiseOp): void {
    const math = mathFunctions[op];
    // Inlined code keeps other vectors in registers: a call saves and reloads them all.
    if (math === "pow" || math === "sin" || math === "cos") this.math.call(f, math);
    else if (math !== undefined) this.math.inline(f, math);
    else if (op === "expNonPositive") this.math.inlineExpNonPositive(f);
    else if (op === "sign") this.floatSign(f);
    else if (op === "rem") this.floatRemainder(f);
    else this.emitTable(f, floatOps, op);
  }

  /** (x > 0) − (x < 0): 0 for NaN, as torch. */
  private floatSign(f: FunctionBuilder): void {
    const x = f.local("v128");
    f.set(x);
    this.constant(f, "f32", 1);
    f.get(x);
    this.constant(f, "f32", 0);
    f.emit("f32x4.gt", "v128.and");
    this.constant(f, "f32", -1);
    f.get(x);
    this.constant(f, "f32", 0);
    f.emit("f32x4.lt", "v128.and", "v128.or");
    f.release(x);
  }

  private floatRemainder(f: FunctionBuilder): void {
    const [a, b] = f.locals("v128", 2);
    f.set(b).set(a);
    for (const lane of [0, 1, 2, 3]) {
      f.get(a);
      f.get(a).lane("f32x4.extract_lane", lane).emit("f64.promote_f32");
      f.get(b).lane("f32x4.extract_lane", lane).emit("f64.promote_f32");
      this.scalarMath.callRemainder(f);
      f.emit("f32.demote_f64").lane("f32x4.replace_lane", lane).set(a);
    }
    f.get(a).release(a, b);
  }

  private applyInteger(f: FunctionBuilder, op: ElementwiseOp, from: DType, to: DType): void {
    const unsigned = isUnsigned(from);
    const byLane = laneOps[op];
    if (byLane !== undefined) this.integerByLane(f, op, byLane[unsigned ? 1 : 0]);
    else if (op === "sign") this.integerSign(f, unsigned);
    else if (op === "abs" && unsigned) return;
    else this.emitTable(f, unsigned ? unsignedOps : signedOps, op);
    this.wrapNarrow(f, to);
  }

  private integerSign(f: FunctionBuilder, unsigned: boolean): void {
    if (!unsigned) {
      this.constant(f, "i32", -1);
      f.emit("i32x4.max_s");
    }
    this.constant(f, "i32", 1);
    f.emit(unsigned ? "i32x4.min_u" : "i32x4.min_s");
  }

  private integerByLane(f: FunctionBuilder, op: ElementwiseOp, scalar: PlainOp): void {
    const [a, b] = f.locals("v128", 2);
    const [x, y] = f.locals("i32", 2);
    const divides = op === "div" || op === "rem";
    f.set(b).set(a);
    for (const lane of [0, 1, 2, 3]) {
      f.get(a).lane("i32x4.extract_lane", lane).set(x);
      f.get(b).lane("i32x4.extract_lane", lane).set(y);
      f.get(a);
      if (divides) pushSafeDivision(f, x, y, scalar, op === "rem");
      else f.get(x).get(y).emit(scalar);
      f.lane("i32x4.replace_lane", lane).set(a);
    }
    f.get(a).release(a, b).release(x, y);
  }

  /** Brings 32-bit results back into the range of a narrow integer. */
  private wrapNarrow(f: FunctionBuilder, dtype: DType): void {
    if (dtype === "i8") f.i32(24).emit("i32x4.shl").i32(24).emit("i32x4.shr_s");
    if (dtype === "u8") {
      this.constant(f, "i32", 255);
      f.emit("v128.and");
    }
  }

  /** Registers hold values, not bits, where storage is narrow. */
  private bitcast(f: FunctionBuilder, from: DType, to: DType): void {
    if (isHalf(from) && isHalf(to)) {
      pushStoredHalf(f, from);
      pushLoadedHalf(f, to);
    } else if (from === "bool" || to === "bool") {
      this.cast(f, from, to);
    } else {
      this.wrapNarrow(f, to);
    }
  }

  private cast(f: FunctionBuilder, from: DType, to: DType): void {
    if (to === "bool") {
      if (from === "bool") return;
      this.constant(f, from, 0);
      f.emit(isFloat(from) ? "f32x4.ne" : "i32x4.ne");
    } else if (isFloat(to)) {
      this.castToFloat(f, from, to);
    } else if (isFloat(from)) {
      this.castToInteger(f, to);
    } else {
      if (from === "bool") {
        this.constant(f, "i32", 1);
        f.emit("v128.and");
      }
      this.wrapNarrow(f, to);
    }
  }

  private castToFloat(f: FunctionBuilder, from: DType, to: DType): void {
    if (from === "bool") {
      this.constant(f, "f32", 1);
      f.emit("v128.and");
    } else if (!isFloat(from)) {
      f.emit(isUnsigned(from) ? "f32x4.convert_i32x4_u" : "f32x4.convert_i32x4_s");
    }
    if (from !== to) this.round(f, to);
  }

  private castToInteger(f: FunctionBuilder, to: DType): void {
    f.emit(to === "u32" ? "i32x4.trunc_sat_f32x4_u" : "i32x4.trunc_sat_f32x4_s");
    const range = narrowRange[to];
    if (range === undefined) return;
    this.constant(f, "i32", range[0]);
    f.emit("i32x4.max_s");
    this.constant(f, "i32", range[1]);
    f.emit("i32x4.min_s");
  }

  addsProducts(dtype: DType): boolean {
    return this.math.fma && dtype === "f32";
  }

  addProduct(f: FunctionBuilder): void {
    f.emit("f32x4.relaxed_madd");
  }

  notesNaN(op: ReduceOp, dtype: DType): boolean {
    return isFloat(dtype) && (op === "max" || op === "min");
  }

  combineOrdered(f: FunctionBuilder, op: ReduceOp): void {
    f.emit(op === "max" ? "f32x4.pmax" : "f32x4.pmin");
  }

  restoreNaN(f: FunctionBuilder): void {
    // All bits set is a NaN, and the note is all bits or none.
    f.emit("v128.or");
  }

  combine(f: FunctionBuilder, op: ReduceOp, dtype: DType): void {
    const name = op === "sum" ? "add" : op === "prod" ? "mul" : op;
    if (isFloat(dtype)) this.emitTable(f, floatOps, name);
    else if (dtype === "bool") this.emitTable(f, boolOps, name);
    else this.emitTable(f, isUnsigned(dtype) ? unsignedOps : signedOps, name);
  }

  fold(f: FunctionBuilder, op: ReduceOp, dtype: DType): void {
    const x = f.local("v128");
    f.tee(x).get(x).get(x).shuffle32(2, 3, 0, 1);
    this.combine(f, op, dtype);
    f.tee(x).get(x).get(x).shuffle32(1, 0, 3, 2);
    this.combine(f, op, dtype);
    f.release(x);
  }

  splatIndex(f: FunctionBuilder): void {
    f.emit("i32x4.splat");
  }

  ramp(f: FunctionBuilder, stride: number): void {
    f.v128(bytesOf([0, stride, 2 * stride, 3 * stride]));
  }

  within(f: FunctionBuilder, low: number, high: number): void {
    const index = f.local("v128");
    f.tee(index);
    this.constant(f, "i32", low);
    f.emit("i32x4.ge_s").get(index);
    this.constant(f, "i32", high);
    f.emit("i32x4.lt_s", "v128.and").release(index);
  }

  select(f: FunctionBuilder): void {
    f.emit("v128.bitselect");
  }

  extractIndex(f: FunctionBuilder, lane: number): void {
    f.lane("i32x4.extract_lane", lane);
  }
}

/** x ∘ y with 0 for y = 0, and without the trap of −2³¹ / −1. */
export function pushSafeDivision(
  f: FunctionBuilder,
  x: number,
  y: number,
  op: PlainOp,
  isRemainder: boolean,
): void {
  f.get(y).emit("i32.eqz");
  f.if(
    () => f.i32(0),
    () => {
      const signed = op === "i32.div_s";
      if (!signed) {
        f.get(x).get(y).emit(op);
        return;
      }
      f.get(y).i32(-1).emit("i32.eq");
      f.if(
        () => (isRemainder ? f.i32(0) : f.i32(0).get(x).emit("i32.sub")),
        () => f.get(x).get(y).emit(op),
        "i32",
      );
    },
    "i32",
  );
}
