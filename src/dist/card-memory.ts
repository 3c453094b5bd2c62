import { DeviceError } from "../base/errors.ts";
import type { CudaCommunication } from "../backends/cuda/communication.ts";
import { Cell } from "../engine/cell.ts";
import { backendOf } from "../engine/devices.ts";
import type { DeviceName } from "../engine/devices.ts";
import type { Storage } from "../engine/storage.ts";
import { allocateStorage } from "../engine/storage.ts";
import { Value } from "../engine/value.ts";
import type { Backend } from "../runtime/backend.ts";
import { realizeSync } from "../tensor/realize.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A backend whose buffers can travel to other cards. */
interface CardBackend extends Backend {
  communication(): CudaCommunication;
}

/** What moving buffers of a card takes. @throws {DeviceError} if the device is no card. */
export function communicationOf(device: DeviceName): CudaCommunication {
  const backend = backendOf(device);
  if ("communication" in backend) return (backend as CardBackend).communication();
  throw new DeviceError(
    `dist: the backend "nccl" needs a CUDA device, got ${device}; use the backend "tcp" or "mpi", or ` +
      'setDefaultDevice("cuda")',
  );
}

/** The computed value of a tensor of a card, kept until `release`. */
export function sourceOf(tensor: Tensor, device: DeviceName): Storage {
  requireOn(tensor, device);
  realizeSync(tensor);
  return storageOf(tensor).retain();
}

/** Memory for a tensor's new value. */
export interface Destination {
  readonly storage: Storage;
  /** Makes the new value the tensor's; called once, when the operation is on the stream. */
  commit(): void;
  /** Gives the memory back; called once, when the operation could not be issued. */
  cancel(): void;
}

/** The tensor's own memory if nobody else sees its value, otherwise fresh memory. */
export function destinationOf(tensor: Tensor, device: DeviceName): Destination {
  requireOn(tensor, device);
  realizeSync(tensor);
  const { value } = tensor.cell;
  const own = storageOf(tensor);
  if (value.references === 1 && own.references === 1) {
    return { storage: own, commit: () => value.overwrite(), cancel: () => undefined };
  }
  const fresh = allocateStorage(own.device, own.buffer.bytes);
  return {
    storage: fresh,
    commit: () => {
      const stored = Value.stored(tensor.shape, tensor.dtype, fresh);
      using result = new Tensor(new Cell(tensor.cell, { value: stored }));
      tensor.assign(result);
    },
    cancel: () => fresh.release(),
  };
}

function storageOf({ cell }: Tensor): Storage {
  const { storage } = cell.value;
  if (storage === undefined) throw new DeviceError("dist: the tensor's value was not computed");
  return storage;
}

function requireOn(tensor: Tensor, device: DeviceName): void {
  if (tensor.device === device) return;
  throw new DeviceError(
    `dist: tensors that travel over NCCL must be on ${device}, got one on ${tensor.device}; ` +
      `move it with to("${device}")`,
  );
}
