import type { FunctionBuilder, FunctionRef } from "./assembler-function.ts";
import { ModuleBuilder } from "./assembler.ts";

/** Functions of f64 that JavaScript's Math has with the values we want. */
export const nativeMath = ["exp", "expm1", "log", "log1p", "sin", "cos", "tanh"] as const;

/** Functions of f64 that the scalar-math module exports. */
export const exportedMath = ["erf", "pow"] as const;

/**
 * Bytes of a module with the f64 functions that `Math` lacks or computes unlike IEEE. It imports
 * `exp` and `pow` from ("math", …), for which `Math` itself serves, so every thread can make one
 * without any JavaScript of ours.
 */
export function renderScalarMath(): Uint8Array {
  const module = new ModuleBuilder();
  const exp = module.importFunction("math", "exp", ["f64"], ["f64"]);
  const power = module.importFunction("math", "pow", ["f64", "f64"], ["f64"]);
  module.export(module.function("erf", ["f64"], ["f64"], (f) => writeErf(f, exp)));
  module.export(module.function("pow", ["f64", "f64"], ["f64"], (f) => writePow(f, power)));
  return module.build();
}

/** Unlike `**`: 1^NaN = 1 and (−1)^±inf = 1. */
function writePow(f: FunctionBuilder, power: FunctionRef): void {
  const [x, y] = [0, 1];
  f.get(x).f64(1).emit("f64.eq");
  f.get(x).f64(-1).emit("f64.eq").get(y).emit("f64.abs").f64(Infinity).emit("f64.eq", "i32.and");
  f.emit("i32.or");
  f.if(() => f.f64(1).emit("return"));
  f.get(x).get(y).call(power);
}

/** Coefficients of erf x / x in x²: 2/√π · (−1)ⁿ / (n!·(2n + 1)). */
function erfSeries(count: number): number[] {
  let factor = 2 / Math.sqrt(Math.PI);
  return Array.from({ length: count }, (_, n) => {
    const coefficient = factor / (2 * n + 1);
    factor /= -(n + 1);
    return coefficient;
  });
}

const SERIES_TERMS = 26;
const FRACTION_TERMS = 40;

/** erf x: the Taylor series below 1.5, above it 1 − the continued fraction of erfc. */
function writeErf(f: FunctionBuilder, exp: FunctionRef): void {
  const x = 0;
  const [magnitude, square] = f.locals("f64", 2);
  f.get(x).emit("f64.abs").tee(magnitude).get(magnitude).emit("f64.mul").set(square);
  f.get(magnitude).f64(1.5).emit("f64.lt");
  f.if(() => {
    const [last, ...rest] = erfSeries(SERIES_TERMS).toReversed();
    f.f64(last);
    for (const value of rest) f.get(square).emit("f64.mul").f64(value).emit("f64.add");
    f.get(x).emit("f64.mul", "return");
  });
  f.get(magnitude).f64(6).emit("f64.gt");
  f.if(() => f.f64(1).get(x).emit("f64.copysign", "return"));
  writeComplement(f, magnitude, square, exp);
  f.get(x).emit("f64.copysign");
}

/** Pushes 1 − erfc x for x ≥ 1.5. */
function writeComplement(f: FunctionBuilder, x: number, square: number, exp: FunctionRef): void {
  const [doubled, tail, n, high] = f.locals("f64", 4);
  f.get(square).f64(2).emit("f64.mul").tee(doubled);
  f.f64(4 * FRACTION_TERMS + 1)
    .emit("f64.add")
    .set(tail);
  f.f64(FRACTION_TERMS).set(n);
  f.loop((again) => {
    // tail = 2x² + 4n − 3 − (2n − 1)·2n / tail
    f.get(doubled).get(n).f64(4).emit("f64.mul").f64(3).emit("f64.sub", "f64.add");
    f.get(n).f64(2).emit("f64.mul").f64(1).emit("f64.sub").get(n).f64(2).emit("f64.mul");
    f.emit("f64.mul").get(tail).emit("f64.div", "f64.sub").set(tail);
    f.get(n).f64(1).emit("f64.sub").tee(n).f64(0).emit("f64.gt").brIf(again);
  });
  // e^(−x²) in two factors: the square of the f32 part of x is exact.
  f.get(x).emit("f32.demote_f64", "f64.promote_f32").set(high);
  f.f64(1);
  f.get(high).get(high).emit("f64.mul", "f64.neg").call(exp);
  f.get(high).get(x).emit("f64.sub").get(x).get(high).emit("f64.add", "f64.mul").call(exp);
  f.emit("f64.mul").get(doubled).emit("f64.mul");
  f.get(tail).get(x).f64(Math.sqrt(Math.PI)).emit("f64.mul", "f64.mul", "f64.div", "f64.sub");
}
