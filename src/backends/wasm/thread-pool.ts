import { DeviceError } from "../../base/errors.ts";
import { controlBlock, spinRounds } from "../../compiler/wasm/control-block.ts";
import type { Platform, WorkerHandle } from "./platform.ts";
import { commands, workerSource } from "./worker-source.ts";
import type { WorkerStart } from "./worker-source.ts";

/** `run(tid, threads, args, from, to)` of a program instance. */
export type RunSteps = (
  thread: number,
  threads: number,
  args: number,
  from: number,
  to: number,
) => void;

/** What the workers of a pool share. */
export type PoolOptions = Omit<WorkerStart, "id"> & { readonly platform: Platform };

const START_TIMEOUT_MS = 30_000;
/** A worker that is silent for so long after the caller finished its own share is lost. */
const JOIN_TIMEOUT_MS = 300_000;
const NAP_MS = 1000;

const word = (address: number): number => address >> 2;
const SEQUENCE = word(controlBlock.sequence);
const SLEEPERS = word(controlBlock.sleepers);
const DONE = word(controlBlock.done);
const CALLER_SLEEPS = word(controlBlock.callerSleeps);
const FAILURE = word(controlBlock.failure);
const READY = word(controlBlock.ready);
const COMMAND = word(controlBlock.command);
const SLOT = word(controlBlock.slot);
const ADDRESS = word(controlBlock.address);
const FROM = word(controlBlock.from);
const TO = word(controlBlock.to);

/** FAILURE while the caller itself failed: barriers trap, so that the workers come back. */
const CALLER_FAILED = 1;

/**
 * The persistent workers behind one shared memory. They start on the first use, spin for a while
 * between commands, then sleep. Commands are synchronous: all workers have finished on return.
 */
export class ThreadPool {
  private readonly options: PoolOptions;
  private readonly words: Int32Array;
  private readonly peers: number;
  private workers: WorkerHandle[] = [];
  private broken: string | null = null;
  /** Rounds `join` spins before it sleeps; adapts as barriers do. */
  private rounds: number = spinRounds.script.start;
  private naps: number = 0;

  constructor(options: PoolOptions) {
    this.options = options;
    this.peers = options.threads - 1;
    // The first bytes stay where they are when a shared memory grows, so one view serves for ever.
    this.words = new Int32Array(options.memory.buffer, 0, 256);
    this.words[word(controlBlock.spinRounds)] = spinRounds.barrier.start;
    this.words[word(controlBlock.spinOnly)] = options.platform.mayBlock ? 0 : 1;
  }

  /** Starts the workers without waiting for them. */
  start(): void {
    if (this.workers.length > 0 || this.peers === 0) return;
    const { platform, ...shared } = this.options;
    for (let id = 1; id <= this.peers; id++) {
      this.workers.push(platform.spawn(workerSource, `athanor-${id}`, { ...shared, id }));
    }
  }

  /**
   * Whether all workers can take commands. Where the caller may sleep it waits for them; in a
   * browser's main thread, which workers need to start, the answer is no until they are there.
   * @throws {DeviceError} if a worker did not start.
   */
  isReady(): boolean {
    if (this.peers === 0) return false;
    if (this.broken !== null) throw this.lost(this.broken);
    this.start();
    if (Atomics.load(this.words, READY) === this.peers) return true;
    this.throwIfDead();
    if (this.options.platform.name === "browser") return false;
    const deadline = performance.now() + START_TIMEOUT_MS;
    for (let count = Atomics.load(this.words, READY); count < this.peers;) {
      Atomics.wait(this.words, READY, count, NAP_MS);
      if (performance.now() > deadline) throw this.fail("a worker did not start within 30 s");
      count = Atomics.load(this.words, READY);
    }
    return true;
  }

  /** Resolves when all workers can take commands. */
  async ready(): Promise<void> {
    this.start();
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (Atomics.load(this.words, READY) < this.peers) {
      this.throwIfDead();
      if (performance.now() > deadline) throw this.fail("a worker did not start within 30 s");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Lets every worker instantiate the module that lies in memory. */
  load(slot: number, address: number, bytes: number, tableSize: number): void {
    this.send(commands.load, slot, address, tableSize, bytes);
    this.join(false);
  }

  /** Lets every worker compile the kernel library that lies in memory. */
  loadLibrary(address: number, bytes: number): void {
    this.send(commands.library, 0, address, 0, bytes);
    this.join(false);
  }

  /** Lets every worker forget a module. */
  unload(slot: number): void {
    if (this.workers.length === 0 || this.broken !== null) return;
    this.send(commands.unload, slot, 0, 0, 0);
    this.join(false);
  }

  /** Runs steps of a loaded program on all threads; `run` is the caller's own instance of it. */
  run(slot: number, run: RunSteps, args: number, from: number, to: number): void {
    this.send(commands.run, slot, args, from, to);
    try {
      run(0, this.options.threads, args, from, to);
    } catch (error) {
      this.joinAfterFailure(error);
    }
    this.join(true);
  }

  /** Ends the workers. Nothing may be sent afterwards. */
  dispose(): void {
    const { workers } = this;
    this.workers = [];
    if (workers.length === 0) return;
    if (this.broken === null && Atomics.load(this.words, READY) === this.peers) {
      this.send(commands.exit, 0, 0, 0, 0);
      this.join(false);
    } else {
      for (const worker of workers) worker.terminate();
    }
    this.broken = "the backend is disposed";
  }

  private send(command: number, slot: number, address: number, from: number, to: number): void {
    const { words } = this;
    words[COMMAND] = command;
    words[SLOT] = slot;
    words[ADDRESS] = address;
    words[FROM] = from;
    words[TO] = to;
    Atomics.store(words, DONE, 0);
    Atomics.add(words, SEQUENCE, 1);
    if (Atomics.load(words, SLEEPERS) !== 0) Atomics.notify(words, SEQUENCE);
  }

  private join(mayFail: boolean): void {
    const { words, peers } = this;
    let left = this.rounds;
    while (left > 0 && Atomics.load(words, DONE) !== peers) left--;
    if (left > 0) {
      this.rounds = Math.min(this.rounds + (this.rounds >> 6), spinRounds.script.most);
    } else {
      const { least, most } = spinRounds.script;
      this.rounds = (++this.naps & 63) === 0 ? most : Math.max(this.rounds >> 3, least);
      this.sleepUntilDone();
    }
    if (Atomics.load(words, FAILURE) !== 0) this.throwFailure(mayFail);
  }

  private sleepUntilDone(): void {
    const { words, peers } = this;
    const deadline = performance.now() + JOIN_TIMEOUT_MS;
    const { mayBlock } = this.options.platform;
    Atomics.store(words, CALLER_SLEEPS, 1);
    for (let done = Atomics.load(words, DONE); done !== peers; done = Atomics.load(words, DONE)) {
      if (mayBlock) Atomics.wait(words, DONE, done, NAP_MS);
      if (performance.now() > deadline) throw this.fail("a worker did not finish its work");
    }
    Atomics.store(words, CALLER_SLEEPS, 0);
  }

  /** The caller's share threw: poison the barriers, wait for the workers, throw what fits best. */
  private joinAfterFailure(error: unknown): never {
    const { words } = this;
    const first = Atomics.compareExchange(words, FAILURE, 0, CALLER_FAILED);
    Atomics.notify(words, word(controlBlock.barrierGeneration));
    if (Atomics.load(words, DONE) !== this.peers) this.sleepUntilDone();
    if (first !== 0) this.throwFailure(true);
    this.reset();
    throw error;
  }

  private throwFailure(isRun: boolean): never {
    const { words } = this;
    const thread = words[FAILURE] - 1;
    const length = words[word(controlBlock.messageLength)];
    const text = new Uint8Array(words.buffer, controlBlock.message, length);
    const message = new TextDecoder().decode(text.slice());
    this.reset();
    const what = isRun ? "run" : "load";
    throw new DeviceError(`wasm: thread ${thread} must ${what} its program, got ${message}`, {
      details: { thread, message },
    });
  }

  private reset(): void {
    const { words } = this;
    words[word(controlBlock.barrierCount)] = 0;
    words[word(controlBlock.barrierSleepers)] = 0;
    words[word(controlBlock.messageLength)] = 0;
    Atomics.store(words, FAILURE, 0);
  }

  private throwIfDead(): void {
    for (const worker of this.workers) {
      const reason = worker.failure();
      if (reason !== null) throw this.fail(reason);
    }
  }

  private fail(reason: string): DeviceError {
    this.broken = reason;
    for (const worker of this.workers) worker.terminate();
    return this.lost(reason);
  }

  private lost(reason: string): DeviceError {
    return new DeviceError(
      `wasm: all worker threads must be alive, got "${reason}"; make a new backend`,
    );
  }
}
