import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CudaBackend } from "../../src/backends/cuda/backend.ts";
import { CudaProgram } from "../../src/backends/cuda/program.ts";
import type { CopyLaunch, CudaProgramCode, Operand } from "../../src/compiler/cuda/program-code.ts";
import * as b from "../../src/ir/build.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { NodeOf } from "../../src/ir/node.ts";
import type { Buffer } from "../../src/runtime/backend.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { emulator } from "./emulator/emulator.ts";
import type { Emulator } from "./emulator/emulator.ts";

const input = (index: number): Operand => ({ place: { kind: "input", index }, offset: 0 });
const output = (index: number): Operand => ({ place: { kind: "output", index }, offset: 0 });
const temporary = (offset: number): Operand => ({
  place: { kind: "temporary", offset },
  offset: 0,
});

/** A program of copies through temporaries. */
function copies(
  bytes: number,
  ...pairs: readonly (readonly [Operand, Operand])[]
): CudaProgramCode {
  const launches = pairs.map(([from, to]): CopyLaunch => {
    return { kind: "copy", from, to, bytes, facts: { name: "copy", bytes: 2 * bytes, flops: 0 } };
  });
  return {
    source: "",
    launches,
    temporaryBytes: 2 * bytes,
    scratchBytes: 0,
    isCapturable: true,
    checksIndices: false,
  };
}

const x = b.input([4], "f32") as NodeOf<"input">;
const y = b.input([4], "f32") as NodeOf<"input">;
const through = copies(
  16,
  [input(0), temporary(0)],
  [temporary(0), temporary(16)],
  [temporary(16), output(0)],
);

describe.skipIf(emulatorObstacle() !== null)("replay of recorded graphs", () => {
  let machine: Emulator;
  let backend: CudaBackend;
  let code: CudaProgramCode = through;
  beforeEach(() => {
    machine = emulator();
    backend = new CudaBackend({ ffi: machine.ffi, cache: null }, () => code);
  });
  afterEach(() => {
    backend.dispose();
    const problems = machine.takeProblems();
    if (problems.length > 0) throw new Error(problems.join("; "));
  });

  function compile(graph: Graph, wanted: CudaProgramCode): CudaProgram {
    code = wanted;
    const program = backend.compile(graph);
    if (program instanceof CudaProgram && program.replay !== null) return program;
    return expect.unreachable("the program can be recorded");
  }

  const counts = ({ replay }: CudaProgram): unknown => ({ ...replay?.counts });
  const values = (start: number): Float32Array => Float32Array.of(start, start + 1, 2, 3);

  function upload(data: Float32Array): Buffer {
    const buffer = backend.allocate(data.byteLength);
    backend.write(buffer, data);
    return buffer;
  }

  /** Runs with new values and checks what comes out. */
  function runAndCheck(program: CudaProgram, from: Buffer, to: Buffer, start: number): void {
    backend.write(from, values(start));
    program.run([from], [to]);
    expect(backend.readSync(to, "f32")).toEqual(values(start));
  }

  it("runs first, records when the addresses come again, then replays", () => {
    const program = compile({ inputs: [x], outputs: [b.neg(x)] }, through);
    const [from, to] = [backend.allocate(16), backend.allocate(16)];
    const before = machine.count("graphLaunches");
    for (let run = 0; run < 6; run++) runAndCheck(program, from, to, run);
    expect(counts(program)).toEqual({ eager: 1, recorded: 1, replayed: 4, copied: 0 });
    expect(machine.count("graphLaunches") - before).toBe(5);
    program.dispose();
  });

  it("keeps graphs of the buffers a loop alternates between", () => {
    const program = compile({ inputs: [x], outputs: [b.neg(x)] }, through);
    const from = backend.allocate(16);
    const targets = [backend.allocate(16), backend.allocate(16), backend.allocate(16)];
    for (let run = 0; run < 30; run++) runAndCheck(program, from, targets[run % 3], run);
    expect(counts(program)).toEqual({ eager: 3, recorded: 3, replayed: 24, copied: 0 });
    program.dispose();
  });

  it("gives operands that keep moving a place of their own", () => {
    const program = compile({ inputs: [x], outputs: [b.neg(x)] }, through);
    const from = backend.allocate(16);
    const kept: Buffer[] = [];
    for (let run = 0; run < 40; run++) {
      kept.push(backend.allocate(16));
      runAndCheck(program, from, kept[run], run);
    }
    expect(counts(program)).toEqual({ eager: 8, recorded: 1, replayed: 31, copied: 32 });
    for (const [run, buffer] of kept.entries()) {
      expect(backend.readSync(buffer, "f32")).toEqual(values(run));
    }
    program.dispose();
  });

  it("notices when something else begins to move, and what shares a buffer", () => {
    const graph = { inputs: [x, y], outputs: [b.assign(x, y), b.neg(y)] };
    const exchange = copies(
      16,
      [input(1), temporary(0)],
      [input(0), output(1)],
      [temporary(0), input(0)],
    );
    const program = compile(graph, exchange);
    let state = upload(values(100));
    const source = backend.allocate(16);
    const kept: Buffer[] = [];
    for (let run = 0; run < 40; run++) {
      if (run === 20) state = upload(values(19));
      kept.push(backend.allocate(16));
      backend.write(source, values(run));
      program.run([state, source], [state, kept[run]]);
      expect(backend.readSync(state, "f32")).toEqual(values(run));
      expect(backend.readSync(kept[run], "f32")).toEqual(values(run === 0 ? 100 : run - 1));
    }
    expect(counts(program)).toMatchObject({ eager: 8, recorded: 2, copied: 32 });
    program.dispose();
  });

  it("notices that inputs which shared a buffer do no more", () => {
    const program = compile(
      { inputs: [x, y], outputs: [b.neg(x), b.neg(y)] },
      copies(16, [input(0), output(0)], [input(1), temporary(0)], [temporary(0), output(1)]),
    );
    const targets = [backend.allocate(16), backend.allocate(16)];
    for (let run = 0; run < 24; run++) {
      const first = upload(values(run));
      const second = run < 12 ? first : upload(values(-run));
      program.run([first, second], targets);
      expect(backend.readSync(targets[0], "f32")).toEqual(values(run));
      expect(backend.readSync(targets[1], "f32")).toEqual(values(run < 12 ? run : -run));
    }
    expect(counts(program)).toMatchObject({ eager: 8, recorded: 2, copied: 16 });
    program.dispose();
  });

  it("updates its graph where operands that move are too large to copy", () => {
    const bytes = 65 * 2 ** 20;
    const wide = [0, 1, 2].map(() => b.input([bytes / 4], "f32") as NodeOf<"input">);
    const program = compile(
      { inputs: [...wide, x], outputs: [b.neg(x)] },
      copies(16, [input(3), input(1)], [input(1), temporary(0)], [temporary(0), output(0)]),
    );
    const large = wide.map(() => backend.allocate(bytes));
    const [from, to] = [upload(values(7)), backend.allocate(16)];
    for (let run = 0; run < 13; run++) {
      const moving = [run, Math.floor(run / 3), Math.floor(run / 9)].map((i) => large[i % 3]);
      program.run([...moving, from], [to]);
    }
    expect(backend.readSync(to, "f32")).toEqual(values(7));
    expect(counts(program)).toEqual({ eager: 8, recorded: 5, replayed: 0, copied: 0 });
    program.dispose();
  });

  it("goes on when the arena gave its memory away in between", () => {
    const program = compile({ inputs: [x], outputs: [b.neg(x)] }, through);
    const [from, to] = [backend.allocate(16), backend.allocate(16)];
    for (let run = 0; run < 3; run++) runAndCheck(program, from, to, run);
    const before = backend.memory().reservedBytes;
    expect(() => backend.allocate(4 * 2 ** 30)).toThrow("must fit the card");
    expect(backend.memory().reservedBytes).toBeLessThan(before);
    for (let run = 0; run < 3; run++) runAndCheck(program, from, to, run);
    expect(counts(program)).toEqual({ eager: 1, recorded: 1, replayed: 4, copied: 0 });
    program.dispose();
  });

  it("does not record what needs the host, nor what is waited for", () => {
    code = { ...through, isCapturable: false };
    const graph = { inputs: [x], outputs: [b.neg(x)] };
    expect((backend.compile(graph) as CudaProgram).replay).toBeNull();
    backend.dispose();
    backend = new CudaBackend({ ffi: machine.ffi, cache: null, synchronous: true }, () => through);
    expect((backend.compile(graph) as CudaProgram).replay).toBeNull();
  });

  it("frees its graphs, places and modules", () => {
    const used = (): number => machine.count("used");
    const graph = { inputs: [x], outputs: [b.neg(x)] };
    const from = backend.allocate(16);
    const pool = backend.memory().reservedBytes;
    for (let round = 0; round < 3; round++) {
      const program = compile(graph, through);
      const kept: Buffer[] = [];
      for (let run = 0; run < 12; run++) {
        kept.push(backend.allocate(16));
        program.run([from], [kept[run]]);
      }
      program.dispose();
      for (const buffer of kept) backend.free(buffer);
    }
    backend.free(from);
    expect(backend.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
    expect(backend.memory().reservedBytes).toBeGreaterThan(pool);
    backend.dispose();
    expect(used()).toBe(0);
  });
});
