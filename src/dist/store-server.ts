import type { AddressInfo, Server, Socket } from "node:net";
import { createServer } from "node:net";
import { DistributedError } from "../base/errors.ts";
import { isLoopback, onJsonLines, tune, writeJsonLine } from "./line-socket.ts";

/** What a client asks; `hello` and `bye` say who it is and that it leaves in order. */
export type StoreRequest =
  | { readonly do: "hello"; readonly rank: number }
  | { readonly do: "bye" }
  | { readonly do: "fail"; readonly reason: string }
  | { readonly do: "set"; readonly id: number; readonly key: string; readonly value: string }
  | { readonly do: "get"; readonly id: number; readonly key: string }
  | { readonly do: "peek"; readonly id: number; readonly key: string }
  | { readonly do: "add"; readonly id: number; readonly key: string; readonly amount: number }
  | { readonly do: "delete"; readonly id: number; readonly key: string };

/** What the server tells: an answer, or that a rank is gone. */
export type StoreMessage =
  | { readonly id: number; readonly value: string | null }
  | { readonly failed: number; readonly reason: string };

interface Client {
  readonly socket: Socket;
  rank: number | undefined;
  hasLeft: boolean;
}

/** The key-value store of a group, on rank 0. It also notices ranks that end without a word. */
export class StoreServer {
  readonly #server: Server;
  readonly #values = new Map<string, string>();
  readonly #waiting = new Map<string, ((value: string) => void)[]>();
  readonly #clients = new Set<Client>();
  #failure: StoreMessage | undefined;
  #emptied: (() => void) | undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => this.#welcome(socket));
    server.unref();
  }

  /**
   * Listens on a port; 0 takes a free one. Only this machine is heard if the host is a loopback one.
   * @throws {DistributedError} if the port is taken.
   */
  static async listen(host: string, port: number): Promise<StoreServer> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        reject(
          new DistributedError(
            `initProcessGroup: rank 0 must listen on ${host}:${port}, got ${error.code ?? error.message}; ` +
              "end what uses the port, or choose another masterPort",
            { cause: error },
          ),
        );
      });
      server.listen(isLoopback(host) ? { port, host } : { port }, resolve);
    });
    return new StoreServer(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Closes once every client has left, or after some time. */
  async close(patienceMs: number): Promise<void> {
    this.#server.close();
    if (this.#clients.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patienceMs);
        this.#emptied = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.destroy();
  }

  /** Closes at once; the clients will think that rank 0 is gone. */
  destroy(): void {
    this.#server.close();
    for (const { socket } of this.#clients) socket.destroy();
  }

  #welcome(socket: Socket): void {
    const client: Client = { socket: tune(socket), rank: undefined, hasLeft: false };
    this.#clients.add(client);
    socket.unref();
    onJsonLines(socket, (message) => this.#answer(client, message as StoreRequest));
    socket.on("error", () => undefined);
    socket.on("close", () => this.#part(client));
  }

  #part(client: Client): void {
    this.#clients.delete(client);
    if (client.rank !== undefined && !client.hasLeft) {
      this.#announce(client.rank, "its process ended, or its connection to rank 0 broke");
    }
    if (this.#clients.size === 0) this.#emptied?.();
  }

  /** Tells everybody of the first failure; what follows is mostly its consequence. */
  #announce(rank: number, reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = { failed: rank, reason };
    for (const { socket } of this.#clients) writeJsonLine(socket, this.#failure);
  }

  #answer(client: Client, request: StoreRequest): void {
    const reply = (id: number, value: string | null): void =>
      writeJsonLine(client.socket, { id, value } satisfies StoreMessage);
    switch (request.do) {
      case "hello":
        client.rank = request.rank;
        if (this.#failure !== undefined) writeJsonLine(client.socket, this.#failure);
        return;
      case "bye":
        client.hasLeft = true;
        return;
      case "fail":
        if (client.rank !== undefined) this.#announce(client.rank, request.reason);
        return;
      case "set":
        this.#set(request.key, request.value);
        return reply(request.id, null);
      case "peek":
        return reply(request.id, this.#values.get(request.key) ?? null);
      case "get":
        return this.#whenSet(request.key, (value) => reply(request.id, value));
      case "add": {
        const sum = Number(this.#values.get(request.key) ?? 0) + request.amount;
        this.#set(request.key, String(sum));
        return reply(request.id, String(sum));
      }
      case "delete":
        return reply(request.id, this.#values.delete(request.key) ? "1" : null);
      default:
        // Written by no version of this store.
        client.socket.destroy();
        return request satisfies never;
    }
  }

  #set(key: string, value: string): void {
    this.#values.set(key, value);
    const waiting = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    for (const tell of waiting) tell(value);
  }

  #whenSet(key: string, tell: (value: string) => void): void {
    const value = this.#values.get(key);
    if (value !== undefined) return tell(value);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, [tell]);
    else waiting.push(tell);
  }
}
