import { readText } from "../../../src/backends/cuda/driver.ts";
import type {
  Ffi,
  ForeignFunction,
  ForeignLibrary,
  ForeignValue,
} from "../../../src/backends/cuda/ffi.ts";
import { koffiFfi } from "../../../src/backends/cuda/koffi-ffi.ts";
import {
  cacheFolder,
  emulatorLibrary,
  emulatorObstacle,
  nativeFolder,
  unitCommand,
} from "./compiler.ts";
import { unitText } from "./unit-text.ts";

/** Libraries that are emulated. */
export type EmulatedLibrary = "cuda" | "nvrtc" | "cublasLt" | "cudnn";

const libraryPatterns: Readonly<Record<EmulatedLibrary, RegExp>> = {
  cuda: /^libcuda\.so/,
  nvrtc: /^libnvrtc\.so/,
  cublasLt: /^libcublasLt\.so/,
  cudnn: /^libcudnn\.so/,
};

const symbolPrefixes: Readonly<Record<EmulatedLibrary, RegExp>> = {
  cuda: /^cu[A-Z]/,
  nvrtc: /^nvrtc/,
  cublasLt: /^cublasLt/,
  cudnn: /^cudnn/,
};

/** What the emulated machine is like; the defaults are an H100 with 4 GiB and CUDA 13.0. */
export interface EmulatedMachine {
  /** Memory of the device, in bytes. */
  readonly capacity?: number;
  readonly devices?: number;
  /** Compute capability times ten. */
  readonly capability?: number;
  readonly multiprocessors?: number;
  /** Such as 12040. */
  readonly driverVersion?: number;
  readonly nvrtcMajor?: number;
  readonly nvrtcMinor?: number;
  /** Threads and blocks run in descending order: finds missing barriers. */
  readonly reversed?: boolean;
  /** The same in every second launch. */
  readonly alternating?: boolean;
  /** Libraries that are not installed. */
  readonly missing?: readonly EmulatedLibrary[];
  /** Functions the libraries do not have yet, or not any more. */
  readonly without?: readonly string[];
}

/** Counters of the emulated device. */
export type EmulatorCounter =
  | "used"
  | "kernels"
  | "graphLaunches"
  | "allocations"
  | "copies"
  | "captures"
  /** Nodes on the longest path of the graph that ran last. */
  | "graphDepth";

/** A call that is to fail. */
interface Fault {
  readonly code: number;
  /** Calls that still succeed first. */
  skip: number;
  /** Calls that fail then. */
  times: number;
}

const cannotOpen = (path: string): Error =>
  new Error(`${path}: cannot open shared object file: No such file or directory`);

/** A machine with an emulated GPU, one per process: {@link emulator} starts it anew. */
export class Emulator {
  readonly ffi: Ffi;
  private readonly native: ForeignLibrary;
  private readonly faults: Map<string, Fault> = new Map();
  private machine: EmulatedMachine = {};

  constructor() {
    const real = koffiFfi();
    this.native = real.open(emulatorLibrary());
    const configure = "void emu_configure(const char *cc, const char *include, const char *cache)";
    this.native.function(configure)(unitCommand() ?? "cc", nativeFolder, cacheFolder());
    this.ffi = {
      open: (path) => this.open(path),
      address: (view) => real.address(view),
      view: (address, bytes) => real.view(address, bytes),
    };
  }

  /** Forgets faults and defects, and makes the machine as told. Devices in use must be disposed. */
  reset(machine: EmulatedMachine = {}): void {
    this.faults.clear();
    this.machine = machine;
    this.native.function("void emu_reset()")();
    const set = this.native.function("void emu_set(const char *what, double value)");
    for (const [name, value] of Object.entries(machine)) {
      if (name !== "missing" && name !== "without") set(name, Number(value));
    }
  }

  /** Makes calls of a function return `code`, after `skip` that succeed. */
  fail(name: string, code: number, { skip = 0, times = Number.POSITIVE_INFINITY } = {}): void {
    this.faults.set(name, { code, skip, times });
  }

  /** Lets the function work again. */
  heal(name: string): void {
    this.faults.delete(name);
  }

  count(counter: EmulatorCounter): number {
    return this.native.function("double emu_get(const char *what)")(counter);
  }

  /** Defects of the code under test since the last call: bad accesses, overruns, barriers. */
  takeProblems(): string[] {
    const text = new Uint8Array(8192);
    this.native.function("int emu_take_problems(p text, u64 size)")(text, text.length);
    return readText(text).split("\n").filter(Boolean);
  }

  private open(path: string): ForeignLibrary {
    const file = path.slice(path.lastIndexOf("/") + 1);
    const names = Object.keys(libraryPatterns) as EmulatedLibrary[];
    const name = names.find((candidate) => libraryPatterns[candidate].test(file));
    if (name === undefined || this.machine.missing?.includes(name)) throw cannotOpen(path);
    return {
      path: file,
      has: (symbol) =>
        symbolPrefixes[name].test(symbol) &&
        this.machine.without?.includes(symbol) !== true &&
        this.native.has(symbol),
      function: (prototype) => this.declare(name, prototype),
    };
  }

  private declare(library: EmulatedLibrary, prototype: string): ForeignFunction {
    const name = /(\w+)\s*\(/.exec(prototype)?.[1] ?? "";
    const isThere = symbolPrefixes[library].test(name) && !this.machine.without?.includes(name);
    if (!isThere) throw new Error(`${name}: symbol not found`);
    const real = this.native.function(prototype);
    const values = (given: ForeignValue[]): ForeignValue[] =>
      name === "nvrtcCreateProgram"
        ? given.map((value) =>
            typeof value === "string" && value.includes("\n") ? unitText(value) : value,
          )
        : given;
    return Object.assign(
      (...given: ForeignValue[]): number => this.fault(name) ?? real(...values(given)),
      {
        async: (...given: ForeignValue[]): Promise<number> => {
          const code = this.fault(name);
          return code === null ? real.async(...values(given)) : Promise.resolve(code);
        },
      },
    );
  }

  private fault(name: string): number | null {
    const fault = this.faults.get(name);
    if (fault === undefined) return null;
    if (fault.skip > 0) {
      fault.skip--;
      return null;
    }
    if (fault.times-- <= 0) return null;
    return fault.code;
  }
}

let instance: Emulator | undefined;

/** The emulated machine, started anew. @throws {Error} where {@link emulatorObstacle} has a reason. */
export function emulator(machine: EmulatedMachine = {}): Emulator {
  const obstacle = emulatorObstacle();
  if (obstacle !== null) throw new Error(obstacle);
  instance ??= new Emulator();
  instance.reset(machine);
  return instance;
}
