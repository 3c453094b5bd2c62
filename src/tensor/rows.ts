import { DTypeError, ShapeError, UsageError } from "../base/errors.ts";
import { Cell } from "../engine/cell.ts";
import type { DeviceName } from "../engine/devices.ts";
import { resolveDevice } from "../engine/devices.ts";
import { realizeValues } from "../engine/realize.ts";
import type { Storage } from "../engine/storage.ts";
import { allocateStorage } from "../engine/storage.ts";
import { refuseInTrace } from "../engine/trace.ts";
import { Value } from "../engine/value.ts";
import type { DType, HostArray } from "../ir/dtype.ts";
import { dtypeBytes } from "../ir/dtype.ts";
import type { Shape } from "../ir/shape.ts";
import { formatShape, numel } from "../ir/shape.ts";
import { Tensor } from "./tensor.ts";

/**
 * A tensor over memory nobody has written: its values are what was there. On most systems untouched
 * memory costs nothing, so a large table may be made for the rows {@link writeRows} will bring.
 * @throws {OutOfMemoryError}
 */
export function uninitialized(shape: Shape, dtype: DType, device?: DeviceName): Tensor {
  refuseInTrace("uninitialized");
  const place = resolveDevice(device);
  const storage = allocateStorage(place, numel(shape) * dtypeBytes(dtype), { shape, dtype });
  const type = { shape: [...shape], dtype, device: place };
  return new Tensor(new Cell(type, { value: Value.stored(type.shape, dtype, storage) }));
}

/**
 * Copies host rows over the rows of a tensor from `start` on: the one write in place. Nothing else
 * is read or copied, so that a row costs the same in a table of a million. Programs that ran before
 * have seen the old rows, later ones see the new: jitted functions that close over the tensor go on
 * with the same memory.
 * Shapes: target [N, …], data whole rows in the dtype's storage format (f16 and bf16 as bits).
 * @throws {UsageError} inside jit, and if anything else needs the old value: a tensor that was
 *   computed from it but not read yet, a detached twin, a gradient.
 * @throws {ShapeError} if the data is not whole rows, or does not fit behind `start`.
 * @throws {DTypeError} if the data is not of the tensor's dtype.
 */
export function writeRows(target: Tensor, start: number, data: HostArray): void {
  refuseInTrace("writeRows");
  const rowBytes = requireRows(target, start, data);
  if (data.length === 0) return;
  const { backend, buffer } = ownStorage(target);
  backend.writePart(buffer, start * rowBytes, data);
  target.cell.value.overwrite();
}

/** Bytes of one row, if the data can be written. */
function requireRows({ shape, dtype }: Tensor, start: number, data: HostArray): number {
  if (!holds(data, dtype)) {
    throw new DTypeError(
      `writeRows: data must be in the storage format of ${dtype}, got a ${data.constructor.name}`,
    );
  }
  const rows = shape[0] ?? 0;
  const width = numel(shape.slice(1));
  const count = data.length === 0 ? 0 : data.length / width;
  const isWithin = Number.isInteger(start) && start >= 0 && start + count <= rows;
  if (shape.length === 0 || !Number.isInteger(count) || !isWithin) {
    throw new ShapeError(
      `writeRows: needs whole rows that fit into ${dtype}${formatShape(shape)}, got ${data.length} ` +
        `elements at row ${start}`,
    );
  }
  return width * dtypeBytes(dtype);
}

const arrays: Readonly<Record<DType, new (length: number) => HostArray>> = {
  f64: Float64Array,
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

const holds = (data: HostArray, dtype: DType): boolean => data instanceof arrays[dtype];

/** The memory that only this tensor's value is in. */
function ownStorage({ cell }: Tensor): Storage {
  if (cell.value.storage === undefined || cell.value.references > 1) realizeValues([cell.value]);
  const { value } = cell;
  const { storage } = value;
  const isOwn = value.references === 1 && storage?.references === 1 && !value.keepsHistory;
  if (storage !== undefined && isOwn && !cell.requiresGrad) return storage;
  throw new UsageError(
    `writeRows: nothing else may need the old value of ${cell.dtype}${formatShape(cell.shape)}, got ` +
      `${whyShared(cell)}; read or dispose what was made of it first, or use assign()`,
  );
}

function whyShared({ value, requiresGrad }: Cell): string {
  if (requiresGrad || value.keepsHistory) return "a tensor that gradients are taken of";
  if ((value.storage?.references ?? 0) > 1) return "another tensor over the same memory";
  return "tensors made of it that are not computed yet";
}
