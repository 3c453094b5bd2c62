/**
 * The globals that every JavaScript host offers and that layers without a platform may use.
 * Anything beyond this list (process, document, timers, workers) is a type error there.
 */

declare const performance: { now(): number };
declare function queueMicrotask(callback: () => void): void;
declare function structuredClone<T>(value: T): T;

declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: ArrayBufferView | ArrayBufferLike, options?: { stream?: boolean }): string;
}

declare const crypto: {
  getRandomValues(words: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer>;
};

declare const console: {
  log(...values: readonly unknown[]): void;
  warn(...values: readonly unknown[]): void;
  error(...values: readonly unknown[]): void;
};
