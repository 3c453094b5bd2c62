import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCudaBackend } from "../../src/backends/cuda/create.ts";
import type { CudaBackend } from "../../src/backends/cuda/backend.ts";
import { blockBytes } from "../../src/backends/cuda/memory-pool.ts";
import * as b from "../../src/ir/build.ts";
import type { NodeOf } from "../../src/ir/node.ts";
import type { Buffer } from "../../src/runtime/backend.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { emulator } from "./emulator/emulator.ts";
import type { Emulator } from "./emulator/emulator.ts";

const MEGABYTE = 2 ** 20;
const vector = (length: number): NodeOf<"input"> => b.input([length], "f32") as NodeOf<"input">;

describe("sizes of blocks", () => {
  it("are few, hold what was asked for and lose at most a sixteenth", () => {
    const sizes = new Set<number>();
    for (let bytes = 1; bytes < 2 ** 24; bytes += 9973) {
      const size = blockBytes(bytes);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size % 256).toBe(0);
      expect(size).toBeLessThanOrEqual(Math.max(bytes * 1.0625 + 1, bytes + 256));
      sizes.add(size);
    }
    expect(sizes.size).toBeLessThan(200);
    expect(blockBytes(2 ** 32 + 1)).toBe(2 ** 32 + 2 * MEGABYTE);
    expect(blockBytes(0)).toBe(256);
  });
});

describe.skipIf(emulatorObstacle() !== null)("memory of a card", () => {
  let machine: Emulator;
  let backend: CudaBackend;
  beforeEach(() => {
    machine = emulator({ capacity: 64 * MEGABYTE });
    backend = createCudaBackend({ ffi: machine.ffi, cache: null });
  });
  afterEach(() => {
    backend.dispose();
    const problems = machine.takeProblems();
    if (machine.count("used") > 0) problems.push(`${machine.count("used")} bytes are left`);
    if (problems.length > 0) throw new Error(problems.join("; "));
  });

  const addressOf = (buffer: Buffer): number => (buffer as Buffer & { address: number }).address;
  const upload = (data: Float32Array): Buffer => {
    const buffer = backend.allocate(data.byteLength);
    backend.write(buffer, data);
    return buffer;
  };

  it("is as large as the driver says", () => {
    expect(backend.memoryBytes).toBe(64 * MEGABYTE);
  });

  it("hands out the block freed last, and only to requests of its size", () => {
    const [first, second] = [backend.allocate(5000), backend.allocate(5000)];
    const addresses = [addressOf(first), addressOf(second)];
    backend.free(first);
    backend.free(second);
    const other = backend.allocate(6000);
    const again = [backend.allocate(4900), backend.allocate(5000)];
    expect(again.map(addressOf)).toEqual(addresses.toReversed());
    expect(addresses).not.toContain(addressOf(other));
    for (const buffer of [other, ...again]) backend.free(buffer);
  });

  it("is flat over a thousand steps", () => {
    const x = vector(1000);
    const step = backend.compile({
      inputs: [x],
      outputs: [b.assign(x, b.mul(x, b.fullLike(x, 0.5))), b.reduceSum(x, [0])],
    });
    const state = upload(new Float32Array(1000).fill(1));
    let loss: Buffer | null = null;
    let allocations = 0;
    let reserved = 0;
    for (let i = 0; i < 1000; i++) {
      const batch = upload(new Float32Array(64));
      const next = backend.allocate(4);
      step.run([state], [state, next]);
      if (loss !== null) backend.free(loss);
      loss = next;
      backend.free(batch);
      if (i === 10)
        [allocations, reserved] = [machine.count("allocations"), backend.memory().reservedBytes];
    }
    expect(machine.count("allocations")).toBe(allocations);
    expect(backend.memory().reservedBytes).toBe(reserved);
    expect(backend.memory().liveBuffers).toBe(2);
    step.dispose();
  });

  it("grows temporaries in place and gives up what is kept before it fails", () => {
    const x = b.input([1, 1024], "f32") as NodeOf<"input">;
    const sums = b.reduceSum(b.dot(b.permute(x, [1, 0]), x), [0]);
    const program = backend.compile({ inputs: [x], outputs: [b.reshape(sums, [1024])] });
    expect(program.temporaryBytes).toBeGreaterThanOrEqual(4 * MEGABYTE);
    const hoard = Array.from({ length: 7 }, () => backend.allocate(8 * MEGABYTE));
    for (const buffer of hoard) backend.free(buffer);
    const before = backend.memory().reservedBytes;
    const keep = backend.allocate(7.5 * MEGABYTE);
    const [from, to] = [upload(new Float32Array(1024).fill(2)), backend.allocate(4096)];
    program.run([from], [to]);
    expect(backend.readSync(to, "f32")).toEqual(new Float32Array(1024).fill(4096));
    expect(backend.memory().reservedBytes).toBeLessThanOrEqual(before);
    for (const buffer of [keep, from, to]) backend.free(buffer);
    program.dispose();
  });

  it("writes more than the staging blocks hold, in order", () => {
    const data = Float32Array.from({ length: 5 * MEGABYTE }, (_, i) => i);
    const buffer = upload(data);
    const small = upload(Float32Array.of(1, 2));
    data[0] = 7;
    const read = backend.readSync(buffer, "f32");
    expect(read.every((value, i) => value === i)).toBe(true);
    expect(backend.readSync(small, "f32")).toEqual(Float32Array.of(1, 2));
    backend.free(buffer);
    backend.free(small);
  });

  it("reads what a buffer held when it was asked, whatever comes later", async () => {
    const buffer = upload(Float32Array.of(1));
    const reads: Promise<unknown>[] = [];
    for (let value = 2; value < 12; value++) {
      reads.push(backend.read(buffer, "f32"));
      backend.write(buffer, Float32Array.of(value));
    }
    const freed = backend.read(buffer, "f32");
    backend.free(buffer);
    const next = upload(Float32Array.of(99));
    expect(await Promise.all(reads)).toEqual(
      Array.from({ length: 10 }, (_, i) => Float32Array.of(i + 1)),
    );
    expect(await freed).toEqual(Float32Array.of(11));
    backend.free(next);
  });

  it("reports a wrong index with the next read, once, and computes again", async () => {
    const table = vector(5);
    const index = b.input([2], "i32") as NodeOf<"input">;
    const program = backend.compile({
      inputs: [table, index],
      outputs: [b.gather(table, index, 0)],
    });
    const values = upload(Float32Array.of(0, 1, 2, 3, 4));
    const wrong = backend.allocate(8);
    backend.write(wrong, Int32Array.of(1, 7));
    const out = backend.allocate(8);
    program.run([values, wrong], [out]);
    await expect(backend.read(values, "f32")).rejects.toThrow("0 … 4, got 7");
    expect(backend.readSync(values, "f32")).toHaveLength(5);
    program.run([values, wrong], [out]);
    expect(() => backend.readSync(out, "f32")).toThrow("0 … 4, got 7");
    program.run([values, wrong], [out]);
    expect(() => backend.synchronize()).toThrow("0 … 4, got 7");
    backend.write(wrong, Int32Array.of(1, 3));
    program.run([values, wrong], [out]);
    expect(backend.readSync(out, "f32")).toEqual(Float32Array.of(1, 3));
    program.dispose();
    for (const buffer of [values, wrong, out]) backend.free(buffer);
  });

  it("refuses buffers of another card", () => {
    backend.dispose();
    machine = emulator({ devices: 2 });
    backend = createCudaBackend({ ffi: machine.ffi, cache: null });
    const other = createCudaBackend({ ffi: machine.ffi, cache: null, ordinal: 1 });
    expect(other.name).toBe("cuda:1");
    const x = vector(4);
    const program = other.compile({ inputs: [x], outputs: [b.neg(x)] });
    const [here, there] = [upload(Float32Array.of(1, 2, 3, 4)), other.allocate(16)];
    expect(() => program.run([here], [there])).toThrow("on card 1, got 16 bytes elsewhere");
    other.write(there, Float32Array.of(5, 6, 7, 8));
    const to = other.allocate(16);
    program.run([there], [to]);
    expect(backend.readSync(here, "f32")).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(other.readSync(to, "f32")).toEqual(Float32Array.of(-5, -6, -7, -8));
    other.dispose();
    backend.free(here);
  });
});
