import type { FunctionBuilder, FunctionRef } from "./assembler-function.ts";
import type { ModuleBuilder } from "./assembler.ts";
import { VectorCode } from "./vector-math-code.ts";
import type { Expr } from "./vector-math-code.ts";
import { erf, exp, expm1, expNonPositive, tanh } from "./vector-math-exp.ts";
import { log, log1p } from "./vector-math-log.ts";
import { pow } from "./vector-math-pow.ts";
import { FAST_LIMIT, isBeyondFast, sineFast, sineScalar } from "./vector-math-trig.ts";

/** The transcendental functions that exist for f32x4 vectors. */
export const vectorFunctions = [
  "exp",
  "expm1",
  "log",
  "log1p",
  "sin",
  "cos",
  "tanh",
  "erf",
  "pow",
] as const;

/** Name of a vector function. All take one operand but `pow`, which takes base and exponent. */
export type VectorFunction = (typeof vectorFunctions)[number];

type Unary = (k: VectorCode, x: Expr) => Expr;

const unaryBodies: Readonly<Record<Exclude<VectorFunction, "pow" | "sin" | "cos">, Unary>> = {
  exp,
  expm1,
  log,
  log1p,
  tanh,
  erf,
};

/**
 * Transcendental functions on f32x4 for one module. Errors stay within 2 ulp over all floats
 * (pow: 1 ulp), with the IEEE results for NaN, infinities, denormals and −0.
 */
export class VectorMath {
  private readonly module: ModuleBuilder;
  readonly fma: boolean;
  private readonly defined: Map<string, FunctionRef> = new Map();

  /** @param options.fma - whether the module may use relaxed_madd. */
  constructor(module: ModuleBuilder, options: { readonly fma: boolean }) {
    this.module = module;
    this.fma = options.fma;
  }

  /** Emits a call: pops the operand (for pow: base, then exponent on top), pushes the result. */
  call(f: FunctionBuilder, name: VectorFunction): void {
    f.call(this.function(name));
  }

  /** Emits the body in place of a call; same values. Its locals are free again afterwards. */
  inline(f: FunctionBuilder, name: VectorFunction): void {
    const arity = name === "pow" ? 2 : 1;
    const operands = f.locals("v128", arity);
    for (const operand of operands.toReversed()) f.set(operand);
    this.body(f, name, operands);
    f.release(...operands);
  }

  /** Emits exp for an operand that is at most 0. */
  inlineExpNonPositive(f: FunctionBuilder): void {
    const operand = f.local("v128");
    f.set(operand);
    const k = new VectorCode(f, this.fma);
    expNonPositive(k, k.local(operand))();
    k.release();
    f.release(operand);
  }

  /** The function of a name, defined in the module on first use. */
  function(name: VectorFunction): FunctionRef {
    const params = name === "pow" ? (["v128", "v128"] as const) : (["v128"] as const);
    return this.once(name, () =>
      this.module.function(name, params, ["v128"], (f) => this.body(f, name, [0, 1])),
    );
  }

  private once(key: string, define: () => FunctionRef): FunctionRef {
    const known = this.defined.get(key);
    if (known !== undefined) return known;
    const ref = define();
    this.defined.set(key, ref);
    return ref;
  }

  private body(f: FunctionBuilder, name: VectorFunction, operands: readonly number[]): void {
    const k = new VectorCode(f, this.fma);
    const [x, y] = operands.map((operand) => k.local(operand));
    if (name === "sin" || name === "cos") this.sine(k, operands[0], name === "sin" ? 0 : 1);
    else if (name === "pow") pow(k, x, y)();
    else unaryBodies[name](k, x)();
    k.release();
  }

  private sine(k: VectorCode, operand: number, quarterTurns: 0 | 1): void {
    const x = k.local(operand);
    const fast = k.let(sineFast(k, x, quarterTurns));
    const slow = this.slowSine();
    isBeyondFast(k, x)();
    k.f.if(
      () => {
        x();
        fast();
        k.f.i32(quarterTurns).call(slow);
      },
      () => fast(),
      "v128",
    );
  }

  /** (x, fast, quarterTurns): `fast` with the lanes replaced whose |x| is large or no number. */
  private slowSine(): FunctionRef {
    return this.once("slowSine", () => {
      const scalar = this.module.function("sineScalar", ["f32", "i32"], ["f32"], sineScalar);
      return this.module.function("slowSine", ["v128", "v128", "i32"], ["v128"], (f) => {
        const [x, fast, turns] = [0, 1, 2];
        for (const lane of [0, 1, 2, 3]) {
          f.get(x).lane("f32x4.extract_lane", lane).emit("f32.abs").f32(FAST_LIMIT);
          f.emit("f32.le", "i32.eqz");
          f.if(() => {
            f.get(fast).get(x).lane("f32x4.extract_lane", lane).get(turns).call(scalar);
            f.lane("f32x4.replace_lane", lane).set(fast);
          });
        }
        f.get(fast);
      });
    });
  }
}
