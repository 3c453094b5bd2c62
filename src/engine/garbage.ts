import { builtinModule, nextTask } from "./platform.ts";

interface V8Module {
  setFlagsFromString(flags: string): void;
}

interface VmModule {
  runInNewContext(code: string): unknown;
}

/** Bytes that may be allocated and kept before a read looks for unreachable tensors. */
const pressureBytes = 256 * 2 ** 20;
/** Longest time reads go on without letting the host run its tasks. */
const breathMilliseconds = 20;

/** Bytes allocated since the last collection, less those freed. */
let allocatedBytes = 0;
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

/** Counts bytes towards the pressure that makes a read collect garbage. */
export function noteAllocation(bytes: number): void {
  allocatedBytes += bytes;
}

/** Takes back what a freed buffer had counted: only what is dropped without a word is pressure. */
export function noteRelease(bytes: number): void {
  allocatedBytes = Math.max(allocatedBytes - bytes, 0);
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
  allocatedBytes = 0;
  lastBreath = performance.now();
}

/**
 * Lets the host run finalizers between reads: a loop of awaited reads consists of microtasks only
 * and would otherwise keep every dropped tensor alive.
 */
export async function breathe(): Promise<void> {
  if (allocatedBytes > pressureBytes) return collectGarbage();
  if (performance.now() - lastBreath < breathMilliseconds) return;
  await nextTask();
  lastBreath = performance.now();
}
