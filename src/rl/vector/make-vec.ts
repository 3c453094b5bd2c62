import { ConfigError } from "../../base/errors.ts";
import type { Env } from "../env.ts";
import { make } from "../registry.ts";
import type { MakeOptions } from "../registry.ts";
import { SyncVectorEnv } from "./sync-vector-env.ts";
import type { VectorEnvOptions } from "./sync-vector-env.ts";
import { requireMode, requireNumEnvs } from "./vector-lifecycle.ts";

/** Options of {@link makeVec}; all others go to {@link make}. */
export interface MakeVecOptions extends VectorEnvOptions, MakeOptions {
  /** @defaultValue 1 */
  readonly numEnvs?: number;
  /** Wrappers around each environment, from the inside out. */
  readonly wrappers?: readonly ((env: Env) => Env)[];
}

/**
 * Makes several registered environments that step together in the calling thread. The function of
 * the same name in `athanor/rl/node` can put them in worker threads.
 *
 * @throws {ConfigError} if the id is unknown, an option is, or `numEnvs` is no positive integer.
 * @example
 * const envs = await makeVec("Pendulum-v1", { numEnvs: 4 });
 * const { observations } = envs.resetSync({ seed: 0 }); // [4 × 3]
 */
export async function makeVec(id: string, options: MakeVecOptions = {}): Promise<SyncVectorEnv> {
  const { numEnvs = 1, autoresetMode = "NextStep", wrappers = [], mode, ...rest } = options;
  requireNumEnvs("makeVec", numEnvs);
  requireMode("makeVec", autoresetMode);
  if (mode !== undefined && mode !== "sync") {
    throw new ConfigError(
      `makeVec: mode must be "sync" here, got ${JSON.stringify(mode)}; ` +
        "import makeVec from athanor/rl/node for worker threads",
    );
  }
  const envs: Env[] = [];
  try {
    for (let i = 0; i < numEnvs; i++) {
      envs.push(wrappers.reduce((env, wrap) => wrap(env), await make(id, rest)));
    }
    return new SyncVectorEnv(envs, { autoresetMode });
  } catch (error) {
    for (const env of envs) env.close();
    throw error;
  }
}
