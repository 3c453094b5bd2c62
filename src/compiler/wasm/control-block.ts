/**
 * Layout of the control block: the first bytes of the memory that all threads share. Words that
 * different threads write stand in different cache lines.
 */
export const controlBlock = {
  /** Number of the current command; workers wait for it to change. */
  sequence: 64,
  /** Workers that sleep on `sequence`. */
  sleepers: 128,
  /** Workers that finished the current command. */
  done: 192,
  /** Not 0 while the calling thread sleeps on `done`. */
  callerSleeps: 256,
  /** Threads that arrived at the current barrier, its generation, and who sleeps on that. */
  barrierCount: 320,
  barrierGeneration: 384,
  barrierSleepers: 448,
  /** Not 0 when nobody may sleep in a barrier, because the caller is a browser's main thread. */
  spinOnly: 512,
  /** 0, or 1 + the id of the first thread that failed in the current command. */
  failure: 516,
  /** Workers that entered their loop. */
  ready: 520,
  /** Rounds a thread spins in a barrier before it sleeps; adapts between `spinRounds`' ends. */
  spinRounds: 524,
  /** How often a thread went to sleep in a barrier. */
  barrierNaps: 528,
  /** An index out of range that a kernel met, and the size it should be below; size 0 for none. */
  badIndex: 532,
  badIndexSize: 536,
  /** The command and its operands, written before `sequence`. */
  command: 576,
  slot: 580,
  /** RUN: the argument table, first and last + 1 step. LOAD: module bytes and table size. */
  address: 584,
  from: 588,
  to: 592,
  /** Length and UTF-8 text of the failure's message. */
  messageLength: 640,
  message: 644,
} as const;

/** Longest failure message that fits. */
export const MESSAGE_BYTES = 380;

/** No buffer lies below this address. */
export const CONTROL_BYTES = 1024;

/** How long a waiting thread spins before it sleeps, in rounds. */
export interface SpinRounds {
  readonly least: number;
  readonly start: number;
  readonly most: number;
}

/**
 * A wait that spinning was enough for lengthens the next by 1/64; one that had to sleep divides it
 * by 8, but every 64th makes it longest, to find out whether the times have become better. Where
 * every thread has a core, spins so grow to 0.1 ms, the time it takes to wake a thread; where
 * threads take turns on a core, who spins keeps it from those that it waits for (measured: ten
 * times slower), and spins stay short. A round takes 0.3 ns in WebAssembly, 9 ns in a script.
 */
export const spinRounds: Readonly<Record<"barrier" | "script", SpinRounds>> = {
  barrier: { least: 2000, start: 30_000, most: 350_000 },
  script: { least: 500, start: 3000, most: 12_000 },
};
