import type { FunctionBuilder } from "./assembler-function.ts";
import type { PlainOp } from "./assembler-opcodes.ts";

/** Code that pushes one value when it is emitted. */
export type Expr = () => void;

const ONE_BITS = 0x3f800000;

/**
 * Expressions over f32x4 (and f64x2) values: methods return an `Expr`, nested as the formula is;
 * `let` emits one into a local. `fma` picks relaxed_madd, otherwise multiply and add.
 */
export class VectorCode {
  readonly f: FunctionBuilder;
  readonly fma: boolean;
  private readonly owned: number[] = [];

  constructor(f: FunctionBuilder, fma: boolean) {
    this.f = f;
    this.fma = fma;
  }

  /** Emits `expr` into a new local and gives the expression that reads it. */
  let(expr: Expr): Expr {
    const local = this.f.local("v128");
    this.owned.push(local);
    expr();
    this.f.set(local);
    return this.local(local);
  }

  /** Returns the locals of all `let`s to the function. */
  release(): void {
    this.f.release(...this.owned.splice(0));
  }

  local(index: number): Expr {
    return () => void this.f.get(index);
  }

  op(name: PlainOp, ...operands: readonly Expr[]): Expr {
    return () => {
      for (const operand of operands) operand();
      this.f.emit(name);
    };
  }

  /** The f32 constant in all lanes. */
  f32(value: number): Expr {
    return () => void this.f.f32(value).emit("f32x4.splat");
  }

  /** The 32-bit pattern in all lanes. */
  bits(value: number): Expr {
    return () => void this.f.i32(value).emit("i32x4.splat");
  }

  /** The f64 constant in both lanes. */
  f64(value: number): Expr {
    return () => void this.f.f64(value).emit("f64x2.splat");
  }

  add(a: Expr, b: Expr): Expr {
    return this.op("f32x4.add", a, b);
  }

  sub(a: Expr, b: Expr): Expr {
    return this.op("f32x4.sub", a, b);
  }

  mul(a: Expr, b: Expr): Expr {
    return this.op("f32x4.mul", a, b);
  }

  abs(x: Expr): Expr {
    return this.op("f32x4.abs", x);
  }

  /** a·b + c. */
  madd(a: Expr, b: Expr, c: Expr): Expr {
    return this.fma ? this.op("f32x4.relaxed_madd", a, b, c) : this.add(this.mul(a, b), c);
  }

  /** c − a·b. */
  nmadd(a: Expr, b: Expr, c: Expr): Expr {
    return this.fma ? this.op("f32x4.relaxed_nmadd", a, b, c) : this.sub(c, this.mul(a, b));
  }

  /** Smaller of x and the bound; a NaN in x stays. */
  atMost(x: Expr, bound: number): Expr {
    return this.op("f32x4.pmin", x, this.f32(bound));
  }

  /** Larger of x and the bound; a NaN in x stays. */
  atLeast(x: Expr, bound: number): Expr {
    return this.op("f32x4.pmax", x, this.f32(bound));
  }

  /** Lane-wise choice by a mask of all-ones and all-zero lanes. */
  select(mask: Expr, then: Expr, otherwise: Expr): Expr {
    const name = this.fma ? "i32x4.relaxed_laneselect" : "v128.bitselect";
    return this.op(name, then, otherwise, mask);
  }

  /** Polynomial in x, coefficients from the constant term up, by Horner's rule. */
  poly(x: Expr, coefficients: readonly number[]): Expr {
    return coefficients
      .slice(0, -1)
      .reduceRight<Expr>(
        (sum, coefficient) => this.madd(sum, x, this.f32(coefficient)),
        this.f32(coefficients[coefficients.length - 1]),
      );
  }

  /** a·b + c in f64 lanes. */
  madd64(a: Expr, b: Expr, c: Expr): Expr {
    if (this.fma) return this.op("f64x2.relaxed_madd", a, b, c);
    return this.op("f64x2.add", this.op("f64x2.mul", a, b), c);
  }

  /** Polynomial in f64 lanes. */
  poly64(x: Expr, coefficients: readonly number[]): Expr {
    return coefficients
      .slice(0, -1)
      .reduceRight<Expr>(
        (sum, coefficient) => this.madd64(sum, x, this.f64(coefficient)),
        this.f64(coefficients[coefficients.length - 1]),
      );
  }

  /** Integer lanes shifted by a constant. */
  shift(
    name: "i32x4.shl" | "i32x4.shr_s" | "i32x4.shr_u" | "i64x2.shl",
    x: Expr,
    by: number,
  ): Expr {
    return () => {
      x();
      this.f.i32(by).emit(name);
    };
  }

  /** 2^n for integer lanes n in −126 … 127. */
  powerOfTwo(n: Expr): Expr {
    return this.op("i32x4.add", this.shift("i32x4.shl", n, 23), this.bits(ONE_BITS));
  }

  /** The sign bits of x. */
  signOf(x: Expr): Expr {
    return this.op("v128.and", x, this.bits(0x80000000));
  }

  /** x with the sign bits of `sign` set; x must not be negative. */
  withSign(x: Expr, sign: Expr): Expr {
    return this.op("v128.or", x, sign);
  }

  /** The upper two f32 lanes in the place of the lower two. */
  upperHalf(x: Expr): Expr {
    return () => {
      x();
      x();
      this.f.shuffle32(2, 3, 2, 3);
    };
  }

  /** The lower two f32 lanes of both operands. */
  joinHalves(low: Expr, high: Expr): Expr {
    return () => {
      low();
      high();
      this.f.shuffle32(0, 1, 4, 5);
    };
  }
}
