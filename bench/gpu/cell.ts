/** A process that measures Athanor on a device: `node cell.js [device]`, driven by lines of JSON. */
import { createInterface } from "node:readline";
import type { RunningDevice, Tensor } from "athanor";
import { init, jit, memoryStats, ones, realizeSync } from "athanor";
import type { Workload } from "../workload.ts";
import type { Reply, Request } from "./protocol.ts";
import { workloads } from "./workloads.ts";

/** A workload that runs, with the number of runs that make a sample. */
interface Running {
  readonly workload: Workload;
  inner: number;
}

/** Lets the host wait for all that was launched: a tiny result is read. */
function makeBarrier(): () => void {
  const one = ones([1]);
  realizeSync(one);
  const next = jit((x: Tensor) => x.add(1));
  return () => {
    using result = next(one);
    result.itemSync();
  };
}

async function runs(workload: Workload, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const pending = workload.run();
    if (pending !== undefined) await pending;
  }
}

class Cell {
  readonly #device: RunningDevice;
  readonly #barrier: () => void;
  readonly #running = new Map<string, Running>();

  constructor(device: RunningDevice) {
    this.#device = device;
    this.#barrier = makeBarrier();
  }

  async answer(request: Request): Promise<Reply> {
    switch (request.kind) {
      case "hello": {
        const { name, features } = this.#device;
        return {
          kind: "hello",
          device: name,
          versions: `Athanor (${features.join(", ")}), Node ${process.versions.node}`,
        };
      }
      case "start":
        return this.#start(request.name);
      case "measure":
        return this.#measure(request.name, request.milliseconds, request.sampleMilliseconds);
      case "enqueue":
        return this.#enqueue(request.name, request.calls, request.samples);
      case "stop":
        this.#running.delete(request.name);
        return { kind: "stopped", reservedBytes: memoryStats().reservedBytes };
      default:
        throw new Error(`cell: no request ${JSON.stringify(request)}`);
    }
  }

  async #start(name: string): Promise<Reply> {
    if (!Object.hasOwn(workloads, name)) throw new Error(`no workload "${name}"`);
    const begin = performance.now();
    const workload = await workloads[name]();
    const check = await workload.check();
    this.#barrier();
    const startMilliseconds = performance.now() - begin;
    this.#running.set(name, { workload, inner: 0 });
    return { kind: "ready", check, startMilliseconds };
  }

  #find(name: string): Running {
    const running = this.#running.get(name);
    if (running === undefined) throw new Error(`"${name}": start comes first`);
    return running;
  }

  /** Milliseconds of so many runs together. */
  async #sample(workload: Workload, inner: number): Promise<number> {
    const start = performance.now();
    await runs(workload, inner);
    this.#barrier();
    return performance.now() - start;
  }

  async #measure(name: string, milliseconds: number, least: number): Promise<Reply> {
    const running = this.#find(name);
    const { workload } = running;
    if (running.inner === 0) {
      running.inner = 1;
      await this.#sample(workload, 3); // captures what is captured
      while ((await this.#sample(workload, running.inner)) < least) running.inner *= 2;
    }
    const samples: number[] = [];
    const end = performance.now() + milliseconds;
    do samples.push((await this.#sample(workload, running.inner)) / running.inner);
    while (performance.now() < end);
    const { peakBytes, reservedBytes } = memoryStats();
    return { kind: "samples", milliseconds: samples, peakBytes, reservedBytes };
  }

  async #enqueue(name: string, calls: number, samples: number): Promise<Reply> {
    const { workload } = this.#find(name);
    const microseconds: number[] = [];
    for (let sample = 0; sample < samples; sample++) {
      this.#barrier();
      const start = performance.now();
      await runs(workload, calls);
      microseconds.push(((performance.now() - start) * 1000) / calls);
    }
    this.#barrier();
    return { kind: "enqueued", microseconds };
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

const device = process.argv[2] ?? "cuda";
const cell = new Cell(await init({ device }));
for await (const line of createInterface({ input: process.stdin })) {
  const reply = await cell
    .answer(JSON.parse(line) as Request)
    .catch((error: unknown): Reply => ({ kind: "failed", message: textOf(error) }));
  process.stdout.write(`@${JSON.stringify(reply)}\n`);
}
