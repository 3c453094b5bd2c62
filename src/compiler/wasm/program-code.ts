import type { DType } from "../../ir/dtype.ts";

/** What the machine that runs a program can do. */
export interface WasmTarget {
  /** Whether relaxed_madd may be used. */
  readonly fma: boolean;
  /** Whether the imported memory is shared (threads). */
  readonly shared: boolean;
  /** Most threads that will run the program. */
  readonly threads: number;
}

/** What one step costs, by its definition. */
export interface StepFacts {
  readonly name: string;
  readonly bytes: number;
  readonly flops: number;
  /** Threads the step can use. */
  readonly threads: number;
  /** Whether its time is spent in the library rather than in the program's own code. */
  readonly isLibraryCall?: boolean;
}

/** An array a host function sees: it starts at args[argument] + byteOffset. */
export interface HostOperand {
  /** Index into the argument table: inputs, outputs, arena, workspace, constants. */
  readonly argument: number;
  readonly byteOffset: number;
  readonly dtype: DType;
  readonly elements: number;
}

/** A `custom` op: the program calls ("env", "host")(call, args) on thread 0. */
export interface HostCall {
  readonly call: number;
  /** Name given to registerCustomKernel. */
  readonly kernel: string;
  readonly inputs: readonly HostOperand[];
  readonly output: HostOperand;
}

/**
 * A compiled program. The module imports what it needs of ("env", "memory"), ("env", "table"),
 * ("env", "host"), ("lib", …) and ("math", …), and exports `run(tid, threads, args, from, to)`.
 * `args` is the address of an i32 table: inputs, outputs, then the bases of arena, workspace and
 * constants. The table holds the program's own functions from index 0 on.
 */
export interface WasmProgramCode {
  readonly bytes: Uint8Array;
  /** One entry per step. */
  readonly kernels: readonly StepFacts[];
  readonly stepCount: number;
  readonly temporaryBytes: number;
  /** Scratch of one thread; thread t finds it at workspace base + t · (this rounded up to 64). */
  readonly workspaceBytesPerThread: number;
  readonly constants: Uint8Array;
  readonly hostCalls: readonly HostCall[];
  /** Entries of the function table; 64 when absent. */
  readonly tableSize?: number;
}
