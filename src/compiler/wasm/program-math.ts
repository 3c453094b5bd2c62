import type { FunctionBuilder, FunctionRef } from "./assembler-function.ts";
import type { ModuleBuilder } from "./assembler.ts";
import { exportedMath, nativeMath } from "./scalar-math.ts";

/** Scalar functions a program imports from ("math", …). */
export type ScalarFunction = (typeof nativeMath)[number] | (typeof exportedMath)[number];

/** Scalar functions of one program module: imported f64 mathematics, and fmod of its own. */
export class ScalarMath {
  private readonly module: ModuleBuilder;
  private readonly imported: ReadonlyMap<string, FunctionRef>;
  private remainder: FunctionRef | null = null;

  /** Imports the functions; must come before the module defines anything. */
  constructor(module: ModuleBuilder) {
    this.module = module;
    const names = [...new Set([...nativeMath, ...exportedMath])];
    this.imported = new Map(
      names.map((name) => {
        const params = name === "pow" ? (["f64", "f64"] as const) : (["f64"] as const);
        return [name, module.importFunction("math", name, params, ["f64"])];
      }),
    );
  }

  /** f64 operands on the stack; pushes the f64 result. */
  call(f: FunctionBuilder, name: ScalarFunction): void {
    const ref = this.imported.get(name);
    if (ref !== undefined) f.call(ref);
  }

  /** Dividend and divisor (f64) on the stack; pushes C's fmod, which is exact. */
  callRemainder(f: FunctionBuilder): void {
    this.remainder ??= this.module.function("fmod", ["f64", "f64"], ["f64"], writeRemainder);
    f.call(this.remainder);
  }
}

/** Long division in binary: every subtraction is exact. */
function writeRemainder(f: FunctionBuilder): void {
  const [x, y] = [0, 1];
  const [rest, divisor, step] = f.locals("f64", 3);
  f.get(x).emit("f64.abs").set(rest).get(y).emit("f64.abs").set(divisor);
  f.get(rest).f64(Infinity).emit("f64.lt", "i32.eqz");
  f.get(divisor).f64(0).emit("f64.gt", "i32.eqz", "i32.or");
  f.if(() => f.f64(NaN).emit("return"));
  f.get(rest).get(divisor).emit("f64.lt");
  f.if(() => f.get(x).emit("return"));
  f.get(divisor).set(step);
  f.loop((again) => {
    f.get(step).get(rest).f64(0.5).emit("f64.mul", "f64.le");
    f.if(() => {
      f.get(step).f64(2).emit("f64.mul").set(step);
      f.br(again);
    });
  });
  f.loop((again) => {
    f.get(rest).get(step).emit("f64.ge");
    f.if(() => f.get(rest).get(step).emit("f64.sub").set(rest));
    f.get(step).f64(0.5).emit("f64.mul").tee(step).get(divisor).emit("f64.ge").brIf(again);
  });
  f.get(rest).get(x).emit("f64.copysign");
}
