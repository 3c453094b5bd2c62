import { CompileError } from "../base/errors.ts";
import { assign } from "../ir/build.ts";
import type { DType } from "../ir/dtype.ts";
import { dtypeBytes } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Shape } from "../ir/shape.ts";
import { numel } from "../ir/shape.ts";
import type { Buffer } from "../runtime/backend.ts";
import { Aliases } from "./aliases.ts";
import type { Cell } from "./cell.ts";
import type { DeviceName } from "./devices.ts";
import { backendOf } from "./devices.ts";
import { planGraph, resolveIdentity } from "./plan.ts";
import type { CachedProgram } from "./programs.ts";
import { programFor, runProgram } from "./programs.ts";
import { realizeValues } from "./realize.ts";
import type { Storage } from "./storage.ts";
import { allocateStorage, copyStorage } from "./storage.ts";
import type { Trace } from "./trace.ts";
import { Value } from "./value.ts";

/** Where a returned tensor comes from: a program output, or a slot passed through. */
type Result = { readonly output: number } | { readonly slot: number };

interface ResultType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** The cells, inputs and outputs of a finished trace, as arrays that each call only walks. */
export class Replay {
  readonly #device: DeviceName;
  readonly #entry: CachedProgram | undefined;
  readonly #trace: Trace;
  readonly #argumentCount: number;
  /** Cell of each slot; arguments are filled in by each call. */
  readonly #cells: Cell[];
  /** Slot of each program input. */
  readonly #inputSlots: number[];
  readonly #outputTypes: ResultType[] = [];
  readonly #results: Result[] = [];
  readonly #resultTypes: readonly ResultType[];
  readonly #updateSlots: number[];
  readonly #updated: ReadonlySet<number>;
  /** Whether a run may fail half-way (host functions), so that nothing is updated in place. */
  readonly #isFallible: boolean;
  readonly #inputBuffers: Buffer[] = [];
  readonly #outputBuffers: Buffer[] = [];
  /** Storage that stands in for a slot's own during a call. */
  readonly #stand: (Storage | undefined)[] = [];

  readonly #aliases: Aliases;

  constructor(trace: Trace, device: DeviceName, args: readonly Cell[], returned: readonly Node[]) {
    this.#trace = trace;
    this.#device = device;
    this.#argumentCount = args.length;
    this.#aliases = new Aliases(trace, args);
    this.#resultTypes = returned.map(({ shape, dtype }) => ({ shape, dtype }));
    const slotOf = new Map(trace.slots.map((slot, i) => [slot.node, i]));
    const isLeaf = (node: Node): boolean => slotOf.has(node);
    const roots = this.#collectOutputs(returned, slotOf, isLeaf);
    const updates = [...trace.updates].filter(
      ([slot, node]) => resolveIdentity(node, isLeaf) !== trace.slots[slot].node,
    );
    for (const [slot, node] of updates) roots.push(assign(trace.slots[slot].node, node));
    this.#updateSlots = updates.map(([slot]) => slot);
    this.#updated = new Set(this.#updateSlots);
    this.#cells = trace.slots.map((slot) => slot.cell as Cell);
    const plan = roots.length > 0 ? planGraph(roots, isLeaf) : undefined;
    this.#inputSlots = (plan?.leaves ?? []).map((leaf) => slotOf.get(leaf) ?? -1);
    this.#isFallible = plan?.hasCustom ?? false;
    this.#entry = plan && programFor(backendOf(device), plan);
    if (this.#entry !== undefined) this.#entry.pins++;
  }

  /** Whether the program is right for these arguments, whose types are those of the trace. */
  fits(args: readonly Cell[]): boolean {
    return this.#aliases.fit(args);
  }

  /**
   * Runs the program with the given argument cells.
   * @returns one value per returned tensor, each with a reference for the caller.
   * @throws whatever reading, allocating or running throws; then no tensor has changed.
   */
  run(args: readonly Cell[]): Value[] {
    const cells = this.#cells;
    for (let i = 0; i < this.#argumentCount; i++) cells[i] = args[i];
    this.#realizePending();
    const fresh: Storage[] = [];
    let values: Value[];
    try {
      this.#copyShared(fresh);
      const outputs = this.#allocate(fresh);
      const copies = this.#copyPassed(fresh);
      this.#execute(outputs);
      values = this.#collectResults(outputs, copies);
    } catch (error) {
      for (const storage of fresh) storage.release();
      this.#stand.length = 0;
      throw error;
    }
    this.#commit();
    return values;
  }

  /** Lets the program cache drop the program and frees the trace's constants. */
  dispose(): void {
    if (this.#entry !== undefined) this.#entry.pins--;
    this.#trace.releaseConstants();
  }

  #collectOutputs(
    returned: readonly Node[],
    slotOf: ReadonlyMap<Node, number>,
    isLeaf: (node: Node) => boolean,
  ): Node[] {
    const indices = new Map<Node, number>();
    for (const node of returned) {
      const root = resolveIdentity(node, isLeaf);
      const slot = slotOf.get(root);
      if (slot !== undefined) {
        this.#results.push({ slot });
        continue;
      }
      let output = indices.get(root);
      if (output === undefined) {
        output = indices.size;
        indices.set(root, output);
        this.#outputTypes.push({ shape: root.shape, dtype: root.dtype });
      }
      this.#results.push({ output });
    }
    return [...indices.keys()];
  }

  #realizePending(): void {
    let pending: Value[] | undefined;
    for (const cell of this.#cells) {
      const value = cell.value;
      if (value.storage === undefined) (pending ??= []).push(value);
    }
    if (pending !== undefined) realizeValues(pending);
  }

  /** Gives updated slots a copy of their own where somebody else sees the same storage. */
  #copyShared(fresh: Storage[]): void {
    for (const slot of this.#updateSlots) {
      const { value } = this.#cells[slot];
      const storage = storageOf(value);
      const isShared = value.references > 1 || storage.references > 1;
      if (!isShared && !this.#isFallible) continue;
      const copy = copyStorage(storage);
      fresh.push(copy);
      this.#stand[slot] = copy;
    }
  }

  #allocate(fresh: Storage[]): Storage[] {
    const outputs: Storage[] = [];
    for (const type of this.#outputTypes) {
      const bytes = numel(type.shape) * dtypeBytes(type.dtype);
      const storage = allocateStorage(this.#device, bytes, type);
      fresh.push(storage);
      outputs.push(storage);
    }
    return outputs;
  }

  #execute(outputs: readonly Storage[]): void {
    if (this.#entry === undefined) return;
    const inputBuffers = this.#inputBuffers;
    const outputBuffers = this.#outputBuffers;
    for (let i = 0; i < this.#inputSlots.length; i++) {
      inputBuffers[i] = this.#bufferOf(this.#inputSlots[i]);
    }
    for (let i = 0; i < outputs.length; i++) outputBuffers[i] = outputs[i].buffer;
    for (let i = 0; i < this.#updateSlots.length; i++) {
      outputBuffers[outputs.length + i] = this.#bufferOf(this.#updateSlots[i]);
    }
    runProgram(this.#entry.program, inputBuffers, outputBuffers);
  }

  #bufferOf(slot: number): Buffer {
    return (this.#stand[slot] ?? storageOf(this.#cells[slot].value)).buffer;
  }

  /** Old values of slots that are returned and updated in one program. */
  #copyPassed(fresh: Storage[]): Storage[] {
    const copies: Storage[] = [];
    for (const result of this.#results) {
      if (!("slot" in result) || !this.#updated.has(result.slot)) continue;
      const copy = copyStorage(storageOf(this.#cells[result.slot].value));
      fresh.push(copy);
      copies.push(copy);
    }
    return copies;
  }

  #collectResults(outputs: readonly Storage[], copies: readonly Storage[]): Value[] {
    let nextCopy = 0;
    const values = this.#results.map((result, i) => {
      const { shape, dtype } = this.#resultTypes[i];
      if ("output" in result) return Value.stored(shape, dtype, outputs[result.output].retain());
      if (this.#updated.has(result.slot)) {
        return Value.stored(shape, dtype, copies[nextCopy++].retain());
      }
      return this.#cells[result.slot].value.retain();
    });
    for (const storage of outputs) storage.release();
    for (const storage of copies) storage.release();
    return values;
  }

  /** Makes the updates visible, now that nothing can fail any more. */
  #commit(): void {
    for (const slot of this.#updateSlots) {
      const cell = this.#cells[slot];
      const stand = this.#stand[slot];
      if (stand === undefined) cell.value.overwrite();
      else cell.replace(Value.stored(cell.shape, cell.dtype, stand));
    }
    this.#stand.length = 0;
  }
}

function storageOf(value: Value): Storage {
  if (value.storage === undefined) throw new CompileError("internal: a slot has no storage");
  return value.storage;
}
