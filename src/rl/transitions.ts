/** Observations or actions of several environments: rows of f32, one after the other. */
export type Rows = Float32Array;

/** Transitions of one step of several environments. */
export interface Transitions {
  readonly count: number;
  /** [count × observation size] */
  readonly observations: Rows;
  /** [count × action size], as the learner scales them; for Discrete the index. */
  readonly actions: Rows;
  readonly rewards: Float32Array;
  /** The true next observations, of an episode that ended too, never those of a reset. */
  readonly nextObservations: Rows;
  /** 1 where the task ended, so that no value follows. A time limit is not an end. */
  readonly terminated: Uint8Array;
  /** 1 where the episode was cut. */
  readonly truncated: Uint8Array;
  /**
   * Number of the environment of each row. Without it row i is of environment i: needed where rows
   * are left out, such as those of a reset.
   */
  readonly environments?: Int32Array | undefined;
}
