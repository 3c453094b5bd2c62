import { ConfigError, DTypeError, ShapeError } from "../base/errors.ts";
import { formatShape, sameShape } from "../ir/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ReduceOp } from "./reduce-op.ts";
import { requireReduceOp } from "./reduce-op.ts";

/** What carries the data: NVIDIA's library among GPUs, an MPI, or sockets. */
export type BackendName = "nccl" | "mpi" | "tcp";

/**
 * Processes that communicate. All of them call the same operations in the same order; a call whose
 * promise is not awaited yet runs meanwhile. Ranks count within the group.
 */
export interface ProcessGroup {
  readonly backend: BackendName;
  /** This process's number in the group. */
  readonly rank: number;
  /** Number of processes in the group. */
  readonly size: number;
  /** Ranks of the members in the whole world, in their order. */
  readonly ranks: readonly number[];
  /** Combines a tensor over all ranks, in place. */
  allReduce(tensor: Tensor, op: ReduceOp): Promise<void>;
  /** `input` has `size` times the elements of `output`. */
  reduceScatter(output: Tensor, input: Tensor, op: ReduceOp): Promise<void>;
  /** `output` has `size` times the elements of `input`. */
  allGather(output: Tensor, input: Tensor): Promise<void>;
  /** Replaces the tensor by that of rank `root`. */
  broadcast(tensor: Tensor, root: number): Promise<void>;
  /** Gives rank `to`, which calls `recv`, a tensor. */
  send(tensor: Tensor, to: number): Promise<void>;
  /** Replaces the tensor by the one that rank `from` sends. */
  recv(tensor: Tensor, from: number): Promise<void>;
  /** Gives each rank the texts of all, in the order of the ranks. */
  exchangeText(text: string): Promise<string[]>;
  /** Waits until all ranks have come here. */
  barrier(): Promise<void>;
  /** Group of some of its ranks; undefined on the others. All ranks call it. */
  subgroup(members: readonly number[]): Promise<ProcessGroup | undefined>;
  /** Calls back when the group has failed; `wasTold` says whether a call has thrown the error. */
  onFailure(listener: (error: Error, wasTold: () => boolean) => void): void;
  /** Fails everything that waits, here and on the other ranks. */
  abort(reason: string): void;
  /** Leaves in order, after what is under way. */
  close(): Promise<void>;
}

/** @throws {ConfigError | DTypeError} if the tensor cannot be combined so. */
export function requireReducible(name: string, tensor: Tensor, op: string): asserts op is ReduceOp {
  requireReduceOp(name, op);
  if (op === "avg" && !tensor.isFloatingPoint()) {
    throw new DTypeError(
      `${name}: averages need a float dtype, got ${tensor.dtype}; use the op "sum", or cast with to()`,
    );
  }
  if (tensor.dtype === "bool" && op !== "max" && op !== "min") {
    throw new DTypeError(
      `${name}: bool tensors are combined by max (any) or min (all), got "${op}"; cast with to("i32")`,
    );
  }
}

/** @throws {ShapeError | DTypeError} unless `whole` is `size` times `part`, in elements. */
export function requireParts(name: string, whole: Tensor, part: Tensor, size: number): void {
  if (whole.dtype !== part.dtype) {
    throw new DTypeError(
      `${name}: input and output must have one dtype, got ${whole.dtype} and ${part.dtype}`,
    );
  }
  const stacked = [size, ...part.shape];
  const joined = [size * (part.shape[0] ?? 1), ...part.shape.slice(1)];
  if (sameShape(whole.shape, stacked) || sameShape(whole.shape, joined)) return;
  throw new ShapeError(
    `${name}: for ${size} ranks and parts of ${formatShape(part.shape)} the whole must be ` +
      `${formatShape(joined)} or ${formatShape(stacked)}, got ${formatShape(whole.shape)}`,
  );
}

/** @throws {ConfigError} if the group has no such rank. */
export function requireRank(name: string, rank: number, ranks: readonly number[]): number {
  const index = ranks.indexOf(rank);
  if (index >= 0) return index;
  throw new ConfigError(`${name}: the rank must be one of ${ranks.join(", ")}, got ${rank}`);
}
