/** Counters of what the engine did, for tests and for people who look for recompilation. */
export interface EngineStats {
  /** Programs compiled. */
  readonly compiles: number;
  /** Graphs that found their program in the cache. */
  readonly cacheHits: number;
  /** Programs run. */
  readonly runs: number;
  /** Functions traced by `jit`. */
  readonly traces: number;
  readonly compileMilliseconds: number;
}

/** The live counters; the engine increments them. */
export const counters: { -readonly [K in keyof EngineStats]: EngineStats[K] } = {
  compiles: 0,
  cacheHits: 0,
  runs: 0,
  traces: 0,
  compileMilliseconds: 0,
};

/** A snapshot of the engine's counters. */
export function engineStats(): EngineStats {
  return { ...counters };
}
