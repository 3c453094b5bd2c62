import { formatBytes } from "../../base/integers.ts";
import { OutOfMemoryError, UsageError } from "../../base/errors.ts";

/** Alignment and granularity of all blocks. */
export const ALIGNMENT = 64;

/** A contiguous range of the heap. Opaque to everybody but the allocator that made it. */
export interface Block {
  readonly address: number;
  /** A multiple of 64. */
  readonly size: number;
}

/** Occupation of a heap. */
export interface HeapStats {
  readonly usedBytes: number;
  readonly peakBytes: number;
  readonly usedBlocks: number;
  /** Bytes that lie between the heap's first and last address, free or not. */
  readonly reservedBytes: number;
  readonly largestFreeBytes: number;
}

/** Where a heap lies and how it grows. */
export interface HeapOptions {
  /** First address; a multiple of 64. */
  readonly start: number;
  /** End address at the beginning. */
  readonly end: number;
  /** Largest end address. */
  readonly limit: number;
  /** Makes addresses up to at least `end` usable and returns the new end, or null if it cannot. */
  readonly grow: (end: number) => number | null;
}

interface Span extends Block {
  address: number;
  size: number;
  isFree: boolean;
  /** Neighbours by address. */
  before: Span | null;
  after: Span | null;
  /** Neighbours in the list of free spans of one size class. */
  previous: Span | null;
  next: Span | null;
}

/** Size classes per power of two, and how many of a class are searched for the best fit. */
const SUBCLASS_BITS = 4;
const SUBCLASSES = 1 << SUBCLASS_BITS;
const CLASSES = 32 * SUBCLASSES;
const SEARCH_LENGTH = 16;

/** Class of a size in units of 64 bytes: linear below 16 units, then 16 per power of two. */
function classOf(size: number): number {
  const units = size / ALIGNMENT;
  if (units < SUBCLASSES) return units;
  const exponent = 31 - Math.clz32(units);
  const fraction = (units >>> (exponent - SUBCLASS_BITS)) & (SUBCLASSES - 1);
  return (exponent - SUBCLASS_BITS + 1) * SUBCLASSES + fraction;
}

/**
 * Two-level segregated-fit allocator over addresses: constant time to allocate and to free, with
 * neighbours joined at once. It only counts; the memory itself belongs to the caller.
 */
export class Heap {
  private readonly options: HeapOptions;
  private readonly lists: (Span | null)[] = Array.from({ length: CLASSES }, () => null);
  /** Bit c of word w: list 32·w + c is not empty. */
  private readonly occupied: Int32Array = new Int32Array(CLASSES / 32);
  private end: number;
  private last: Span | null = null;
  private usedBytes: number = 0;
  private peakBytes: number = 0;
  private usedBlocks: number = 0;

  constructor(options: HeapOptions) {
    this.options = options;
    this.end = options.start;
    this.extend(options.end);
  }

  /**
   * A block of at least `bytes` bytes. `live` is what an error reports as in use.
   * @throws {OutOfMemoryError} if the limit is reached.
   */
  allocate(bytes: number, live: number = this.usedBytes): Block {
    const size = Math.max(Math.ceil(bytes / ALIGNMENT), 1) * ALIGNMENT;
    // Size classes are made for what can exist at all.
    const possible = size <= this.options.limit;
    const span = possible ? (this.find(size) ?? this.findAfterGrowth(size)) : null;
    if (span === null) throw this.outOfMemory(bytes, live);
    this.unlink(span);
    this.split(span, size);
    span.isFree = false;
    this.usedBytes += size;
    this.usedBlocks++;
    this.peakBytes = Math.max(this.peakBytes, this.usedBytes);
    return span;
  }

  /** Returns a block. @throws {UsageError} if it is not in use. */
  free(block: Block): void {
    const span = block as Span;
    if (span.isFree) {
      throw new UsageError(`free: block must be in use, got ${span.address} again; free it once`);
    }
    this.usedBytes -= span.size;
    this.usedBlocks--;
    const joined = this.joinWithNext(this.joinWithPrevious(span));
    this.link(joined);
  }

  stats(): HeapStats {
    let largestFreeBytes = 0;
    for (let span = this.last; span !== null; span = span.before) {
      if (span.isFree) largestFreeBytes = Math.max(largestFreeBytes, span.size);
    }
    const { usedBytes, peakBytes, usedBlocks } = this;
    const reservedBytes = this.end - this.options.start;
    return { usedBytes, peakBytes, usedBlocks, reservedBytes, largestFreeBytes };
  }

  /** All spans by falling address, for tests and error messages. */
  spans(): { readonly address: number; readonly size: number; readonly isFree: boolean }[] {
    const found: Span[] = [];
    for (let span = this.last; span !== null; span = span.before) found.push(span);
    return found;
  }

  private find(size: number): Span | null {
    const own = classOf(size);
    let best: Span | null = null;
    let span = this.lists[own];
    for (let left = SEARCH_LENGTH; span !== null && left > 0; left--, span = span.next) {
      if (span.size === size) return span;
      if (span.size > size && (best === null || span.size < best.size)) best = span;
    }
    if (best !== null) return best;
    const larger = this.occupiedFrom(own + 1);
    return larger < 0 ? null : this.lists[larger];
  }

  /** First non-empty class from `first` on, or -1. */
  private occupiedFrom(first: number): number {
    let word = first >>> 5;
    let bits = word < this.occupied.length ? this.occupied[word] & (-1 << (first & 31)) : 0;
    while (bits === 0) {
      if (++word >= this.occupied.length) return -1;
      bits = this.occupied[word];
    }
    return 32 * word + 31 - Math.clz32(bits & -bits);
  }

  private findAfterGrowth(size: number): Span | null {
    const tail = this.last?.isFree === true ? this.last.size : 0;
    const needed = this.end + size - tail;
    if (needed > this.options.limit) return null;
    const end = this.options.grow(needed);
    if (end === null) return null;
    this.extend(end);
    return this.last;
  }

  private extend(end: number): void {
    const size = Math.floor((end - this.end) / ALIGNMENT) * ALIGNMENT;
    if (size <= 0) return;
    const span: Span = {
      address: this.end,
      size,
      isFree: false,
      before: this.last,
      after: null,
      previous: null,
      next: null,
    };
    if (this.last !== null) this.last.after = span;
    this.last = span;
    this.end += size;
    this.link(this.joinWithPrevious(span));
  }

  /** Cuts what `size` does not need off the end of a span. */
  private split(span: Span, size: number): void {
    if (span.size === size) return;
    const rest: Span = {
      address: span.address + size,
      size: span.size - size,
      isFree: false,
      before: span,
      after: span.after,
      previous: null,
      next: null,
    };
    if (span.after === null) this.last = rest;
    else span.after.before = rest;
    span.after = rest;
    span.size = size;
    this.link(rest);
  }

  private joinWithPrevious(span: Span): Span {
    const { before } = span;
    if (before === null || !before.isFree) return span;
    this.unlink(before);
    this.absorb(before, span);
    return before;
  }

  private joinWithNext(span: Span): Span {
    const { after } = span;
    if (after === null || !after.isFree) return span;
    this.unlink(after);
    this.absorb(span, after);
    return span;
  }

  private absorb(span: Span, after: Span): void {
    span.size += after.size;
    span.after = after.after;
    if (after.after === null) this.last = span;
    else after.after.before = span;
    // A handle to the absorbed block must not look like a block in use.
    after.isFree = true;
  }

  private link(span: Span): void {
    const index = classOf(span.size);
    const head = this.lists[index];
    span.isFree = true;
    span.previous = null;
    span.next = head;
    if (head !== null) head.previous = span;
    this.lists[index] = span;
    this.occupied[index >>> 5] |= 1 << (index & 31);
  }

  private unlink(span: Span): void {
    const index = classOf(span.size);
    if (span.next !== null) span.next.previous = span.previous;
    if (span.previous !== null) span.previous.next = span.next;
    else {
      this.lists[index] = span.next;
      if (span.next === null) this.occupied[index >>> 5] &= ~(1 << (index & 31));
    }
    span.previous = null;
    span.next = null;
  }

  private outOfMemory(requested: number, live: number): OutOfMemoryError {
    const { usedBytes, usedBlocks, reservedBytes, largestFreeBytes } = this.stats();
    const limit = this.options.limit - this.options.start;
    const used = this.spans().filter((span) => !span.isFree);
    const largest = used.toSorted((a, b) => b.size - a.size).slice(0, 3);
    const sizes = largest.map((span) => formatBytes(span.size)).join(", ");
    const isFragmented = limit - usedBytes >= requested;
    const hint = isFragmented
      ? "memory is fragmented: free some large tensors together"
      : "dispose tensors, use a smaller batch, or raise memoryLimitBytes (at most 4 GiB)";
    return new OutOfMemoryError(
      `allocate: needs ${formatBytes(requested)}, got ${formatBytes(usedBytes)} live in ` +
        `${usedBlocks} buffers (largest: ${sizes || "none"}), ${formatBytes(reservedBytes)} ` +
        `reserved of a limit of ${formatBytes(limit)}; ${hint}`,
      {
        details: { requested, live, usedBytes, usedBlocks, reservedBytes, largestFreeBytes, limit },
      },
    );
  }
}
