import { DistributedError } from "../base/errors.ts";
import type { HostArray } from "../ir/dtype.ts";

const calls = ["allReduce", "reduceScatter", "allGather", "broadcast", "send/recv"] as const;

/** An operation that ranks carry out together. */
export type Call = (typeof calls)[number];

const arrayTypes = [
  Float64Array,
  Float32Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Int8Array,
  Uint8Array,
] as const;

/** Bytes of a header. */
export const headerBytes = 24;

/** What an operation is about: the same on all ranks that take part. */
export interface CallFacts {
  readonly call: Call;
  /** Number of the call, to tell a skipped one. */
  readonly sequence: number;
  readonly data: HostArray;
  /** Operation or root. */
  readonly variant: number;
}

/** The facts as bytes, which go before the data so that ranks that disagree are found at once. */
export function callHeader({ call, sequence, data, variant }: CallFacts): Uint8Array {
  const view = new DataView(new ArrayBuffer(headerBytes));
  view.setUint32(0, sequence);
  view.setUint8(4, calls.indexOf(call));
  view.setUint8(
    5,
    arrayTypes.findIndex((type) => data instanceof type),
  );
  view.setUint16(6, variant);
  view.setFloat64(8, data.length);
  return new Uint8Array(view.buffer);
}

/** @throws {DistributedError} with both calls if a neighbour does something else. */
export function requireSameCall(
  own: Uint8Array,
  other: Uint8Array,
  ownRank: number,
  otherRank: number,
): void {
  if (own.every((byte, i) => byte === other[i])) return;
  throw new DistributedError(
    `process group: all ranks must make the same calls in the same order, got ${describe(own)} on ` +
      `rank ${ownRank} and ${describe(other)} on rank ${otherRank}; ` +
      "look for calls that only some ranks make",
  );
}

function describe(header: Uint8Array): string {
  const view = new DataView(header.buffer, header.byteOffset);
  const call = calls[view.getUint8(4)];
  const type = arrayTypes[view.getUint8(5)]?.name;
  const variant = view.getUint16(6);
  return `${call} of ${view.getFloat64(8)} elements (${type}, variant ${variant}) as call ${view.getUint32(0)}`;
}
