import type { ModuleBuilder } from "../assembler.ts";
import type { FunctionBuilder, FunctionRef } from "../assembler-function.ts";
import { pushMin } from "./control.ts";
import { gemmField } from "./gemm-desc.ts";
import { PANEL } from "./gemm-kernels.ts";
import { renderWorkSplit } from "./work-split.ts";

const params = ["i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;

/**
 * Adds `gemm_thread(desc, a, b, c, workspace, thread, threads)`: this thread's share of all
 * batches of a product. The longer side of C is split, in whole tiles; small products stay on
 * thread 0. Every split gives the same bits.
 */
export function renderGemmThread(
  module: ModuleBuilder,
  gemm: FunctionRef,
  tileRows: number,
): FunctionRef {
  return module.function("gemm_thread", params, [], (f) => {
    const [desc, a, b, c, workspace, thread, threads] = params.keys();
    const [m, n, inner, batches, byRows, unit, items] = f.locals("i32", 7);
    const work = f.local("f64");
    const [zero, m0, m1, n0, n1] = f.locals("i32", 5);
    f.get(desc).load("i32.load", gemmField("m")).set(m);
    f.get(desc).load("i32.load", gemmField("n")).set(n);
    f.get(desc).load("i32.load", gemmField("inner")).set(inner);
    f.get(desc).load("i32.load", gemmField("outer")).get(inner).emit("i32.mul").set(batches);
    f.i32(0).set(zero);
    f.get(m).emit("f64.convert_i32_u").get(n).emit("f64.convert_i32_u", "f64.mul");
    f.get(desc).load("i32.load", gemmField("k")).emit("f64.convert_i32_u", "f64.mul");
    f.get(batches).emit("f64.convert_i32_u", "f64.mul").set(work);
    f.get(m).get(n).emit("i32.ge_s").set(byRows);
    // A column, or one or two rows, are computed in tiles of 32 elements.
    f.get(byRows).if(
      () => f.i32(32).i32(tileRows).get(n).i32(1).emit("i32.eq", "select"),
      () => f.i32(32).i32(PANEL).get(m).i32(3).emit("i32.lt_s", "select"),
      "i32",
    );
    f.set(unit);
    f.get(m).get(n).get(byRows).emit("select").get(unit).emit("i32.add").i32(1).emit("i32.sub");
    f.get(unit).emit("i32.div_u").set(items);
    renderWorkSplit(f, { thread, threads, batches, items, work }, (batch, from, to) => {
      f.get(zero).set(m0).get(m).set(m1).get(zero).set(n0).get(n).set(n1);
      const range = (first: number, last: number, end: number): void => {
        f.get(from).get(unit).emit("i32.mul").set(first);
        f.get(to).get(unit).emit("i32.mul").set(last);
        pushMin(f, last, end);
        f.set(last);
      };
      f.get(byRows).if(
        () => range(m0, m1, m),
        () => range(n0, n1, n),
      );
      f.get(desc);
      pushBatchAt(f, desc, a, batch, inner, "a");
      pushBatchAt(f, desc, b, batch, inner, "b");
      pushBatchAt(f, desc, c, batch, inner, "c");
      f.get(workspace).get(batch).get(m0).get(m1).get(n0).get(n1).call(gemm);
    });
  });
}

/** Pushes the address of an operand's batch: base + 4·(outer index·outer + inner index·inner). */
function pushBatchAt(
  f: FunctionBuilder,
  desc: number,
  base: number,
  batch: number,
  inner: number,
  operand: "a" | "b" | "c",
): void {
  f.get(base);
  f.get(batch).get(inner).emit("i32.div_u");
  f.get(desc)
    .load("i32.load", gemmField(`${operand}Outer`))
    .emit("i32.mul");
  f.get(batch).get(inner).emit("i32.rem_u");
  f.get(desc)
    .load("i32.load", gemmField(`${operand}Inner`))
    .emit("i32.mul", "i32.add");
  f.i32(2).emit("i32.shl", "i32.add");
}
