import { afterEach, describe, expect, it } from "vitest";
import { ConfigError, DeviceError, OutOfMemoryError, UsageError } from "../../base/errors.ts";
import { erf } from "../../base/special-functions.ts";
import { input } from "../../ir/build.ts";
import type { Graph } from "../../ir/graph.ts";
import type { FunctionBuilder, FunctionRef } from "../../compiler/wasm/assembler-function.ts";
import { ModuleBuilder } from "../../compiler/wasm/assembler.ts";
import { defineBarrier } from "../../compiler/wasm/barrier.ts";
import type { WasmProgramCode, WasmTarget } from "../../compiler/wasm/program-code.ts";
import { registerCustomKernel } from "../../runtime/backend.ts";
import type { Buffer, Program } from "../../runtime/backend.ts";
import { WasmBackend } from "./backend.ts";
import type { WasmBackendOptions } from "./backend.ts";

/** Locals of a program's `run`, and what it may call. */
interface RunContext {
  readonly f: FunctionBuilder;
  readonly thread: number;
  readonly threads: number;
  readonly args: number;
  readonly from: number;
  readonly to: number;
  readonly barrier: FunctionRef;
  readonly host: FunctionRef;
  readonly erf: FunctionRef;
}

type Write = (context: RunContext) => void;

/** A hand-assembled program: `write` is the body of `run`. */
function assemble(
  target: WasmTarget,
  write: Write,
  code: Partial<WasmProgramCode> = {},
): WasmProgramCode {
  const module = new ModuleBuilder();
  const limits = target.shared ? { initial: 1, maximum: 65536, shared: true } : { initial: 1 };
  module.importMemory("env", "memory", limits);
  module.importTable("env", "table", { initial: 1 });
  const host = module.importFunction("env", "host", ["i32", "i32"], []);
  const erf = module.importFunction("math", "erf", ["f64"], ["f64"]);
  const barrier = defineBarrier(module, target.shared);
  const params = ["i32", "i32", "i32", "i32", "i32"] as const;
  const run = module.function("run", params, [], (f) => {
    const [thread, threads, args, from, to] = [0, 1, 2, 3, 4];
    write({ f, thread, threads, args, from, to, barrier, host, erf });
  });
  module.export(run);
  module.element(0, [run]);
  const stepCount = code.stepCount ?? 1;
  const kernel = { name: "kernel", bytes: 0, flops: 0, threads: target.threads };
  return {
    bytes: module.build(),
    kernels: Array.from({ length: stepCount }, () => kernel),
    stepCount,
    temporaryBytes: 0,
    workspaceBytesPerThread: 0,
    constants: new Uint8Array(0),
    hostCalls: [],
    ...code,
  };
}

const open: WasmBackend[] = [];
afterEach(() => {
  for (const backend of open.splice(0)) backend.dispose();
});

/** A backend whose `compile` yields `write` as a program. */
function start(
  write: Write,
  options: WasmBackendOptions & { readonly code?: Partial<WasmProgramCode> } = {},
): WasmBackend {
  const { code, ...rest } = options;
  const backend = new WasmBackend({ threads: 2, ...rest }, (_graph, target) =>
    assemble(target, write, code),
  );
  open.push(backend);
  return backend;
}

/** A graph with `count` inputs of `length` floats, and as many outputs. */
function identity(count: number, length: number): Graph {
  const inputs = Array.from({ length: count }, () => input([length], "f32"));
  return { inputs: inputs as unknown as Graph["inputs"], outputs: inputs };
}

const noGraph: Graph = { inputs: [], outputs: [] };

/** Pushes the i32 at args[index]. */
const argument = ({ f, args }: RunContext, index: number): FunctionBuilder =>
  f.get(args).load("i32.load", 4 * index);

/**
 * out[0] = sum of in[0 … 255]: each thread adds its half into its workspace (argument 3), and
 * after a barrier thread 0 adds the partial sums.
 */
const sum: Write = (context) => {
  const { f, thread, threads, barrier } = context;
  const [i, end] = f.locals("i32", 2);
  const total = f.local("f32");
  f.get(thread).i32(256).emit("i32.mul").get(threads).emit("i32.div_u").set(i);
  f.get(thread).i32(1).emit("i32.add").i32(256).emit("i32.mul");
  f.get(threads).emit("i32.div_u").set(end);
  f.f32(0).set(total);
  f.loop((again) => {
    argument(context, 0).get(i).i32(2).emit("i32.shl", "i32.add").load("f32.load");
    f.get(total).emit("f32.add").set(total);
    f.get(i).i32(1).emit("i32.add").tee(i).get(end).emit("i32.lt_u").brIf(again);
  });
  argument(context, 3).get(thread).i32(64).emit("i32.mul", "i32.add").get(total);
  f.store("f32.store");
  f.get(threads).call(barrier);
  f.get(thread);
  f.if(() => f.emit("return"));
  argument(context, 1);
  argument(context, 3).load("f32.load");
  f.get(threads).i32(1).emit("i32.gt_s");
  f.if(
    () => argument(context, 3).load("f32.load", 64),
    () => f.f32(0),
    "f32",
  );
  f.emit("f32.add").store("f32.store");
};

function sumGraph(): Graph {
  return {
    inputs: [input([256], "f32")] as unknown as Graph["inputs"],
    outputs: [input([1], "f32")],
  };
}

interface SumSetup {
  readonly x: Buffer;
  readonly y: Buffer;
  readonly program: Program;
}

function prepareSum(backend: WasmBackend): SumSetup {
  return {
    x: backend.allocate(1024),
    y: backend.allocate(4),
    program: backend.compile(sumGraph()),
  };
}

/** Runs the sum over 256 times `value` and returns it. */
function sumOf(backend: WasmBackend, { x, y, program }: SumSetup, value: number): number {
  backend.write(x, new Float32Array(256).fill(value));
  program.run([x], [y]);
  return backend.readSync(y, "f32")[0];
}

const withWorkspace = { code: { workspaceBytesPerThread: 4 } };

describe("launching", () => {
  it("sums with two threads, 10,000 times", () => {
    const backend = start(sum, withWorkspace);
    const setup = prepareSum(backend);
    const launches = Array.from({ length: 10_000 }, (_, i) => i);
    const wrong = launches.filter((i) => sumOf(backend, setup, i) !== 256 * i);
    expect(wrong).toEqual([]);
  });

  it("wakes workers that fell asleep", () => {
    const backend = start(sum, withWorkspace);
    const setup = prepareSum(backend);
    const clock = new Int32Array(new SharedArrayBuffer(4));
    for (const value of [1, 2, 3]) {
      expect(sumOf(backend, setup, value)).toBe(256 * value);
      Atomics.wait(clock, 0, 0, 30);
    }
  });

  it("works with more threads than cores", () => {
    const count: Write = (context) => {
      const { f, threads, barrier } = context;
      argument(context, 0).i32(1).atomic("i32.atomic.rmw.add").emit("drop");
      f.get(threads).call(barrier);
    };
    const backend = start(count, { threads: 5 });
    const program = backend.compile(identity(1, 1));
    const x = backend.allocate(4);
    backend.write(x, new Int32Array(1));
    for (let i = 0; i < 20; i++) program.run([x], [x]);
    expect(backend.readSync(x, "i32")[0]).toBe(100);
  });

  it("runs single-threaded programs without waking anybody", () => {
    const kernels = [{ name: "small", bytes: 0, flops: 0, threads: 1 }];
    const store: Write = (context) => {
      argument(context, 0).get(context.threads).store("i32.store");
    };
    const backend = start(store, { code: { kernels } });
    const x = backend.allocate(4);
    backend.compile(identity(1, 1)).run([x], [x]);
    expect(backend.readSync(x, "i32")[0]).toBe(1);
  });

  it("profiles step by step", () => {
    const count: Write = (context) => {
      const { f, thread, from, to } = context;
      f.get(thread);
      f.if(() => f.emit("return"));
      argument(context, 0);
      argument(context, 0).load("i32.load").i32(10).emit("i32.mul");
      f.get(from).emit("i32.add").get(to).emit("i32.add").store("i32.store");
    };
    const backend = start(count, { code: { stepCount: 3 } });
    const program = backend.compile(identity(1, 1));
    const x = backend.allocate(4);
    backend.write(x, new Int32Array(1));
    const profile = program.profile([x], [x]);
    expect(profile.map(({ name }) => name)).toEqual(["kernel", "kernel", "kernel"]);
    expect(backend.readSync(x, "i32")[0]).toBe(135);
  });

  it("gives every program its own table and every thread its functions", () => {
    const params = ["i32", "i32", "i32", "i32", "i32"] as const;
    const indirect: Write = (context) => {
      const { f, thread, threads, args, from } = context;
      f.get(from).i32(7).emit("i32.eq");
      f.if(() => {
        argument(context, 0).get(thread).i32(3).emit("i32.shl", "i32.add");
        f.f64(1).call(context.erf).store("f64.store");
        f.emit("return");
      });
      f.get(thread).get(threads).get(args).i32(7).i32(8).i32(0).callIndirect(params, []);
    };
    const backend = start(indirect);
    const x = backend.allocate(16);
    for (const _ of [1, 2]) {
      const program = backend.compile(identity(1, 4));
      backend.write(x, new Float64Array(2));
      program.run([x], [x]);
      expect([...backend.readSync(x, "f64")]).toEqual([erf(1), erf(1)]);
    }
  });

  it("uses the slots of disposed programs again", () => {
    const backend = start(sum, withWorkspace);
    const kept = prepareSum(backend);
    for (let i = 1; i < 30; i++) {
      const other = prepareSum(backend);
      expect(sumOf(backend, other, i)).toBe(256 * i);
      expect(sumOf(backend, kept, -i)).toBe(-256 * i);
      other.program.dispose();
      expect(() => other.program.run([], [])).toThrow(UsageError);
    }
  });
});

describe("barrier", () => {
  it("keeps two threads in step through 20,000 barriers", () => {
    // Each thread counts in its own cell and must find the other's equal after each barrier.
    const lockstep: Write = (context) => {
      const { f, thread, threads, barrier } = context;
      const [round, mine, other] = f.locals("i32", 3);
      argument(context, 0).get(thread).i32(2).emit("i32.shl", "i32.add").set(mine);
      argument(context, 0).i32(1).get(thread).emit("i32.sub").i32(2);
      f.emit("i32.shl", "i32.add").set(other);
      f.i32(10_000).set(round);
      f.loop((again) => {
        f.get(mine).get(round).atomic("i32.atomic.store");
        f.get(threads).call(barrier);
        f.get(other).load("i32.load").get(round).emit("i32.ne");
        f.if(() => f.emit("unreachable"));
        f.get(threads).call(barrier);
        f.get(round).i32(1).emit("i32.sub").tee(round).brIf(again);
      });
    };
    const backend = start(lockstep);
    const x = backend.allocate(8);
    const program = backend.compile(identity(1, 2));
    program.run([x], [x]);
    expect([...backend.readSync(x, "i32")]).toEqual([1, 1]);
  });
});

describe("failures", () => {
  /** Traps in the thread that the first input names; the others wait in a barrier. */
  const trapIn: Write = (context) => {
    const { f, thread, threads, barrier } = context;
    argument(context, 0).load("i32.load").get(thread).emit("i32.eq");
    f.if(() => f.emit("unreachable"));
    f.get(threads).call(barrier);
  };

  it("reports a worker's trap and goes on", () => {
    const backend = start(trapIn);
    const x = backend.allocate(4);
    const program = backend.compile(identity(1, 1));
    for (let i = 0; i < 3; i++) {
      backend.write(x, new Int32Array([1]));
      expect(() => program.run([x], [x])).toThrow(DeviceError);
      expect(() => program.run([x], [x])).toThrow(/thread 1 must run.*unreachable/);
      backend.write(x, new Int32Array([7]));
      program.run([x], [x]);
    }
  });

  it("frees the workers when the calling thread traps", () => {
    const backend = start(trapIn);
    const x = backend.allocate(4);
    const program = backend.compile(identity(1, 1));
    backend.write(x, new Int32Array([0]));
    expect(() => program.run([x], [x])).toThrow(WebAssembly.RuntimeError);
    backend.write(x, new Int32Array([7]));
    program.run([x], [x]);
  });

  it("rejects buffers that are freed, foreign or of the wrong size", () => {
    const backend = start(trapIn, { threads: 1 });
    const program = backend.compile(identity(1, 1));
    const [x, wide] = [backend.allocate(4), backend.allocate(8)];
    expect(() => program.run([wide], [x])).toThrow(/argument 0 must be a wasm buffer of 4 bytes/);
    expect(() => program.run([x], [])).toThrow(/needs 1 inputs and 1 outputs, got 1 and 0/);
    backend.free(x);
    expect(() => program.run([x], [x])).toThrow(UsageError);
    expect(() => backend.free(x)).toThrow(UsageError);
    expect(() => backend.readSync(x, "f32")).toThrow(UsageError);
    expect(() => backend.write(wide, new Float32Array(1))).toThrow(/8 bytes, got 4/);
  });

  it("rejects a senseless number of threads", () => {
    expect(() => start(sum, { threads: 0 })).toThrow(ConfigError);
    expect(() => start(sum, { threads: 1.5 })).toThrow(ConfigError);
  });
});

describe("host functions", () => {
  const callHost: Write = ({ f, thread, threads, args, barrier, host }) => {
    f.get(thread).emit("i32.eqz");
    f.if(() => f.i32(0).get(args).call(host));
    f.get(threads).call(barrier);
  };
  const code: Partial<WasmProgramCode> = {
    hostCalls: [
      {
        call: 0,
        kernel: "test-double",
        inputs: [{ argument: 0, byteOffset: 4, dtype: "f32", elements: 2 }],
        output: { argument: 1, byteOffset: 0, dtype: "f32", elements: 2 },
      },
    ],
  };

  it("see their operands, and their errors come through", () => {
    let error: Error | null = null;
    registerCustomKernel("test-double", ([x], output) => {
      if (error !== null) throw error;
      x.forEach((value, i) => (output[i] = 2 * value));
    });
    const backend = start(callHost, { code });
    const [x, y] = [backend.allocate(12), backend.allocate(12)];
    backend.write(x, new Float32Array([1, 2, 3]));
    backend.write(y, new Float32Array([0, 0, 9]));
    const program = backend.compile(identity(1, 3));
    program.run([x], [y]);
    expect([...backend.readSync(y, "f32")]).toEqual([4, 6, 9]);
    error = new Error("from the kernel");
    expect(() => program.run([x], [y])).toThrow("from the kernel");
    error = null;
    program.run([x], [y]);
  });

  it("may not run programs", () => {
    const backend = start(callHost, { code });
    const x = backend.allocate(12);
    const program = backend.compile(identity(1, 3));
    registerCustomKernel("test-double", () => program.run([x], [x]));
    expect(() => program.run([x], [x])).toThrow(/custom kernel must not run programs/);
  });
});

describe("memory", () => {
  it.each([true, false])("keeps its content while it grows, shared: %s", (shared) => {
    const backend = start(sum, { ...withWorkspace, shared });
    expect(backend.info.threads).toBe(shared ? 2 : 1);
    const setup = prepareSum(backend);
    expect(sumOf(backend, setup, 1)).toBe(256);
    const before = backend.memory().reservedBytes;
    const large = backend.allocate(64 << 20);
    expect(backend.memory().reservedBytes).toBeGreaterThan(before);
    expect(sumOf(backend, setup, 2)).toBe(512);
    backend.free(large);
    backend.copy(setup.y, setup.y);
    expect(sumOf(backend, setup, 3)).toBe(768);
  });

  it("works above 2 GiB", () => {
    const backend = start(sum, withWorkspace);
    // Never touched, so the system gives no pages for it.
    const low = backend.allocate(3 * 2 ** 30);
    expect(sumOf(backend, prepareSum(backend), 5)).toBe(1280);
    backend.free(low);
  });

  it("counts live buffers and reuses freed ones", () => {
    const backend = start(sum, { threads: 1 });
    for (let i = 0; i < 100; i++) backend.free(backend.allocate(1 << 20));
    const x = backend.allocate(100);
    expect(backend.memory()).toMatchObject({
      liveBytes: 100,
      liveBuffers: 1,
      peakBytes: 1 << 20,
      reservedBytes: 4 << 20,
    });
    backend.free(x);
    expect(backend.memory().liveBuffers).toBe(0);
  });

  it("throws OutOfMemoryError at its limit and recovers", () => {
    const backend = start(sum, { threads: 1, memoryLimitBytes: 8 << 20 });
    const x = backend.allocate(5 << 20);
    expect(() => backend.allocate(5 << 20)).toThrow(OutOfMemoryError);
    backend.free(x);
    backend.free(backend.allocate(7 << 20));
  });

  it("lends one arena to all programs", () => {
    let bytes = 1 << 20;
    const backend = new WasmBackend({ threads: 1, memoryLimitBytes: 8 << 20 }, (_, target) =>
      assemble(target, () => undefined, { temporaryBytes: bytes }),
    );
    open.push(backend);
    const small = backend.compile(noGraph);
    bytes = 6 << 20;
    const large = backend.compile(noGraph);
    bytes = 9 << 20;
    expect(() => backend.compile(noGraph)).toThrow(OutOfMemoryError);
    small.run([], []);
    large.run([], []);
    expect(large.temporaryBytes).toBe(6 << 20);
  });
});
