import type { FunctionBuilder, FunctionRef } from "./assembler-function.ts";
import type { ModuleBuilder } from "./assembler.ts";
import { controlBlock, spinRounds } from "./control-block.ts";

/** A sleeping thread looks for failures this often; after so many naps it gives up. */
const NAP_NANOSECONDS = 100_000_000;
const NAP_LIMIT = 3000;

/**
 * Defines (threads: i32) → (): returns when that many threads have called it. Writes before it in
 * any thread are seen after it in all. Traps when another thread failed.
 */
export function defineBarrier(module: ModuleBuilder, shared: boolean): FunctionRef {
  return module.function("barrier", ["i32"], [], (f) => {
    if (shared) writeBarrier(f);
  });
}

function writeBarrier(f: FunctionBuilder): void {
  const threads = 0;
  const [generation, rounds, spins, naps] = f.locals("i32", 4);
  f.get(threads).i32(2).emit("i32.lt_s");
  f.if(() => f.emit("return"));
  readWord(f, controlBlock.barrierGeneration).set(generation);
  f.i32(0).i32(1).atomic("i32.atomic.rmw.add", controlBlock.barrierCount);
  f.i32(1).emit("i32.add").get(threads).emit("i32.eq");
  f.if(() => {
    release(f);
    f.emit("return");
  });
  f.i32(NAP_LIMIT).set(naps);
  f.loop((again) => {
    readWord(f, controlBlock.spinRounds).tee(rounds).set(spins);
    f.loop((spin) => {
      readWord(f, controlBlock.barrierGeneration).get(generation).emit("i32.ne");
      f.if(() => {
        lengthenSpin(f, rounds);
        f.emit("return");
      });
      f.get(spins).i32(1).emit("i32.sub").tee(spins).i32(0).emit("i32.gt_s").brIf(spin);
    });
    readWord(f, controlBlock.failure);
    f.if(() => f.emit("unreachable"));
    readWord(f, controlBlock.spinOnly).brIf(again);
    shortenSpin(f, rounds);
    nap(f, generation);
    f.get(naps).i32(1).emit("i32.sub").tee(naps).brIf(again);
  });
  f.emit("unreachable");
}

/** Threads may overwrite each other's adaption: any of the values will do. */
function lengthenSpin(f: FunctionBuilder, rounds: number): void {
  f.get(rounds).i32(spinRounds.barrier.most).emit("i32.lt_s");
  f.if(() => {
    f.i32(0).get(rounds).get(rounds).i32(6).emit("i32.shr_s", "i32.add");
    f.store("i32.store", controlBlock.spinRounds);
  });
}

function shortenSpin(f: FunctionBuilder, rounds: number): void {
  const { least, most } = spinRounds.barrier;
  const naps = f.local("i32");
  f.i32(0).i32(0).load("i32.load", controlBlock.barrierNaps).i32(1).emit("i32.add").tee(naps);
  f.store("i32.store", controlBlock.barrierNaps);
  f.get(rounds).i32(3).emit("i32.shr_s").set(rounds);
  f.i32(0);
  f.get(rounds).i32(least).get(rounds).i32(least).emit("i32.gt_s", "select");
  f.i32(most).get(naps).i32(63).emit("i32.and", "select");
  f.store("i32.store", controlBlock.spinRounds);
  f.release(naps);
}

/** The last thread opens the barrier; the count is reset before anybody can enter the next one. */
function release(f: FunctionBuilder): void {
  f.i32(0).i32(0).atomic("i32.atomic.store", controlBlock.barrierCount);
  f.i32(0).i32(1).atomic("i32.atomic.rmw.add", controlBlock.barrierGeneration).emit("drop");
  readWord(f, controlBlock.barrierSleepers);
  f.if(() => {
    f.i32(0).i32(-1).atomic("memory.atomic.notify", controlBlock.barrierGeneration).emit("drop");
  });
}

function nap(f: FunctionBuilder, generation: number): void {
  f.i32(0).i32(1).atomic("i32.atomic.rmw.add", controlBlock.barrierSleepers).emit("drop");
  f.i32(0).get(generation).i64(NAP_NANOSECONDS);
  f.atomic("memory.atomic.wait32", controlBlock.barrierGeneration).emit("drop");
  f.i32(0).i32(1).atomic("i32.atomic.rmw.sub", controlBlock.barrierSleepers).emit("drop");
}

function readWord(f: FunctionBuilder, address: number): FunctionBuilder {
  return f.i32(0).atomic("i32.atomic.load", address);
}
