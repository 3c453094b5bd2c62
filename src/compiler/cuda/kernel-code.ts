import type { Node } from "../../ir/node.ts";
import type { AttentionCall } from "./library-calls.ts";

/** What the card can do, as far as generated code depends on it. */
export interface CudaTarget {
  /** Compute capability times ten: 80, 86, 89, 90, 100, 120. */
  readonly capability: number;
  /** Streaming multiprocessors. */
  readonly multiprocessors: number;
  /** Shared memory one block may ask for, in bytes. */
  readonly sharedBytesPerBlock: number;
  /** Second-level cache, in bytes. */
  readonly cacheBytes: number;
  /** Libraries programs may call; generated kernels take the place of others. All if not said. */
  readonly libraries?: readonly ("cublasLt" | "cudnn")[];
  /** Whether a library does an attention call; generated kernels do those of which it is not said. */
  readonly doesAttention?: (call: AttentionCall) => boolean;
}

/** An argument of a generated function, in the order of its parameters. */
export type KernelArgument =
  /** Address of a value, or so many bytes (0 if not said) after its beginning. */
  | { readonly kind: "value"; readonly value: Node; readonly offset?: number }
  /** Address inside the launch's scratch memory, which has no defined contents at the start. */
  | { readonly kind: "scratch"; readonly offset: number }
  /** Address of the program's error words: {@link errorWords}. */
  | { readonly kind: "errors" }
  /** A number, as `int`: what would otherwise be the only difference between two functions. */
  | { readonly kind: "int"; readonly value: number };

/**
 * A function every block of a launch calls: `text` is its parameter list and body in CUDA C,
 * `(…arguments, unsigned block) { … }`, with no name in it, so that equal functions are equal
 * texts and are compiled once. Blocks are one-dimensional in both senses. The text keeps to C99
 * plus the functions of the prelude: no templates, references or overloads.
 */
export interface KernelFunction {
  readonly text: string;
  readonly arguments: readonly KernelArgument[];
  readonly blocks: number;
  readonly threads: number;
  /** Dynamic shared memory, in bytes; the function sees it as `shared` (`char*`, aligned to 16). */
  readonly sharedBytes: number;
  /** Lowest number of blocks per multiprocessor registers must allow; 0 leaves it open. */
  readonly residentBlocks: number;
}

/** Functions to be launched one after the other for one step of a schedule. */
export interface RenderedStep {
  readonly name: string;
  readonly functions: readonly KernelFunction[];
  readonly scratchBytes: number;
  /** Bytes moved and operations done, by definition. */
  readonly bytes: number;
  readonly flops: number;
}

/**
 * Words (i32) a program's kernels report through: [0] the size of the dim an index did not fit, or
 * 0 while all is well; [1] the index. Kernels that write state do nothing once [0] is set.
 */
export const errorWords = { size: 0, index: 1, bytes: 16 } as const;
