import { ConfigError } from "../../base/errors.ts";
import { makeVec as makeVecHere } from "../vector/make-vec.ts";
import type { MakeVecOptions } from "../vector/make-vec.ts";
import type { VectorEnv } from "../vector/vector-env.ts";
import { openAsyncVectorEnv } from "./async-vector-env.ts";
import type { AsyncVectorEnvOptions } from "./async-vector-env.ts";

/** Options of {@link makeVec}; all others go to `make`. */
export interface MakeVecNodeOptions
  extends MakeVecOptions, Pick<AsyncVectorEnvOptions, "numWorkers" | "timeout"> {
  /** `async`: in worker threads, which pays for slow environments. @defaultValue "sync" */
  readonly mode?: "sync" | "async";
  /** Modules that register environments of your own, for mode `async`. */
  readonly imports?: readonly (string | URL)[];
}

/**
 * Makes several registered environments that step together, in the calling thread or in others.
 *
 * @throws {ConfigError} if the id is unknown, or an option is, or does not belong to the mode.
 * @example
 * await using envs = await makeVec("HalfCheetah-v5", { numEnvs: 8, mode: "async" });
 */
export async function makeVec(id: string, options: MakeVecNodeOptions = {}): Promise<VectorEnv> {
  const { mode = "sync", numWorkers, timeout, imports, ...rest } = options;
  const threads = { numWorkers, timeout, imports };
  if (mode === "sync") {
    requireAbsent("sync", threads);
    return makeVecHere(id, rest);
  }
  if (mode !== "async") {
    throw new ConfigError(`makeVec: mode must be "sync" or "async", got ${JSON.stringify(mode)}`);
  }
  const { numEnvs = 1, autoresetMode = "NextStep", wrappers, ...forEach } = rest;
  requireAbsent("async", { wrappers });
  const source = { id, options: forEach, ...(imports && { imports }) };
  return openAsyncVectorEnv(source, {
    numEnvs,
    autoresetMode,
    ...(numWorkers !== undefined && { numWorkers }),
    ...(timeout !== undefined && { timeout }),
  });
}

function requireAbsent(mode: string, options: Readonly<Record<string, unknown>>): void {
  const name = Object.keys(options).find((key) => options[key] !== undefined);
  if (name === undefined) return;
  const remedy =
    mode === "sync"
      ? 'set mode: "async"'
      : "functions cannot go to threads: open a module that makes the wrapped environment with " +
        "openAsyncVectorEnv";
  throw new ConfigError(`makeVec: ${name} must be left out in mode "${mode}"; ${remedy}`);
}
