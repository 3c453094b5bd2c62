import { setFlagsFromString } from "node:v8";
import { Worker, isMainThread, workerData } from "node:worker_threads";
import { probeModule } from "./module.ts";
import type { ProbeExports } from "./module.ts";

/** Floats copied by the bandwidth probes: as many as the element-wise rows have, which caches hold. */
export const copiedFloats = 4_194_304;
/** Floats copied where no cache helps. */
export const manyFloats = 20_971_520;
/** Rounds of arithmetic per run: about two milliseconds. */
export const roundsPerRun = 1_200_000;
/** Pages for two buffers and what lies below them. */
const pagesFor = (floats: number): number => (3 * 4 * floats) / 65_536;
const firstByte = 65_536;

/** What every thread of the team does at once. */
export type Task = "arithmetic" | "copy" | "stream";
const tasks: readonly Task[] = ["arithmetic", "copy", "stream"];

const word = { task: 0, generation: 1, done: 2 } as const;

interface TeamData {
  readonly memory: WebAssembly.Memory;
  readonly control: Int32Array;
  readonly member: number;
  readonly size: number;
  /** Bytes of what is copied. */
  readonly bytes: number;
  readonly fused: boolean;
}

/** Whether fused multiply-add is there; on Node 20 it first has to be switched on. */
export function hasFusedMultiplyAdd(): boolean {
  const validates = (): boolean => WebAssembly.validate(probeModule(true, 1));
  if (!validates()) setFlagsFromString("--experimental-wasm-relaxed-simd");
  return validates();
}

function open({ memory, fused }: TeamData): ProbeExports {
  const pages = memory.buffer.byteLength / 65_536;
  const module = new WebAssembly.Module(probeModule(fused, pages));
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return exports as unknown as ProbeExports;
}

/** This member's share of a task. */
function work(exports: ProbeExports, task: Task, { member, size, bytes }: TeamData): void {
  if (task === "arithmetic") {
    // Short calls: the engine swaps in optimized code between calls only.
    for (let i = 0; i < 100; i++) exports.arithmetic(roundsPerRun / 100);
    return;
  }
  const share = bytes / size;
  const from = firstByte + member * share;
  exports[task](from + bytes, from, share);
}

/** The calling thread and its workers, which run one task at a time together. */
export class Team {
  readonly #data: TeamData;
  readonly #exports: ProbeExports;

  constructor(size: number, floats: number = copiedFloats) {
    const pages = pagesFor(floats);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const control = new Int32Array(new SharedArrayBuffer(64));
    const shared = { memory, control, size, bytes: 4 * floats, fused: hasFusedMultiplyAdd() };
    this.#data = { ...shared, member: 0 };
    this.#exports = open(this.#data);
    for (let member = 1; member < size; member++) {
      const workerData: TeamData = { ...shared, member };
      new Worker(new URL(import.meta.url), { workerData }).unref();
    }
    new Float32Array(memory.buffer).fill(1);
  }

  /** Runs a task once with all members. */
  run(task: Task): void {
    const { control, size } = this.#data;
    control[word.task] = tasks.indexOf(task);
    Atomics.store(control, word.done, 1);
    Atomics.add(control, word.generation, 1);
    Atomics.notify(control, word.generation);
    work(this.#exports, task, this.#data);
    while (Atomics.load(control, word.done) < size);
  }
}

function serve(data: TeamData): void {
  const exports = open(data);
  const { control } = data;
  let seen = 0;
  for (;;) {
    // A short spin, so that a run does not begin with a sleeping thread.
    for (let i = 0; i < 20_000 && Atomics.load(control, word.generation) === seen; i++);
    Atomics.wait(control, word.generation, seen);
    seen = Atomics.load(control, word.generation);
    work(exports, tasks[control[word.task]], data);
    Atomics.add(control, word.done, 1);
  }
}

if (!isMainThread) serve(workerData as TeamData);
