import { ConfigError, ShapeError } from "../base/errors.ts";
import { formatShape, sameShape } from "../ir/shape.ts";
import { stack } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ProcessGroup } from "./process-group.ts";
import { requireParts, requireRank, requireReducible } from "./process-group.ts";
import type { ReduceOp } from "./reduce-op.ts";
import { worldGroup } from "./world.ts";

/** Which group communicates. */
export interface GroupOptions {
  /** @defaultValue all processes */
  readonly group?: ProcessGroup | undefined;
}

/** How values are combined, and among whom. */
export interface ReduceOptions extends GroupOptions {
  /** `avg` is the sum divided by the number of ranks. @defaultValue "sum" */
  readonly op?: ReduceOp;
}

/**
 * Combines a tensor over all ranks, in place: afterwards it has the same bits everywhere. Every
 * dtype; f16 and bf16 are added up in f32 over MPI and TCP. Several calls may be under way.
 * @throws {DTypeError} if the dtype has no such operation; {DistributedError} if a rank is gone or
 *   calls something else.
 */
export async function allReduce(
  tensor: Tensor,
  { op = "sum", group = worldGroup() }: ReduceOptions = {},
): Promise<void> {
  requireReducible("allReduce", tensor, op);
  await group.allReduce(tensor, op);
}

/**
 * Combines `input` over all ranks; rank r keeps the r-th part of it in `output`.
 * Shapes: input [size · n, …] or [size, n, …] -> output [n, …].
 * @throws {ShapeError | DTypeError} if they do not fit; {DistributedError} as `allReduce`.
 */
export async function reduceScatterTensor(
  output: Tensor,
  input: Tensor,
  { op = "sum", group = worldGroup() }: ReduceOptions = {},
): Promise<void> {
  requireReducible("reduceScatterTensor", input, op);
  requireParts("reduceScatterTensor", input, output, group.size);
  await group.reduceScatter(output, input, op);
}

/**
 * As `reduceScatterTensor`, with the parts as a list: one tensor of the output's shape per rank.
 * @throws as `reduceScatterTensor`.
 */
export async function reduceScatter(
  output: Tensor,
  inputs: readonly Tensor[],
  { op = "sum", group = worldGroup() }: ReduceOptions = {},
): Promise<void> {
  requireList("reduceScatter", inputs, output, group.size);
  using input = stack([...inputs]);
  await reduceScatterTensor(output, input, { op, group });
}

/**
 * Puts the tensors of all ranks behind each other, or on top of each other, in `output`.
 * Shapes: input [n, …] -> output [size · n, …] or [size, n, …].
 * @throws {ShapeError | DTypeError} if they do not fit; {DistributedError} as `allReduce`.
 */
export async function allGatherIntoTensor(
  output: Tensor,
  input: Tensor,
  { group = worldGroup() }: GroupOptions = {},
): Promise<void> {
  requireParts("allGatherIntoTensor", output, input, group.size);
  await group.allGather(output, input);
}

/**
 * As `allGatherIntoTensor`, into a list: one tensor of the input's shape per rank.
 * @throws as `allGatherIntoTensor`.
 */
export async function allGather(
  outputs: readonly Tensor[],
  input: Tensor,
  { group = worldGroup() }: GroupOptions = {},
): Promise<void> {
  requireList("allGather", outputs, input, group.size);
  using all = stack([...outputs]);
  await allGatherIntoTensor(all, input, { group });
  outputs.forEach((output, rank) => {
    using own = all.select(0, rank);
    output.assign(own);
  });
}

/**
 * Gives the tensor of rank `src` (its number in the world) to all ranks, in place.
 * @throws {ConfigError} if the group has no such rank; {DistributedError} as `allReduce`.
 */
export async function broadcast(
  tensor: Tensor,
  src: number,
  { group = worldGroup() }: GroupOptions = {},
): Promise<void> {
  await group.broadcast(tensor, requireRank("broadcast", src, group.ranks));
}

/**
 * Sends a tensor to rank `dst`, which calls `recv` with a tensor of the same type. Between two ranks
 * messages arrive in the order in which they were sent.
 * @throws {ConfigError} if the group has no such rank, or it is this one; {DistributedError} as `allReduce`.
 */
export async function send(
  tensor: Tensor,
  dst: number,
  { group = worldGroup() }: GroupOptions = {},
): Promise<void> {
  await group.send(tensor, requireOther("send", dst, group));
}

/** Replaces a tensor by what rank `src` sends. @throws as `send`. */
export async function recv(
  tensor: Tensor,
  src: number,
  { group = worldGroup() }: GroupOptions = {},
): Promise<void> {
  await group.recv(tensor, requireOther("recv", src, group));
}

/** Waits until all ranks have come here. @throws {DistributedError} as `allReduce`. */
export async function barrier({ group = worldGroup() }: GroupOptions = {}): Promise<void> {
  await group.barrier();
}

/**
 * Gives each rank the values of all, in the order of the ranks: what JSON can hold, such as metrics.
 * @throws {DistributedError} as `allReduce`.
 */
export async function allGatherObject<T>(
  value: T,
  { group = worldGroup() }: GroupOptions = {},
): Promise<T[]> {
  const texts = await group.exchangeText(JSON.stringify(value));
  return texts.map((text) => JSON.parse(text) as T);
}

/**
 * A group of some ranks (their numbers in the world), in ascending order. All ranks call it, also
 * those that are not in it and get undefined.
 * @throws {ConfigError} if there is no such rank or one comes twice.
 */
export async function newGroup(ranks: readonly number[]): Promise<ProcessGroup | undefined> {
  const group = worldGroup();
  const members = ranks.map((rank) => requireRank("newGroup", rank, group.ranks));
  if (members.length === 0 || new Set(members).size !== members.length) {
    throw new ConfigError(
      `newGroup: ranks must be a list without repeats, got [${ranks.join(", ")}]`,
    );
  }
  return group.subgroup(members.toSorted((a, b) => a - b));
}

/**
 * Splits a group: the ranks that give the same color are one new group, in the order of `key` and
 * then of their ranks. All ranks of the group call it.
 */
export async function splitGroup(
  color: number,
  { key = 0, group = worldGroup() }: GroupOptions & { readonly key?: number } = {},
): Promise<ProcessGroup> {
  const all = await allGatherObject({ color, key }, { group });
  const members = all
    .map((one, rank) => ({ ...one, rank }))
    .filter((one) => one.color === color)
    .toSorted((a, b) => a.key - b.key || a.rank - b.rank);
  const made = await group.subgroup(members.map(({ rank }) => rank));
  // Its own color is always among them.
  return made as ProcessGroup;
}

function requireOther(name: string, rank: number, group: ProcessGroup): number {
  const index = requireRank(name, rank, group.ranks);
  if (index !== group.rank) return index;
  throw new ConfigError(`${name}: the other rank must be another one, got this rank's ${rank}`);
}

function requireList(name: string, list: readonly Tensor[], like: Tensor, size: number): void {
  const fits = list.length === size && list.every(({ shape }) => sameShape(shape, like.shape));
  if (fits) return;
  throw new ShapeError(
    `${name}: the list must have ${size} tensors of ${formatShape(like.shape)}, got ${list.length} of ` +
      [...new Set(list.map(({ shape }) => formatShape(shape)))].join(", "),
  );
}
