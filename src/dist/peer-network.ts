import type { AddressInfo, Server, Socket } from "node:net";
import { createServer } from "node:net";
import { DistributedError } from "../base/errors.ts";
import { isLoopback, onJsonLines, tune } from "./line-socket.ts";
import type { ChannelHello } from "./receiver.ts";
import { Receiver } from "./receiver.ts";
import type { TcpStore } from "./tcp-store.ts";

interface Outgoing {
  readonly socket: Promise<Socket>;
  resolve(socket: Socket): void;
  reject(error: Error): void;
}

/** How long a broken connection waits for the store to say which rank is the cause. */
const blameMs = 1_000;

/**
 * Connections among the ranks, made when first used: one socket for each direction of a pair and
 * each channel, so that no message waits behind another kind of message.
 */
export class PeerNetwork {
  readonly rank: number;
  readonly store: TcpStore;
  readonly #server: Server;
  readonly #outgoing = new Map<string, Outgoing>();
  readonly #incoming = new Map<string, Promise<Receiver>>();
  readonly #sockets = new Set<Socket>();
  readonly #failed: ((error: Error) => void)[] = [];
  #error: Error | undefined;

  private constructor(store: TcpStore, server: Server) {
    this.rank = store.rank;
    this.store = store;
    this.#server = server;
    server.unref();
    server.on("connection", (socket) => this.#accept(socket));
    store.onFailure((rank, reason) => this.fail(lostRank(this.rank, rank, reason)));
  }

  /** Listens, and tells the others where. */
  static async open(store: TcpStore): Promise<PeerNetwork> {
    const server = createServer();
    const host = store.localAddress;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(isLoopback(host) ? { host, port: 0 } : { port: 0 }, resolve);
    });
    const network = new PeerNetwork(store, server);
    const { port } = server.address() as AddressInfo;
    await store.set(`peer/${store.rank}`, JSON.stringify({ host, port }));
    return network;
  }

  /** Why nothing works any more. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Calls back once when the network has failed or is closed. */
  onFailure(listener: (error: Error) => void): void {
    if (this.#error === undefined) this.#failed.push(listener);
    else listener(this.#error);
  }

  /** The stream to a rank, once that rank has connected to it. */
  outgoing(to: number, channel: string): Promise<Socket> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    return this.#outgoingOf(`${channel}/${to}`).socket;
  }

  /** The stream from a rank. */
  incoming(from: number, channel: string): Promise<Receiver> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const key = `${channel}/${from}`;
    let receiver = this.#incoming.get(key);
    if (receiver === undefined) {
      receiver = this.#connect(from, channel);
      this.#incoming.set(key, receiver);
    }
    return receiver;
  }

  /** Fails everything that waits, and all that comes later. */
  fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#server.close();
    for (const one of this.#outgoing.values()) one.reject(error);
    for (const receiver of this.#incoming.values()) {
      receiver.then(
        (one) => one.close(error),
        () => undefined,
      );
    }
    for (const socket of this.#sockets) socket.destroy();
    for (const listener of this.#failed) listener(error);
  }

  /** Closes all connections. */
  close(): void {
    this.fail(
      new DistributedError(
        "process group: it was destroyed; call initProcessGroup before further communication",
      ),
    );
  }

  #outgoingOf(key: string): Outgoing {
    let outgoing = this.#outgoing.get(key);
    if (outgoing === undefined) {
      let resolve!: (socket: Socket) => void;
      let reject!: (error: Error) => void;
      const socket = new Promise<Socket>((yes, no) => {
        resolve = yes;
        reject = no;
      });
      // A failure while nobody waits is told to the next who asks.
      socket.catch(() => undefined);
      outgoing = { socket, resolve, reject };
      this.#outgoing.set(key, outgoing);
    }
    return outgoing;
  }

  #accept(socket: Socket): void {
    tune(socket).unref();
    this.#sockets.add(socket);
    let from: number | undefined;
    onJsonLines(socket, (message) => {
      const { channel, rank } = message as ChannelHello;
      from = rank;
      this.#outgoingOf(`${channel}/${rank}`).resolve(socket);
    });
    let reason = "the connection was closed";
    socket.on("error", ({ message }) => (reason = message));
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (from !== undefined) this.#suspect(from, reason);
    });
  }

  async #connect(from: number, channel: string): Promise<Receiver> {
    const address: unknown = JSON.parse(await this.store.get(`peer/${from}`));
    if (this.#error !== undefined) throw this.#error;
    const { host, port } = address as { readonly host: string; readonly port: number };
    const hello: ChannelHello = { channel, rank: this.rank };
    return new Receiver(host, port, hello, (reason) => this.#suspect(from, reason));
  }

  /** A peer's connection broke: it has left, or is gone, or saw that another one is. */
  #suspect(peer: number, reason: string): void {
    if (this.#error !== undefined) return;
    const judge = async (): Promise<void> => {
      const hasLeft = await this.store.hasLeft(peer).catch(() => false);
      if (!hasLeft) this.fail(lostRank(this.rank, peer, reason));
    };
    setTimeout(() => void judge(), blameMs).unref();
  }
}

/** What every other rank is told when one is gone. */
function lostRank(own: number, lost: number, reason: string): DistributedError {
  return new DistributedError(
    `process group: rank ${lost} is gone (${reason}), noticed on rank ${own}; ` +
      `see the output of rank ${lost} for the cause, then start all ranks again`,
    { details: { rank: lost, noticedOn: own } },
  );
}
