import type { Env } from "../../rl/env.ts";

/** A wrapper that keeps something beside the episode, such as running statistics. */
export interface StatefulWrapper {
  state(): unknown;
  loadState(state: unknown): void;
  /** What was learned changes no more. */
  freeze?(): void;
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

/** Gives the wrappers of an environment, for evaluation, the states of those around an equal one. */
export function loadWrapperStates(env: Env, states: readonly unknown[]): void {
  const wrappers = statefulWrappers(env);
  for (const [i, wrapper] of wrappers.entries()) {
    if (i >= states.length) break;
    wrapper.loadState(states[i]);
    wrapper.freeze?.();
  }
}
