import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { AthanorError, ConfigError, UsageError } from "../../base/errors.ts";
import { threadFlags } from "../../data/node/thread-flags.ts";
import type { Reset, ResetOptions } from "../env.ts";
import type { EnvSpec } from "../env-spec.ts";
import type { Space } from "../space.ts";
import type { Outcome } from "../vector/autoreset-env.ts";
import { batchSpace } from "../vector/batch-space.ts";
import { requireBatch, rowOf } from "../vector/batch.ts";
import type { Batch } from "../vector/batch.ts";
import { envFailure } from "../vector/env-failure.ts";
import { joinOutcomes, joinResets } from "../vector/join-outcomes.ts";
import { maskOf, seedsOf } from "../vector/seeds.ts";
import type { VectorEnvOptions } from "../vector/sync-vector-env.ts";
import type {
  AutoresetMode,
  VectorEnv,
  VectorRender,
  VectorReset,
  VectorResetOptions,
  VectorStep,
} from "../vector/vector-env.ts";
import { requireMode, requireNumEnvs, VectorLifecycle } from "../vector/vector-lifecycle.ts";
import { makeFrom, portableSource, spacesText } from "./env-source.ts";
import type { EnvSource } from "./env-source.ts";
import type {
  EnvAnswer,
  EnvOrder,
  EnvThreadSetup,
  NumberedAnswer,
  NumberedOrder,
} from "./env-thread.ts";

/** Options of {@link openAsyncVectorEnv}. */
export interface AsyncVectorEnvOptions extends VectorEnvOptions {
  readonly numEnvs: number;
  /** Threads; each has an equal share of the environments. @defaultValue one per core */
  readonly numWorkers?: number;
  /** Seconds within which a call must be answered; null: as long as it takes. @defaultValue null */
  readonly timeout?: number | null;
}

/** Milliseconds that environments have to close before their thread is ended. */
const graceToClose = 2_000;

/** The same file under the name it has after the build, or as a source. */
function threadUrl(): URL {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./env-thread.${ending}`, import.meta.url);
}

interface Waiting {
  readonly id: number;
  readonly resolve: (results: readonly unknown[]) => void;
  readonly reject: (error: Error) => void;
}

/** One thread with some of the environments. It has at most one order at a time. */
class EnvThread {
  readonly first: number;
  readonly count: number;
  readonly #worker: Worker;
  #lastId = 0;
  #waiting: Waiting | null = null;
  #end: Error | null = null;

  constructor(setup: EnvThreadSetup) {
    const { first, count } = setup;
    this.first = first;
    this.count = count;
    const name = `athanor-env-${first}`;
    this.#worker = new Worker(threadUrl(), { workerData: setup, execArgv: threadFlags(), name });
    this.#worker.on("message", (answer: NumberedAnswer) => this.#settle(answer));
    this.#worker.on("error", (cause) => this.#died(cause));
    this.#worker.on("exit", (code) => this.#died(new Error(`its thread exited with code ${code}`)));
  }

  /** What {@link spacesText} says of each environment, once all are made. */
  async ready(): Promise<readonly string[]> {
    return (await this.#answer(0)) as string[];
  }

  ask(order: EnvOrder): Promise<readonly unknown[]> {
    if (this.#end !== null) return Promise.reject(this.#end);
    const id = ++this.#lastId;
    this.#worker.postMessage({ id, order } satisfies NumberedOrder);
    return this.#answer(id);
  }

  /** Lets environments close, and ends the thread. */
  async close(): Promise<void> {
    this.#waiting?.reject(new UsageError("AsyncVectorEnv: it was closed during the call"));
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceToClose);
    });
    const items = new Array<null>(this.count).fill(null);
    // Whatever goes wrong here: the thread is ended all the same.
    const closed = this.ask({ kind: "close", items }).then(
      () => {},
      () => {},
    );
    await Promise.race([closed, patience]);
    clearTimeout(timer);
    await this.#worker.terminate();
  }

  #answer(id: number): Promise<readonly unknown[]> {
    // A thread keeps the process alive only while somebody waits for it.
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting = { id, resolve, reject };
    });
  }

  #settle({ id, answer }: NumberedAnswer): void {
    const waiting = this.#waiting;
    if (waiting?.id !== id) return;
    this.#waiting = null;
    this.#worker.unref();
    if (answer.kind === "failed") waiting.reject(failureOf(answer));
    else waiting.resolve(answer.results);
  }

  #died(cause: Error): void {
    this.#end ??= envFailure("AsyncVectorEnv", "stay alive", this.first, cause);
    this.#waiting?.reject(this.#end);
    this.#waiting = null;
  }
}

function failureOf({ index, doing, failure }: EnvAnswer & { kind: "failed" }): AthanorError {
  const cause = Object.assign(new Error(failure.message), failure);
  const note = doing.startsWith("call ") ? "its episode goes on" : undefined;
  return envFailure("AsyncVectorEnv", doing, index, cause, note);
}

/**
 * Several environments in worker threads; made by {@link openAsyncVectorEnv}. A call takes about
 * 0.1 ms more than a step of the slowest thread's environments: it pays for slow ones.
 *
 * An environment that throws, or a thread that ends, rejects the call with an error that names the
 * environment; all others are closed and every thread is ended.
 */
export class AsyncVectorEnv<Observation = unknown, Action = unknown> implements VectorEnv<
  Observation,
  Action
> {
  readonly numEnvs: number;
  readonly numWorkers: number;
  readonly autoresetMode: AutoresetMode;
  readonly singleObservationSpace: Space<Observation>;
  readonly singleActionSpace: Space<Action>;
  readonly observationSpace: Space<Batch<Observation>>;
  readonly actionSpace: Space<Batch<Action>>;
  readonly spec: EnvSpec | null;
  readonly #threads: readonly EnvThread[];
  readonly #lifecycle: VectorLifecycle;
  readonly #timeout: number | null;
  #observations: Observation[] = [];
  #isBusy = false;

  /** @internal */
  constructor(
    kind: Pick<
      AsyncVectorEnv<Observation, Action>,
      "singleObservationSpace" | "singleActionSpace"
    > &
      Pick<AsyncVectorEnv, "spec" | "autoresetMode" | "numEnvs">,
    threads: readonly EnvThread[],
    timeout: number | null,
  ) {
    this.numEnvs = kind.numEnvs;
    this.numWorkers = threads.length;
    this.autoresetMode = kind.autoresetMode;
    this.singleObservationSpace = kind.singleObservationSpace;
    this.singleActionSpace = kind.singleActionSpace;
    this.observationSpace = batchSpace(this.singleObservationSpace, this.numEnvs);
    this.actionSpace = batchSpace(this.singleActionSpace, this.numEnvs);
    this.spec = kind.spec;
    this.#threads = threads;
    this.#timeout = timeout;
    this.#lifecycle = new VectorLifecycle("AsyncVectorEnv", this.autoresetMode, this.numEnvs);
  }

  async reset(options: VectorResetOptions = {}): Promise<VectorReset<Batch<Observation>>> {
    const mask = maskOf("reset", options.resetMask, this.numEnvs);
    this.#lifecycle.requireResets(mask);
    const seeds = seedsOf("reset", options.seed, this.numEnvs);
    const chosen = options.options;
    const items = seeds.map((seed, index): ResetOptions | null => {
      if (mask[index] === 0) return null;
      return { ...(seed !== null && { seed }), ...(chosen && { options: chosen }) };
    });
    const resets = (await this.#ask({ kind: "reset", items })) as (Reset<Observation> | null)[];
    this.#observations = resets.map((reset, index) => {
      return reset === null ? this.#observations[index] : reset.observation;
    });
    this.#lifecycle.afterReset(mask);
    return joinResets(this.singleObservationSpace, resets, this.#observations);
  }

  async step(actions: Batch<Action> | ArrayLike<number>): Promise<VectorStep<Batch<Observation>>> {
    this.#lifecycle.requireReady();
    const space = this.singleActionSpace;
    requireBatch("step", space, actions, this.numEnvs);
    const items = Array.from({ length: this.numEnvs }, (_, index) => {
      return rowOf(space, actions as Batch<Action>, index);
    });
    const outcomes = (await this.#ask({ kind: "step", items })) as Outcome<Observation>[];
    this.#observations = outcomes.map(({ observation }) => observation);
    const step = joinOutcomes(this.singleObservationSpace, outcomes);
    this.#lifecycle.afterStep(step.terminated, step.truncated);
    return step;
  }

  async render(): Promise<VectorRender> {
    this.#lifecycle.requireOpen();
    const items = new Array<null>(this.numEnvs).fill(null);
    return (await this.#ask({ kind: "render", items })) as VectorRender;
  }

  /** Arguments and results are copied from thread to thread. */
  async call(method: string, ...args: readonly unknown[]): Promise<unknown[]> {
    this.#lifecycle.requireOpen();
    const items = Array.from({ length: this.numEnvs }, () => ({ method, args }));
    return this.#ask({ kind: "call", items });
  }

  async close(): Promise<void> {
    if (this.#lifecycle.isClosed) return;
    this.#lifecycle.closed();
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  /** As `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Results of all environments, in their order. */
  async #ask(order: EnvOrder): Promise<unknown[]> {
    if (this.#isBusy) {
      throw new UsageError(
        `AsyncVectorEnv: ${order.kind} must wait for the call before it; await each call`,
      );
    }
    this.#isBusy = true;
    try {
      const answers = this.#threads.map((thread) => {
        const items = order.items.slice(thread.first, thread.first + thread.count);
        return thread.ask({ ...order, items } as EnvOrder);
      });
      // A call that fails ends nothing, so that the answers of the others must be waited for.
      if (order.kind === "call") await Promise.allSettled(answers);
      return (await withinTime(Promise.all(answers), order.kind, this.#timeout)).flat(1);
    } catch (error) {
      if (order.kind !== "call") await this.close();
      throw error;
    } finally {
      this.#isBusy = false;
    }
  }
}

/** @throws {AthanorError} if the promise does not settle within so many seconds. */
async function withinTime<T>(answer: Promise<T>, doing: string, limit: number | null): Promise<T> {
  if (limit === null) return answer;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `AsyncVectorEnv: ${doing} must take at most ${limit} s; all were closed`;
    timer = setTimeout(() => reject(new AthanorError("ENVIRONMENT", message)), 1000 * limit);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

function requireOptions(options: AsyncVectorEnvOptions): Required<AsyncVectorEnvOptions> {
  const { numEnvs, autoresetMode = "NextStep", timeout = null } = options;
  requireNumEnvs("openAsyncVectorEnv", numEnvs);
  const { numWorkers = Math.min(numEnvs, availableParallelism()) } = options;
  requireMode("openAsyncVectorEnv", autoresetMode);
  if (!Number.isInteger(numWorkers) || numWorkers < 1) {
    throw new ConfigError(
      `openAsyncVectorEnv: numWorkers must be a positive integer, got ${numWorkers}`,
    );
  }
  if (timeout !== null && !(timeout > 0)) {
    throw new ConfigError(
      `openAsyncVectorEnv: timeout must be positive seconds or null, got ${timeout}`,
    );
  }
  return { numEnvs, autoresetMode, timeout, numWorkers: Math.min(numWorkers, numEnvs) };
}

/** Numbers of environments as even shares, one after the other. */
function shares(numEnvs: number, numWorkers: number): { first: number; count: number }[] {
  const start = (worker: number): number => Math.floor((worker * numEnvs) / numWorkers);
  return Array.from({ length: numWorkers }, (_, worker) => {
    return { first: start(worker), count: start(worker + 1) - start(worker) };
  });
}

function requireSameSpaces(expected: string, all: readonly string[]): void {
  const index = all.findIndex((text) => text !== expected);
  if (index < 0) return;
  throw new ConfigError(
    `openAsyncVectorEnv: all environments must have the same spaces, got ${expected} and, in ` +
      `environment ${index}, ${all[index]}`,
  );
}

/**
 * Starts threads with environments in them. One more is made in the calling thread, for its spaces,
 * and closed.
 *
 * @throws {AthanorError} that names the environment if one cannot be made.
 * @example
 * // reach.js: export const makeEnv = ({ goal }, index) => new Reach(goal);
 * await using envs = await openAsyncVectorEnv(
 *   { module: new URL("./reach.js", import.meta.url), argument: { goal: 3 } },
 *   { numEnvs: 8 },
 * );
 * const { observations } = await envs.reset({ seed: 0 });
 */
export async function openAsyncVectorEnv<Observation = unknown, Action = unknown>(
  source: EnvSource,
  options: AsyncVectorEnvOptions,
): Promise<AsyncVectorEnv<Observation, Action>> {
  const { numEnvs, numWorkers, autoresetMode, timeout } = requireOptions(options);
  const portable = portableSource(source);
  const example = await makeFrom(portable, 0);
  const { observationSpace, actionSpace, spec } = example;
  const expected = spacesText(example);
  example.close();
  const threads = shares(numEnvs, numWorkers).map((share) => {
    return new EnvThread({ source: portable, autoresetMode, ...share });
  });
  try {
    const spaces = await Promise.all(threads.map((thread) => thread.ready()));
    requireSameSpaces(expected, spaces.flat());
  } catch (error) {
    await Promise.all(threads.map((thread) => thread.close()));
    throw error;
  }
  const kind = {
    numEnvs,
    autoresetMode,
    spec,
    singleObservationSpace: observationSpace as Space<Observation>,
    singleActionSpace: actionSpace as Space<Action>,
  };
  return new AsyncVectorEnv(kind, threads, timeout);
}
