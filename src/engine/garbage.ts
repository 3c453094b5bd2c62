import { builtinModule, nextTask } from "./platform.ts";

interface V8Module {
  setFlagsFromString(flags: string): void;
}

interface VmModule {
  runInNewContext(code: string): unknown;
}

/** Bytes that may be allocated and kept before a read looks for unreachable tensors. */
const leastPressureBytes = 256 * 2 ** 20;
/** The same as a part of a device's memory, where that is more. */
const pressurePart = 1 / 32;
/** Longest time reads go on without letting the host run its tasks. */
const breathMilliseconds = 20;

/** What was allocated since the last collection, less what was freed; 1 calls for another. */
let pressure = 0;
let lastBreath = 0;
let collect: (() => void) | undefined;

function findCollector(): () => void {
  const v8 = builtinModule<V8Module>("node:v8");
  const vm = builtinModule<VmModule>("node:vm");
  if (v8 === undefined || vm === undefined) return () => {};
  v8.setFlagsFromString("--expose-gc");
  const collector = vm.runInNewContext("gc");
  return typeof collector === "function" ? () => void collector() : () => {};
}

function pressureOf(bytes: number, memoryBytes: number): number {
  return bytes / Math.max(leastPressureBytes, memoryBytes * pressurePart);
}

/**
 * Counts bytes towards the pressure that makes a read collect garbage.
 *
 * @param memoryBytes - memory of the device, 0 if unknown: where there is much, collections wait.
 */
export function noteAllocation(bytes: number, memoryBytes: number): void {
  pressure += pressureOf(bytes, memoryBytes);
}

/** Takes back what a freed buffer had counted: only what is dropped without a word is pressure. */
export function noteRelease(bytes: number, memoryBytes: number): void {
  pressure = Math.max(pressure - pressureOf(bytes, memoryBytes), 0);
}

/**
 * Frees tensors that nobody can reach any more, where the host allows it. Finalizers free them
 * anyway, but the host knows nothing of device memory and may wait long.
 */
export async function collectGarbage(): Promise<void> {
  collect ??= findCollector();
  // Two rounds: weak references made in this task protect their targets until it ends.
  for (let round = 0; round < 2; round++) {
    await nextTask();
    collect();
    await nextTask();
  }
  pressure = 0;
  lastBreath = performance.now();
}

/**
 * Lets the host run finalizers between reads: a loop of awaited reads consists of microtasks only
 * and would otherwise keep every dropped tensor alive.
 */
export async function breathe(): Promise<void> {
  if (pressure > 1) return collectGarbage();
  if (performance.now() - lastBreath < breathMilliseconds) return;
  await nextTask();
  lastBreath = performance.now();
}
