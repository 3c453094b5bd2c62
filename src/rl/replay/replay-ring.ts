import { CheckpointError, OutOfMemoryError } from "../../base/errors.ts";
import { formatBytes } from "../../base/integers.ts";
import { persistent, scope } from "../../tensor/memory.ts";
import { realizeSync } from "../../tensor/realize.ts";
import { uninitialized, writeRows } from "../../tensor/rows.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { TensorOptions } from "../../tensor/tensor.ts";

/** Rows that wait on the host at most; then they go to the device, asked or not. */
const mostStaged = 256;
/** Rows that are written at once when a ring is loaded. */
const loadedAtOnce = 65_536;

/** Size of a ring, and where it lives. */
export interface RingOptions {
  readonly capacity: number;
  readonly width: number;
  readonly device: TensorOptions["device"];
}

/**
 * The last `capacity` rows of f32, in one table on the device that never moves. New rows wait on
 * the host until `flush` writes them in one piece, or two where the ring closes.
 */
export class ReplayRing {
  readonly capacity: number;
  readonly width: number;
  /** [capacity, width]; rows that were never written hold anything. */
  readonly table: Tensor;
  /** [1] u32: the rows of the table that were written. */
  readonly count: Tensor;
  readonly #staged: Float32Array;
  #stagedCount = 0;
  /** Row of the table that the first staged row will be written to. */
  #head = 0;
  #stored = 0;
  /** What `count` holds. */
  #counted = 0;

  /** @throws {OutOfMemoryError} with what the table needs. */
  constructor(options: RingOptions) {
    const { capacity, width, device } = options;
    this.capacity = capacity;
    this.width = width;
    this.table = persistent(() => allocate(options));
    this.count = persistent(() => Tensor.from(Uint32Array.of(0), [1], { device }));
    this.#staged = new Float32Array(Math.min(mostStaged, capacity) * width);
  }

  /** Rows that are stored or wait. */
  get size(): number {
    return Math.min(this.#stored + this.#stagedCount, this.capacity);
  }

  /** Row of the table that the next row goes to. */
  get nextPlace(): number {
    return (this.#head + this.#stagedCount) % this.capacity;
  }

  /** Where rows wait; {@link ReplayRing.claim} says where. */
  get staged(): Float32Array {
    return this.#staged;
  }

  /** Takes a row; the caller fills `staged` from the returned element on before anything else. */
  claim(): number {
    if ((this.#stagedCount + 1) * this.width > this.#staged.length) this.flush();
    return this.#stagedCount++ * this.width;
  }

  /** Writes the waiting rows to the table. */
  flush(): void {
    const rows = this.#stagedCount;
    if (rows === 0) return;
    const before = Math.min(rows, this.capacity - this.#head);
    this.#write(this.#head, 0, before);
    if (rows > before) this.#write(0, before, rows);
    this.#head = (this.#head + rows) % this.capacity;
    this.#stored = Math.min(this.#stored + rows, this.capacity);
    this.#stagedCount = 0;
    this.#setCount();
  }

  #write(place: number, from: number, to: number): void {
    writeRows(this.table, place, this.#staged.subarray(from * this.width, to * this.width));
  }

  #setCount(): void {
    if (this.#counted === this.#stored) return;
    writeRows(this.count, 0, Uint32Array.of(this.#stored));
    this.#counted = this.#stored;
  }

  /** The rows by their places [stored, width], and where the next one goes. Flushes. */
  state(): { readonly rows: Tensor | undefined; readonly head: number; readonly stored: number } {
    this.flush();
    return { rows: this.#storedRows(), head: this.#head, stored: this.#stored };
  }

  /** The table itself when it is full: a second one may have no room. */
  #storedRows(): Tensor | undefined {
    if (this.#stored === 0) return undefined;
    if (this.#stored === this.capacity) return this.table;
    return scope(() => {
      const rows = this.table.narrow(0, 0, this.#stored).clone();
      realizeSync(rows);
      return rows;
    });
  }

  /** @throws {CheckpointError} if the rows are not those of such a ring. */
  load(rows: Tensor | undefined, head: number, stored: number): void {
    const isRing = stored <= this.capacity && head < this.capacity;
    const shape = rows === undefined ? [0, this.width] : rows.shape;
    if (!isRing || shape[0] !== stored || shape[1] !== this.width || shape.length !== 2) {
      throw new CheckpointError(
        `ReplayBuffer.loadState: needs rows [${stored}, ${this.width}] for a capacity of ` +
          `${this.capacity}, got [${shape.join(", ")}] with the next at ${head}; the state is of a ` +
          "buffer with other sizes",
      );
    }
    if (rows !== undefined && rows !== this.table) this.#copyIn(rows);
    this.#stagedCount = 0;
    this.#head = head;
    this.#stored = stored;
    this.#setCount();
  }

  #copyIn(rows: Tensor): void {
    const data = rows.dataSync();
    if (!(data instanceof Float32Array)) {
      throw new CheckpointError(`ReplayBuffer.loadState: rows must be f32, got ${rows.dtype}`);
    }
    const step = loadedAtOnce * this.width;
    for (let at = 0; at < data.length; at += step) {
      writeRows(this.table, at / this.width, data.subarray(at, at + step));
    }
  }

  dispose(): void {
    this.table.dispose();
    this.count.dispose();
  }
}

function allocate({ capacity, width, device }: RingOptions): Tensor {
  try {
    return uninitialized([capacity, width], "f32", device);
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
    const needed = formatBytes(4 * capacity * width);
    throw new OutOfMemoryError(
      `ReplayBuffer: ${capacity} transitions of ${width} numbers need ${needed}, which the device ` +
        "does not have; use a smaller capacity",
      { cause: error, details: { ...error.details, capacity, width } },
    );
  }
}
