import type { HostArray } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Backend, Buffer, BufferContent } from "../runtime/backend.ts";
import type { DeviceName } from "./devices.ts";
import { backendOf } from "./devices.ts";
import { noteAllocation, noteRelease } from "./garbage.ts";

/** A device buffer with a count of the values that share it; freed when the count reaches zero. */
export class Storage {
  readonly device: DeviceName;
  readonly backend: Backend;
  readonly buffer: Buffer;
  references = 1;
  /** Whether some node is known to have this value, so that it must not change under that node. */
  isRemembered = false;

  constructor(device: DeviceName, backend: Backend, buffer: Buffer) {
    this.device = device;
    this.backend = backend;
    this.buffer = buffer;
  }

  /** Whether the buffer still belongs to this object. */
  get isLive(): boolean {
    return this.references > 0;
  }

  retain(): this {
    this.references++;
    return this;
  }

  release(): void {
    if (--this.references !== 0) return;
    noteRelease(this.buffer.bytes, this.backend.memoryBytes ?? 0);
    this.backend.free(this.buffer);
  }

  /** Moves the buffer to a new object, so that nodes that remember this one forget it. */
  renew(): Storage {
    this.references = 0;
    return new Storage(this.device, this.backend, this.buffer);
  }
}

/**
 * Uninitialised memory on a device.
 *
 * @param content - what it is for; a report of a full memory names it.
 * @throws {OutOfMemoryError}
 */
export function allocateStorage(
  device: DeviceName,
  bytes: number,
  content?: BufferContent,
): Storage {
  const backend = backendOf(device);
  noteAllocation(bytes, backend.memoryBytes ?? 0);
  const buffer = backend.allocate(bytes);
  buffer.content = content;
  return new Storage(device, backend, buffer);
}

/** Memory filled from the host. @throws {OutOfMemoryError} */
export function storageFrom(device: DeviceName, data: HostArray, content?: BufferContent): Storage {
  const storage = allocateStorage(device, data.byteLength, content);
  storage.backend.write(storage.buffer, data);
  return storage;
}

/** A second buffer with the same bytes. @throws {OutOfMemoryError} */
export function copyStorage(storage: Storage): Storage {
  const { bytes, content } = storage.buffer;
  const copy = allocateStorage(storage.device, bytes, content);
  storage.backend.copy(storage.buffer, copy.buffer);
  return copy;
}

const remembered = new WeakMap<Node, Storage>();

/** Records that a node's value is in a storage, so that graphs stop there. */
export function remember(node: Node, storage: Storage): void {
  storage.isRemembered = true;
  remembered.set(node, storage);
}

/** The storage that holds a node's value, if it is still there. */
export function recall(node: Node): Storage | undefined {
  const storage = remembered.get(node);
  return storage !== undefined && storage.isLive ? storage : undefined;
}
