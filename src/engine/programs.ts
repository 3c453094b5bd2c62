import type { Backend, Buffer, KernelProfile, Program } from "../runtime/backend.ts";
import type { GraphPlan } from "./plan.ts";
import { compileOptions } from "./precision.ts";
import { counters } from "./statistics.ts";

/** A compiled program in the cache. */
export interface CachedProgram {
  readonly program: Program;
  readonly key: string;
  /** Number of jitted functions that hold it; such programs stay. */
  pins: number;
}

const capacity = 512;
const caches = new WeakMap<Backend, Map<string, CachedProgram>>();
let recorder: KernelProfile[] | undefined;

function cacheOf(backend: Backend): Map<string, CachedProgram> {
  let cache = caches.get(backend);
  if (cache === undefined) {
    cache = new Map();
    caches.set(backend, cache);
  }
  return cache;
}

/** Drops the programs that nobody pinned and nobody used for longest. */
function evict(cache: Map<string, CachedProgram>): void {
  for (const [key, entry] of cache) {
    if (cache.size <= capacity) return;
    if (entry.pins > 0) continue;
    cache.delete(key);
    entry.program.dispose();
  }
}

/** Finds or compiles the program of a plan. @throws {UnsupportedOpError | CompileError} */
export function programFor(backend: Backend, plan: GraphPlan): CachedProgram {
  const cache = cacheOf(backend);
  const options = compileOptions();
  const key = options.allowTf32 ? `tf32\n${plan.key}` : plan.key;
  const found = cache.get(key);
  if (found !== undefined) {
    counters.cacheHits++;
    cache.delete(key);
    cache.set(key, found);
    return found;
  }
  const start = performance.now();
  const program = backend.compile(plan.build(), options);
  counters.compiles++;
  counters.compileMilliseconds += performance.now() - start;
  const entry: CachedProgram = { program, key, pins: 0 };
  cache.set(key, entry);
  evict(cache);
  return entry;
}

/** Runs a program; while a recording is on, kernel by kernel. */
export function runProgram(
  program: Program,
  inputs: readonly Buffer[],
  outputs: readonly Buffer[],
): void {
  counters.runs++;
  if (recorder === undefined) program.run(inputs, outputs);
  else recorder.push(...program.profile(inputs, outputs));
}

/** Starts recording kernel times; the returned function ends it and gives the records. */
export function recordKernels(): () => KernelProfile[] {
  const outer = recorder;
  const records: KernelProfile[] = [];
  recorder = records;
  return () => {
    recorder = outer;
    return records;
  };
}
