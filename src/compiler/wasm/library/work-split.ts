import type { FunctionBuilder } from "../assembler-function.ts";
import { whileBelow } from "./control.ts";

/** Multiply-adds below which another thread is not worth waking: about a microsecond. */
const THREAD_WORK = 32768;

/** Locals of a split of `batches` × `items` units of work over threads. */
export interface WorkSplit {
  readonly thread: number;
  readonly threads: number;
  /** Local: number of batches. */
  readonly batches: number;
  /** Local: units of work in a batch. */
  readonly items: number;
  /** Local, f64: multiply-adds of all batches. */
  readonly work: number;
}

/**
 * Gives each thread an equal, contiguous run of all units, which may start and end inside a
 * batch. Runs `body` for every batch touched, with the range `from`..`to` of its units.
 */
export function renderWorkSplit(
  f: FunctionBuilder,
  split: WorkSplit,
  body: (batch: number, from: number, to: number) => void,
): void {
  const [used, first, last, batch, batchEnd, base, from, to] = f.locals("i32", 8);
  const total = f.local("i32");
  const limit = (pushBound: () => void, op: "i32.lt_u" | "i32.gt_u"): void => {
    f.get(used);
    pushBound();
    f.get(used);
    pushBound();
    f.emit(op, "select").set(used);
  };
  f.get(split.batches).get(split.items).emit("i32.mul").set(total);
  f.get(split.work).f64(THREAD_WORK).emit("f64.div", "i32.trunc_sat_f64_u").set(used);
  limit(() => f.get(split.threads), "i32.lt_u");
  limit(() => f.i32(1), "i32.gt_u");
  f.get(split.thread).get(used).emit("i32.ge_u").get(total).emit("i32.eqz", "i32.or");
  f.if(() => f.emit("return"));
  f.get(total).get(split.thread).emit("i32.mul").get(used).emit("i32.div_u").set(first);
  f.get(total).get(split.thread).i32(1).emit("i32.add", "i32.mul").get(used);
  f.emit("i32.div_u").set(last);
  f.get(first).get(split.items).emit("i32.div_u").set(batch);
  f.get(last).get(split.items).emit("i32.add").i32(1).emit("i32.sub");
  f.get(split.items).emit("i32.div_u").set(batchEnd);
  whileBelow(f, batch, batchEnd, { value: 1 }, () => {
    f.get(batch).get(split.items).emit("i32.mul").set(base);
    f.get(first).get(base).emit("i32.sub").tee(from).i32(0);
    f.get(from).i32(0).emit("i32.gt_s", "select").set(from);
    f.get(last).get(base).emit("i32.sub").tee(to).get(split.items);
    f.get(to).get(split.items).emit("i32.lt_s", "select").set(to);
    body(batch, from, to);
  });
  f.release(used, first, last, batch, batchEnd, base, from, to, total);
}
