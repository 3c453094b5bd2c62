import { UsageError } from "../base/errors.ts";
import { input } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { Cell } from "./cell.ts";

/** A tensor a traced function reads from outside: an argument or something it closes over. */
export interface Slot {
  readonly node: Node;
  /** The captured cell; undefined for arguments. */
  readonly cell: Cell | undefined;
  /** Keeps the captured tensor's handle, and so its cell, from being collected. */
  readonly owner: object | undefined;
  /** Whether the trace made the cell and has to dispose it. */
  readonly isConstant: boolean;
}

/** A host value the traced function read; another value makes it another program. */
export interface Guard {
  readonly read: () => unknown;
  readonly value: unknown;
}

/** The record of one run of a function over symbols. */
export class Trace {
  readonly slots: Slot[] = [];
  /** Cells made while tracing; they end with it. */
  readonly created: Cell[] = [];
  /** Host values the program depends on. */
  readonly guards: Guard[] = [];
  /** New values of slots, by slot. */
  readonly updates: Map<number, Node> = new Map();
  /** Arguments the function also closes over, with the cell it closes over. */
  readonly captured: Map<number, Cell> = new Map();
  readonly name: string;
  /** Who records: `jit`, or a loop its body. */
  readonly kind: string;
  isOpen = true;
  readonly #slotOf = new Map<Cell, number>();
  readonly #argumentOf = new Map<Cell, number>();

  constructor(name: string, kind: string = "jit") {
    this.name = name;
    this.kind = kind;
  }

  /**
   * A cell that stands for the next argument; its handle adds it to `created`. Where the function
   * closes over the argument as well, both are one slot.
   */
  argument(given: Cell): Cell {
    const cell = new Cell(given, { trace: this });
    const node = input(given.shape, given.dtype);
    const slot = { node, cell: undefined, owner: undefined, isConstant: false };
    const index = this.#addSlot(cell, slot);
    this.#argumentOf.set(given, index);
    return cell;
  }

  /** An argument that is the same tensor as an earlier one: a slot that nothing reads. */
  repeatedArgument(given: Cell): void {
    const node = input(given.shape, given.dtype);
    this.slots.push({ node, cell: undefined, owner: undefined, isConstant: false });
  }

  /** The cell's value as this trace sees it; capturing it when it comes from outside. */
  nodeOf(cell: Cell, owner: object): Node {
    if (cell.isDisposed) throw cell.unusable();
    if (cell.symbol !== undefined && cell.trace === this) return cell.symbol;
    const slot = this.#slotFor(cell, owner);
    return this.updates.get(slot) ?? this.slots[slot].node;
  }

  assign(cell: Cell, owner: object, node: Node): void {
    if (cell.isDisposed) throw cell.unusable();
    const isArgument = this.#slotOf.has(cell);
    if (cell.trace === this && !isArgument) cell.symbol = node;
    else this.updates.set(this.#slotFor(cell, owner), node);
  }

  /** Ends the trace: what was made inside becomes unusable. */
  close(): void {
    this.isOpen = false;
    for (const cell of this.created) cell.dispose();
    this.created.length = 0;
    this.updates.clear();
    this.#slotOf.clear();
    this.#argumentOf.clear();
  }

  /** Frees the constants that were made while tracing. */
  releaseConstants(): void {
    for (const slot of this.slots) if (slot.isConstant) slot.cell?.dispose();
  }

  #slotFor(cell: Cell, owner: object): number {
    const known = this.#slotOf.get(cell);
    if (known !== undefined) return known;
    const argument = this.#argumentOf.get(cell);
    if (argument === undefined) return this.#capture(cell, owner);
    this.captured.set(argument, cell);
    return argument;
  }

  #capture(cell: Cell, owner: object): number {
    const isOuter = cell.trace !== this;
    if (isOuter && cell.trace?.isOpen === false) throw cell.unusable();
    const node = input(cell.shape, cell.dtype);
    if (isOuter) {
      return this.#addSlot(cell, { node, cell, owner, isConstant: false });
    }
    // Made from host data inside the trace: the program keeps it as a constant of its own.
    const constant = new Cell(cell, { value: cell.value.retain() });
    return this.#addSlot(cell, { node, cell: constant, owner: undefined, isConstant: true });
  }

  #addSlot(cell: Cell, slot: Slot): number {
    const index = this.slots.length;
    this.slots.push(slot);
    this.#slotOf.set(cell, index);
    return index;
  }
}

let current: Trace | undefined;

/** The trace that is being recorded, if any. */
export function currentTrace(): Trace | undefined {
  return current;
}

/** Runs `fn` while recording into `trace`. */
export function withTrace<R>(trace: Trace | undefined, fn: () => R): R {
  const outer = current;
  current = trace;
  try {
    return fn();
  } finally {
    current = outer;
  }
}

/** @throws {UsageError} inside a trace. */
export function refuseInTrace(what: string): void {
  if (current === undefined) return;
  throw new UsageError(
    `${what}: not possible while ${current.name} is traced by ${current.kind}, because values do not exist yet; ` +
      `do it outside the ${current.kind === "jit" ? "jitted function" : "loop"}`,
  );
}
