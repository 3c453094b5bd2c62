import type { Socket } from "node:net";
import { connect } from "node:net";
import { tune, writeJsonLine } from "./line-socket.ts";

/** What the kernel hands over at once; larger means fewer calls. */
const bufferBytes = 512 * 1024;

interface Request {
  readonly target: Uint8Array;
  filled: number;
  resolve(): void;
  reject(error: Error): void;
}

/** What a receiver says when it connects. */
export interface ChannelHello {
  readonly channel: string;
  /** Who listens here. */
  readonly rank: number;
}

/**
 * The receiving end of a one-way byte stream. The receiver connects and the sender accepts, because
 * only a connecting socket may be given its buffer. Nothing is read that nobody waits for.
 */
export class Receiver {
  readonly #socket: Socket;
  readonly #buffer: Uint8Array = new Uint8Array(bufferBytes);
  /** Bytes of the buffer that nobody has asked for yet. */
  #begin = 0;
  #end = 0;
  #request: Request | undefined;
  #error: Error | undefined;

  /** @param lost - called when the stream ends though nobody closed it. */
  constructor(host: string, port: number, hello: ChannelHello, lost: (reason: string) => void) {
    let reason = "the connection was closed";
    this.#socket = connect({
      host,
      port,
      onread: { buffer: this.#buffer, callback: (bytes: number) => this.#take(bytes) },
    });
    tune(this.#socket).unref();
    this.#socket.once("connect", () => writeJsonLine(this.#socket, hello));
    this.#socket.on("error", ({ message }) => (reason = message));
    this.#socket.on("close", () => {
      if (this.#error === undefined) lost(reason);
    });
  }

  /** Fills an array with the next bytes. One call at a time. */
  read(target: Uint8Array): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      this.#request = { target, filled: 0, resolve, reject };
      if (this.#begin === this.#end) return;
      this.#deliver();
      if (this.#begin === this.#end) this.#socket.resume();
    });
  }

  /** Ends the stream; a read that waits fails. */
  close(error: Error): void {
    this.#error = error;
    this.#request?.reject(error);
    this.#request = undefined;
    this.#socket.destroy();
  }

  /** Returns whether the socket may go on reading into the buffer. */
  #take(bytes: number): boolean {
    this.#begin = 0;
    this.#end = bytes;
    this.#deliver();
    return this.#begin === this.#end;
  }

  #deliver(): void {
    const request = this.#request;
    if (request === undefined) return;
    const count = Math.min(this.#end - this.#begin, request.target.length - request.filled);
    request.target.set(this.#buffer.subarray(this.#begin, this.#begin + count), request.filled);
    request.filled += count;
    this.#begin += count;
    if (request.filled < request.target.length) return;
    this.#request = undefined;
    request.resolve();
  }
}
