import type { HostArray } from "../ir/dtype.ts";
import type { ReduceOp } from "./reduce-op.ts";

/**
 * Communication over arrays in memory. Ranks count within the group. All ranks must call the same
 * operations in the same order; calls may overlap, and are carried out in the order of the calls.
 * `bool` travels as u8, f16 and bf16 as bits, which cannot be reduced.
 */
export interface HostCollectives {
  readonly backend: "tcp" | "mpi";
  readonly rank: number;
  readonly size: number;
  /** Replaces the values by those combined over all ranks, the same bits everywhere. */
  allReduce(data: HostArray, op: ReduceOp): Promise<void>;
  /** Combines over all ranks; rank r keeps the r-th of `size` equal parts. `input` is overwritten. */
  reduceScatter(input: HostArray, output: HostArray, op: ReduceOp): Promise<void>;
  /** Puts the inputs of all ranks behind each other. */
  allGather(input: HostArray, output: HostArray): Promise<void>;
  broadcast(data: HostArray, root: number): Promise<void>;
  send(data: HostArray, to: number): Promise<void>;
  recv(data: HostArray, from: number): Promise<void>;
  /**
   * The group of some ranks, undefined on those that are not in it. All ranks of this group call it
   * at the same place; those of one new group give the same members.
   */
  subgroup(members: readonly number[]): Promise<HostCollectives | undefined>;
  /** Calls back when the group has failed. */
  onFailure(listener: (error: Error) => void): void;
  /** Fails everything that waits; tells the other ranks. */
  abort(reason: string): void;
  /** Leaves in order, after what is under way. */
  close(): Promise<void>;
}

/** A typed array over part of another one. */
export function part<T extends HostArray>(data: T, begin: number, end: number): T {
  return data.subarray(begin, end) as T;
}

/** The bytes of a typed array. */
export function bytesOf(data: HostArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** An array of the same type. */
export function emptyLike<T extends HostArray>(data: T, length: number): T {
  const Type = data.constructor as new (length: number) => T;
  return new Type(length);
}
