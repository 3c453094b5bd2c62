import type { Socket } from "node:net";
import type { HostArray } from "../ir/dtype.ts";
import { callHeader, headerBytes, requireSameCall } from "./call-header.ts";
import type { CallFacts } from "./call-header.ts";
import { bytesOf, emptyLike, part } from "./host-collectives.ts";
import type { Receiver } from "./receiver.ts";
import type { ReduceOp } from "./reduce-op.ts";
import { combine } from "./reduce-op.ts";

/** What is passed on at once: small enough to keep all ranks busy, large enough to cost few calls. */
const chunkBytes = 256 * 1024;

/** A part of the data, from element `begin` to `end`. */
interface Segment {
  readonly begin: number;
  readonly end: number;
}

/**
 * One rank's place in a ring: data comes from the left neighbour and goes to the right one. Every
 * chunk is passed on as soon as it has come, so all links work at the same time.
 */
export class Ring {
  readonly #rank: number;
  readonly #size: number;
  readonly #left: Receiver;
  readonly #right: Socket;

  constructor(rank: number, size: number, left: Receiver, right: Socket) {
    this.#rank = rank;
    this.#size = size;
    this.#left = left;
    this.#right = right;
  }

  /** Tells the right neighbour what is coming and checks that the left one does the same. */
  async agree(facts: CallFacts): Promise<void> {
    const own = callHeader(facts);
    this.#right.write(own);
    const other = new Uint8Array(headerBytes);
    await this.#left.read(other);
    requireSameCall(own, other, this.#rank, this.#neighbour(-1));
  }

  /** Combines in place, each segment on its way around the ring; then all segments go around. */
  async allReduce(data: HostArray, op: ReduceOp): Promise<void> {
    const segments = this.#segments(data.length);
    this.#write(data, segments[this.#rank]);
    for (let step = 1; step < this.#size; step++) {
      await this.#combine(data, segments[this.#neighbour(-step)], op, true);
    }
    for (let step = 0; step < this.#size - 1; step++) {
      await this.#copy(data, segments[this.#neighbour(-step)], step < this.#size - 2);
    }
    await this.#flush();
  }

  /** The first half of `allReduce`, with equal segments of which rank r ends with the r-th. */
  async reduceScatter(input: HostArray, output: HostArray, op: ReduceOp): Promise<void> {
    const segment = (i: number): Segment => ({
      begin: i * output.length,
      end: (i + 1) * output.length,
    });
    this.#write(input, segment(this.#neighbour(-1)));
    for (let step = 2; step <= this.#size; step++) {
      await this.#combine(input, segment(this.#neighbour(-step)), op, step < this.#size);
    }
    output.set(part(input, this.#rank * output.length, (this.#rank + 1) * output.length));
    await this.#flush();
  }

  /** The second half of `allReduce`, with equal segments. */
  async allGather(input: HostArray, output: HostArray): Promise<void> {
    const { length } = input;
    output.set(input, this.#rank * length);
    this.#write(output, { begin: this.#rank * length, end: (this.#rank + 1) * length });
    for (let step = 1; step < this.#size; step++) {
      const from = this.#neighbour(-step);
      const segment = { begin: from * length, end: (from + 1) * length };
      await this.#copy(output, segment, step < this.#size - 1);
    }
    await this.#flush();
  }

  /** From the root to the right, once around. */
  async broadcast(data: HostArray, root: number): Promise<void> {
    const all = { begin: 0, end: data.length };
    if (this.#rank === root) this.#write(data, all);
    else await this.#copy(data, all, this.#neighbour(1) !== root);
    await this.#flush();
  }

  #neighbour(distance: number): number {
    return (this.#rank + distance + this.#size) % this.#size;
  }

  #segments(length: number): Segment[] {
    return Array.from({ length: this.#size }, (_, i) => ({
      begin: Math.floor((i * length) / this.#size),
      end: Math.floor(((i + 1) * length) / this.#size),
    }));
  }

  /** Queues without a copy: nobody changes these elements before the neighbour has them. */
  #write(data: HostArray, { begin, end }: Segment): void {
    if (end > begin) this.#right.write(bytesOf(part(data, begin, end)));
  }

  async #combine(data: HostArray, segment: Segment, op: ReduceOp, passOn: boolean): Promise<void> {
    const scratch = emptyLike(data, Math.min(elementsPerChunk(data), segment.end - segment.begin));
    for (const chunk of chunks(data, segment)) {
      const other = part(scratch, 0, chunk.end - chunk.begin);
      await this.#left.read(bytesOf(other));
      combine(op, part(data, chunk.begin, chunk.end), other);
      if (passOn) this.#write(data, chunk);
    }
  }

  async #copy(data: HostArray, segment: Segment, passOn: boolean): Promise<void> {
    for (const chunk of chunks(data, segment)) {
      await this.#left.read(bytesOf(part(data, chunk.begin, chunk.end)));
      if (passOn) this.#write(data, chunk);
    }
  }

  #flush(): Promise<void> {
    return flush(this.#right);
  }
}

/** Resolves when everything written has gone to the kernel, so that the memory may change. */
export function flush(socket: Socket): Promise<void> {
  if (socket.writableLength === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    socket.write("", (error) => {
      if (error == null) resolve();
      else reject(error);
    });
  });
}

const elementsPerChunk = (data: HostArray): number =>
  Math.max(1, Math.floor(chunkBytes / data.BYTES_PER_ELEMENT));

function* chunks(data: HostArray, { begin, end }: Segment): Generator<Segment> {
  const step = elementsPerChunk(data);
  for (let at = begin; at < end; at += step) yield { begin: at, end: Math.min(at + step, end) };
}
