import { DistributedError } from "../base/errors.ts";
import type { CudaCommunication } from "../backends/cuda/communication.ts";
import type { DeviceName } from "../engine/devices.ts";
import type { Storage } from "../engine/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Destination } from "./card-memory.ts";
import { destinationOf, sourceOf } from "./card-memory.ts";
import { delay, whileAwake } from "./keep-alive.ts";
import type { NcclFunction, NcclLibrary } from "./nccl-library.ts";
import { ncclInProgress, ncclOperation, ncclType } from "./nccl-library.ts";
import { NcclWatch } from "./nccl-watch.ts";
import type { ProcessGroup } from "./process-group.ts";
import type { ReduceOp } from "./reduce-op.ts";
import type { TcpStore } from "./tcp-store.ts";

/** What the groups of one process share. */
export interface NcclProcess {
  readonly library: NcclLibrary;
  readonly card: CudaCommunication;
  readonly device: DeviceName;
  readonly store: TcpStore;
  readonly timeoutSeconds: number;
}

/** A group's communicator and members. */
export interface NcclMembers {
  readonly comm: number;
  /** Name of its keys in the store. */
  readonly id: string;
  readonly rank: number;
  /** Ranks in the world. */
  readonly ranks: readonly number[];
}

type Start = (send: number, recv: number) => number;

/** One half of a pair of `send` and `recv`. */
interface Message {
  readonly name: "ncclSend" | "ncclRecv";
  readonly start: () => number;
}

const pollMs = 1;

/**
 * Processes with a card each. Operations are put on the card's stream, behind what computes their
 * tensors and before what reads them: a promise that resolves says that this has happened, and
 * nothing ever waits for the card.
 */
export class NcclGroup implements ProcessGroup {
  readonly backend = "nccl";
  readonly rank: number;
  readonly ranks: readonly number[];
  readonly #process: NcclProcess;
  readonly #members: NcclMembers;
  readonly #watch: NcclWatch;
  readonly #listeners: ((error: Error, wasTold: () => boolean) => void)[] = [];
  /** Resolves when all operations so far are on the stream. */
  #issued: Promise<unknown> = Promise.resolve();
  /** Messages of this turn of the event loop: they start together, for each may wait for others. */
  #messages: Message[] = [];
  #messagesIssued: Promise<void> | undefined;
  #exchanges = 0;
  #subgroups = 0;
  #error: DistributedError | undefined;
  #wasTold = false;

  constructor(process: NcclProcess, members: NcclMembers) {
    this.#process = process;
    this.#members = members;
    this.rank = members.rank;
    this.ranks = members.ranks;
    const { library, card, timeoutSeconds, store } = process;
    this.#watch = new NcclWatch(library, card, members.comm, timeoutSeconds, (error) => {
      store.reportFailure(error.message);
      this.#fail(error);
    });
    store.onFailure((rank, reason) => {
      this.#fail(
        new DistributedError(
          `process group: rank ${rank} is gone (${reason}), noticed on rank ${store.rank}; see the ` +
            `output of rank ${rank} for the cause, then start all ranks again`,
          { details: { rank, noticedOn: store.rank } },
        ),
      );
    });
  }

  get size(): number {
    return this.ranks.length;
  }

  allReduce(tensor: Tensor, op: ReduceOp): Promise<void> {
    const rest = [tensor.numel, ncclType(tensor.dtype), ncclOperation(op)];
    return this.#move("ncclAllReduce", tensor, tensor, (send, recv) =>
      this.#call("ncclAllReduce", send, recv, ...rest),
    );
  }

  reduceScatter(output: Tensor, input: Tensor, op: ReduceOp): Promise<void> {
    const rest = [output.numel, ncclType(output.dtype), ncclOperation(op)];
    return this.#move("ncclReduceScatter", input, output, (send, recv) =>
      this.#call("ncclReduceScatter", send, recv, ...rest),
    );
  }

  allGather(output: Tensor, input: Tensor): Promise<void> {
    const rest = [input.numel, ncclType(input.dtype)];
    return this.#move("ncclAllGather", input, output, (send, recv) =>
      this.#call("ncclAllGather", send, recv, ...rest),
    );
  }

  broadcast(tensor: Tensor, root: number): Promise<void> {
    const rest = [tensor.numel, ncclType(tensor.dtype), root];
    return this.#move("ncclBroadcast", tensor, tensor, (send, recv) =>
      this.#call("ncclBroadcast", send, recv, ...rest),
    );
  }

  async send(tensor: Tensor, to: number): Promise<void> {
    const { device, card } = this.#process;
    const source = sourceOf(tensor, device);
    const rest = [tensor.numel, ncclType(tensor.dtype), to];
    const start = (): number => this.#call("ncclSend", card.address(source.buffer), ...rest);
    try {
      await this.#message({ name: "ncclSend", start });
    } finally {
      source.release();
    }
  }

  async recv(tensor: Tensor, from: number): Promise<void> {
    const { device, card } = this.#process;
    const destination = destinationOf(tensor, device);
    const rest = [tensor.numel, ncclType(tensor.dtype), from];
    const { buffer } = destination.storage;
    const start = (): number => this.#call("ncclRecv", card.address(buffer), ...rest);
    await settle(destination, this.#message({ name: "ncclRecv", start }));
  }

  /** Through the store: texts are short, and no card needs to know them. */
  async exchangeText(text: string): Promise<string[]> {
    this.#requireAlive();
    const { store, timeoutSeconds } = this.#process;
    const name = `${this.#members.id}/text/${this.#exchanges++}`;
    await store.set(`${name}/${this.rank}`, text);
    return Promise.all(this.ranks.map((_, rank) => store.get(`${name}/${rank}`, timeoutSeconds)));
  }

  async barrier(): Promise<void> {
    await this.#drain();
    await this.exchangeText("");
  }

  async subgroup(members: readonly number[]): Promise<NcclGroup | undefined> {
    const { library, timeoutSeconds } = this.#process;
    const rank = members.indexOf(this.rank);
    const id = `${this.#members.id}.${this.#subgroups++}.${members[0]}`;
    let comm: number | undefined;
    await this.#enqueue("ncclCommSplit", () => {
      const color = rank < 0 ? undefined : members[0];
      comm = library.beginSplit(this.#members.comm, color, Math.max(rank, 0));
      return library.state(this.#members.comm);
    });
    if (comm === undefined) return undefined;
    await untilReady(library, comm, timeoutSeconds, () => this.#requireAlive());
    const ranks = members.map((member) => this.ranks[member]);
    return new NcclGroup(this.#process, { comm, id, rank, ranks });
  }

  onFailure(listener: (error: Error, wasTold: () => boolean) => void): void {
    this.#listeners.push(listener);
    if (this.#error !== undefined) listener(this.#error, () => this.#wasTold);
  }

  abort(reason: string): void {
    this.#process.store.reportFailure(reason);
    this.#fail(new DistributedError(`process group: aborted on rank ${this.rank}: ${reason}`));
  }

  async close(): Promise<void> {
    const { library, store } = this.#process;
    if (this.#error !== undefined) return store.destroy();
    await this.#drain();
    this.#watch.stop();
    library.require("ncclCommDestroy", library.call("ncclCommDestroy", this.#members.comm));
    this.#error = new DistributedError(
      "process group: it was destroyed; call initProcessGroup before further communication",
    );
    if (this.#members.id === "world") await store.close();
  }

  /** Puts an operation that makes `output` of `input` on the stream. */
  async #move(name: NcclFunction, input: Tensor, output: Tensor, start: Start): Promise<void> {
    const { device, card } = this.#process;
    // The destination first: what reads the tensor here is no reason for other memory.
    const destination = destinationOf(output, device);
    const source: Storage = sourceOf(input, device);
    const work = this.#enqueue(name, () =>
      start(card.address(source.buffer), card.address(destination.storage.buffer)),
    );
    await settle(
      destination,
      work.finally(() => source.release()),
    );
  }

  #call(name: NcclFunction, ...values: number[]): number {
    const { library, card } = this.#process;
    return library.call(name, ...values, this.#members.comm, card.stream);
  }

  #message(message: Message): Promise<void> {
    this.#messages.push(message);
    this.#messagesIssued ??= Promise.resolve().then(() => this.#sendMessages());
    return this.#messagesIssued;
  }

  #sendMessages(): Promise<void> {
    const messages = this.#messages;
    this.#messages = [];
    this.#messagesIssued = undefined;
    const { library } = this.#process;
    return this.#enqueue("ncclGroupEnd", () => {
      library.require("ncclGroupStart", library.call("ncclGroupStart"));
      const codes = messages.map(({ start }) => start());
      const code = library.call("ncclGroupEnd");
      messages.forEach(({ name }, i) => library.require(name, codes[i], this.#members.comm));
      return code;
    });
  }

  /** Starts an operation after those before it, and waits until NCCL has put it on the stream. */
  async #enqueue(name: NcclFunction, start: () => number): Promise<void> {
    const work = this.#issued.then(() => this.#start(name, start));
    this.#issued = work.catch(() => undefined);
    try {
      await work;
    } catch (error) {
      this.#wasTold = true;
      throw error;
    }
  }

  async #start(name: NcclFunction, start: () => number): Promise<void> {
    this.#requireAlive();
    const { library, card, timeoutSeconds } = this.#process;
    const { comm } = this.#members;
    card.activate();
    try {
      const code = start();
      library.require(name, code, comm);
      if (code === ncclInProgress) {
        await untilReady(library, comm, timeoutSeconds, () => this.#requireAlive());
      }
      this.#requireAlive();
      this.#watch.issued(name);
    } catch (error) {
      if (error instanceof DistributedError && this.#error === undefined) {
        this.#process.store.reportFailure(error.message);
        this.#fail(error);
      }
      throw error;
    }
  }

  /** Waits until the card has done everything. */
  async #drain(): Promise<void> {
    await this.#issued;
    const { driver, stream } = this.#process.card;
    const event = driver.createEvent({ timing: false });
    try {
      driver.record(event, stream);
      await whileAwake(this.#reached(event));
    } finally {
      driver.destroyEvent(event);
    }
  }

  async #reached(event: number): Promise<void> {
    while (!this.#process.card.driver.isReached(event)) {
      this.#requireAlive();
      await delay(pollMs);
    }
  }

  #requireAlive(): void {
    if (this.#error === undefined) return;
    this.#wasTold = true;
    throw this.#error;
  }

  /** Frees the card, which would wait for the lost rank for ever. */
  #fail(error: DistributedError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#watch.stop();
    this.#process.library.call("ncclCommAbort", this.#members.comm);
    for (const listener of this.#listeners) listener(error, () => this.#wasTold);
  }
}

/**
 * Waits until a communicator has done what it was told.
 * @param requireAlive - throws when the communicator is no more: then nobody may ask it.
 * @throws {DistributedError} if it fails or takes too long.
 */
export async function untilReady(
  library: NcclLibrary,
  comm: number,
  timeoutSeconds: number,
  requireAlive: () => void,
): Promise<void> {
  const start = performance.now();
  await whileAwake(
    (async () => {
      for (;;) {
        requireAlive();
        const code = library.state(comm);
        if (code === 0) return;
        library.require("ncclCommGetAsyncError", code, comm);
        if (performance.now() - start > timeoutSeconds * 1_000) {
          throw new DistributedError(
            `nccl: the ranks must meet within ${timeoutSeconds} s, got no communicator; see whether ` +
              "all of them run and reach each other (NCCL_SOCKET_IFNAME chooses the network)",
          );
        }
        await delay(pollMs);
      }
    })(),
  );
}

/** Makes the new value visible once its operation is on the stream. */
async function settle(destination: Destination, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    destination.cancel();
    throw error;
  }
  destination.commit();
}
