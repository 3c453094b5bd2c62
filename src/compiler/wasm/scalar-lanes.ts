import { CompileError } from "../../base/errors.ts";
import type { DType } from "../../ir/dtype.ts";
import { isFloat, isUnsigned } from "../../ir/dtype.ts";
import type { ElementwiseOp, ReduceOp } from "../kernel.ts";
import type { FunctionBuilder, ValueType } from "./assembler-function.ts";
import type { PlainOp } from "./assembler-opcodes.ts";
import type { Lanes, Operand } from "./lanes.ts";
import type { ScalarFunction, ScalarMath } from "./program-math.ts";
import { exportedMath, nativeMath } from "./scalar-math.ts";
import { pushSafeDivision } from "./vector-lanes.ts";
import type { VectorLanes } from "./vector-lanes.ts";

type Float = "f32" | "f64";
type OpTable = Partial<Readonly<Record<ElementwiseOp, PlainOp>>>;

const floatOps = (t: Float): OpTable => ({
  neg: `${t}.neg`,
  abs: `${t}.abs`,
  floor: `${t}.floor`,
  ceil: `${t}.ceil`,
  trunc: `${t}.trunc`,
  round: `${t}.nearest`,
  sqrt: `${t}.sqrt`,
  add: `${t}.add`,
  sub: `${t}.sub`,
  mul: `${t}.mul`,
  div: `${t}.div`,
  max: `${t}.max`,
  min: `${t}.min`,
  eq: `${t}.eq`,
  ne: `${t}.ne`,
  lt: `${t}.lt`,
  le: `${t}.le`,
});
const doubleOps = floatOps("f64");
const singleOps = floatOps("f32");

const integerOps = (s: "s" | "u"): OpTable => ({
  add: "i32.add",
  sub: "i32.sub",
  mul: "i32.mul",
  and: "i32.and",
  or: "i32.or",
  xor: "i32.xor",
  shl: "i32.shl",
  shr: `i32.shr_${s}`,
  eq: "i32.eq",
  ne: "i32.ne",
  lt: `i32.lt_${s}`,
  le: `i32.le_${s}`,
});
const signedOps = integerOps("s");
const unsignedOps = integerOps("u");

const scalarFunctions: ReadonlySet<string> = new Set([...nativeMath, ...exportedMath]);

const isScalarFunction = (op: string): op is ScalarFunction => scalarFunctions.has(op);
const registerFloat = (dtype: DType): Float => (dtype === "f64" ? "f64" : "f32");

/** One scalar at a time: for kernels that touch f64. bool is 0 or 1. */
export class ScalarLanes implements Lanes {
  readonly width: 1 | 4 = 1;
  private readonly math: ScalarMath;
  /** Narrow dtypes are converted by the vector code, in one lane. */
  private readonly vector: VectorLanes;

  constructor(math: ScalarMath, vector: VectorLanes) {
    this.math = math;
    this.vector = vector;
  }

  valueType(dtype: DType): ValueType {
    return isFloat(dtype) ? registerFloat(dtype) : "i32";
  }

  constant(f: FunctionBuilder, dtype: DType, value: number): void {
    if (dtype === "bool") f.i32(value === 0 ? 0 : 1);
    else if (isFloat(dtype)) f.const(registerFloat(dtype), value);
    else f.i32(value | 0);
  }

  load(f: FunctionBuilder, dtype: DType, offset: number): void {
    switch (dtype) {
      case "f64":
        f.load("f64.load", offset);
        return;
      case "f32":
        f.load("f32.load", offset);
        return;
      case "i32":
      case "u32":
        f.load("i32.load", offset);
        return;
      case "i8":
        f.load("i32.load8_s", offset);
        return;
      case "u8":
      case "bool":
        f.load("i32.load8_u", offset);
        return;
      case "f16":
      case "bf16":
        this.vector.loadUniform(f, dtype, offset);
        f.lane("f32x4.extract_lane", 0);
        return;
      default:
        dtype satisfies never;
    }
  }

  loadUniform(f: FunctionBuilder, dtype: DType, offset: number): void {
    this.load(f, dtype, offset);
  }

  store(f: FunctionBuilder, dtype: DType, offset: number): void {
    switch (dtype) {
      case "f64":
        f.store("f64.store", offset);
        return;
      case "f32":
        f.store("f32.store", offset);
        return;
      case "i32":
      case "u32":
        f.store("i32.store", offset);
        return;
      case "i8":
      case "u8":
      case "bool":
        f.store("i32.store8", offset);
        return;
      case "f16":
      case "bf16": {
        const value = f.local("v128");
        f.emit("f32x4.splat").set(value);
        this.vector.storeLane(f, dtype, value, 0, offset);
        f.release(value);
        return;
      }
      default:
        dtype satisfies never;
    }
  }

  storeLane(f: FunctionBuilder, dtype: DType, value: number, _lane: number, offset: number): void {
    f.get(value);
    this.store(f, dtype, offset);
  }

  loadLane(f: FunctionBuilder, dtype: DType, _into: number, _lane: number, address: Operand): void {
    address();
    this.load(f, dtype, 0);
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
      f.emit("select");
      return;
    }
    if (op === "threefry") {
      for (const operand of operands) {
        operand();
        f.emit("i32x4.splat");
      }
      this.vector.threefry(f);
      f.lane("i32x4.extract_lane", 0);
      return;
    }
    if (op === "fma") {
      operands.forEach((operand, i) => {
        operand();
        f.emit("f64.promote_f32");
        if (i === 1) f.emit("f64.mul");
      });
      f.emit("f64.add", "f32.demote_f64");
      return;
    }
    if (op === "expNonPositive") {
      this.apply(f, "exp", from, to, operands);
      return;
    }
    if (op !== "pow" && !isScalarFunction(op)) for (const operand of operands) operand();
    if (op === "cast") this.cast(f, from, to);
    else if (op === "bitcast") this.bitcast(f, from, to);
    else if (isFloat(from)) this.applyFloat(f, op, from, operands);
    else if (from === "bool") this.applyBool(f, op);
    else this.applyInteger(f, op, from, to);
  }

  private emitTable(f: FunctionBuilder, table: OpTable, op: ElementwiseOp): void {
    const plain = table[op];
    if (plain === undefined) throw new CompileError(`wasm: no scalar code for ${op}`);
    f.emit(plain);
  }

  private applyFloat(
    f: FunctionBuilder,
    op: ElementwiseOp,
    dtype: DType,
    operands: readonly Operand[],
  ): void {
    const double = dtype === "f64";
    if (isScalarFunction(op)) {
      for (const operand of operands) {
        operand();
        if (!double) f.emit("f64.promote_f32");
      }
      this.math.call(f, op);
      if (!double) f.emit("f32.demote_f64");
    } else if (op === "sign") {
      this.floatSign(f, registerFloat(dtype));
    } else if (op === "rem") {
      this.floatRemainder(f, double);
    } else {
      this.emitTable(f, double ? doubleOps : singleOps, op);
    }
    this.round(f, op === "lt" || op === "le" || op === "eq" || op === "ne" ? "bool" : dtype);
  }

  round(f: FunctionBuilder, dtype: DType): void {
    if (dtype !== "f16" && dtype !== "bf16") return;
    f.emit("f32x4.splat");
    this.vector.round(f, dtype);
    f.lane("f32x4.extract_lane", 0);
  }

  private floatSign(f: FunctionBuilder, type: Float): void {
    const x = f.local(type);
    f.tee(x).const(type, 0).emit(`${type}.gt`);
    f.get(x).const(type, 0).emit(`${type}.lt`, "i32.sub", `${type}.convert_i32_s`).release(x);
  }

  private floatRemainder(f: FunctionBuilder, double: boolean): void {
    if (double) {
      this.math.callRemainder(f);
      return;
    }
    const y = f.local("f32");
    f.set(y).emit("f64.promote_f32").get(y).emit("f64.promote_f32").release(y);
    this.math.callRemainder(f);
    f.emit("f32.demote_f64");
  }

  private applyBool(f: FunctionBuilder, op: ElementwiseOp): void {
    if (op === "not") f.emit("i32.eqz");
    else if (op === "max") f.emit("i32.or");
    else if (op === "min") f.emit("i32.and");
    else this.emitTable(f, unsignedOps, op);
  }

  private applyInteger(f: FunctionBuilder, op: ElementwiseOp, from: DType, to: DType): void {
    const unsigned = isUnsigned(from);
    const [x, y] = f.locals("i32", 2);
    if (op === "div" || op === "rem") {
      f.set(y).set(x);
      const plain: PlainOp =
        op === "div" ? `i32.div_${unsigned ? "u" : "s"}` : `i32.rem_${unsigned ? "u" : "s"}`;
      pushSafeDivision(f, x, y, plain, op === "rem");
    } else if (op === "max" || op === "min") {
      const sense = op === "max" ? "gt" : "lt";
      f.set(y)
        .tee(x)
        .get(y)
        .get(x)
        .get(y)
        .emit(`i32.${sense}_${unsigned ? "u" : "s"}`, "select");
    } else if (op === "neg") {
      f.set(x).i32(0).get(x).emit("i32.sub");
    } else if (op === "not") {
      f.i32(-1).emit("i32.xor");
    } else if (op === "abs") {
      f.set(x);
      if (unsigned) f.get(x);
      else f.i32(0).get(x).emit("i32.sub").get(x).get(x).i32(0).emit("i32.lt_s", "select");
    } else if (op === "sign") {
      f.tee(x)
        .i32(0)
        .emit(unsigned ? "i32.ne" : "i32.gt_s");
      if (!unsigned) f.get(x).i32(0).emit("i32.lt_s", "i32.sub");
    } else {
      this.emitTable(f, unsigned ? unsignedOps : signedOps, op);
    }
    f.release(x, y);
    this.wrapNarrow(f, to);
  }

  private wrapNarrow(f: FunctionBuilder, dtype: DType): void {
    if (dtype === "i8") f.emit("i32.extend8_s");
    if (dtype === "u8") f.i32(255).emit("i32.and");
  }

  private bitcast(f: FunctionBuilder, from: DType, to: DType): void {
    if (from === "f32" && !isFloat(to)) f.emit("i32.reinterpret_f32");
    else if (to === "f32" && !isFloat(from)) f.emit("f32.reinterpret_i32");
    else this.wrapNarrow(f, to);
  }

  private cast(f: FunctionBuilder, from: DType, to: DType): void {
    if (to === "bool") {
      if (from === "bool") return;
      this.constant(f, from, 0);
      f.emit(isFloat(from) ? `${registerFloat(from)}.ne` : "i32.ne");
    } else if (isFloat(to)) {
      this.castToFloat(f, from, to);
    } else if (isFloat(from)) {
      this.castToInteger(f, registerFloat(from), to);
    } else {
      this.wrapNarrow(f, to);
    }
  }

  private castToFloat(f: FunctionBuilder, from: DType, to: DType): void {
    const type = registerFloat(to);
    if (!isFloat(from)) f.emit(`${type}.convert_i32_${isUnsigned(from) ? "u" : "s"}`);
    else if (from === "f64" && type === "f32") f.emit("f32.demote_f64");
    else if (from !== "f64" && type === "f64") f.emit("f64.promote_f32");
    if (from !== to) this.round(f, to);
  }

  private castToInteger(f: FunctionBuilder, from: Float, to: DType): void {
    f.emit(`i32.trunc_sat_${from}_${to === "u32" ? "u" : "s"}`);
    if (to !== "i8" && to !== "u8") return;
    const [low, high] = to === "i8" ? [-128, 127] : [0, 255];
    const x = f.local("i32");
    f.set(x).get(x).i32(low).get(x).i32(low).emit("i32.gt_s", "select");
    f.set(x).get(x).i32(high).get(x).i32(high).emit("i32.lt_s", "select").release(x);
  }

  addsProducts(): boolean {
    return false;
  }

  addProduct(): void {}

  notesNaN(): boolean {
    return false;
  }

  combineOrdered(): void {}

  restoreNaN(): void {}

  combine(f: FunctionBuilder, op: ReduceOp, dtype: DType): void {
    const name = op === "sum" ? "add" : op === "prod" ? "mul" : op;
    // Partial sums of f16 and bf16 stay in f32.
    if (isFloat(dtype)) this.applyFloat(f, name, registerFloat(dtype), []);
    else if (dtype === "bool") this.applyBool(f, name);
    else this.applyInteger(f, name, dtype, dtype);
  }

  fold(): void {}

  splatIndex(): void {}

  ramp(f: FunctionBuilder): void {
    f.i32(0);
  }

  within(f: FunctionBuilder, low: number, high: number): void {
    const index = f.local("i32");
    f.tee(index).i32(low).emit("i32.ge_s").get(index).i32(high).emit("i32.lt_s", "i32.and");
    f.release(index);
  }

  select(f: FunctionBuilder): void {
    f.emit("select");
  }

  extractIndex(): void {}
}
