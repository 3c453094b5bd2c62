import type { FunctionBuilder } from "../assembler-function.ts";

/** An i32 operand: a local, or a constant. */
export type Operand = { readonly local: number } | { readonly value: number };

/** Pushes an operand. */
function push(f: FunctionBuilder, operand: Operand): FunctionBuilder {
  return "local" in operand ? f.get(operand.local) : f.i32(operand.value);
}

/** `while (i < end) { body; i += step }` on i32 locals; `i` keeps its value from before. */
export function whileBelow(
  f: FunctionBuilder,
  i: number,
  end: number,
  step: Operand,
  body: () => void,
): void {
  f.block((done) => {
    f.loop((again) => {
      f.get(i).get(end).emit("i32.ge_s").brIf(done);
      body();
      push(f.get(i), step).emit("i32.add").set(i).br(again);
    });
  });
}

/** Runs `body` `count` times with a guard and the test at the end; `count` ends at zero. */
export function countDown(f: FunctionBuilder, count: number, body: () => void): void {
  f.block((done) => {
    f.get(count).i32(0).emit("i32.le_s").brIf(done);
    f.loop((again) => {
      body();
      f.get(count).i32(1).emit("i32.sub").tee(count).brIf(again);
    });
  });
}

/** local += operand. */
export function increase(f: FunctionBuilder, local: number, by: Operand): void {
  push(f.get(local), by).emit("i32.add").set(local);
}

/** Pushes min(a, b) of two signed i32 locals. */
export function pushMin(f: FunctionBuilder, a: number, b: number): void {
  f.get(a).get(b).get(a).get(b).emit("i32.lt_s", "select");
}

/** Pushes base + index · stride. */
export function pushAt(f: FunctionBuilder, base: number, index: number, stride: number): void {
  f.get(base).get(index).get(stride).emit("i32.mul", "i32.add");
}
