import type { KernelFunction } from "./kernel-code.ts";

const THREADS = 256;
/** Bytes one thread copies. */
const BYTES = 16;

const text = `(const char *from, char *to, int bytes, unsigned block) {
  int at = ((int)block * ${THREADS} + thread_index()) * ${BYTES};
  if (at + ${BYTES} <= bytes) store_v16(to + at, load_v16(from + at));
  else for (; at < bytes; at++) store_v1(to + at, load_v1(from + at));
}`;

/** Copies bytes between two places, both at multiples of 16; arguments: from, to, bytes. */
export function copyFunction(bytes: number): KernelFunction {
  return {
    text,
    arguments: [],
    blocks: Math.ceil(bytes / (THREADS * BYTES)),
    threads: THREADS,
    sharedBytes: 0,
    residentBlocks: 0,
  };
}
