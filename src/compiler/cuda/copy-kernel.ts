import type { KernelFunction } from "./kernel-code.ts";

const THREADS = 256;
/** Bytes one thread copies. */
const BYTES = 16;

const body = `u64 at = ((u64)block * ${THREADS} + (u64)thread_index()) * ${BYTES};
  if (at + ${BYTES} <= bytes) store_v16(to + at, load_v16(from + at));
  else for (; at < bytes; at++) store_v1(to + at, load_v1(from + at));
}`;

const text = `(const char *from, char *to, u64 bytes, unsigned block) {
  ${body}`;

/** State stays as it is once a kernel has met a wrong index. */
const stateText = `(const char *from, char *to, u64 bytes, int *errors, unsigned block) {
  if (errors[0] != 0) return;
  ${body}`;

/**
 * Copies bytes between two places, both at multiples of 16; arguments: from, to, bytes, and the
 * error words if it writes state.
 */
export function copyFunction(bytes: number, writesState: boolean): KernelFunction {
  return {
    text: writesState ? stateText : text,
    arguments: [],
    blocks: Math.ceil(bytes / (THREADS * BYTES)),
    threads: THREADS,
    sharedBytes: 0,
    residentBlocks: 0,
  };
}
