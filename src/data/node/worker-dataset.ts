import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { AthanorError, ConfigError, UsageError } from "../../base/errors.ts";
import type { Dataset } from "../dataset.ts";
import { requireIndex } from "../dataset.ts";
import type { ItemContext, ItemRequest } from "../item-context.ts";
import { threadFlags } from "./thread-flags.ts";
import type { WorkerAnswer, WorkerFailure, WorkerSetup } from "./worker-thread.ts";

/** How the threads of a worker dataset begin. */
export interface WorkerDatasetOptions {
  /** Name of the module's export: a dataset, or a function that makes one. @defaultValue "dataset" */
  readonly export?: string;
  /** What the function gets; it is copied to the threads. */
  readonly argument?: unknown;
  /** Number of threads. @defaultValue one per core but one */
  readonly numWorkers?: number;
}

interface Waiting {
  readonly resolve: (items: unknown[]) => void;
  readonly reject: (error: Error) => void;
}

/** The same file under the name it has after the build, or as a source. */
function threadUrl(): URL {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./worker-thread.${ending}`, import.meta.url);
}

/** One thread and the requests it has not answered yet. */
class DatasetThread {
  readonly ready: Promise<number>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #end: Error | undefined;

  constructor(setup: WorkerSetup, number: number) {
    const name = `athanor-data-${number}`;
    this.#worker = new Worker(threadUrl(), { workerData: setup, execArgv: threadFlags(), name });
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on("message", (answer: WorkerAnswer) => {
        if (answer.kind === "ready") resolve(answer.length);
        else if (answer.kind === "broken") reject(errorOf(answer.failure, setup.module));
        else this.#settle(answer);
      });
      const end = (error: Error): void => {
        reject(error);
        this.#fail(error);
      };
      this.#worker.on("error", (cause) => end(crashed(cause)));
      this.#worker.on("exit", (code) => end(crashed(`exit with code ${code}`)));
    });
    this.ready.catch(() => {});
  }

  get load(): number {
    return this.#waiting.size;
  }

  request(requests: readonly ItemRequest[]): Promise<unknown[]> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    // A thread keeps the process alive only while somebody waits for it.
    this.#worker.ref();
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, requests });
    });
  }

  unref(): void {
    this.#worker.unref();
  }

  async close(): Promise<void> {
    this.#fail(new UsageError("worker dataset: it was closed; open another one"));
    await this.#worker.terminate();
  }

  #settle(answer: Exclude<WorkerAnswer, { kind: "ready" | "broken" }>): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (answer.kind === "items") waiting?.resolve([...answer.items]);
    else waiting?.reject(errorOf(answer.failure));
  }

  #fail(error: Error): void {
    this.#end ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#end);
    this.#waiting.clear();
  }
}

function crashed(cause: unknown): AthanorError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AthanorError("WORKER", `worker dataset: a thread must not end, got ${reason}`, {
    cause,
  });
}

function errorOf({ index, name, message, stack }: WorkerFailure, module?: string): AthanorError {
  const cause = new Error(message);
  cause.name = name;
  cause.stack = stack;
  const what =
    index === undefined ? `${module} must give a dataset` : `item ${index} must be readable`;
  return new AthanorError("WORKER", `worker dataset: ${what}, got ${name}: ${message}`, {
    cause,
    details: { index },
  });
}

/**
 * A dataset whose items are made in worker threads. A loader sends each batch to one thread and
 * keeps the order, and random numbers depend on seed, epoch and index, so results are the same for
 * any number of threads. Arrays move between threads without a copy.
 */
export class WorkerDataset<Item> implements Dataset<Promise<Item>>, AsyncDisposable {
  readonly length: number;
  readonly numWorkers: number;
  readonly #threads: readonly DatasetThread[];

  /** @internal */
  constructor(length: number, threads: readonly DatasetThread[]) {
    this.length = length;
    this.numWorkers = threads.length;
    this.#threads = threads;
  }

  /** Batches a loader asks for ahead of time. */
  get prefetch(): number {
    return 2 * this.numWorkers;
  }

  /** Item `index`. @throws {AthanorError} with the item's number if the dataset throws. */
  async get(index: number, context?: ItemContext): Promise<Awaited<Item>> {
    requireIndex("WorkerDataset", index, this.length);
    const { epoch = 0, seed = 0, occurrence = 0 } = context ?? {};
    const origin = context?.origin ?? context?.index ?? index;
    const [item] = await this.getBatch([{ index, epoch, seed, occurrence, origin }]);
    return item;
  }

  /** Items made by the thread with the fewest requests. */
  async getBatch(requests: readonly ItemRequest[]): Promise<Awaited<Item>[]> {
    const idlest = this.#threads.reduce((best, next) => (next.load < best.load ? next : best));
    return (await idlest.request(requests)) as Awaited<Item>[];
  }

  /** Ends the threads; requests that are under way fail. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  /** Ends the threads. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Starts threads that make the items of a dataset. Functions cannot be sent to threads, so each
 * imports a module and takes the dataset from it.
 *
 * @param module - URL or path of a module that Node can import.
 * @throws {AthanorError} if the module does not give a dataset.
 * @example
 * // photos.js: export const dataset = new ImageFolder("photos", { transform });
 * await using photos = await openWorkerDataset<LabelledImage>(
 *   new URL("./photos.js", import.meta.url),
 * );
 * const loader = new DataLoader(photos, { batchSize: 64, shuffle: true });
 */
export async function openWorkerDataset<Item>(
  module: string | URL,
  options: WorkerDatasetOptions = {},
): Promise<WorkerDataset<Item>> {
  const { numWorkers = Math.max(1, availableParallelism() - 1), argument } = options;
  if (!Number.isInteger(numWorkers) || numWorkers < 1) {
    throw new ConfigError(
      `openWorkerDataset: numWorkers must be a positive integer, got ${numWorkers}`,
    );
  }
  const isUrl = module instanceof URL || /^(file|data|node):/.test(module);
  const setup: WorkerSetup = {
    module: isUrl ? String(module) : pathToFileURL(module).href,
    export: options.export ?? "dataset",
    argument,
  };
  const threads = Array.from({ length: numWorkers }, (_, i) => new DatasetThread(setup, i));
  try {
    const lengths = await Promise.all(threads.map(({ ready }) => ready));
    for (const thread of threads) thread.unref();
    return new WorkerDataset(lengths[0], threads);
  } catch (error) {
    await Promise.all(threads.map((thread) => thread.close()));
    throw error;
  }
}
