import type { HostArray } from "../ir/dtype.ts";
import { hostView } from "../ir/dtype.ts";
import { storedCell } from "../tensor/cells.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { HostCollectives } from "./host-collectives.ts";
import { emptyLike, part } from "./host-collectives.ts";
import type { ProcessGroup } from "./process-group.ts";
import type { ReduceOp } from "./reduce-op.ts";

type Run = (data: HostArray) => Promise<void>;

/**
 * A group of processes whose tensors pass through host memory. f16 and bf16 are combined as f32 and
 * rounded once.
 */
export class HostGroup implements ProcessGroup {
  readonly backend: "tcp" | "mpi";
  readonly ranks: readonly number[];
  readonly #collectives: HostCollectives;
  /** Resolves when the calls so far have been handed on, so that they keep their order. */
  #handedOn: Promise<unknown> = Promise.resolve();
  #wasTold = false;

  constructor(
    collectives: HostCollectives,
    ranks: readonly number[] = Array.from({ length: collectives.size }, (_, rank) => rank),
  ) {
    this.#collectives = collectives;
    this.backend = collectives.backend;
    this.ranks = ranks;
  }

  get rank(): number {
    return this.#collectives.rank;
  }

  get size(): number {
    return this.#collectives.size;
  }

  async allReduce(tensor: Tensor, op: ReduceOp): Promise<void> {
    const wide = widened(tensor);
    const data = await this.#inOrder(rawData(wide), (raw) => this.#collectives.allReduce(raw, op));
    put(tensor, wide, data);
  }

  async reduceScatter(output: Tensor, input: Tensor, op: ReduceOp): Promise<void> {
    const wide = widened(input);
    let result!: HostArray;
    await this.#inOrder(rawData(wide), (raw) => {
      result = emptyLike(raw, output.numel);
      return this.#collectives.reduceScatter(raw, result, op);
    });
    put(output, wide, result);
  }

  async allGather(output: Tensor, input: Tensor): Promise<void> {
    let result!: HostArray;
    await this.#inOrder(rawData(input), (raw) => {
      result = emptyLike(raw, output.numel);
      return this.#collectives.allGather(raw, result);
    });
    replaceData(output, result);
  }

  async broadcast(tensor: Tensor, root: number): Promise<void> {
    const data = await this.#inOrder(rawData(tensor), (raw) =>
      this.#collectives.broadcast(raw, root),
    );
    if (this.rank !== root) replaceData(tensor, data);
  }

  async send(tensor: Tensor, to: number): Promise<void> {
    await this.#inOrder(rawData(tensor), (raw) => this.#collectives.send(raw, to));
  }

  async recv(tensor: Tensor, from: number): Promise<void> {
    const empty = hostView(tensor.dtype, new ArrayBuffer(bytesOfTensor(tensor)));
    const data = await this.#inOrder(Promise.resolve(empty), (raw) =>
      this.#collectives.recv(raw, from),
    );
    replaceData(tensor, data);
  }

  async exchangeText(text: string): Promise<string[]> {
    const own = new TextEncoder().encode(text);
    const lengths = new Int32Array(this.size);
    await this.#inOrder(Promise.resolve(Int32Array.of(own.length)), (raw) =>
      this.#collectives.allGather(raw, lengths),
    );
    const longest = lengths.reduce((a, b) => Math.max(a, b), 0);
    const padded = new Uint8Array(longest);
    padded.set(own);
    const all = new Uint8Array(longest * this.size);
    await this.#inOrder(Promise.resolve(padded), (raw) => this.#collectives.allGather(raw, all));
    const decoder = new TextDecoder();
    return [...lengths].map((length, rank) =>
      decoder.decode(part(all, rank * longest, rank * longest + length)),
    );
  }

  async barrier(): Promise<void> {
    await this.#inOrder(Promise.resolve(new Int32Array(1)), (raw) =>
      this.#collectives.allReduce(raw, "sum"),
    );
  }

  async subgroup(members: readonly number[]): Promise<HostGroup | undefined> {
    // In its turn among the calls, for MPI communicates to make one.
    let made: HostCollectives | undefined;
    await this.#inOrder(Promise.resolve(new Int32Array(0)), async () => {
      made = await this.#collectives.subgroup(members);
    });
    const ranks = members.map((member) => this.ranks[member]);
    return made === undefined ? undefined : new HostGroup(made, ranks);
  }

  onFailure(listener: (error: Error, wasTold: () => boolean) => void): void {
    this.#collectives.onFailure((error) => listener(error, () => this.#wasTold));
  }

  abort(reason: string): void {
    this.#collectives.abort(reason);
  }

  async close(): Promise<void> {
    await this.#handedOn;
    await this.#collectives.close();
  }

  /** Hands data on once it is there and all calls before have been handed on; then waits. */
  async #inOrder(reading: Promise<HostArray>, run: Run): Promise<HostArray> {
    const issued = this.#handedOn.then(async () => {
      const data = await reading;
      const done = run(data);
      done.catch(() => undefined);
      return { data, done };
    });
    this.#handedOn = issued.catch(() => undefined);
    try {
      const { data, done } = await issued;
      await done;
      return data;
    } catch (error) {
      this.#wasTold = true;
      throw error;
    }
  }
}

/** The tensor, or an f32 copy of one whose values cannot be added as they are. */
function widened(tensor: Tensor): Tensor {
  return tensor.dtype === "f16" || tensor.dtype === "bf16" ? tensor.to("f32") : tensor;
}

/** The elements in storage format, in an array of their own; read as they are at the call. */
async function rawData(tensor: Tensor): Promise<HostArray> {
  const bytes = await tensor.bytes();
  return hostView(tensor.dtype, bytes.buffer, bytes.byteOffset, tensor.numel);
}

function bytesOfTensor(tensor: Tensor): number {
  return tensor.numel * hostView(tensor.dtype, new ArrayBuffer(0)).BYTES_PER_ELEMENT;
}

/** Gives `tensor` values that were computed in the dtype of `wide`, and frees `wide`. */
function put(tensor: Tensor, wide: Tensor, data: HostArray): void {
  if (wide === tensor || wide.dtype === tensor.dtype) return replaceData(tensor, data);
  using values = fromRaw(data, tensor.shape, wide);
  using narrow = values.to(tensor.dtype);
  tensor.assign(narrow);
  wide.dispose();
}

/** Gives a tensor new elements in storage format. */
function replaceData(tensor: Tensor, data: HostArray): void {
  using values = fromRaw(data, tensor.shape, tensor);
  tensor.assign(values);
}

function fromRaw(data: HostArray, shape: readonly number[], like: Tensor): Tensor {
  return new Tensor(storedCell(data, shape, like.dtype, like.device));
}
