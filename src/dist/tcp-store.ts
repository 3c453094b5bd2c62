import type { Socket } from "node:net";
import { connect } from "node:net";
import { DistributedError } from "../base/errors.ts";
import { delay, whileAwake, within } from "./keep-alive.ts";
import { isLoopback, onJsonLines, tune, writeJsonLine } from "./line-socket.ts";
import type { StoreMessage, StoreRequest } from "./store-server.ts";
import { StoreServer } from "./store-server.ts";

/** Where the processes of a group meet, and who this one is. */
export interface TcpStoreOptions {
  /** Host of rank 0. */
  readonly host: string;
  readonly port: number;
  readonly rank: number;
  /** How long `get` and `wait` wait, and connecting tries. @defaultValue 600 */
  readonly timeoutSeconds?: number;
}

/** Tells which rank failed first, and how. */
export type FailureListener = (rank: number, reason: string) => void;

interface Pending {
  resolve(value: string | null): void;
  reject(error: Error): void;
}

const leftKey = (rank: number): string => `left/${rank}`;

const firstRetryMs = 50;
const slowestRetryMs = 1_000;

/**
 * A key-value store that all processes of a group share. Rank 0 holds it; the others connect. It is
 * meant for addresses and identifiers, not for data.
 */
export class TcpStore {
  readonly rank: number;
  /** Port the store listens on. */
  readonly port: number;
  readonly #server: StoreServer | undefined;
  readonly #socket: Socket;
  readonly #host: string;
  readonly #timeoutMs: number;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<FailureListener>();
  #lastId = 0;
  #failure: { readonly rank: number; readonly reason: string } | undefined;
  #isClosing = false;

  private constructor(
    server: StoreServer | undefined,
    socket: Socket,
    { rank, port, host }: Pick<TcpStoreOptions, "rank" | "port" | "host">,
    timeoutMs: number,
  ) {
    this.rank = rank;
    this.#host = host;
    this.port = port;
    this.#server = server;
    this.#socket = tune(socket);
    this.#timeoutMs = timeoutMs;
    socket.unref();
    onJsonLines(socket, (message) => this.#receive(message as StoreMessage));
    socket.on("close", () => this.#lose());
    this.#send({ do: "hello", rank });
  }

  /**
   * Opens the store: on rank 0 it starts to listen (on a free port if `port` is 0), elsewhere it
   * connects as soon as rank 0 is there.
   * @throws {DistributedError} if the port is taken, or nobody listens in time.
   */
  static async open(options: TcpStoreOptions): Promise<TcpStore> {
    const { host, rank, timeoutSeconds = 600 } = options;
    const server = rank === 0 ? await StoreServer.listen(host, options.port) : undefined;
    const port = server?.port ?? options.port;
    try {
      const timeoutMs = timeoutSeconds * 1_000;
      const socket = await whileAwake(connectPatiently(host, port, rank, timeoutMs));
      return new TcpStore(server, socket, { rank, port, host }, timeoutMs);
    } catch (error) {
      server?.destroy();
      throw error;
    }
  }

  /**
   * Address of this machine for connections among the ranks: that of the connection to rank 0. Where
   * it is a loopback one, rank 0 is on this machine, and the others know it by the store's host.
   */
  get localAddress(): string {
    const address = this.#socket.localAddress ?? this.#host;
    return isLoopback(address) ? this.#host : address;
  }

  /** Sets a value. */
  async set(key: string, value: string): Promise<void> {
    await this.#ask({ do: "set", id: this.#nextId(), key, value });
  }

  /** A value, as soon as somebody has set it. @throws {DistributedError} if nobody does in time. */
  async get(key: string, timeoutSeconds?: number): Promise<string> {
    return (await this.#ask({ do: "get", id: this.#nextId(), key }, timeoutSeconds)) ?? "";
  }

  /** Waits until all keys are set. @throws {DistributedError} if that takes too long. */
  async wait(keys: readonly string[], timeoutSeconds?: number): Promise<void> {
    await Promise.all(keys.map((key) => this.get(key, timeoutSeconds)));
  }

  /** Whether all keys are set now. */
  async check(keys: readonly string[]): Promise<boolean> {
    const values = await Promise.all(
      keys.map((key) => this.#ask({ do: "peek", id: this.#nextId(), key })),
    );
    return values.every((value) => value !== null);
  }

  /** Adds to a number, which starts at 0, and returns the sum. */
  async add(key: string, amount: number): Promise<number> {
    return Number(await this.#ask({ do: "add", id: this.#nextId(), key, amount }));
  }

  /** Removes a key. @returns whether it was there. */
  async deleteKey(key: string): Promise<boolean> {
    return (await this.#ask({ do: "delete", id: this.#nextId(), key })) !== null;
  }

  /** Calls back when a rank has ended without a word; at once if that has happened. */
  onFailure(listener: FailureListener): void {
    this.#listeners.add(listener);
    if (this.#failure !== undefined) listener(this.#failure.rank, this.#failure.reason);
  }

  /** @throws {DistributedError} if a rank is gone. */
  requireAlive(): void {
    if (this.#failure !== undefined) throw this.#gone();
  }

  /** Tells all others that this rank cannot go on. */
  reportFailure(reason: string): void {
    this.#send({ do: "fail", reason });
  }

  /** Whether a rank has left in order. */
  hasLeft(rank: number): Promise<boolean> {
    return this.check([leftKey(rank)]);
  }

  /** Leaves in order. Rank 0 waits for the others, so that none of them loses its store. */
  async close(patienceSeconds: number = this.#timeoutMs / 1_000): Promise<void> {
    if (this.#isClosing) return;
    // If somebody is gone already, nobody needs to know.
    await this.set(leftKey(this.rank), "1").catch(() => undefined);
    this.#isClosing = true;
    this.#send({ do: "bye" });
    const closed = new Promise((resolve) => {
      if (this.#socket.destroyed) resolve(undefined);
      else this.#socket.once("close", resolve);
    });
    this.#socket.end();
    await whileAwake(
      Promise.all([
        this.#server?.close(patienceSeconds * 1_000),
        within(closed, 2_000, () => new Error("late")).catch(() => this.#socket.destroy()),
      ]),
    );
  }

  /** Leaves at once, as a process that is killed does. */
  destroy(): void {
    this.#isClosing = true;
    this.#socket.destroy();
    this.#server?.destroy();
  }

  #nextId(): number {
    return ++this.#lastId;
  }

  #send(request: StoreRequest): void {
    writeJsonLine(this.#socket, request);
  }

  async #ask(
    request: Extract<StoreRequest, { readonly id: number }>,
    timeoutSeconds: number = this.#timeoutMs / 1_000,
  ): Promise<string | null> {
    if (this.#socket.destroyed || this.#isClosing) throw this.#gone();
    const answer = new Promise<string | null>((resolve, reject) => {
      this.#pending.set(request.id, { resolve, reject });
    });
    this.#send(request);
    try {
      return await whileAwake(
        within(answer, timeoutSeconds * 1_000, () => this.#late(request, timeoutSeconds)),
      );
    } finally {
      this.#pending.delete(request.id);
    }
  }

  #receive(message: StoreMessage): void {
    if ("failed" in message) this.#fail(message.failed, message.reason);
    else this.#pending.get(message.id)?.resolve(message.value);
  }

  #lose(): void {
    if (!this.#isClosing) this.#fail(0, "its process ended, or the connection to it broke");
    for (const one of this.#pending.values()) one.reject(this.#gone());
  }

  #fail(rank: number, reason: string): void {
    if (this.#failure !== undefined || this.#isClosing) return;
    this.#failure = { rank, reason };
    for (const one of this.#pending.values()) one.reject(this.#gone());
    for (const listener of this.#listeners) listener(rank, reason);
  }

  #gone(): DistributedError {
    const { rank, reason } = this.#failure ?? { rank: 0, reason: "the store was closed" };
    return new DistributedError(`store: rank ${rank} is gone: ${reason}`, { details: { rank } });
  }

  #late(
    { do: action, key }: { readonly do: string; readonly key: string },
    seconds: number,
  ): Error {
    return new DistributedError(
      `store: ${action} "${key}" must be answered within ${seconds} s, got nothing on rank ` +
        `${this.rank}; see whether all processes run, or raise timeoutSeconds`,
    );
  }
}

/** Tries until somebody listens: the processes start in any order. */
async function connectPatiently(
  host: string,
  port: number,
  rank: number,
  timeoutMs: number,
): Promise<Socket> {
  const deadline = Date.now() + timeoutMs;
  for (let pause = firstRetryMs; ; pause = Math.min(2 * pause, slowestRetryMs)) {
    try {
      return await connectOnce(host, port, Math.max(1, deadline - Date.now()));
    } catch (error) {
      if (Date.now() + pause < deadline) {
        await delay(pause);
        continue;
      }
      throw new DistributedError(
        `initProcessGroup: rank ${rank} must reach rank 0 at ${host}:${port} within ` +
          `${timeoutMs / 1_000} s, got ${error instanceof Error ? error.message : String(error)}; ` +
          "see whether rank 0 runs, and whether MASTER_ADDR and MASTER_PORT are right",
        { cause: error },
      );
    }
  }
}

/** A connected socket. */
function connectOnce(host: string, port: number, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.setTimeout(Math.min(timeoutMs, 2 ** 31 - 1), () => {
      socket.destroy(new Error("no answer"));
    });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.off("error", reject);
      // An error is followed by `close`, which is what everybody listens to.
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}
