import { VectorNormalizeObservation } from "../../rl/vector/vector-normalize-observation.ts";
import { VectorNormalizeReward } from "../../rl/vector/vector-normalize-reward.ts";
import { NormalizeObservation } from "../../rl/wrappers/normalize-observation.ts";
import { NormalizeReward } from "../../rl/wrappers/normalize-reward.ts";
import type { Env } from "../../rl/env.ts";

/** A wrapper that keeps something beside the episode, such as running statistics. */
export interface StatefulWrapper {
  state(): unknown;
  loadState(state: unknown): void;
  /** What was learned changes no more. */
  freeze?(): void;
  /** Running statistics, which may be kept from moving for a while. */
  readonly statistics?: { readonly isFrozen: boolean; freeze(): void; unfreeze(): void };
}

/** What a state fits: a wrapper around one environment has that of its twin around a vector. */
const twins: readonly (readonly [string, ...(abstract new (...args: never[]) => unknown)[]])[] = [
  ["NormalizeObservation", NormalizeObservation, VectorNormalizeObservation],
  ["NormalizeReward", NormalizeReward, VectorNormalizeReward],
];

/** What lies inside a wrapper, or is the first of a vector. */
interface Shell {
  readonly env?: unknown;
  readonly envs?: readonly Env[];
}

/**
 * The wrappers that have a state, from the outside in, of an environment or of a vector of them: of
 * a vector, those around it and those around its first environment.
 */
export function statefulWrappers(env: object): StatefulWrapper[] {
  const found: StatefulWrapper[] = [];
  for (let at: unknown = env; at !== undefined; at = insideOf(at as Shell)) {
    const { state, loadState } = at as Partial<StatefulWrapper>;
    const isStateful = typeof state === "function" && typeof loadState === "function";
    if (isStateful) found.push(at as StatefulWrapper);
  }
  return found;
}

/** Those around a vector, and around each of its environments that live in this thread. */
export function statefulWrappersOfAll(vector: object): StatefulWrapper[] {
  let core = vector as Shell;
  while (core.env !== undefined) core = core.env as Shell;
  return [...statefulWrappers(vector), ...(core.envs ?? []).slice(1).flatMap(statefulWrappers)];
}

/** The name under which the state of a wrapper is saved. */
export function wrapperKind(wrapper: object): string {
  const found = twins.find(([, ...classes]) => classes.some((one) => wrapper instanceof one));
  return found?.[0] ?? wrapper.constructor.name;
}

/**
 * Gives wrappers, for evaluation, what those of the same kind around another environment, or around
 * a vector of them, have learned.
 */
export function copyWrapperStates(from: object, to: Env): void {
  const sources = statefulWrappers(from);
  for (const target of statefulWrappers(to)) {
    const source = sources.find((other) => wrapperKind(other) === wrapperKind(target));
    if (source === undefined) continue;
    target.loadState(source.state());
    target.freeze?.();
  }
}

/** Gives the wrappers of an environment or a vector the states of those around an equal one. */
export function loadWrapperStates(env: object, states: readonly unknown[]): void {
  for (const [i, wrapper] of statefulWrappersOfAll(env).entries()) {
    if (i < states.length) wrapper.loadState(states[i]);
  }
}

/**
 * Gives wrappers, to play a saved policy, the states that were saved with it, and keeps them from
 * learning.
 *
 * @param kinds - of the states; without them they are those of wrappers in the same order.
 */
export function loadFrozenStates(
  env: Env,
  states: readonly unknown[],
  kinds?: readonly string[],
): void {
  for (const [i, wrapper] of statefulWrappers(env).entries()) {
    const at = kinds === undefined ? i : kinds.indexOf(wrapperKind(wrapper));
    if (at >= 0 && at < states.length) wrapper.loadState(states[at]);
    wrapper.freeze?.();
  }
}

/** Does something during which statistics do not move. */
export function withFrozenStatistics(env: Env, action: () => void): void {
  const moving = statefulWrappers(env).filter(({ statistics }) => statistics?.isFrozen === false);
  for (const { statistics } of moving) statistics?.freeze();
  action();
  for (const { statistics } of moving) statistics?.unfreeze();
}

function insideOf({ env, envs }: Shell): unknown {
  return env ?? envs?.[0];
}
