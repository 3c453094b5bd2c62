import { ConfigError, DTypeError, DistributedError } from "../base/errors.ts";
import type { Ffi, ForeignValue } from "../backends/cuda/ffi.ts";
import type { HostArray } from "../ir/dtype.ts";
import type { HostCollectives } from "./host-collectives.ts";
import { delay, whileAwake } from "./keep-alive.ts";
import { elementHandle } from "./mpi-handles.ts";
import type { MpiFunction, MpiLibrary } from "./mpi-library.ts";
import type { ReduceOp } from "./reduce-op.ts";
import { scale } from "./reduce-op.ts";

/** MPI counts in C's int. */
const mostElements = 2 ** 31 - 1;
/** How long to look for the end at every turn of the event loop before looking once per timer. */
const eagerMs = 5;
const messageTag = 7;

/** What the groups of one process share. */
interface MpiProcess {
  readonly ffi: Ffi;
  readonly library: MpiLibrary;
  readonly timeoutSeconds: number;
}

/**
 * Collectives of an MPI library. Operations are started and then asked for their end, so that the
 * event loop goes on meanwhile. When a process dies, its launcher (`mpirun`) ends the others.
 */
export class MpiGroup implements HostCollectives {
  readonly backend = "mpi";
  readonly rank: number;
  readonly size: number;
  readonly #process: MpiProcess;
  readonly #communicator: number;
  readonly #pending = new Set<Promise<void>>();
  readonly #listeners: ((error: Error) => void)[] = [];
  #error: DistributedError | undefined;

  private constructor(process: MpiProcess, communicator: number) {
    this.#process = process;
    this.#communicator = communicator;
    this.rank = process.library.ask("MPI_Comm_rank", communicator);
    this.size = process.library.ask("MPI_Comm_size", communicator);
  }

  /** The group of all processes that the launcher started. @throws {DistributedError} */
  static world(ffi: Ffi, library: MpiLibrary, timeoutSeconds: number): MpiGroup {
    library.start();
    return new MpiGroup({ ffi, library, timeoutSeconds }, library.handles.world);
  }

  async allReduce(data: HostArray, op: ReduceOp): Promise<void> {
    const { type, operation } = this.#reduction(data, op);
    const { inPlace } = this.#library.handles;
    const place = [inPlace, this.#address(data), data.length, type, operation];
    await this.#run("MPI_Iallreduce", [data], [...place, this.#communicator]);
    if (op === "avg") scale(data, 1 / this.size);
  }

  async reduceScatter(input: HostArray, output: HostArray, op: ReduceOp): Promise<void> {
    const { type, operation } = this.#reduction(input, op);
    const place = [this.#address(input), this.#address(output), output.length, type, operation];
    const values = [...place, this.#communicator];
    await this.#run("MPI_Ireduce_scatter_block", [input, output], values);
    if (op === "avg") scale(output, 1 / this.size);
  }

  async allGather(input: HostArray, output: HostArray): Promise<void> {
    const { byte } = this.#library.handles;
    const bytes = input.byteLength;
    const from = [this.#address(input), bytes, byte];
    const to = [this.#address(output), bytes, byte, this.#communicator];
    await this.#run("MPI_Iallgather", [input, output], [...from, ...to]);
  }

  async broadcast(data: HostArray, root: number): Promise<void> {
    await this.#run("MPI_Ibcast", [data], [...this.#bytes(data), root, this.#communicator]);
  }

  async send(data: HostArray, to: number): Promise<void> {
    const values = [...this.#bytes(data), to, messageTag, this.#communicator];
    await this.#run("MPI_Isend", [data], values);
  }

  async recv(data: HostArray, from: number): Promise<void> {
    const values = [...this.#bytes(data), from, messageTag, this.#communicator];
    await this.#run("MPI_Irecv", [data], values);
  }

  async subgroup(members: readonly number[]): Promise<MpiGroup | undefined> {
    const index = members.indexOf(this.rank);
    const color = index < 0 ? undefined : members[0];
    const made = this.#library.split(this.#communicator, color, Math.max(index, 0));
    return made === undefined ? undefined : new MpiGroup(this.#process, made);
  }

  onFailure(listener: (error: Error) => void): void {
    this.#listeners.push(listener);
  }

  /** Ends the processes of the job, this one too: MPI has no other way to tell the others. */
  abort(reason: string): void {
    process.stderr.write(`athanor: process group aborted on rank ${this.rank}: ${reason}\n`);
    this.#library.call("MPI_Abort", this.#library.handles.world, 1);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#pending);
    // After an error the others may never come to the end of a finalization.
    if (this.#communicator !== this.#library.handles.world || this.#error !== undefined) return;
    this.#error = new DistributedError("process group: it was destroyed; MPI cannot start again");
    this.#library.call("MPI_Finalize");
  }

  get #library(): MpiLibrary {
    return this.#process.library;
  }

  #address(data: HostArray): number {
    if (data.length > mostElements || data.byteLength > mostElements) {
      throw new ConfigError(
        `mpi: one call moves at most ${mostElements} bytes, got ${data.byteLength}; split the tensor`,
      );
    }
    return data.length === 0 ? 0 : this.#process.ffi.address(data);
  }

  #bytes(data: HostArray): number[] {
    return [this.#address(data), data.byteLength, this.#library.handles.byte];
  }

  #reduction(data: HostArray, op: ReduceOp): { readonly type: number; readonly operation: number } {
    const { handles } = this.#library;
    const type = elementHandle(handles, data);
    if (type === undefined) throw new DTypeError("mpi: 16-bit floats are combined as f32");
    return { type, operation: handles.combinations[op === "avg" ? "sum" : op] };
  }

  /** Starts an operation at once; `held` are the arrays it works on, kept until its end. */
  #run(name: MpiFunction, held: readonly HostArray[], values: ForeignValue[]): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const request = new BigInt64Array(1);
    const work = this.#start(name, values, request).then(() => this.#poll(name, request, held));
    this.#pending.add(work);
    const guarded = work
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#pending.delete(work));
    return whileAwake(guarded);
  }

  async #start(name: MpiFunction, values: ForeignValue[], request: BigInt64Array): Promise<void> {
    this.#library.call(name, ...values, request);
  }

  async #poll(
    name: MpiFunction,
    request: BigInt64Array,
    held: readonly HostArray[],
  ): Promise<void> {
    const flag = new Int32Array(1);
    const start = performance.now();
    const { timeoutSeconds } = this.#process;
    while (!this.#library.isDone(request, flag)) {
      const waited = performance.now() - start;
      if (waited > timeoutSeconds * 1_000) {
        const bytes = held.reduce((sum, data) => sum + data.byteLength, 0);
        throw new DistributedError(
          `process group: ${name} of ${bytes} bytes must end within ${timeoutSeconds} s, got no end ` +
            `on rank ${this.rank}; see whether all ranks make this call, or raise timeoutSeconds`,
        );
      }
      if (waited < eagerMs) await nextTurn();
      else await delay(1);
    }
  }

  #fail(error: unknown): never {
    if (this.#error === undefined && error instanceof DistributedError) {
      this.#error = error;
      for (const listener of this.#listeners) listener(error);
    }
    throw error;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
