import type { CudaCommunication } from "../../src/backends/cuda/communication.ts";
import type { ForeignLibrary, ForeignValue } from "../../src/backends/cuda/ffi.ts";
import { combine } from "../../src/dist/reduce-op.ts";
import type { ReduceOp } from "../../src/dist/reduce-op.ts";

const elementTypes = {
  0: Int8Array,
  1: Uint8Array,
  2: Int32Array,
  7: Float32Array,
  8: Float64Array,
};
const operations: readonly ReduceOp[] = ["sum", "prod", "max", "min", "avg"];

/** A collective that a rank has called; `values` as NCCL takes them. */
interface Call {
  readonly name: string;
  readonly values: readonly number[];
}

interface Comm {
  readonly rank: number;
  readonly size: number;
  clique: Clique | undefined;
  readonly calls: Call[];
  /** Messages that wait for their other half. */
  open: number;
  error: number;
}

/** The communicators that belong together. */
interface Clique {
  readonly comms: Comm[];
  readonly messages: { from: number; to: number; send?: number; recv?: number; bytes: number }[];
}

type Numbers = Int8Array | Uint8Array | Int32Array | Float32Array | Float64Array;

/**
 * NCCL among ranks of one process that share an emulated card. What real NCCL leaves to the stream
 * happens here when all ranks have called, and until then the communicator is in progress.
 */
export class FakeNccl {
  /** Every call: `rank name`. */
  readonly log: string[] = [];
  readonly #card: CudaCommunication;
  readonly #comms = new Map<number, Comm>();
  readonly #waiting = new Map<string, Comm[]>();
  #lastHandle = 4096;
  #group: (() => void)[] | undefined;

  constructor(card: CudaCommunication) {
    this.#card = card;
  }

  /** The library as one rank sees it. */
  library(): ForeignLibrary {
    return {
      path: "libnccl.so.2",
      has: (name) => name.startsWith("nccl"),
      function: (prototype) => {
        const name = /(\w+)\(/.exec(prototype)?.[1] ?? "";
        const run = (...values: ForeignValue[]): number => this.#call(name, values);
        return Object.assign(run, { async: () => Promise.reject(new Error("never")) });
      },
    };
  }

  /** Makes a communicator's watch see an error. */
  breakComm(handle: number): void {
    this.#comm(handle).error = 6;
  }

  #call(name: string, values: ForeignValue[]): number {
    if (name === "ncclGetErrorString") return "remote process" as unknown as number;
    if (name === "ncclGetLastError") return "socket closed" as unknown as number;
    if (name !== "ncclCommGetAsyncError") this.log.push(name);
    switch (name) {
      case "ncclGetUniqueId":
        (values[0] as Uint8Array).fill(7);
        return 0;
      case "ncclCommInitRankConfig":
        return this.#join(values);
      case "ncclCommSplit":
        return this.#split(values);
      case "ncclCommGetAsyncError":
        (values[1] as Int32Array)[0] = this.#state(this.#comm(values[0] as number));
        return 0;
      case "ncclGroupStart":
        this.#group = [];
        return 0;
      case "ncclGroupEnd": {
        const group = this.#group ?? [];
        this.#group = undefined;
        for (const start of group) start();
        return 7;
      }
      case "ncclSend":
      case "ncclRecv":
        return this.#message(name, values as number[]);
      case "ncclCommAbort":
      case "ncclCommDestroy":
        return 0;
      default:
        return this.#post(name, values as number[]);
    }
  }

  #comm(handle: number): Comm {
    const comm = this.#comms.get(handle);
    if (comm === undefined) throw new Error(`no communicator ${handle}`);
    return comm;
  }

  #state({ clique, calls, open, error }: Comm): number {
    if (error !== 0) return error;
    return clique === undefined || calls.length > 0 || open > 0 ? 7 : 0;
  }

  #add(rank: number, size: number): { comm: Comm; handle: number } {
    const handle = ++this.#lastHandle;
    const comm: Comm = { rank, size, clique: undefined, calls: [], open: 0, error: 0 };
    this.#comms.set(handle, comm);
    return { comm, handle };
  }

  #join([made, size, id, rank, config]: ForeignValue[]): number {
    const view = new DataView((config as Uint8Array).buffer);
    const isRight =
      view.getBigUint64(0, true) === 24n &&
      view.getUint32(8, true) === 0xcafebeef &&
      view.getInt32(16, true) === 0;
    const { internal } = id as { readonly internal: Uint8Array };
    if (!isRight || internal.length !== 128) return 4;
    const { comm, handle } = this.#add(rank as number, size as number);
    (made as BigUint64Array)[0] = BigInt(handle);
    this.#gather(`id ${internal.join()}`, comm, comm.size);
    return 7;
  }

  /** Makes a clique once all its members are there. */
  #gather(key: string, comm: Comm, size: number): void {
    const comms = [...(this.#waiting.get(key) ?? []), comm];
    this.#waiting.set(key, comms);
    if (comms.length < size) return;
    const clique = { comms: comms.toSorted((a, b) => a.rank - b.rank), messages: [] };
    for (const member of clique.comms) member.clique = clique;
    this.#waiting.delete(key);
  }

  #split([parent, color, key, made]: ForeignValue[]): number {
    if (color === -1) return 0;
    // The tests split into halves.
    const size = this.#comm(parent as number).size / 2;
    const { comm, handle } = this.#add(key as number, size);
    (made as BigUint64Array)[0] = BigInt(handle);
    this.#gather(`color ${color as number}`, comm, size);
    return 0;
  }

  #post(name: string, values: readonly number[]): number {
    const comm = this.#comm(values.at(-2) ?? 0);
    comm.calls.push({ name, values });
    const comms = comm.clique?.comms ?? [];
    if (comms.every(({ calls }) => calls.length > 0)) {
      this.#card.driver.synchronize(this.#card.stream);
      this.#run(comms.map(({ calls }) => calls.shift() as Call));
    }
    return 7;
  }

  #message(name: string, [address, count, type, peer, handle]: readonly number[]): number {
    const comm = this.#comm(handle);
    comm.open++;
    const isSend = name === "ncclSend";
    const [from, to] = isSend ? [comm.rank, peer] : [peer, comm.rank];
    const bytes = count * this.#numbers(0, type, 0).BYTES_PER_ELEMENT;
    const { messages, comms } = comm.clique as Clique;
    const half = isSend ? "send" : "recv";
    const fits = (one: (typeof messages)[number]): boolean =>
      one.from === from && one.to === to && one[half] === undefined;
    const start = (): void => {
      const other = messages.find(fits);
      if (other === undefined) return void messages.push({ from, to, bytes, [half]: address });
      messages.splice(messages.indexOf(other), 1);
      const { send = address, recv = address } = other;
      this.#card.driver.synchronize(this.#card.stream);
      const view = (at: number): Uint8Array => new Uint8Array(this.#card.ffi.view(at, bytes));
      view(recv).set(view(send));
      comms[from].open--;
      comms[to].open--;
    };
    if (this.#group === undefined) throw new Error("messages outside of a group may wait for ever");
    this.#group.push(start);
    return 0;
  }

  #numbers(address: number, type: number, count: number): Numbers {
    const Type = elementTypes[type as keyof typeof elementTypes];
    const bytes = count * Type.BYTES_PER_ELEMENT;
    return new Type(bytes === 0 ? new ArrayBuffer(0) : this.#card.ffi.view(address, bytes));
  }

  #run(calls: readonly Call[]): void {
    const { name, values } = calls[0];
    if (calls.some((one) => one.name !== name || one.values[2] !== values[2])) {
      throw new Error(`calls differ: ${calls.map((one) => one.name).join(", ")}`);
    }
    const [, , count, type, option] = values;
    const size = calls.length;
    const length = name === "ncclReduceScatter" ? count * size : count;
    const inputs = calls.map((one) => this.#numbers(one.values[0], type, length).slice());
    const whole = name === "ncclAllGather" ? count * size : length;
    const result = this.#result(name, inputs, option, whole);
    calls.forEach((one, rank) => {
      const isPart = name === "ncclReduceScatter";
      const own = isPart ? result.subarray(rank * count, (rank + 1) * count) : result;
      this.#numbers(one.values[1], type, own.length).set(own);
    });
  }

  #result(name: string, inputs: readonly Numbers[], option: number, length: number): Numbers {
    if (name === "ncclBroadcast") return inputs[option];
    const first = inputs[0];
    if (name === "ncclAllGather") {
      const all = new (first.constructor as Float32ArrayConstructor)(length);
      inputs.forEach((input, rank) => all.set(input, rank * input.length));
      return all;
    }
    for (const other of inputs.slice(1)) combine(operations[option], first, other);
    return operations[option] === "avg" ? first.map((value) => value / inputs.length) : first;
  }
}
