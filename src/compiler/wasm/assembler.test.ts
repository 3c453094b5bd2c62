import { setFlagsFromString } from "node:v8";
import { describe, expect, it } from "vitest";
import { ModuleBuilder } from "./assembler.ts";
import {
  laneCodes,
  memoryAligns,
  memoryCodes,
  plainCodes,
  type AtomicOp,
  type LoadOp,
  type MemoryLaneOp,
  type MemoryOp,
  type PlainOp,
} from "./assembler-opcodes.ts";
import type { FunctionBuilder } from "./assembler-function.ts";

type Exports = Record<string, (...args: number[]) => number>;

function instantiate(module: ModuleBuilder, imports: WebAssembly.Imports = {}): Exports {
  const bytes = module.build() as BufferSource;
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports as Exports;
}

/** True when the engine knows the instruction: after `unreachable`, operand types do not matter. */
function known(write: (f: FunctionBuilder) => void): boolean {
  const module = new ModuleBuilder();
  module.memory({ initial: 1, maximum: 1, shared: true });
  module.function("probe", [], [], (f) => {
    f.emit("unreachable");
    write(f);
    f.emit("unreachable");
  });
  return WebAssembly.validate(module.build() as BufferSource);
}

function access(f: FunctionBuilder, op: MemoryOp, align?: number): void {
  if (op.includes("atomic")) f.atomic(op as AtomicOp, 64);
  else if (op.includes("_lane")) f.memoryLane(op as MemoryLaneOp, 1, 64, align);
  else f.load(op as LoadOp, 64, align);
}

function relaxedSimd(): boolean {
  const probe = (f: FunctionBuilder): unknown => f.emit("f32x4.relaxed_madd");
  if (!known(probe)) setFlagsFromString("--experimental-wasm-relaxed-simd");
  return known(probe);
}

describe("instruction table", () => {
  it("has no duplicate codes", () => {
    const codes = [...plainCodes, ...laneCodes, ...memoryCodes].map(([, code]) => code);
    expect(new Set(codes).size).toBe(codes.length);
    expect(codes.length).toBeGreaterThan(380);
  });

  it("has the right codes at the ends of its runs", () => {
    const expected: [PlainOp, number][] = [
      ["i32.rotr", 0x78],
      ["i64.rotr", 0x8a],
      ["f64.copysign", 0xa6],
      ["f64.reinterpret_i64", 0xbf],
      ["f64x2.ge", 0xfd004c],
      ["i16x8.avgr_u", 0xfd009b],
      ["i32x4.max_u", 0xfd00b9],
      ["i64x2.ge_s", 0xfd00db],
      ["f64x2.pmax", 0xfd00f7],
      ["f64x2.convert_low_i32x4_u", 0xfd00ff],
    ];
    expect(expected.map(([op]) => [op, plainCodes.get(op)])).toEqual(expected);
  });

  it("gives only codes the engine knows", () => {
    const relaxed = relaxedSimd();
    const wanted = [...plainCodes.keys()].filter((op) => relaxed || !op.includes("relaxed"));
    expect(wanted.filter((op) => !known((f) => f.emit(op)))).toEqual([]);
    expect([...laneCodes.keys()].filter((op) => !known((f) => f.lane(op, 1)))).toEqual([]);
    expect([...memoryCodes.keys()].filter((op) => !known((f) => access(f, op)))).toEqual([]);
  });

  it("gives memory instructions exactly their natural alignment", () => {
    const exact = [...memoryAligns].filter(
      ([op, align]) =>
        op.includes("atomic") ||
        (known((f) => access(f, op, align)) && !known((f) => access(f, op, align + 1))),
    );
    expect(exact.length).toBe(memoryAligns.size);
  });
});

describe("FunctionBuilder", () => {
  it("adds up 1..n with a structured loop", () => {
    const module = new ModuleBuilder();
    const sum = module.function("sum", ["i32"], ["i32"], (f) => {
      const total = f.local("i32");
      f.block((done) => {
        f.get(0).emit("i32.eqz").brIf(done);
        f.loop((again) => {
          f.get(total).get(0).emit("i32.add").set(total);
          f.get(0).i32(1).emit("i32.sub").tee(0).brIf(again);
        });
      });
      f.get(total);
    });
    module.export(sum);
    expect(instantiate(module).sum(100)).toBe(5050);
    expect(instantiate(module).sum(0)).toBe(0);
  });

  it("encodes integer constants of every length", () => {
    const values = [0, 1, -1, 63, 64, -64, -65, 8191, 8192, -8193, 2 ** 31 - 1, -(2 ** 31)];
    const module = new ModuleBuilder();
    values.forEach((value, i) => {
      module.export(module.function(`v${i}`, [], ["i32"], (f) => f.i32(value)));
      module.export(
        module.function(`w${i}`, [], ["f64"], (f) => {
          f.i64(BigInt(value) * 65537n).emit("f64.convert_i64_s");
        }),
      );
    });
    const exports = instantiate(module);
    values.forEach((value, i) => {
      expect(exports[`v${i}`]()).toBe(value);
      expect(exports[`w${i}`]()).toBe(value * 65537);
    });
  });

  it("branches through a table, with if/else results", () => {
    const module = new ModuleBuilder();
    const pick = module.function("pick", ["i32"], ["i32"], (f) => {
      f.block((other) => {
        f.block((one) => {
          f.block((zero) => {
            f.get(0).brTable([zero, one], other);
          });
          f.i32(10).emit("return");
        });
        f.i32(11).emit("return");
      });
      f.get(0).i32(100).emit("i32.gt_s");
      f.if(
        () => f.i32(12),
        () => f.i32(13),
        "i32",
      );
    });
    module.export(pick);
    const exports = instantiate(module);
    expect([0, 1, 2, 101].map((n) => exports.pick(n))).toEqual([10, 11, 13, 12]);
  });

  it("computes with vectors: shuffle, lanes, splat, constants", () => {
    const module = new ModuleBuilder();
    const f32x4 = (...lanes: number[]): Uint8Array =>
      new Uint8Array(new Float32Array(lanes).buffer);
    const run = module.function("run", [], ["f32"], (f) => {
      const v = f.local("v128");
      f.v128(f32x4(1, 2, 3, 4))
        .f32(10)
        .emit("f32x4.splat", "f32x4.mul")
        .set(v);
      f.get(v).get(v).shuffle32(3, 4, 0, 0).lane("f32x4.extract_lane", 0);
      f.get(v).get(v).shuffle32(3, 4, 0, 0).lane("f32x4.extract_lane", 1).emit("f32.sub");
    });
    module.export(run);
    expect(instantiate(module).run()).toBe(30);
  });

  it("reuses released locals and refuses a double release", () => {
    const module = new ModuleBuilder();
    module.function(null, ["i32"], [], (f) => {
      const a = f.local("v128");
      f.release(a);
      expect(f.local("i32")).not.toBe(a);
      expect(f.local("v128")).toBe(a);
      f.release(a);
      expect(() => f.release(a)).toThrow("release it once");
    });
  });
});

describe("ModuleBuilder", () => {
  it("calls forward, through imports and through a table with elements", () => {
    const module = new ModuleBuilder();
    const log = module.importFunction("env", "double", ["i32"], ["i32"]);
    module.table({ initial: 4 });
    const later = module.declare("later", ["i32"], ["i32"]);
    const direct = module.function("direct", ["i32"], ["i32"], (f) => f.get(0).call(later));
    const indirect = module.function("indirect", ["i32", "i32"], ["i32"], (f) => {
      f.get(0).get(1).callIndirect(["i32"], ["i32"]);
    });
    module.define(later, (f) => f.get(0).i32(1).emit("i32.add"));
    module.element(2, [later, log]);
    module.export(direct);
    module.export(indirect);
    const exports = instantiate(module, { env: { double: (n: number) => 2 * n } });
    expect(exports.direct(4)).toBe(5);
    expect([exports.indirect(4, 2), exports.indirect(4, 3)]).toEqual([5, 8]);
    expect(() => exports.indirect(4, 0)).toThrow(WebAssembly.RuntimeError);
  });

  it("shares an imported memory, and writes data, globals, atomics", () => {
    const module = new ModuleBuilder();
    const limits = { initial: 1, maximum: 2, shared: true };
    module.importMemory("env", "memory", limits);
    const counter = module.global("i32", 40);
    module.data(16, new Uint8Array([5, 6, 7, 8]));
    const bump = module.function("bump", [], ["i32"], (f) => {
      f.i32(0).i32(1).atomic("i32.atomic.rmw.add").emit("drop").fence();
      f.i32(64).i32(16).i32(4).memoryCopy();
      f.i32(68).i32(9).i32(4).memoryFill();
      f.globalGet(counter).i32(1).emit("i32.add").globalSet(counter).globalGet(counter);
    });
    module.export(bump);
    const memory = new WebAssembly.Memory(limits);
    const exports = instantiate(module, { env: { memory } });
    expect([exports.bump(), exports.bump()]).toEqual([41, 42]);
    const bytes = new Uint8Array(memory.buffer);
    expect([...bytes.subarray(64, 72)]).toEqual([5, 6, 7, 8, 9, 9, 9, 9]);
    expect(bytes[0]).toBe(2);
  });

  it("refuses an undefined declaration, a late import and unlimited shared memory", () => {
    const module = new ModuleBuilder();
    module.declare("missing", [], []);
    expect(() => module.build()).toThrow('"missing" is declared but never defined');
    expect(() => module.importFunction("env", "late", [], [])).toThrow("before all definitions");
    const shared = new ModuleBuilder();
    shared.memory({ initial: 1, shared: true });
    expect(() => shared.build()).toThrow("needs a maximum");
  });
});
