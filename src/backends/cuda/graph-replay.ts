import { OutOfMemoryError } from "../../base/errors.ts";
import type { CudaDevice } from "./device.ts";
import type { MemoryPool } from "./memory-pool.ts";

/** A program as replay sees it. */
export interface Replayable {
  /** Bytes of inputs, then outputs: the first base addresses. */
  readonly operandBytes: readonly number[];
  readonly inputCount: number;
  /** Puts everything on the stream, with these base addresses. */
  issue(bases: Float64Array): void;
  /** The same on the stream while it is captured, with as few edges as the data allows. */
  record(bases: Float64Array): void;
  /** Whether a first run with certain addresses is recorded already. */
  readonly recordsAtOnce: boolean;
}

/** A graph that was recorded for certain addresses. */
interface Recording {
  addresses: Float64Array;
  readonly executable: number;
}

/** Recorded graphs per program. */
const MOST_RECORDINGS = 4;
/** Address tuples that ran once, remembered to be recorded when they come again. */
const MOST_CANDIDATES = 8;
/** Runs with addresses that were not recorded, before moving operands get fixed slots. */
const PATIENCE = 8;
/** Misses a replay makes up for. */
const FORGIVEN = 0.5;
/** Operands larger than this are not copied to a slot. */
const LARGEST_SLOT_BYTES = 64 * 1024 ** 2;
/** Times the set of moving operands may grow. */
const MOST_MOVES = 4;

/** Operands that share a slot because they share a buffer. */
interface Slot {
  readonly operands: readonly number[];
  readonly address: number;
  readonly bytes: number;
  readonly isInput: boolean;
  readonly isOutput: boolean;
}

/** What a replay did, for tests and statistics. */
export interface ReplayCounts {
  eager: number;
  recorded: number;
  replayed: number;
  copied: number;
}

/**
 * Runs a program as one recorded graph where it can. A graph holds addresses: it is recorded when
 * addresses come a second time, and a few are kept, since loops alternate between buffers. When new
 * addresses keep coming, the operands that move get slots that stay, and are copied in and out; if
 * they are too large for that, the graph is updated with the new addresses.
 */
export class GraphReplay {
  readonly counts: ReplayCounts = { eager: 0, recorded: 0, replayed: 0, copied: 0 };
  private readonly device: CudaDevice;
  private readonly pool: MemoryPool;
  private readonly program: Replayable;
  /** Last used first. */
  private readonly recordings: Recording[] = [];
  private readonly candidates: Float64Array[] = [];
  /** Recent runs with addresses of no recording, less a part of those with one. */
  private misses: number = 0;
  private mode: "addresses" | "slots" | "updates" | "eager" = "addresses";
  private slots: readonly Slot[] = [];
  private moves: number = 0;
  /** Addresses with slots in place of what moves. */
  private slotted: Float64Array = new Float64Array(0);

  constructor(device: CudaDevice, pool: MemoryPool, program: Replayable) {
    this.device = device;
    this.pool = pool;
    this.program = program;
  }

  run(bases: Float64Array): void {
    if (this.mode === "eager") this.runEagerly(bases);
    else if (this.mode === "slots") this.runInSlots(bases);
    else if (!this.replay(bases)) this.runNew(bases);
  }

  private runEagerly(bases: Float64Array): void {
    this.counts.eager++;
    this.program.issue(bases);
  }

  /** Launches the graph of these addresses, if there is one. */
  private replay(bases: Float64Array): boolean {
    const { recordings } = this;
    const at = recordings.findIndex(({ addresses }) => sameAddresses(addresses, bases));
    if (at < 0) return false;
    const [recording] = at === 0 ? recordings : recordings.splice(at, 1);
    if (at > 0) recordings.unshift(recording);
    this.counts.replayed++;
    this.misses = Math.max(this.misses - FORGIVEN, 0);
    this.device.driver.launchGraph(recording.executable, this.device.stream);
    return true;
  }

  private runNew(bases: Float64Array): void {
    this.misses++;
    if (this.misses > PATIENCE && this.mode === "addresses") {
      this.fixMoving(bases);
      this.run(bases);
      return;
    }
    const isKnown = this.candidates.some((candidate) => sameAddresses(candidate, bases));
    if (isKnown || this.mode === "updates" || this.program.recordsAtOnce) {
      this.record(bases);
      return;
    }
    if (this.candidates.length === MOST_CANDIDATES) this.candidates.shift();
    this.candidates.push(bases.slice());
    this.runEagerly(bases);
  }

  /** Records and launches; without room for the graph, runs eagerly from now on. */
  private record(bases: Float64Array): void {
    const { driver, stream } = this.device;
    const graph = this.capture(bases);
    try {
      const executable = this.executableOf(graph);
      this.recordings.unshift({ addresses: bases.slice(), executable });
      this.counts.recorded++;
      driver.launchGraph(executable, stream);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      this.mode = "eager";
      this.runEagerly(bases);
    } finally {
      driver.destroyGraph(graph);
    }
  }

  private capture(bases: Float64Array): number {
    const { driver, stream } = this.device;
    driver.beginCapture(stream);
    try {
      this.program.record(bases);
    } catch (error) {
      // The capture must end, or the stream cannot be used; what it made is of no use.
      try {
        driver.destroyGraph(driver.endCapture(stream));
      } catch {
        // The first error says why.
      }
      throw error;
    }
    return driver.endCapture(stream);
  }

  /** The graph made ready to run; once there are enough, in place of the one unused for longest. */
  private executableOf(graph: number): number {
    const { driver, stream } = this.device;
    const limit = this.mode === "addresses" ? MOST_RECORDINGS : 1;
    while (this.recordings.length >= limit) {
      const oldest = this.recordings.pop();
      if (oldest === undefined) break;
      if (this.recordings.length < limit && driver.tryUpdate(oldest.executable, graph)) {
        return oldest.executable;
      }
      driver.destroyExecutable(oldest.executable);
    }
    const executable = driver.instantiate(graph);
    driver.upload(executable, stream);
    return executable;
  }

  /** Gives slots to all operands whose addresses were not the same in recent runs. */
  private fixMoving(bases: Float64Array): void {
    const { inputCount, operandBytes } = this.program;
    this.moves++;
    const tuples = [...this.candidates, bases, ...this.recordings.map((r) => r.addresses)];
    const held = new Set(this.slots.flatMap(({ operands }) => operands));
    const moves = operandBytes.map(
      (_, i) => held.has(i) || tuples.some((tuple) => tuple[i] !== bases[i]),
    );
    const moving = new Set<number>();
    operandBytes.forEach((_, i) => {
      if (moves[i]) moving.add(bases[i]);
    });
    this.dropSlots();
    const groups = [...moving].map((address) =>
      operandBytes.flatMap((_, i) => (bases[i] === address ? [i] : [])),
    );
    const slots: Slot[] = [];
    for (const operands of groups) {
      const bytes = Math.max(...operands.map((i) => operandBytes[i]));
      const address = bytes > LARGEST_SLOT_BYTES ? null : this.pool.tryAllocate(bytes);
      if (address === null) {
        for (const slot of slots) this.pool.release(slot.address, slot.bytes);
        this.mode = "updates";
        return;
      }
      const isInput = operands.some((i) => i < inputCount);
      slots.push({
        operands,
        address,
        bytes,
        isInput,
        isOutput: operands.some((i) => i >= inputCount),
      });
    }
    this.slots = slots;
    this.mode = "slots";
    this.slotted = bases.slice();
    for (const { address, operands } of slots) for (const i of operands) this.slotted[i] = address;
    this.candidates.length = 0;
  }

  private runInSlots(bases: Float64Array): void {
    if (!this.fitsSlots(bases)) {
      if (this.moves < MOST_MOVES) {
        this.candidates.push(this.withSlotsOf(bases));
        this.fixMoving(bases);
      } else {
        this.dropSlots();
        this.mode = "updates";
      }
      this.run(bases);
      return;
    }
    const { driver, stream } = this.device;
    for (const { address, bytes, isInput, operands } of this.slots) {
      if (isInput) driver.copyOnDevice(address, bases[operands[0]], bytes, stream);
    }
    this.counts.copied++;
    if (!this.replay(this.slotted)) this.record(this.slotted);
    for (const { address, bytes, isOutput, operands } of this.slots) {
      if (isOutput) driver.copyOnDevice(bases[operands[0]], address, bytes, stream);
    }
  }

  /** The addresses the slots were made for, with those that may move as they are now. */
  private withSlotsOf(bases: Float64Array): Float64Array {
    const result = this.slotted.slice();
    for (const { operands } of this.slots) for (const i of operands) result[i] = bases[i];
    return result;
  }

  /** Whether everything without a slot is where it was, and what shared a buffer still does. */
  private fitsSlots(bases: Float64Array): boolean {
    const expected = this.withSlotsOf(bases);
    for (const { operands } of this.slots) {
      for (const i of operands) expected[i] = bases[operands[0]];
    }
    return sameAddresses(expected, bases);
  }

  private dropSlots(): void {
    for (const { address, bytes } of this.slots) this.pool.release(address, bytes);
    this.slots = [];
  }

  private dropRecordings(): void {
    for (const { executable } of this.recordings) this.device.driver.destroyExecutable(executable);
    this.recordings.length = 0;
  }

  dispose(): void {
    this.dropSlots();
    this.dropRecordings();
    this.candidates.length = 0;
  }
}

function sameAddresses(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
