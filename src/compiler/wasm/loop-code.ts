import type { Step } from "../schedule.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import type { FunctionBuilder, FunctionRef } from "./assembler-function.ts";
import type { Frame } from "./frame.ts";

/** A loop that is to be written. */
export interface LoopCode {
  readonly step: Extract<Step, { kind: "loop" }>;
  /** Where the loop's operands and results are. */
  readonly outer: Frame;
  /** What the body addresses. */
  readonly frame: Frame;
  /** The body's steps: (thread, threads, args) → (). */
  readonly functions: readonly FunctionRef[];
  /** Null where one thread runs the loop alone. */
  readonly barrier: FunctionRef | null;
  /** Whether threads meet at the start of a trip. */
  readonly waitsFirst: boolean;
}

/** Locals of the step's function: thread, threads, args. */
const [THREAD, THREADS, ARGS] = [0, 1, 2];

const bytesOf = (node: Node): number => numel(node.shape) * dtypeBytes(node.dtype);

/**
 * Writes a loop. All threads run it and keep the argument tables, with the same values, themselves;
 * trips take turns between two tables, and between two buffers for each carry.
 */
class LoopWriter {
  private readonly f: FunctionBuilder;
  private readonly code: LoopCode;
  private readonly base: number;
  private readonly table: number;
  private readonly trip: number;
  private readonly at: number;

  constructor(f: FunctionBuilder, code: LoopCode) {
    this.f = f;
    this.code = code;
    [this.base, this.table, this.trip, this.at] = f.locals("i32", 4);
  }

  write(): void {
    const { f, code, trip } = this;
    const { length, conditional } = code.step.node.attrs;
    const [first, second] = code.step.layout.tables;
    code.outer.pushBase(f, ARGS, code.step.node);
    f.set(this.base);
    this.fixedEntries();
    f.i32(0).set(trip);
    f.block((done) => {
      f.loop((again) => {
        f.get(trip).i32(length).emit("i32.ge_s").brIf(done);
        f.get(this.base).i32(first).i32(second);
        f.get(trip).i32(1).emit("i32.and", "i32.eqz", "select", "i32.add").set(this.table);
        this.changingEntries();
        if (code.waitsFirst) this.meet();
        if (conditional) {
          f.get(this.table).load("i32.load").load("i32.load8_u").emit("i32.eqz").brIf(done);
        }
        for (const step of code.functions) f.get(THREAD).get(THREADS).get(this.table).call(step);
        f.get(trip).i32(1).emit("i32.add").set(trip).br(again);
      });
    });
    if (conditional) this.finalCopies();
    f.release(this.base, this.table, this.trip, this.at);
  }

  private meet(): void {
    if (this.code.barrier !== null) this.f.get(THREADS).call(this.code.barrier);
  }

  /** Stores into an entry of one of the two tables. */
  private store(table: 0 | 1, entry: number, push: () => void): void {
    const { f, code } = this;
    f.get(this.base);
    push();
    f.store("i32.store", code.step.layout.tables[table] + 4 * entry);
  }

  private pushSource(i: number): void {
    const { outer, step } = this.code;
    outer.pushBase(this.f, ARGS, outer.valueUnder(step.node.src[i]));
  }

  private pushBlock(offset: number): void {
    this.f.get(this.base).i32(offset).emit("i32.add");
  }

  /** Where trips of a parity write a carry: the last trip writes the result. */
  private pushBuffer(carry: number, parity: number): void {
    const { code } = this;
    const { length, conditional } = code.step.node.attrs;
    const isLast = parity === (conditional ? 0 : (length - 1) & 1);
    const [first, second] = code.step.layout.carries[carry];
    const result = code.step.results[carry];
    if (isLast && second === null && result !== null) code.outer.pushBase(this.f, ARGS, result);
    else this.pushBlock(isLast ? (second ?? first) : first);
  }

  private fixedEntries(): void {
    const { f, code } = this;
    const { frame, outer } = code;
    const { carries, slices } = code.step.node.attrs;
    const { aliases, computed, unread } = code.step.layout;
    for (const table of [0, 1] as const) {
      for (let i = 0; i < frame.inputs; i++) {
        if (i >= carries + slices) this.store(table, i, () => this.pushSource(i));
        else if (i < carries && table === 0) this.store(0, i, () => this.pushSource(i));
        else if (i < carries && aliases[i] === null) {
          this.store(1, i, () => this.pushBuffer(i, 0));
        }
      }
      computed.forEach((result, i) => {
        const offset = unread[result - carries] ?? null;
        if (result < carries) {
          this.store(table, frame.inputs + i, () => this.pushBuffer(result, table));
        } else if (offset !== null) {
          this.store(table, frame.inputs + i, () => this.pushBlock(offset));
        }
      });
      this.store(table, frame.arena, () => f.get(this.base));
      this.store(table, frame.workspace, () => outer.pushArgument(f, ARGS, outer.workspace));
      this.store(table, frame.constants, () => outer.pushArgument(f, ARGS, outer.constants));
    }
  }

  private changingEntries(): void {
    const { f, code, trip, at, table } = this;
    const { frame } = code;
    const { body, carries, slices, length, reverse } = code.step.node.attrs;
    const { aliases, computed } = code.step.layout;
    const buffered = aliases.flatMap((alias, i) => (alias === null ? [i] : []));
    if (buffered.length > 0 && length > 2) {
      // From the third trip on, even trips too read what another trip wrote.
      f.get(trip).i32(2).emit("i32.eq");
      f.if(() => {
        for (const i of buffered) this.store(0, i, () => this.pushBuffer(i, 1));
      });
    }
    if (reverse)
      f.i32(length - 1)
        .get(trip)
        .emit("i32.sub")
        .set(at);
    else f.get(trip).set(at);
    const advance = (entry: number, element: Node, push: () => void): void => {
      f.get(table);
      push();
      f.get(at).i32(bytesOf(element)).emit("i32.mul", "i32.add");
      f.store("i32.store", 4 * entry);
    };
    for (let i = carries; i < carries + slices; i++) {
      advance(i, body.inputs[i], () => this.pushSource(i));
    }
    const advanceResult = (entry: number, i: number): void => {
      const result = code.step.results[i];
      if (result === null) return;
      advance(entry, body.outputs[i], () => code.outer.pushBase(f, ARGS, result));
    };
    computed.forEach((result, i) => {
      if (result >= carries) advanceResult(frame.inputs + i, result);
    });
    if (buffered.length === carries) return;
    f.get(trip);
    f.if(() => {
      f.get(at)
        .i32(reverse ? -1 : 1)
        .emit("i32.sub")
        .set(at);
      aliases.forEach((alias, i) => {
        if (alias !== null) advanceResult(i, alias);
      });
    });
  }

  /** Brings the carries of a conditional loop to where they belong, as the last trip was odd or none. */
  private finalCopies(): void {
    const { f, code, trip } = this;
    const { body } = code.step.node.attrs;
    this.meet();
    const copyAll = (push: (carry: number) => void): void => {
      code.step.layout.carries.forEach((_, i) => {
        const result = code.step.results[i];
        if (result === null) return;
        code.outer.pushBase(f, ARGS, result);
        push(i);
        f.i32(bytesOf(body.outputs[i])).memoryCopy();
      });
    };
    f.get(THREAD).emit("i32.eqz");
    f.if(() => {
      f.get(trip).emit("i32.eqz");
      f.if(
        () => copyAll((i) => this.pushSource(i)),
        () => {
          f.get(trip).i32(1).emit("i32.and", "i32.eqz");
          f.if(() => copyAll((i) => this.pushBuffer(i, 1)));
        },
      );
    });
  }
}

/** Writes the code of a loop into the function of its step. */
export function writeLoop(f: FunctionBuilder, code: LoopCode): void {
  new LoopWriter(f, code).write();
}
