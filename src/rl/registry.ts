import { ConfigError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import type { EnvSpec } from "./env-spec.ts";
import type { Env } from "./env.ts";
import type { RenderMode } from "./frame.ts";
import { builtInEnvs } from "./built-in-envs.ts";
import { requireKnownNames } from "./option-names.ts";
import { OrderEnforcing } from "./wrappers/order-enforcing.ts";
import { PassiveEnvChecker } from "./wrappers/passive-env-checker.ts";
import { TimeLimit } from "./wrappers/time-limit.ts";

/** Options of an environment, by name. */
export type EnvOptions = Readonly<Record<string, unknown>>;

/** A task that {@link make} makes by its id. */
export interface EnvRegistration {
  /** A name and a version, such as `Pendulum-v1`. */
  readonly id: string;
  /** Makes the environment, without wrappers; `renderMode` is among the options if it was asked. */
  readonly create: (options: EnvOptions) => Env | Promise<Env>;
  /** Steps after which an episode is truncated; no limit without it. */
  readonly maxEpisodeSteps?: number | null;
  /** Mean return from which on the task counts as solved. */
  readonly rewardThreshold?: number | null;
  /** Options that `create` gets unless the caller of {@link make} gives others. */
  readonly kwargs?: EnvOptions;
  /** A package that must be installed, such as `@mujoco/mujoco`. */
  readonly needs?: string;
}

/** Options of {@link make}; all others go to the environment. */
export interface MakeOptions {
  readonly renderMode?: RenderMode | null;
  /** Instead of the registered limit; null for none. */
  readonly maxEpisodeSteps?: number | null;
  /** Leaves out the checks of every step's action, reward and observation. */
  readonly disableEnvChecker?: boolean;
  readonly [option: string]: unknown;
}

/** What the caller registered; the built-in ones are in a table of their own. */
const registered = new Map<string, EnvRegistration>();

function registrationOf(id: string): EnvRegistration | undefined {
  return registered.get(id) ?? builtInEnvs.find((env) => env.id === id);
}

/** The ids of all environments, in alphabetical order. */
export function envIds(): string[] {
  const ids = new Set([...builtInEnvs.map(({ id }) => id), ...registered.keys()]);
  return [...ids].toSorted();
}

/** All registrations, by id. */
export function registrations(): EnvRegistration[] {
  return envIds().map((id) => registrationOf(id) as EnvRegistration);
}

/**
 * Registers a task under an id; registering an id again replaces it.
 *
 * ```ts
 * register({ id: "Reach-v0", create: (options) => new Reach(options), maxEpisodeSteps: 100 });
 * ```
 *
 * @throws {ConfigError} if the id is no name with a version, or the limit no positive integer.
 */
export function register(env: EnvRegistration): void {
  requireKnownNames("register", env, registrationKeys);
  if (!/^([\w.-]+\/)?[\w.-]+-v\d+$/.test(env.id)) {
    throw new ConfigError(
      `register: id must be a name and a version such as Reach-v0, got ${JSON.stringify(env.id)}`,
    );
  }
  if (typeof env.create !== "function") {
    throw new ConfigError(`register: create must be a function, got ${typeof env.create}`);
  }
  requireLimit(env.maxEpisodeSteps);
  registered.set(env.id, env);
}

const registrationKeys = ["id", "create", "maxEpisodeSteps", "rewardThreshold", "kwargs", "needs"];

/**
 * Makes a registered environment: the task inside `PassiveEnvChecker`, `OrderEnforcing` and, if it
 * has a limit, `TimeLimit`.
 *
 * ```ts
 * const env = await make<Float32Array, Float32Array>("Pendulum-v1");
 * let { observation } = env.reset({ seed: 42 });
 * ```
 *
 * @typeParam Observation - what it shows; the caller says so, since an id does not.
 * @typeParam Action - what it takes.
 * @throws {ConfigError} if the id is unknown (the error names the nearest), or an option is.
 */
export async function make<Observation = unknown, Action = unknown>(
  id: string,
  options: MakeOptions = {},
): Promise<Env<Observation, Action>> {
  const registration = registrationOf(id);
  if (registration === undefined) throw unknownId(id);
  const { maxEpisodeSteps, disableEnvChecker = false, ...rest } = options;
  requireLimit(maxEpisodeSteps);
  const given = Object.fromEntries(
    Object.entries({ ...registration.kwargs, ...rest }).filter(([, value]) => value !== undefined),
  );
  const limit =
    maxEpisodeSteps === undefined ? (registration.maxEpisodeSteps ?? null) : maxEpisodeSteps;
  const inner = await registration.create(given);
  requireRenderMode(id, inner, given["renderMode"]);
  inner.spec = specOf(registration, limit, given);
  return wrapped(inner, limit, disableEnvChecker) as Env<Observation, Action>;
}

function wrapped(inner: Env, limit: number | null, disableEnvChecker: boolean): Env {
  const ordered = new OrderEnforcing(disableEnvChecker ? inner : new PassiveEnvChecker(inner));
  return limit === null ? ordered : new TimeLimit(ordered, limit);
}

function specOf(
  { id, rewardThreshold = null }: EnvRegistration,
  maxEpisodeSteps: number | null,
  options: EnvOptions,
): EnvSpec {
  return { id, maxEpisodeSteps, rewardThreshold, options };
}

function requireLimit(limit: number | null | undefined): void {
  if (limit === undefined || limit === null) return;
  if (Number.isSafeInteger(limit) && limit > 0) return;
  throw new ConfigError(
    `maxEpisodeSteps: must be a positive integer, or null for no limit, got ${limit}`,
  );
}

function requireRenderMode(id: string, env: Env, mode: unknown): void {
  if (mode === undefined || mode === null) return;
  if (env.renderModes.includes(mode as RenderMode)) {
    env.renderMode = mode as RenderMode;
    return;
  }
  env.close();
  throw new ConfigError(
    `make: ${id} has the render modes ${env.renderModes.join(", ") || "(none)"}, got ` +
      JSON.stringify(mode),
  );
}

/** The nearest ids: other versions of the name first. */
function unknownId(id: string): ConfigError {
  const ids = envIds();
  const name = id.replace(/-v\d+$/, "").toLowerCase();
  const versions = ids.filter((other) => other.replace(/-v\d+$/, "").toLowerCase() === name);
  const nearest = nearestName(id, ids);
  const meant = versions.length > 0 ? versions : nearest === undefined ? [] : [nearest];
  const remedy =
    meant.length > 0 ? `did you mean ${meant.join(" or ")}?` : `there are ${ids.join(", ")}`;
  return new ConfigError(`make: ${JSON.stringify(id)} is no registered environment; ${remedy}`, {
    details: { id, nearest: meant },
  });
}
