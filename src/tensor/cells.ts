import { DTypeError, DeviceError, ShapeError } from "../base/errors.ts";
import { Cell } from "../engine/cell.ts";
import type { DeviceName } from "../engine/devices.ts";
import { defaultDevice } from "../engine/devices.ts";
import { afterAssign, beforeAssign, realizeValues } from "../engine/realize.ts";
import { storageFrom } from "../engine/storage.ts";
import { currentTrace } from "../engine/trace.ts";
import { Value } from "../engine/value.ts";
import { checkpoint } from "../ir/build.ts";
import type { DType, HostArray } from "../ir/dtype.ts";
import { isFloat } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import { makeNode, nodeCounter } from "../ir/node.ts";
import type { Shape } from "../ir/shape.ts";
import { formatShape, sameShape } from "../ir/shape.ts";

/** A tensor handle as this module sees it. */
interface Handle {
  readonly cell: Cell;
}

/** The cell's graph node, captured if a trace reads it from outside. */
export function nodeOf(handle: Handle): Node {
  const trace = currentTrace();
  if (trace !== undefined) return trace.nodeOf(handle.cell, handle);
  const { cell } = handle;
  if (cell.requiresGrad) settleVariable(cell.value);
  return cell.value.node;
}

/**
 * Computes a variable's pending value, an initial one or one that was assigned, before graphs are
 * built over it: computing it later would give it another node than the one those graphs know, and
 * their gradients would no longer find it.
 */
function settleVariable(value: Value): void {
  if (value.storage === undefined && !value.keepsHistory) realizeValues([value]);
}

/** The one device of the sources. @throws {DeviceError} if they disagree. */
function commonDevice(sources: readonly Handle[]): DeviceName {
  const device = sources[0]?.cell.device ?? defaultDevice();
  for (const { cell } of sources) {
    if (cell.device === device) continue;
    throw new DeviceError(
      `tensor: operands must be on one device, got ${device} and ${cell.device}; move one with to()`,
    );
  }
  return device;
}

/** A cell for `node`, computed from `sources` when somebody asks. */
export function derivedCell(node: Node, sources: readonly Handle[], on?: DeviceName): Cell {
  const device = on ?? commonDevice(sources);
  const type = { shape: node.shape, dtype: node.dtype, device };
  const trace = currentTrace();
  if (trace !== undefined) return new Cell(type, { symbol: node, trace });
  let keepsHistory = false;
  const values = sources.map(({ cell }) => {
    if (cell.requiresGrad || cell.value.keepsHistory) keepsHistory = isFloat(node.dtype);
    return cell.value;
  });
  const value = Value.pending({ node, device, sources: values, keepsHistory });
  return new Cell(type, { value });
}

/**
 * A cell that keeps alive what the handle's graph ends in. A gradient is a graph over the inside of
 * its loss, which the loss itself forgets as soon as it is stored. Undefined inside a trace.
 */
export function foundationCell(handle: Handle): Cell | undefined {
  if (currentTrace() !== undefined) return undefined;
  const { cell } = handle;
  const sources = cell.value.foundations();
  const { node, device } = cell.value;
  return new Cell(cell, { value: Value.pending({ node, device, sources, keepsHistory: false }) });
}

/** A cell over data in the dtype's storage format. */
export function storedCell(data: HostArray, shape: Shape, dtype: DType, device: DeviceName): Cell {
  const value = Value.stored(shape, dtype, storageFrom(device, data, { shape, dtype }));
  return new Cell({ shape, dtype, device }, { value, trace: currentTrace() });
}

/** A second cell over the same value, with no history. */
export function detachedCell(handle: Handle): Cell {
  const { cell } = handle;
  const storage = currentTrace() === undefined ? cell.value.storage : undefined;
  if (storage === undefined) {
    const detached = derivedCell(stopGradient(nodeOf(handle)), [handle]);
    return detached.hasValue ? new Cell(cell, { value: withoutHistory(detached.value) }) : detached;
  }
  return new Cell(cell, { value: Value.stored(cell.shape, cell.dtype, storage.retain()) });
}

/** Takes over the reference of `value`; the result forgets its graph once it is computed. */
function withoutHistory(value: Value): Value {
  if (!value.keepsHistory) return value;
  const { node, device } = value;
  const plain = Value.pending({ node, device, sources: [value], keepsHistory: false });
  value.release();
  return plain;
}

/**
 * The node under an identity of its own. Equal computations are one node, and a gradient with
 * respect to a node sees every use of it; variables that start equal (two zero biases) must not be
 * taken for one another. The mark costs nothing: the engine drops it, as all checkpoint marks.
 */
export function distinct(node: Node): Node {
  return checkpoint(node, nodeCounter());
}

/** The node as a constant for differentiation: a cast of bits to themselves has no gradient. */
function stopGradient(node: Node): Node {
  return distinct(makeNode("bitcast", [node], { dtype: node.dtype }));
}

/** Gives the target's variable a new value; see `Tensor.assign`. */
export function assignCell(target: Handle, source: Handle): void {
  const { cell } = target;
  const from = source.cell;
  const types = (): string =>
    `got ${from.dtype}${formatShape(from.shape)} for ${cell.dtype}${formatShape(cell.shape)}`;
  if (!sameShape(cell.shape, from.shape)) {
    throw new ShapeError(
      `assign: the value must have the tensor's shape, ${types()}; reshape or expand it`,
    );
  }
  if (cell.dtype !== from.dtype) {
    throw new DTypeError(
      `assign: the value must have the tensor's dtype, ${types()}; cast it with to()`,
    );
  }
  if (cell.device !== from.device) {
    throw new DeviceError(
      `assign: the value must be on the tensor's device, got ${from.device} for ${cell.device}; move it with to()`,
    );
  }
  const trace = currentTrace();
  if (trace !== undefined) {
    trace.assign(cell, target, stopGradient(nodeOf(source)));
    return;
  }
  beforeAssign(cell);
  const { value } = from;
  const storage = value.storage?.retain();
  cell.replace(
    storage === undefined
      ? Value.pending({
          node: stopGradient(value.node),
          device: cell.device,
          sources: [value],
          keepsHistory: false,
        })
      : Value.stored(cell.shape, cell.dtype, storage),
  );
  afterAssign(cell);
}
