import { describe, expect, it } from "vitest";
import { AthanorError, OutOfMemoryError, UsageError } from "../../src/base/errors.ts";
import * as b from "../../src/ir/build.ts";
import type { DType, HostArray } from "../../src/ir/dtype.ts";
import { dtypeBytes, dtypes } from "../../src/ir/dtype.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { Node, NodeOf } from "../../src/ir/node.ts";
import type { Backend, Buffer } from "../../src/runtime/backend.ts";
import { runGraph } from "./run.ts";
import { edges, hostArray } from "./scene.ts";

/** The backend of the running suite; a function, because hooks create it. */
type Current = () => Backend;

const f32 = (...values: number[]): Float32Array => Float32Array.from(values);
const inputNode = (shape: number[], dtype: DType = "f32"): NodeOf<"input"> =>
  b.input(shape, dtype) as NodeOf<"input">;

function upload(backend: Backend, data: HostArray): Buffer {
  const buffer = backend.allocate(data.byteLength);
  backend.write(buffer, data);
  return buffer;
}

function freeAll(backend: Backend, ...buffers: readonly Buffer[]): void {
  for (const buffer of buffers) backend.free(buffer);
}

/** Allocation, accounting, host transfers, misuse. */
export function memoryContract(current: Current): void {
  describe("memory", () => {
    it("counts live bytes and buffers, and keeps the peak", () => {
      const backend = current();
      const before = backend.memory();
      const buffers = [4, 1024, 0, 12].map((bytes) => backend.allocate(bytes));
      expect(buffers.map(({ bytes }) => bytes)).toEqual([4, 1024, 0, 12]);
      const during = backend.memory();
      expect(during.liveBuffers - before.liveBuffers).toBe(4);
      expect(during.liveBytes - before.liveBytes).toBeGreaterThanOrEqual(1040);
      expect(during.peakBytes).toBeGreaterThanOrEqual(during.liveBytes);
      expect(during.reservedBytes).toBeGreaterThanOrEqual(during.liveBytes);
      freeAll(backend, ...buffers);
      const after = backend.memory();
      expect(after.liveBytes).toBe(before.liveBytes);
      expect(after.liveBuffers).toBe(before.liveBuffers);
      expect(after.peakBytes).toBeGreaterThanOrEqual(during.liveBytes);
    });

    it("uses freed memory again and keeps neighbours intact", () => {
      const backend = current();
      const keep = upload(backend, f32(1, 2, 3));
      const reserved = (): number => backend.memory().reservedBytes;
      let once = 0;
      for (let round = 0; round < 200; round++) {
        const large = upload(backend, new Float32Array(16 * 1024).fill(round));
        const small = upload(backend, f32(round));
        expect(backend.readSync(small, "f32")).toEqual(f32(round));
        freeAll(backend, large, small);
        if (round === 0) once = reserved();
      }
      expect(reserved()).toBeLessThanOrEqual(once);
      expect(backend.readSync(keep, "f32")).toEqual(f32(1, 2, 3));
      backend.free(keep);
    });

    it.each(dtypes)("writes and reads %s bit for bit", async (dtype) => {
      const backend = current();
      if (!backend.supports(dtype)) return;
      const data = hostArray(dtype, edges[dtype]);
      const buffer = upload(backend, data);
      expect(buffer.bytes).toBe(edges[dtype].length * dtypeBytes(dtype));
      expect(backend.readSync(buffer, dtype)).toEqual(data);
      expect(await backend.read(buffer, dtype)).toEqual(data);
      backend.free(buffer);
    });

    it("reads into fresh arrays and writes from views of larger ones", () => {
      const backend = current();
      const source = f32(0, 1, 2, 3, 4);
      const buffer = upload(backend, source.subarray(1, 4));
      const read = backend.readSync(buffer, "f32");
      expect(read).toEqual(f32(1, 2, 3));
      read[0] = 9;
      source[2] = 9;
      expect(backend.readSync(buffer, "f32")).toEqual(f32(1, 2, 3));
      backend.free(buffer);
    });

    it("copies between buffers", () => {
      const backend = current();
      const from = upload(backend, f32(1, 2, 3));
      const to = upload(backend, f32(7, 7, 7));
      backend.copy(from, to);
      backend.write(from, f32(0, 0, 0));
      expect(backend.readSync(to, "f32")).toEqual(f32(1, 2, 3));
      freeAll(backend, from, to);
    });

    it("writes a part of a buffer and leaves the rest alone", () => {
      const backend = current();
      const data = f32(0, 1, 2, 3, 4, 5);
      const buffer = upload(backend, data);
      const source = f32(7, 8, 9);
      backend.writePart(buffer, 8, source.subarray(1, 3));
      source.fill(0);
      expect(backend.readSync(buffer, "f32")).toEqual(f32(0, 1, 8, 9, 4, 5));
      backend.writePart(buffer, 24, f32());
      backend.writePart(buffer, 20, f32(6));
      expect(backend.readSync(buffer, "f32")).toEqual(f32(0, 1, 8, 9, 4, 6));
      const bytes = upload(backend, Uint8Array.of(1, 2, 3, 4, 5));
      backend.writePart(bytes, 3, Uint8Array.of(9));
      expect(backend.readSync(bytes, "u8")).toEqual(Uint8Array.of(1, 2, 3, 9, 5));
      for (const offset of [-4, 1.5, 24, NaN]) {
        expect(() => backend.writePart(buffer, offset, f32(1))).toThrow(/24 bytes, got 4 at/);
      }
      expect(backend.readSync(buffer, "f32")).toEqual(f32(0, 1, 8, 9, 4, 6));
      freeAll(backend, buffer, bytes);
      expect(() => backend.writePart(buffer, 0, f32(1))).toThrow(AthanorError);
    });

    it("names misuse", () => {
      const backend = current();
      const buffer = backend.allocate(8);
      const other = backend.allocate(12);
      expect(() => backend.write(buffer, f32(1))).toThrow(AthanorError);
      expect(() => backend.copy(buffer, other)).toThrow(AthanorError);
      expect(() => backend.readSync({ bytes: 8 }, "f32")).toThrow(AthanorError);
      expect(() => backend.allocate(-1)).toThrow(AthanorError);
      freeAll(backend, buffer, other);
      expect(() => backend.readSync(buffer, "f32")).toThrow(AthanorError);
      expect(() => backend.free(buffer)).toThrow(AthanorError);
    });

    it("refuses an impossible allocation with the numbers and goes on", () => {
      const backend = current();
      const before = backend.memory();
      let error: unknown;
      try {
        backend.allocate(2 ** 45);
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(OutOfMemoryError);
      if (!(error instanceof OutOfMemoryError)) return;
      expect(error.details).toMatchObject({ requested: 2 ** 45, live: before.liveBytes });
      expect(error.message).toContain("32 TiB");
      expect(backend.memory().liveBuffers).toBe(before.liveBuffers);
      backend.free(backend.allocate(16));
    });
  });
}

/** Programs on given buffers: aliasing, repetition, disposal. */
export function programContract(current: Current): void {
  const x = inputNode([4]);
  const y = inputNode([4]);
  const square = inputNode([3, 3]);
  const counting = f32(1, 2, 3, 4, 5, 6, 7, 8, 9);

  describe("assign", () => {
    /** What the targets hold after a run, per input. */
    const after = (graph: Graph, ...data: HostArray[]): readonly HostArray[] =>
      runGraph(current(), graph, data).inputs;

    it("writes the target in place", () => {
      const graph = { inputs: [x, y], outputs: [b.assign(x, b.add(x, y))] };
      expect(after(graph, f32(1, 2, 3, 4), f32(10, 20, 30, 40))).toEqual([
        f32(11, 22, 33, 44),
        f32(10, 20, 30, 40),
      ]);
    });

    it.each<[string, (target: Node) => Node, Float32Array]>([
      ["permuted", (t) => b.permute(t, [1, 0]), f32(1, 4, 7, 2, 5, 8, 3, 6, 9)],
      ["reversed", (t) => b.flip(t, [0, 1]), f32(9, 8, 7, 6, 5, 4, 3, 2, 1)],
      [
        "summed",
        (t) => b.expand(b.reduceSum(t, [0]), [3, 3]),
        f32(12, 15, 18, 12, 15, 18, 12, 15, 18),
      ],
      ["multiplied by itself", (t) => b.dot(t, t), f32(30, 36, 42, 66, 81, 96, 102, 126, 150)],
      [
        "shifted",
        (t) => b.concat([b.slice(t, [1, 0], [2, 3]), b.slice(t, [0, 0], [1, 3])], 0),
        f32(4, 5, 6, 7, 8, 9, 1, 2, 3),
      ],
      [
        "added to its transpose",
        (t) => b.add(t, b.permute(t, [1, 0])),
        f32(2, 6, 10, 6, 10, 14, 10, 14, 18),
      ],
      ["running", (t) => b.scan(t, 0, "sum"), f32(1, 2, 3, 5, 7, 9, 12, 15, 18)],
      ["gathered", (t) => b.gather(t, b.full([3, 3], 2, "i32"), 0), f32(7, 8, 9, 7, 8, 9, 7, 8, 9)],
    ])("of the target %s reads old values only", (_name, value, expected) => {
      const graph = { inputs: [square], outputs: [b.assign(square, value(square))] };
      expect(after(graph, counting)).toEqual([expected]);
    });

    it("swaps two inputs", () => {
      const graph = { inputs: [x, y], outputs: [b.assign(x, y), b.assign(y, x)] };
      expect(after(graph, f32(1, 2, 3, 4), f32(5, 6, 7, 8))).toEqual([
        f32(5, 6, 7, 8),
        f32(1, 2, 3, 4),
      ]);
    });

    it("rotates three inputs through expressions", () => {
      const z = inputNode([4]);
      const outputs = [b.assign(x, b.neg(y)), b.assign(y, b.add(z, x)), b.assign(z, b.mul(x, y))];
      const graph = { inputs: [x, y, z], outputs };
      expect(after(graph, f32(1, 2, 3, 4), f32(5, 6, 7, 8), f32(1, 1, 1, 1))).toEqual([
        f32(-5, -6, -7, -8),
        f32(2, 3, 4, 5),
        f32(5, 12, 21, 32),
      ]);
    });

    it("leaves other outputs the old value, whichever comes first", () => {
      const update = b.assign(x, b.neg(x));
      for (const outputs of [
        [update, x, b.reshape(x, [2, 2]), b.reduceSum(x, [0])],
        [x, b.reshape(x, [2, 2]), b.reduceSum(x, [0]), update],
      ]) {
        const result = runGraph(current(), { inputs: [x], outputs }, [f32(1, 2, 3, 4)]);
        const rest = result.outputs.filter((_, i) => outputs[i] !== update);
        expect(rest).toEqual([f32(1, 2, 3, 4), f32(1, 2, 3, 4), f32(10)]);
        expect(result.inputs).toEqual([f32(-1, -2, -3, -4)]);
      }
    });

    it("adds up over runs of one program", () => {
      const graph = { inputs: [x], outputs: [b.assign(x, b.add(x, b.fullLike(x, 1))), b.neg(x)] };
      const { inputs, outputs } = runGraph(current(), graph, [f32(0, 1, 2, 3)], 5);
      expect(inputs).toEqual([f32(5, 6, 7, 8)]);
      expect(outputs[1]).toEqual(f32(-4, -5, -6, -7));
    });

    it("of constants, inputs and the target itself", () => {
      const z = inputNode([4]);
      const outputs = [b.assign(x, b.full([4], 3, "f32")), b.assign(y, y), b.assign(z, y)];
      const graph = { inputs: [x, y, z], outputs };
      const [a, c] = [f32(1, 2, 3, 4), f32(5, 6, 7, 8)];
      expect(after(graph, a, c, a)).toEqual([f32(3, 3, 3, 3), c, c]);
    });
  });

  describe("programs", () => {
    it("takes one buffer as two inputs", () => {
      const backend = current();
      const program = backend.compile({ inputs: [x, y], outputs: [b.add(x, b.flip(y, [0]))] });
      const [shared, out] = [upload(backend, f32(1, 2, 3, 4)), backend.allocate(16)];
      program.run([shared, shared], [out]);
      expect(backend.readSync(out, "f32")).toEqual(f32(5, 5, 5, 5));
      program.dispose();
      freeAll(backend, shared, out);
    });

    it("returns inputs, views, constants and duplicates as separate buffers", () => {
      const turned = b.permute(square, [1, 0]);
      const sum = b.reduceSum(square, [0, 1]);
      const one = b.full([2], 1, "f32");
      const outputs = [square, turned, sum, sum, one, one, turned, b.slice(square, [0, 2], [3, 1])];
      const result = runGraph(current(), { inputs: [square], outputs }, [counting]);
      const across = f32(1, 4, 7, 2, 5, 8, 3, 6, 9);
      const expected = [
        counting,
        across,
        f32(45),
        f32(45),
        f32(1, 1),
        f32(1, 1),
        across,
        f32(3, 6, 9),
      ];
      expect(result.outputs).toEqual(expected);
    });

    it("runs again on other buffers and other data", () => {
      const backend = current();
      const program = backend.compile({ inputs: [x], outputs: [b.mul(x, x), b.reduceSum(x, [0])] });
      for (const start of [1, -5, 100]) {
        const data = f32(start, start + 1, start + 2, start + 3);
        const buffers = [upload(backend, data), backend.allocate(16), backend.allocate(4)];
        program.run([buffers[0]], buffers.slice(1));
        expect(backend.readSync(buffers[1], "f32")).toEqual(data.map((value) => value * value));
        expect(backend.readSync(buffers[2], "f32")).toEqual(f32(4 * start + 6));
        expect(backend.readSync(buffers[0], "f32")).toEqual(data);
        freeAll(backend, ...buffers);
      }
      program.dispose();
    });

    it("sees parts written between its runs, in the order of calls", () => {
      const backend = current();
      const program = backend.compile({ inputs: [x], outputs: [b.add(x, x)] });
      const outputs = [0, 1, 2, 3, 4, 5].map(() => backend.allocate(16));
      const from = upload(backend, f32(1, 2, 3, 4));
      outputs.forEach((output, i) => {
        program.run([from], [output]);
        backend.writePart(from, 4 * (i % 4), f32(10 * (i + 1)));
      });
      expect(outputs.map((output) => [...backend.readSync(output, "f32")])).toEqual([
        [2, 4, 6, 8],
        [20, 4, 6, 8],
        [20, 40, 6, 8],
        [20, 40, 60, 8],
        [20, 40, 60, 80],
        [100, 40, 60, 80],
      ]);
      program.dispose();
      freeAll(backend, from, ...outputs);
    });

    it("interleaves two programs, the output of one the input of the other", () => {
      const backend = current();
      const double = backend.compile({ inputs: [x], outputs: [b.add(x, x)] });
      const next = backend.compile({ inputs: [x], outputs: [b.add(x, b.fullLike(x, 1))] });
      const [one, two] = [upload(backend, f32(0, 1, 2, 3)), backend.allocate(16)];
      for (let i = 0; i < 3; i++) {
        double.run([one], [two]);
        next.run([two], [one]);
      }
      expect(backend.readSync(one, "f32")).toEqual(f32(7, 15, 23, 31));
      double.dispose();
      next.dispose();
      freeAll(backend, one, two);
    });

    it("gives the same bits in every run", () => {
      const backend = current();
      const wide = inputNode([33, 1001]);
      const data = Float32Array.from({ length: 33033 }, (_, i) => Math.sin(i));
      const graph = {
        inputs: [wide],
        outputs: [b.reduceSum(wide, [0, 1]), b.reduceSum(wide, [1])],
      };
      const first = runGraph(backend, graph, [data]).outputs;
      for (let i = 0; i < 3; i++) expect(runGraph(backend, graph, [data]).outputs).toEqual(first);
    });

    it("reads a randomness key anew in every run", () => {
      const backend = current();
      const key = inputNode([2], "u32");
      const advance = b.assign(key, b.add(key, b.full([2], 1, "u32")));
      const program = backend.compile({
        inputs: [key],
        outputs: [b.randomBits(key, [8]), advance],
      });
      const [keys, bits] = [upload(backend, Uint32Array.of(1, 2)), backend.allocate(32)];
      const draws = [0, 1, 2].map(() => {
        program.run([keys], [bits, keys]);
        return backend.readSync(bits, "u32").join();
      });
      expect(new Set(draws).size).toBe(3);
      expect(backend.readSync(keys, "u32")).toEqual(Uint32Array.of(4, 5));
      program.dispose();
      freeAll(backend, keys, bits);
    });

    it("reports its kernels, its temporaries and the time of each kernel", () => {
      const backend = current();
      const program = backend.compile({
        inputs: [square],
        outputs: [b.dot(square, b.neg(square))],
      });
      const [from, to] = [upload(backend, counting), backend.allocate(36)];
      const profile = program.profile([from], [to]);
      expect(backend.readSync(to, "f32")).toEqual(
        f32(30, 36, 42, 66, 81, 96, 102, 126, 150).map((v) => -v),
      );
      expect(profile.map(({ name }) => name)).toEqual(program.kernels.map(({ name }) => name));
      expect(profile.length).toBeGreaterThan(0);
      expect(profile.every((kernel) => kernel.milliseconds >= 0 && kernel.bytes >= 0)).toBe(true);
      expect(program.kernels.reduce((sum, kernel) => sum + kernel.flops, 0)).toBeGreaterThanOrEqual(
        54,
      );
      expect(program.temporaryBytes).toBeGreaterThanOrEqual(0);
      program.dispose();
      freeAll(backend, from, to);
    });

    it("refuses wrong buffers and use after disposal", () => {
      const backend = current();
      const program = backend.compile({ inputs: [x], outputs: [b.neg(x)] });
      const [from, to, small] = [
        upload(backend, f32(1, 2, 3, 4)),
        backend.allocate(16),
        backend.allocate(4),
      ];
      expect(() => program.run([], [to])).toThrow(AthanorError);
      expect(() => program.run([from], [])).toThrow(AthanorError);
      expect(() => program.run([small], [to])).toThrow(AthanorError);
      expect(() => program.run([from], [small])).toThrow(AthanorError);
      backend.free(small);
      program.run([from], [to]);
      expect(backend.readSync(to, "f32")).toEqual(f32(-1, -2, -3, -4));
      backend.free(from);
      expect(() => program.run([from], [to])).toThrow(AthanorError);
      program.dispose();
      program.dispose();
      expect(() => program.run([to], [to])).toThrow(UsageError);
      expect(() => program.profile([to], [to])).toThrow(UsageError);
      backend.free(to);
    });

    it("names an index out of range and leaves the state as it was", () => {
      const backend = current();
      const table = b.input([5, 3], "f32") as NodeOf<"input">;
      const index = b.input([2, 3], "i32") as NodeOf<"input">;
      const rows = b.gather(table, index, 0);
      const update = b.add(table, b.expand(b.reduceSum(rows, [0, 1]), [5, 3]));
      const program = backend.compile({
        inputs: [table, index],
        outputs: [b.assign(table, update)],
      });
      const state = upload(
        backend,
        Float32Array.from({ length: 15 }, (_, i) => i),
      );
      const before = backend.readSync(state, "f32");
      for (const wrong of [5, -1, 2 ** 30]) {
        const indices = upload(backend, Int32Array.of(0, 1, 2, 3, wrong, 4));
        expect(() => program.run([state, indices], [state])).toThrow(
          new RegExp(`0 … 4, got ${wrong}`),
        );
        expect(backend.readSync(state, "f32")).toEqual(before);
        backend.free(indices);
      }
      const right = upload(backend, Int32Array.of(0, 1, 2, 3, 4, 4));
      program.run([state, right], [state]);
      expect(backend.readSync(state, "f32")).not.toEqual(before);
      program.dispose();
      freeAll(backend, state, right);
    });

    it.each<[string, (table: Node, rows: Node) => Node]>([
      ["that is copied at the end", (table, rows) => b.flip(b.add(table, rows), [0])],
      ["of a kernel that looks up itself", (table, rows) => b.add(table, rows)],
    ])("leaves state %s when an index is out of range", (_, build) => {
      const backend = current();
      const table = b.input([5, 3], "f32") as NodeOf<"input">;
      const other = b.input([5, 3], "f32") as NodeOf<"input">;
      const index = b.input([5, 3], "i32") as NodeOf<"input">;
      const value = build(table, b.gather(other, index, 0));
      const program = backend.compile({
        inputs: [table, other, index],
        outputs: [b.assign(table, value)],
      });
      const start = Float32Array.from({ length: 15 }, (_unused, i) => i);
      const [state, source] = [upload(backend, start), upload(backend, start)];
      const wrong = upload(
        backend,
        Int32Array.from(start, (i) => (i === 14 ? 5 : 0)),
      );
      expect(() => program.run([state, source, wrong], [state])).toThrow(/0 … 4, got 5/);
      expect(backend.readSync(state, "f32")).toEqual(start);
      program.dispose();
      freeAll(backend, state, source, wrong);
    });

    it("frees what a program owns when it is disposed", () => {
      const backend = current();
      const graph = { inputs: [square], outputs: [b.dot(b.dot(square, square), square)] };
      const before = backend.memory();
      for (let i = 0; i < 20; i++) runGraph(backend, graph, [counting]);
      expect(backend.memory()).toMatchObject({
        liveBytes: before.liveBytes,
        liveBuffers: before.liveBuffers,
      });
    });
  });
}

/** What a backend refuses once it is disposed. Makes its own instance. */
export function disposalContract(make: () => Backend | Promise<Backend>): void {
  it("a disposed backend refuses work", async () => {
    const backend = await make();
    const x = inputNode([2]);
    const program = backend.compile({ inputs: [x], outputs: [b.neg(x)] });
    const [from, to] = [upload(backend, f32(1, 2)), backend.allocate(8)];
    program.run([from], [to]);
    backend.dispose();
    backend.dispose();
    expect(() => backend.allocate(4)).toThrow(AthanorError);
    expect(() => backend.readSync(from, "f32")).toThrow(AthanorError);
    expect(() => backend.compile({ inputs: [x], outputs: [b.neg(x)] })).toThrow(AthanorError);
    expect(() => program.run([from], [to])).toThrow(AthanorError);
  });
}
