import type { DType } from "../../ir/dtype.ts";
import type { Location } from "../schedule.ts";
import type { LibraryCall } from "./library-calls.ts";

/** Address of something while a program runs: the start of a place plus bytes. */
export interface Operand {
  readonly place: Location | { readonly kind: "scratch" } | { readonly kind: "errors" };
  readonly offset: number;
}

/** A parameter of an entry: addresses and numbers, each in eight bytes of a block. */
export type EntryArgument = Operand | { readonly int: number };

/**
 * One launch of a generated entry. All parameters are in one block of eight bytes each, which the
 * entry receives by value; addresses come first to last as the operands stand here.
 */
export interface KernelLaunch {
  readonly kind: "kernel";
  readonly entry: string;
  readonly blocks: number;
  readonly threads: number;
  readonly sharedBytes: number;
  readonly arguments: readonly EntryArgument[];
  readonly facts: LaunchFacts;
}

/** Work of a vendor library. */
export interface LibraryLaunch {
  readonly kind: "library";
  readonly call: LibraryCall;
  readonly operands: readonly Operand[];
  readonly facts: LaunchFacts;
}

/** Bytes from one place to another on the device. */
export interface CopyLaunch {
  readonly kind: "copy";
  readonly from: Operand;
  readonly to: Operand;
  readonly bytes: number;
  readonly facts: LaunchFacts;
}

/** An array a host function sees. */
export interface HostArgument {
  readonly operand: Operand;
  readonly dtype: DType;
  readonly elements: number;
}

/** A registered host function: its operands go to the host, its result comes back. */
export interface HostLaunch {
  readonly kind: "host";
  /** Name given to registerCustomKernel. */
  readonly name: string;
  readonly inputs: readonly HostArgument[];
  readonly output: HostArgument;
  readonly facts: LaunchFacts;
}

/**
 * Where a value of a loop's body lies in trip t: `first` in trip 0 if given, else `even` or `odd`
 * by t, moved on by t · stride bytes.
 */
export interface TripOperand {
  readonly first: Operand | null;
  readonly even: Operand;
  readonly odd: Operand;
  readonly stride: number;
}

/** Trips of a body whose launches name its own inputs, outputs and temporaries. */
export interface LoopLaunch {
  readonly kind: "loop";
  readonly trips: number;
  /** Start of the body's temporaries. */
  readonly temporaries: Operand;
  readonly inputs: readonly TripOperand[];
  readonly outputs: readonly TripOperand[];
  readonly body: readonly Launch[];
  /** Bool that says whether there is another trip, read on the host before each; or null. */
  readonly condition: TripOperand | null;
  /**
   * Where the carries of a conditional loop go when it ends: `from` is what trip n would read after
   * n trips were done; no copy is needed where that already is `to`. Empty for loops of a fixed
   * length, whose last trip writes the results itself.
   */
  readonly results: readonly {
    readonly from: TripOperand;
    readonly to: Operand;
    readonly bytes: number;
  }[];
  readonly facts: LaunchFacts;
}

/** One thing a program has the device do. */
export type Launch = KernelLaunch | LibraryLaunch | CopyLaunch | HostLaunch | LoopLaunch;

/** What a launch costs, by its definition. */
export interface LaunchFacts {
  readonly name: string;
  readonly bytes: number;
  readonly flops: number;
}

/** A compiled program: one unit of CUDA C, and launches in the order of the stream. */
export interface CudaProgramCode {
  /** Prelude and all entries; empty where a program launches none. */
  readonly source: string;
  readonly launches: readonly Launch[];
  /**
   * For each launch the earlier ones it must come after, by number, as far as none follows from the
   * others; launches with no path between them may run at once. Not given: the order of the stream.
   */
  readonly dependencies?: readonly (readonly number[])[];
  readonly temporaryBytes: number;
  /** Scratch generated kernels use, after the temporaries; libraries' workspaces come on top. */
  readonly scratchBytes: number;
  /** Whether the launches never need the host in between, so that a graph can hold them. */
  readonly isCapturable: boolean;
  /** Whether kernels may report an index out of range. */
  readonly checksIndices: boolean;
}
