import { pathToFileURL } from "node:url";
import { ConfigError } from "../../base/errors.ts";
import type { Env } from "../env.ts";
import { make } from "../registry.ts";
import type { EnvOptions } from "../registry.ts";

/** An environment of the registry. */
export interface RegisteredSource {
  /** Such as `Pendulum-v1`. */
  readonly id: string;
  /** Options of {@link make}; they are copied to the threads. */
  readonly options?: EnvOptions;
  /** URLs or paths of modules that register environments of your own; threads import them first. */
  readonly imports?: readonly (string | URL)[];
}

/** An environment that a module makes. */
export interface ModuleSource {
  /** URL or path of a module that Node can import. */
  readonly module: string | URL;
  /**
   * Name of the export: a function of the argument and the environment's number.
   *
   * @defaultValue "makeEnv"
   */
  readonly export?: string;
  /** What the function gets; it is copied to the threads. */
  readonly argument?: unknown;
}

/** How each thread makes its environments. Functions cannot go to threads; modules can. */
export type EnvSource = RegisteredSource | ModuleSource;

function urlOf(module: string | URL): string {
  const isUrl = module instanceof URL || /^(file|data|node):/.test(module);
  return isUrl ? String(module) : pathToFileURL(module).href;
}

/** The same source as plain data, with whole URLs. @throws {ConfigError} if it is none. */
export function portableSource(source: EnvSource): EnvSource {
  if ("id" in source) return { ...source, imports: (source.imports ?? []).map(urlOf) };
  if ("module" in source) return { ...source, module: urlOf(source.module) };
  throw new ConfigError(
    'openAsyncVectorEnv: the source must be like { id: "Pendulum-v1" } or ' +
      `{ module: "./reach.js" }, got ${JSON.stringify(source)}`,
  );
}

/**
 * Makes environment `index` of a portable source.
 *
 * @throws {ConfigError} if the module does not make an environment.
 */
export async function makeFrom(source: EnvSource, index: number): Promise<Env> {
  if ("id" in source) {
    for (const module of source.imports ?? []) await import(String(module));
    return make(source.id, source.options);
  }
  const module: Readonly<Record<string, unknown>> = await import(String(source.module));
  const name = source.export ?? "makeEnv";
  const maker = module[name];
  const env: unknown = typeof maker === "function" && (await maker(source.argument, index));
  // Not instanceof: a module may come with another copy of the library.
  if (typeof env === "object" && env !== null && "step" in env && "observationSpace" in env) {
    return env as Env;
  }
  throw new ConfigError(
    `openAsyncVectorEnv: the export "${name}" must be a function that makes an environment, got ` +
      `${typeof maker} among the exports ${Object.keys(module).join(", ") || "(none)"}`,
  );
}

/** What is compared to see that all environments are of one kind. */
export function spacesText(env: Env): string {
  return `${env.observationSpace.toString()} and ${env.actionSpace.toString()}`;
}
