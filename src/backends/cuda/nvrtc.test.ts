import { describe, expect, it } from "vitest";
import { CompileError, DeviceError } from "../../base/errors.ts";
import type { Ffi, ForeignFunction, ForeignLibrary, ForeignValue } from "./ffi.ts";
import { Nvrtc } from "./nvrtc.ts";

interface Compiler {
  readonly architectures?: readonly number[];
  /** Code of nvrtcCompileProgram, and the log it leaves. */
  readonly code?: number;
  readonly log?: string;
  /** Options it refuses. */
  readonly unknown?: readonly string[];
}

/** A library that compiles every unit to the text of its options. */
function fake({ architectures = [75, 90, 120], code = 0, log = "", unknown = [] }: Compiler): {
  nvrtc: Nvrtc;
  destroyed: () => number;
} {
  const texts = new Map<number, Uint8Array>();
  let destroyed = 0;
  let image = new Uint8Array();
  const ffi: Ffi = {
    open: () => expect.unreachable("the library is open"),
    address: (view) => {
      texts.set(texts.size + 1, view as Uint8Array);
      return texts.size;
    },
    view: (_address, bytes) => new ArrayBuffer(bytes),
  };
  const set = (view: ForeignValue, values: readonly number[]): number => {
    if (view instanceof BigUint64Array) view[0] = BigInt(values[0]);
    else (view as Int32Array | Uint8Array).set(values);
    return 0;
  };
  const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(`${text}\0`);
  const functions: Readonly<Record<string, (...values: ForeignValue[]) => number>> = {
    nvrtcVersion: (major, minor) => set(major, [13]) + set(minor, [1]),
    nvrtcGetNumSupportedArchs: (count) => set(count, [architectures.length]),
    nvrtcGetSupportedArchs: (list) => set(list, architectures),
    nvrtcCreateProgram: (program) => set(program, [7]),
    nvrtcCompileProgram: (_program, _count, table) => {
      const options = [...(table as BigUint64Array)].map((at) => texts.get(Number(at)));
      image = encode(options.map((option) => new TextDecoder().decode(option)).join(""));
      const text = new TextDecoder().decode(image);
      return unknown.some((option) => text.includes(option)) ? 5 : code;
    },
    nvrtcGetProgramLogSize: (_program, size) => set(size, [encode(log).length]),
    nvrtcGetProgramLog: (_program, text) => set(text, [...encode(log)]),
    nvrtcGetCUBINSize: (_program, size) => set(size, [image.length]),
    nvrtcGetCUBIN: (_program, bytes) => set(bytes, [...image]),
    nvrtcGetPTXSize: (_program, size) => set(size, [image.length]),
    nvrtcGetPTX: (_program, bytes) => set(bytes, [...image]),
    nvrtcDestroyProgram: () => {
      destroyed++;
      return 0;
    },
  };
  const library: ForeignLibrary = {
    path: "libnvrtc.so.13",
    has: () => true,
    function: (prototype) => functions[/(\w+)\(/.exec(prototype)?.[1] ?? ""] as ForeignFunction,
  };
  return { nvrtc: new Nvrtc(ffi, library), destroyed: () => destroyed };
}

describe("NVRTC", () => {
  it("knows its version and architectures", () => {
    const { nvrtc } = fake({ architectures: [120, 75, 90] });
    expect(nvrtc.version).toBe("13.1");
    expect(nvrtc.architectures).toEqual([75, 90, 120]);
  });

  it.each([
    [75, "sm_75", "cubin"],
    [90, "sm_90a", "cubin"],
    [120, "sm_120a", "cubin"],
    [89, "compute_75", "ptx"],
    [130, "compute_120", "ptx"],
  ])("compiles for a card of %i as %s", (capability, architecture, output) => {
    const { destroyed, nvrtc } = fake({});
    const target = nvrtc.targetOf(capability);
    expect(target.output).toBe(output);
    const image = new TextDecoder().decode(nvrtc.compile("int x;\n", target));
    expect(image.split("\0")).toContain(`--gpu-architecture=${architecture}`);
    expect(destroyed()).toBe(1);
  });

  it("compiles units of many entries on all cores, if it can", () => {
    const many = Array.from({ length: 8 }, (_, i) => `__global__ void k${i}(void) {}`).join("\n");
    const optionsOf = (nvrtc: Nvrtc, source: string): string[] =>
      new TextDecoder().decode(nvrtc.compile(source, nvrtc.targetOf(90))).split("\0");
    const { nvrtc } = fake({});
    expect(optionsOf(nvrtc, many)).toContain("--split-compile=0");
    expect(optionsOf(nvrtc, "__global__ void k(void) {}").join()).not.toContain("split");
    const { nvrtc: old } = fake({ unknown: ["--split-compile"] });
    expect(optionsOf(old, many)).toEqual([...old.targetOf(90).options, "", ""]);
  });

  it("refuses a card it has forgotten", () => {
    const old = (): unknown => fake({}).nvrtc.targetOf(70);
    expect(old).toThrow(DeviceError);
    expect(old).toThrow(/13\.1 must know .* sm_70, got sm_75 as its oldest; .* CUDA 12/);
  });

  it("shows the lines the log speaks of", () => {
    const log = [
      "program.cu(3): warning #177-D: unused",
      'program.cu(2): error: identifier "y" is undefined',
      "1 error detected in the compilation",
    ].join("\n");
    const { destroyed, nvrtc } = fake({ code: 6, log });
    const compile = (): unknown => nvrtc.compile("int x;\n  y = 1;\n", nvrtc.targetOf(90));
    expect(compile).toThrow(CompileError);
    expect(compile).toThrow('error: identifier "y" is undefined\n  2 | y = 1;\n');
    expect(compile).not.toThrow("warning");
    expect(destroyed()).toBe(3);
  });

  it("tells a missing companion", () => {
    const { nvrtc } = fake({ code: 7 });
    expect(() => nvrtc.compile("", nvrtc.targetOf(90))).toThrow(
      "libnvrtc-builtins is missing beside libnvrtc",
    );
  });
});
