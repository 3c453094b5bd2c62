import { CompileError, DeviceError } from "../../base/errors.ts";
import { readText } from "./driver.ts";
import type { Ffi, ForeignLibrary, ForeignValue } from "./ffi.ts";
import { FunctionTable } from "./function-table.ts";
import { nvrtcPrototypes } from "./prototypes.ts";
import type { NvrtcFunction } from "./prototypes.ts";

const INVALID_OPTION = 5;
const COMPILATION_FAILED = 6;

/** Options besides the architecture. Nothing that makes results depend on more than the source. */
const options = ["--std=c++17", "-default-device"] as const;

/** Optimizes functions on all cores. The code is the same, so caches need not know of it. */
const parallel = "--split-compile=0";
/** Entries from which on a unit gains by it. */
const MANY_ENTRIES = 8;

/** Architectures that have an `a` variant with instructions of their own. */
const specific: ReadonlySet<number> = new Set([90, 100, 103, 120, 121]);

/** What a unit is compiled for. */
export interface CompileTarget {
  readonly options: readonly string[];
  /** `cubin` runs on this card as it is; `ptx` is finished by the driver. */
  readonly output: "cubin" | "ptx";
}

/** NVIDIA's run-time compiler. */
export class Nvrtc {
  /** Such as `13.0`. */
  readonly version: string;
  /** Architectures it compiles for, ascending. */
  readonly architectures: readonly number[];
  private readonly ffi: Ffi;
  private readonly functions: FunctionTable<NvrtcFunction>;
  private readonly wide: BigUint64Array = new BigUint64Array(new ArrayBuffer(16));
  /** Options of the last unit: only C knows their addresses, so somebody must hold them. */
  private texts: readonly Uint8Array[] = [];
  /** Whether it knows {@link parallel}: old ones do not. */
  private isParallel: boolean = true;

  constructor(ffi: Ffi, library: ForeignLibrary) {
    this.ffi = ffi;
    this.functions = new FunctionTable(library, nvrtcPrototypes);
    const [major, minor] = [new Int32Array(1), new Int32Array(1)];
    this.call("nvrtcVersion", major, minor);
    this.version = `${major[0]}.${minor[0]}`;
    this.architectures = this.listArchitectures();
  }

  private listArchitectures(): number[] {
    const count = new Int32Array(1);
    this.call("nvrtcGetNumSupportedArchs", count);
    const list = new Int32Array(new ArrayBuffer(count[0] * 4));
    this.call("nvrtcGetSupportedArchs", list);
    return [...list].toSorted((a, b) => a - b);
  }

  /**
   * How to compile for a card: its own code where the compiler knows it, else PTX of the newest
   * architecture below it.
   * @throws {DeviceError} if the card is older than everything the compiler knows.
   */
  targetOf(capability: number): CompileTarget {
    if (this.architectures.includes(capability)) {
      const architecture = `sm_${capability}${specific.has(capability) ? "a" : ""}`;
      return { options: [...options, `--gpu-architecture=${architecture}`], output: "cubin" };
    }
    const below = this.architectures.findLast((known) => known < capability);
    if (below === undefined) {
      throw new DeviceError(
        `cuda: NVRTC ${this.version} must know the card's architecture sm_${capability}, got ` +
          `sm_${this.architectures[0]} as its oldest; install the libraries of CUDA 12`,
      );
    }
    return { options: [...options, `--gpu-architecture=compute_${below}`], output: "ptx" };
  }

  /** Compiles a unit. @throws {CompileError} with the log and the lines it speaks of. */
  compile(source: string, target: CompileTarget): Uint8Array {
    this.call("nvrtcCreateProgram", this.wide, source, "program.cu", 0, null, null);
    const program = Number(this.wide[0]);
    try {
      const code = this.compileProgram(program, source, target.options);
      if (code === COMPILATION_FAILED) throw this.failure(program, source);
      this.check("nvrtcCompileProgram", code);
      return target.output === "cubin"
        ? this.fetch(program, "nvrtcGetCUBINSize", "nvrtcGetCUBIN")
        : this.fetch(program, "nvrtcGetPTXSize", "nvrtcGetPTX");
    } finally {
      this.functions.get("nvrtcDestroyProgram")(BigUint64Array.of(BigInt(program)));
    }
  }

  private compileProgram(program: number, source: string, own: readonly string[]): number {
    if (this.isParallel && source.split("__global__").length > MANY_ENTRIES) {
      const code = this.compileWith(program, [...own, parallel]);
      if (code !== INVALID_OPTION) return code;
      this.isParallel = false;
    }
    return this.compileWith(program, own);
  }

  private compileWith(program: number, own: readonly string[]): number {
    this.texts = own.map(zeroTerminated);
    const table = BigUint64Array.from(this.texts, (text) => BigInt(this.ffi.address(text)));
    return this.functions.get("nvrtcCompileProgram")(program, table.length, table);
  }

  private failure(program: number, source: string): CompileError {
    const log = readText(this.fetch(program, "nvrtcGetProgramLogSize", "nvrtcGetProgramLog"));
    return new CompileError(
      `internal: generated CUDA code compiles, got:\n${annotate(log, source)}\nplease report this`,
      { details: { log, source } },
    );
  }

  private fetch(program: number, size: NvrtcFunction, get: NvrtcFunction): Uint8Array {
    this.call(size, program, this.wide);
    const bytes = new Uint8Array(new ArrayBuffer(Number(this.wide[0])));
    this.call(get, program, bytes);
    return bytes;
  }

  private call(name: NvrtcFunction, ...values: ForeignValue[]): void {
    this.check(name, this.functions.get(name)(...values));
  }

  private check(name: NvrtcFunction, code: number): void {
    if (code === 0) return;
    const reason = code === 7 ? "libnvrtc-builtins is missing beside libnvrtc" : `code ${code}`;
    throw new DeviceError(
      `cuda: ${name} must succeed, got ${reason}; reinstall NVRTC (pip install nvidia-cuda-nvrtc)`,
      { details: { code } },
    );
  }
}

/** Outside V8's heap, so that its address stays. */
function zeroTerminated(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const result = new Uint8Array(new ArrayBuffer(bytes.length + 1));
  result.set(bytes);
  return result;
}

const MOST_MESSAGES = 5;

/** The first errors of a log, each with the line of the source it names. */
function annotate(log: string, source: string): string {
  const lines = source.split("\n");
  const errors = log.split("\n").filter((line) => line.includes("error"));
  return errors
    .slice(0, MOST_MESSAGES)
    .map((message) => {
      const number = Number(/\((\d+)\)/.exec(message)?.[1] ?? Number.NaN);
      const line = lines[number - 1];
      return line === undefined ? message : `${message}\n  ${number} | ${line.trim()}`;
    })
    .join("\n");
}
