import type { Transitions } from "../transitions.ts";

/** One transition on its way to the replay: arrays, and where its rows begin in them. */
export interface Passage {
  observations: Float32Array;
  observationAt: number;
  actions: Float32Array;
  actionAt: number;
  reward: number;
  nextObservations: Float32Array;
  nextAt: number;
  terminated: number;
  discount: number;
}

/** Takes a transition; must copy what it keeps. */
export type PassageSink = (passage: Passage) => void;

interface ReturnSizes {
  readonly steps: number;
  readonly gamma: number;
  readonly observationSize: number;
  readonly actionSize: number;
}

/** The latest steps of one environment whose returns are not complete. */
interface Waiting {
  /** Ring of observations [steps × size], and so on. */
  readonly observations: Float32Array;
  readonly actions: Float32Array;
  readonly rewards: Float32Array;
  /** What followed the last step; needed when an episode is cut without a transition. */
  readonly next: Float32Array;
  first: number;
  count: number;
}

/** {@link Waiting} as JSON, the oldest step first. */
interface WaitingState {
  readonly observations: readonly number[];
  readonly actions: readonly number[];
  readonly rewards: readonly number[];
  readonly next: readonly number[];
}

/**
 * Sums up rewards over `steps` steps: a transition from s leads to the state n steps later, with
 * reward Σ γᵏ rₖ and discount γⁿ. Where an episode ends or is cut, the last ones span fewer steps.
 * @see Sutton 1988, "Learning to predict by the methods of temporal differences"
 */
export class NStepReturns {
  readonly #sizes: ReturnSizes;
  readonly #waiting = new Map<number, Waiting>();
  readonly #passage: Passage = emptyPassage();

  constructor(sizes: ReturnSizes) {
    this.#sizes = sizes;
  }

  /** Takes row `row` of the transitions, a step of environment `environment`. */
  push(transitions: Transitions, row: number, environment: number, sink: PassageSink): void {
    const { steps } = this.#sizes;
    const waiting = this.#of(environment);
    this.#append(waiting, transitions, row);
    const isEnd = transitions.terminated[row] !== 0;
    if (isEnd || transitions.truncated[row] !== 0) this.#release(waiting, isEnd ? 1 : 0, sink);
    else if (waiting.count === steps) this.#emit(waiting, 0, sink);
  }

  /** What waits leads to the last state seen. */
  end(environment: number | undefined, sink: PassageSink): void {
    for (const [number, waiting] of this.#waiting) {
      if (environment === undefined || number === environment) this.#release(waiting, 0, sink);
    }
  }

  #of(environment: number): Waiting {
    const { steps, observationSize, actionSize } = this.#sizes;
    let waiting = this.#waiting.get(environment);
    if (waiting === undefined) {
      waiting = {
        observations: new Float32Array(steps * observationSize),
        actions: new Float32Array(steps * actionSize),
        rewards: new Float32Array(steps),
        next: new Float32Array(observationSize),
        first: 0,
        count: 0,
      };
      this.#waiting.set(environment, waiting);
    }
    return waiting;
  }

  #append(waiting: Waiting, transitions: Transitions, row: number): void {
    const { steps, observationSize: o, actionSize: a } = this.#sizes;
    const at = (waiting.first + waiting.count++) % steps;
    waiting.observations.set(rowOf(transitions.observations, row, o), at * o);
    waiting.actions.set(rowOf(transitions.actions, row, a), at * a);
    waiting.rewards[at] = transitions.rewards[row];
    waiting.next.set(rowOf(transitions.nextObservations, row, o));
  }

  #release(waiting: Waiting, terminated: number, sink: PassageSink): void {
    while (waiting.count > 0) this.#emit(waiting, terminated, sink);
  }

  /** Hands out the oldest step, with the rewards of all that wait. */
  #emit(waiting: Waiting, terminated: number, sink: PassageSink): void {
    const { steps, gamma, observationSize, actionSize } = this.#sizes;
    const { first, count } = waiting;
    let reward = 0;
    for (let k = count - 1; k >= 0; k--) {
      reward = waiting.rewards[(first + k) % steps] + gamma * reward;
    }
    const passage = this.#passage;
    passage.observations = waiting.observations;
    passage.observationAt = first * observationSize;
    passage.actions = waiting.actions;
    passage.actionAt = first * actionSize;
    passage.reward = reward;
    passage.nextObservations = waiting.next;
    passage.nextAt = 0;
    passage.terminated = terminated;
    passage.discount = gamma ** count;
    sink(passage);
    waiting.first = (first + 1) % steps;
    waiting.count--;
  }

  /** Steps that wait, by environment: JSON. */
  state(): Record<string, WaitingState> {
    const entries = [...this.#waiting].filter(([, { count }]) => count > 0);
    return Object.fromEntries(entries.map(([number, waiting]) => [number, this.#save(waiting)]));
  }

  #save({ observations, actions, rewards, next, first, count }: Waiting): WaitingState {
    const { steps, observationSize, actionSize } = this.#sizes;
    const ordered = (rows: Float32Array, size: number): number[] =>
      Array.from({ length: count }, (_, k) => [...rowOf(rows, (first + k) % steps, size)]).flat();
    return {
      observations: ordered(observations, observationSize),
      actions: ordered(actions, actionSize),
      rewards: ordered(rewards, 1),
      next: [...next],
    };
  }

  loadState(state: Readonly<Record<string, WaitingState>>): void {
    this.#waiting.clear();
    for (const [environment, saved] of Object.entries(state)) {
      const waiting = this.#of(Number(environment));
      waiting.observations.set(saved.observations);
      waiting.actions.set(saved.actions);
      waiting.rewards.set(saved.rewards);
      waiting.next.set(saved.next);
      waiting.count = saved.rewards.length;
    }
  }
}

/** A passage to be filled. */
export function emptyPassage(): Passage {
  const none = new Float32Array(0);
  return {
    observations: none,
    observationAt: 0,
    actions: none,
    actionAt: 0,
    reward: 0,
    nextObservations: none,
    nextAt: 0,
    terminated: 0,
    discount: 1,
  };
}

function rowOf(rows: Float32Array, row: number, size: number): Float32Array {
  return rows.subarray(row * size, (row + 1) * size);
}
