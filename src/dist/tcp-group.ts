import { DistributedError } from "../base/errors.ts";
import type { HostArray } from "../ir/dtype.ts";
import type { Call } from "./call-header.ts";
import { callHeader, headerBytes, requireSameCall } from "./call-header.ts";
import type { HostCollectives } from "./host-collectives.ts";
import { bytesOf } from "./host-collectives.ts";
import { whileAwake, within } from "./keep-alive.ts";
import { PeerNetwork } from "./peer-network.ts";
import type { ReduceOp } from "./reduce-op.ts";
import { reduceOps, scale } from "./reduce-op.ts";
import { Ring, flush } from "./ring.ts";
import type { TcpStore } from "./tcp-store.ts";

/** Members of a group, and what its ranks share. */
interface GroupFacts {
  readonly network: PeerNetwork;
  /** Name of its channels. */
  readonly id: string;
  /** Ranks in the whole world, by rank in the group. */
  readonly members: readonly number[];
  readonly rank: number;
  readonly timeoutSeconds: number;
}

/** Collectives over TCP: a ring of sockets, made when the first operation needs it. */
export class TcpGroup implements HostCollectives {
  readonly backend = "tcp";
  readonly rank: number;
  readonly size: number;
  readonly #facts: GroupFacts;
  #ring: Promise<Ring> | undefined;
  /** Ends of the queues: one for the collectives, one for each direction of each pair. */
  readonly #queues = new Map<string, Promise<unknown>>();
  readonly #counts = new Map<string, number>();
  #subgroups = 0;

  private constructor(facts: GroupFacts) {
    this.#facts = facts;
    this.rank = facts.rank;
    this.size = facts.members.length;
  }

  /** The group of all ranks that share a store. @throws {DistributedError} if one does not come. */
  static async open(
    store: TcpStore,
    { size, timeoutSeconds = 600 }: { readonly size: number; readonly timeoutSeconds?: number },
  ): Promise<TcpGroup> {
    const network = await PeerNetwork.open(store);
    const members = Array.from({ length: size }, (_, i) => i);
    try {
      // Everybody is there before anybody goes on: the first failure to start is told here.
      await store.wait(members.map((rank) => `peer/${rank}`));
    } catch (error) {
      network.close();
      throw error;
    }
    const { rank } = store;
    return new TcpGroup({ network, id: "world", members, rank, timeoutSeconds });
  }

  allReduce(data: HostArray, op: ReduceOp): Promise<void> {
    return this.#collective("allReduce", data, reduceOps.indexOf(op), async (ring) => {
      await ring.allReduce(data, op);
      if (op === "avg") scale(data, 1 / this.size);
    });
  }

  reduceScatter(input: HostArray, output: HostArray, op: ReduceOp): Promise<void> {
    if (this.size === 1) output.set(input);
    return this.#collective("reduceScatter", output, reduceOps.indexOf(op), async (ring) => {
      await ring.reduceScatter(input, output, op);
      if (op === "avg") scale(output, 1 / this.size);
    });
  }

  allGather(input: HostArray, output: HostArray): Promise<void> {
    if (this.size === 1) output.set(input);
    return this.#collective("allGather", input, 0, (ring) => ring.allGather(input, output));
  }

  broadcast(data: HostArray, root: number): Promise<void> {
    return this.#collective("broadcast", data, root, (ring) => ring.broadcast(data, root));
  }

  send(data: HostArray, to: number): Promise<void> {
    const { network, id, members } = this.#facts;
    return this.#queue("send/recv", `to ${to}`, async (sequence) => {
      const socket = await network.outgoing(members[to], `${id}/pair`);
      socket.write(callHeader({ call: "send/recv", sequence, data, variant: 0 }));
      socket.write(bytesOf(data));
      await flush(socket);
    });
  }

  recv(data: HostArray, from: number): Promise<void> {
    const { network, id, members } = this.#facts;
    return this.#queue("send/recv", `from ${from}`, async (sequence) => {
      const receiver = await network.incoming(members[from], `${id}/pair`);
      const header = new Uint8Array(headerBytes);
      await receiver.read(header);
      const own = callHeader({ call: "send/recv", sequence, data, variant: 0 });
      requireSameCall(own, header, this.rank, from);
      await receiver.read(bytesOf(data));
    });
  }

  subgroup(members: readonly number[]): Promise<TcpGroup | undefined> {
    const { network, id, timeoutSeconds } = this.#facts;
    const rank = members.indexOf(this.rank);
    const name = `${id}.${this.#subgroups++}.${members[0]}`;
    if (rank < 0) return Promise.resolve(undefined);
    const world = members.map((member) => this.#facts.members[member]);
    return Promise.resolve(
      new TcpGroup({ network, id: name, members: world, rank, timeoutSeconds }),
    );
  }

  onFailure(listener: (error: Error) => void): void {
    this.#facts.network.onFailure(listener);
  }

  abort(reason: string): void {
    const { network } = this.#facts;
    network.store.reportFailure(reason);
    network.fail(new DistributedError(`process group: aborted on rank ${this.rank}: ${reason}`));
  }

  async close(): Promise<void> {
    const { network, id } = this.#facts;
    await Promise.allSettled(this.#queues.values());
    if (id !== "world") return;
    // Nobody takes its sockets down while a neighbour still waits for the end of an operation.
    if (network.error === undefined) await network.store.close();
    else network.store.destroy();
    network.close();
  }

  #collective(
    call: Call,
    data: HostArray,
    variant: number,
    run: (ring: Ring) => Promise<void>,
  ): Promise<void> {
    return this.#queue(call, "ring", async (sequence) => {
      if (this.size === 1) return;
      this.#ring ??= this.#makeRing();
      const ring = await this.#ring;
      await ring.agree({ call, sequence, data, variant });
      await run(ring);
    });
  }

  async #makeRing(): Promise<Ring> {
    const { network, id, members, rank } = this.#facts;
    const { size } = this;
    const [left, right] = await Promise.all([
      network.incoming(members[(rank + size - 1) % size], `${id}/ring`),
      network.outgoing(members[(rank + 1) % size], `${id}/ring`),
    ]);
    return new Ring(rank, size, left, right);
  }

  /** Runs one after the other what shares a queue; after a failure nothing runs any more. */
  #queue(call: Call, name: string, run: (sequence: number) => Promise<void>): Promise<void> {
    const before = this.#queues.get(name) ?? Promise.resolve();
    const sequence = this.#counts.get(name) ?? 0;
    this.#counts.set(name, sequence + 1);
    const work = before.then(() => this.#guard(call, sequence, () => run(sequence)));
    this.#queues.set(name, work);
    work.catch(() => undefined);
    return whileAwake(work);
  }

  async #guard(call: Call, sequence: number, run: () => Promise<void>): Promise<void> {
    const { network, timeoutSeconds } = this.#facts;
    if (network.error !== undefined) throw network.error;
    try {
      await within(run(), timeoutSeconds * 1_000, () => this.#late(call, sequence));
    } catch (error) {
      throw await this.#cause(error);
    }
  }

  /** Ends the group with this rank's error, unless another rank's came first. */
  async #cause(error: unknown): Promise<unknown> {
    const { network } = this.#facts;
    if (!(error instanceof DistributedError)) {
      // A broken socket: the network is about to learn whose.
      await new Promise<void>((resolve) => network.onFailure(() => resolve()));
    }
    if (network.error !== undefined) return network.error;
    network.store.reportFailure(error instanceof Error ? error.message : String(error));
    network.fail(error as DistributedError);
    return error;
  }

  #late(call: Call, sequence: number): DistributedError {
    const { timeoutSeconds } = this.#facts;
    return new DistributedError(
      `process group: ${call} must end within ${timeoutSeconds} s, got no end of call ${sequence} on ` +
        `rank ${this.rank}; see whether all ranks make this call, or raise timeoutSeconds`,
    );
  }
}
