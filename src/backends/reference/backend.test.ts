import { describe, expect, it } from "vitest";
import { AthanorError } from "../../base/errors.ts";
import * as b from "../../ir/build.ts";
import type { Node, NodeOf } from "../../ir/node.ts";
import { ReferenceBackend } from "./backend.ts";

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof AthanorError) return `${error.name}: ${error.message}`;
    throw error;
  }
  return "no error";
}

describe("ReferenceBackend memory", () => {
  it("counts live and peak bytes and buffers", () => {
    const backend = new ReferenceBackend();
    const first = backend.allocate(16);
    const second = backend.allocate(8);
    expect(backend.memory()).toMatchObject({ liveBytes: 24, peakBytes: 24, liveBuffers: 2 });
    backend.free(first);
    expect(backend.memory()).toMatchObject({ liveBytes: 8, peakBytes: 24, liveBuffers: 1 });
    backend.free(second);
    expect(backend.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
  });

  it("refuses what exceeds the limit and stays usable", () => {
    const backend = new ReferenceBackend({ limitBytes: 4096 });
    const live = backend.allocate(1024);
    expect(messageOf(() => backend.allocate(2 ** 21))).toMatchInlineSnapshot(
      `"OutOfMemoryError: allocate: must stay within the limit of 4.0 KiB, got a request for 2.0 MiB with 1.0 KiB live; free tensors or raise limitBytes"`,
    );
    backend.free(live);
    backend.free(backend.allocate(4096));
    expect(backend.memory().liveBytes).toBe(0);
  });

  it("names misuse of buffers", () => {
    const backend = new ReferenceBackend();
    const buffer = backend.allocate(4);
    const wrongSize = messageOf(() => backend.write(buffer, new Float32Array(2)));
    const foreign = messageOf(() => new ReferenceBackend().free(buffer));
    const negative = messageOf(() => backend.allocate(-1));
    backend.free(buffer);
    const twice = messageOf(() => backend.free(buffer));
    backend.dispose();
    const disposed = messageOf(() => backend.allocate(4));
    expect({ wrongSize, foreign, negative, twice, disposed }).toMatchInlineSnapshot(`
      {
        "disposed": "UsageError: allocate: backend must not be disposed; create a new one",
        "foreign": "DeviceError: free: buffer must belong to this backend, got one of another",
        "negative": "ConfigError: allocate: bytes must be an integer ≥ 0, got -1",
        "twice": "UsageError: free: buffer must be live, got one of 4 bytes already freed",
        "wrongSize": "ShapeError: write: data must have the buffer's 4 bytes, got 8",
      }
    `);
  });
});

describe("ReferenceProgram", () => {
  const x = b.input([2, 3], "f32") as NodeOf<"input">;
  const graphOf = (outputs: Node[]) => ({ inputs: [x], outputs });

  it("profiles one kernel per node", () => {
    const backend = new ReferenceBackend();
    const program = backend.compile(graphOf([b.reduceSum(b.mul(x, x), [1])]));
    const input = backend.allocate(24);
    const output = backend.allocate(8);
    backend.write(input, Float32Array.of(1, 2, 3, 4, 5, 6));
    const profile = program.profile([input], [output]);
    expect(backend.readSync(output, "f32")).toEqual(Float32Array.of(14, 77));
    expect(profile).toMatchObject(program.kernels);
    expect(profile.every(({ milliseconds }) => milliseconds >= 0)).toBe(true);
    expect(program.kernels).toEqual([
      { name: "mul", bytes: 72, flops: 6, threads: 1 },
      { name: "reduceSum", bytes: 32, flops: 6, threads: 1 },
    ]);
    expect(program.temporaryBytes).toBe(32);
  });

  it("names the bad index of gather and scatter", () => {
    const backend = new ReferenceBackend();
    const index = b.full([1, 3], 2, "i32");
    const gather = backend.compile(graphOf([b.gather(x, index, 0)]));
    const scatter = backend.compile(
      graphOf([b.scatter(x, b.full([1, 3], -1, "i32"), b.full([1, 3], 0, "f32"), 0, "add")]),
    );
    const input = backend.allocate(24);
    const output = backend.allocate(12);
    expect(messageOf(() => gather.run([input], [output]))).toMatchInlineSnapshot(
      `"ShapeError: gather: index must be in 0 … 1, got 2 at position 0 for dim 0 of [2, 3]"`,
    );
    expect(messageOf(() => scatter.run([input], [input]))).toMatchInlineSnapshot(
      `"ShapeError: scatter: index must be in 0 … 1, got -1 at position 0 for dim 0 of [2, 3]"`,
    );
  });

  it("refuses what it cannot run when it compiles", () => {
    const backend = new ReferenceBackend();
    const conv = { stride: [1], padLow: [0], padHigh: [0], dilation: [1], groups: 1 };
    const image = b.full([1, 1, 4], 1, "i32");
    const unknown = b.custom([x], { name: "absent", shape: [2], dtype: "f32" });
    expect(
      messageOf(() => backend.compile(graphOf([b.conv(image, image, conv)]))),
    ).toMatchInlineSnapshot(
      `"UnsupportedOpError: conv: dtype must be a float, got i32; cast first"`,
    );
    expect(messageOf(() => backend.compile(graphOf([unknown])))).toMatchInlineSnapshot(
      `"UnsupportedOpError: custom: "absent" must be registered before compiling; call registerCustomKernel()"`,
    );
  });
});
