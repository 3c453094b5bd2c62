/**
 * What a thread of a worker dataset runs.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { ConfigError } from "../../base/errors.ts";
import type { Dataset } from "../dataset.ts";
import type { ItemRequest } from "../item-context.ts";
import { itemContext } from "../item-context.ts";
import { packItems } from "../pack-items.ts";

/** What a thread needs to begin. */
export interface WorkerSetup {
  readonly module: string;
  readonly export: string;
  readonly argument: unknown;
}

/** An error as plain data. */
export interface WorkerFailure {
  readonly index?: number;
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

/** What a thread says. */
export type WorkerAnswer =
  | { readonly kind: "ready"; readonly length: number }
  | { readonly kind: "broken"; readonly failure: WorkerFailure }
  | { readonly kind: "items"; readonly id: number; readonly items: readonly unknown[] }
  | { readonly kind: "failed"; readonly id: number; readonly failure: WorkerFailure };

interface Order {
  readonly id: number;
  readonly requests: readonly ItemRequest[];
}

function failureOf(error: unknown, index?: number): WorkerFailure {
  const { name, message, stack = "" } = error instanceof Error ? error : new Error(String(error));
  return { ...(index !== undefined && { index }), name, message, stack };
}

async function loadDataset(setup: WorkerSetup): Promise<Dataset<unknown>> {
  const module: Readonly<Record<string, unknown>> = await import(setup.module);
  const found = module[setup.export];
  const dataset: unknown = await (typeof found === "function" ? found(setup.argument) : found);
  if (typeof dataset === "object" && dataset !== null && "get" in dataset && "length" in dataset) {
    return dataset as Dataset<unknown>;
  }
  throw new ConfigError(
    `the export "${setup.export}" must be a dataset or a function that makes one, ` +
      `got ${typeof dataset} among the exports ${Object.keys(module).join(", ")}`,
  );
}

/** The items in order; the first failure names its item. */
async function readItems(
  dataset: Dataset<unknown>,
  requests: readonly ItemRequest[],
): Promise<{ items: unknown[] } | { failure: WorkerFailure }> {
  const failures: WorkerFailure[] = [];
  const items = await Promise.all(
    requests.map(async (request) => {
      try {
        return await dataset.get(request.index, itemContext(request));
      } catch (error) {
        failures.push(failureOf(error, request.index));
        return undefined;
      }
    }),
  );
  return failures.length > 0 ? { failure: failures[0] } : { items };
}

async function serve(setup: WorkerSetup): Promise<void> {
  const port = parentPort;
  if (port === null) throw new ConfigError("worker-thread: it must run in a worker, got none");
  const say = (answer: WorkerAnswer, transfer: ArrayBuffer[] = []): void =>
    port.postMessage(answer, transfer);
  let dataset: Dataset<unknown>;
  try {
    dataset = await loadDataset(setup);
  } catch (error) {
    say({ kind: "broken", failure: failureOf(error) });
    return;
  }
  port.on("message", ({ id, requests }: Order) => {
    void readItems(dataset, requests).then((result) => {
      if ("failure" in result) return say({ kind: "failed", id, failure: result.failure });
      try {
        const { items, buffer } = packItems(result.items);
        say({ kind: "items", id, items }, [buffer]);
      } catch (error) {
        // Functions and the like cannot go to another thread.
        say({ kind: "failed", id, failure: failureOf(error, requests[0]?.index) });
      }
    });
  });
  say({ kind: "ready", length: dataset.length });
}

await serve(workerData as WorkerSetup);
