import { CompileError } from "../base/errors.ts";
import { numel } from "../ir/shape.ts";
import { dtypeBytes } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Cell } from "./cell.ts";
import type { DeviceName } from "./devices.ts";
import { backendOf } from "./devices.ts";
import { planGraph, resolveIdentity } from "./plan.ts";
import { programFor, runProgram } from "./programs.ts";
import type { Storage } from "./storage.ts";
import { allocateStorage, recall } from "./storage.ts";
import type { Value } from "./value.ts";

const isStored = (node: Node): boolean => recall(node) !== undefined;

/** Cells whose assigned value is still pending; every realize computes them as well. */
const assigned = new Set<Cell>();

/** Assignments chained longer than this are computed before the next one is recorded. */
const longestChain = 32;

/**
 * Records that a cell received a pending value. When its last one is still pending and long, all
 * pending ones are computed first, so that a loop without reads stays a loop over one program.
 */
export function beforeAssign(cell: Cell): void {
  if (assigned.has(cell) && cell.value.depth >= longestChain) realizeValues([]);
}

/** Makes the next realize compute the cell's value too. */
export function afterAssign(cell: Cell): void {
  if (cell.value.storage === undefined) assigned.add(cell);
  else assigned.delete(cell);
}

/** Stops computing a cell's value with others'. */
export function forgetAssigned(cell: Cell): void {
  assigned.delete(cell);
}

/**
 * Computes the values and all pending assignments, one program per device.
 * @throws whatever compiling or running throws; then no value has changed.
 */
export function realizeValues(values: readonly Value[]): void {
  const wanted = values.filter((value) => value.storage === undefined);
  const state = [...assigned].map((cell) => cell.value);
  if (wanted.length + state.length === 0) return;
  try {
    realizeByDevice([...wanted, ...state]);
  } catch (error) {
    // A state that cannot be computed must not keep others from being read; its own read tells.
    if (state.every((value) => values.includes(value))) throw error;
    assigned.clear();
    if (wanted.length === 0) throw error;
    realizeByDevice(wanted);
    return;
  }
  assigned.clear();
}

function realizeByDevice(values: readonly Value[]): void {
  const groups = new Map<DeviceName, Value[]>();
  for (const value of values) {
    const group = groups.get(value.device);
    if (group === undefined) groups.set(value.device, [value]);
    else group.push(value);
  }
  const results = [...groups].map(([device, group]) => compute(device, group));
  results.forEach((storages, i) => settle([...groups.values()][i], storages));
}

const rootOf = (value: Value): Node => resolveIdentity(value.node, isStored);

/** Storages of the values' roots; those that are stored already are not computed again. */
function compute(device: DeviceName, values: readonly Value[]): Map<Node, Storage> {
  const roots = new Map<Node, Value>();
  for (const value of values) {
    if (value.storage !== undefined) continue;
    const root = rootOf(value);
    if (!isStored(root)) roots.set(root, value);
  }
  if (roots.size === 0) return new Map();
  const plan = planGraph([...roots.keys()], isStored);
  const { program } = programFor(backendOf(device), plan);
  const inputs = plan.leaves.map((leaf) => bufferOf(leaf).buffer);
  const storages: Storage[] = [];
  try {
    for (const { shape, dtype } of roots.values()) {
      const bytes = numel(shape) * dtypeBytes(dtype);
      storages.push(allocateStorage(device, bytes, { shape, dtype }));
    }
    runProgram(
      program,
      inputs,
      storages.map((storage) => storage.buffer),
    );
  } catch (error) {
    for (const storage of storages) storage.release();
    throw error;
  }
  return new Map([...roots.keys()].map((root, i) => [root, storages[i]]));
}

function bufferOf(leaf: Node): Storage {
  const storage = recall(leaf);
  if (storage === undefined) throw new CompileError("internal: a planned leaf has no storage");
  return storage;
}

function settle(values: readonly Value[], computed: ReadonlyMap<Node, Storage>): void {
  // Roots are resolved before anything settles: settling frees what older graphs end in.
  const storages = values.map((value) => {
    if (value.storage !== undefined) return undefined;
    const root = rootOf(value);
    return (computed.get(root) ?? recall(root))?.retain();
  });
  values.forEach((value, i) => {
    const storage = storages[i];
    if (storage === undefined) return;
    if (value.storage === undefined) value.settle(storage);
    else storage.release();
  });
  for (const storage of computed.values()) storage.release();
}
