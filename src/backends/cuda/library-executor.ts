import type { CudaTarget } from "../../compiler/cuda/kernel-code.ts";
import type { LibraryCall } from "../../compiler/cuda/library-calls.ts";
import type { Ffi, ForeignLibrary } from "./ffi.ts";

/** The vendor libraries beside the driver. All are optional. */
export type LibraryName = "nvrtc" | "cublasLt" | "cudnn" | "nccl";

/** A call made ready once: descriptors, algorithm, plan. It serves any addresses. */
export interface PreparedCall {
  /** Device memory `run` needs for itself; its contents do not outlive a run. */
  readonly workspaceBytes: number;
  /** Whether it issues several things that do not depend on each other. @defaultValue false */
  readonly hasParts?: boolean;
  /**
   * Issues the call on a stream, also while the stream is captured: no synchronisation, no
   * allocation, no host memory that changes later.
   * @param addresses - of the operands, in the order the call's type documents.
   * @param workspace - address of `workspaceBytes` bytes, aligned to 256.
   * @param nextPart - called between parts that may run at once; see `hasParts`.
   */
  run(addresses: readonly number[], workspace: number, stream: number, nextPart?: () => void): void;
}

/** Does one kind of library call on one device. */
export interface LibraryExecutor {
  /** Whether the library is there and can do the call; `prepare` then succeeds. */
  supports(call: LibraryCall): boolean;
  /**
   * Chooses an algorithm and builds what it needs; equal calls may share the result.
   * @throws {DeviceError} if the library is missing; {UnsupportedOpError} if it cannot do the call.
   */
  prepare(call: LibraryCall): PreparedCall;
  /** Destroys handles and descriptors. The context is current. */
  dispose(): void;
}

/** What executors have to work with. The device's context is current whenever they are called. */
export interface LibraryContext {
  readonly ffi: Ffi;
  readonly target: CudaTarget;
  /** Ordinal of the device. */
  readonly ordinal: number;
  /** The stream all of the backend's work is issued on. */
  readonly stream: number;
  /** An open library, or null if it is not installed. */
  find(name: LibraryName): ForeignLibrary | null;
  /** An open library. @throws {DeviceError} that says what is missing and which package has it. */
  open(name: LibraryName): ForeignLibrary;
  /** Gives `use` device memory and frees it afterwards, in the order of the stream. */
  withMemory<T>(bytes: number, use: (address: number) => T): T;
  /** Milliseconds the device takes for what `issue` puts on the stream, for choosing algorithms. */
  time(issue: () => void): number;
}

/** Makes an executor for a device. */
export type LibraryExecutorFactory = (context: LibraryContext) => LibraryExecutor;

/** An executor for each kind of call. */
export type LibraryExecutorFactories = Readonly<
  Partial<Record<LibraryCall["kind"], LibraryExecutorFactory>>
>;
