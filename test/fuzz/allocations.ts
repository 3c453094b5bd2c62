const names = [
  "Uint8Array",
  "Int8Array",
  "Uint16Array",
  "Int16Array",
  "Uint32Array",
  "Int32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
] as const;

/** Counts what typed arrays are asked for, which memory statistics miss once it was collected. */
export interface AllocationWatch extends Disposable {
  /** Bytes of the largest array since the last call. */
  takeLargest(): number;
}

/**
 * Watches every `new Uint8Array(n)` and its kin in this thread. With a limit a larger one is an
 * error and is not made.
 */
export function watchAllocations(limit = Infinity): AllocationWatch {
  let largest = 0;
  const scope = globalThis as unknown as Record<string, typeof Uint8Array>;
  const originals = names.map((name) => [name, scope[name]] as const);
  for (const [name, original] of originals) {
    scope[name] = new Proxy(original, {
      construct(target, args: readonly unknown[], newTarget) {
        const [length] = args;
        const bytes = typeof length === "number" ? length * target.BYTES_PER_ELEMENT : 0;
        largest = Math.max(largest, bytes);
        if (bytes > limit) throw new Error(`fuzz: an array of ${bytes} bytes was asked for`);
        return Reflect.construct(target, args, newTarget === scope[name] ? target : newTarget);
      },
    });
  }
  return {
    takeLargest() {
      const taken = largest;
      largest = 0;
      return taken;
    },
    [Symbol.dispose]() {
      for (const [name, original] of originals) scope[name] = original;
    },
  };
}
