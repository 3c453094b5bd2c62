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

/** The wrappers of an environment that have a state, from the outside in. */
export function statefulWrappers(env: Env): StatefulWrapper[] {
  const found: StatefulWrapper[] = [];
  for (let at: unknown = env; at !== undefined; at = (at as { readonly env?: unknown }).env) {
    const { state, loadState } = at as Partial<StatefulWrapper>;
    const isStateful = typeof state === "function" && typeof loadState === "function";
    if (isStateful) found.push(at as StatefulWrapper);
  }
  return found;
}

/** Gives wrappers, for evaluation, what those of the same class around another have learned. */
export function copyWrapperStates(from: Env, to: Env): void {
  const sources = statefulWrappers(from);
  for (const target of statefulWrappers(to)) {
    const source = sources.find((other) => other.constructor === target.constructor);
    if (source === undefined) continue;
    target.loadState(source.state());
    target.freeze?.();
  }
}

/** Gives the wrappers of an environment the states of those around an equal one. */
export function loadWrapperStates(env: Env, states: readonly unknown[]): void {
  for (const [i, wrapper] of statefulWrappers(env).entries()) {
    if (i < states.length) wrapper.loadState(states[i]);
  }
}

/** Keeps wrappers from learning: for evaluation. */
export function freezeWrappers(env: Env): void {
  for (const wrapper of statefulWrappers(env)) wrapper.freeze?.();
}

/** Does something during which statistics do not move. */
export function withFrozenStatistics(env: Env, action: () => void): void {
  const moving = statefulWrappers(env).filter(({ statistics }) => statistics?.isFrozen === false);
  for (const { statistics } of moving) statistics?.freeze();
  action();
  for (const { statistics } of moving) statistics?.unfreeze();
}
