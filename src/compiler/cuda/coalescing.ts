import { dtypeBytes } from "../../ir/dtype.ts";
import type { Form } from "../affine.ts";
import type { Loop } from "../loops.ts";
import type { Access } from "./accesses.ts";
import { bytesOf, strideOf } from "./accesses.ts";

const WARP = 32;
const SECTOR = 32;
/** What is stored in part of a sector costs a second transfer; what is loaded stays in a cache. */
const STORE_WEIGHT = 2;

/** Offsets, in elements, of the threads of a warp that walk the loops together, last one fastest. */
function warpOffsets(form: Form, loops: readonly Loop[]): number[] {
  const strides = loops.map((loop) => strideOf(form, loop));
  return Array.from({ length: WARP }, (_, thread) => {
    let rest = thread;
    let offset = 0;
    for (let i = loops.length - 1; i >= 0 && rest > 0; i--) {
      offset += (rest % loops[i].size) * strides[i];
      rest = Math.floor(rest / loops[i].size);
    }
    return offset;
  });
}

/** Bytes the sectors have that a warp touches, over the bytes it needs. */
function sectorRatio(access: Access, loops: readonly Loop[]): number {
  const bytes = dtypeBytes(access.value.dtype);
  const offsets = new Set(warpOffsets(access.form, loops));
  const sectors = new Set([...offsets].map((offset) => Math.floor((offset * bytes) / SECTOR)));
  return (sectors.size * SECTOR) / Math.max(offsets.size * bytes, SECTOR);
}

/** Memory traffic of a kernel whose neighbouring threads walk the loops, the last one fastest. */
export function trafficOf(accesses: readonly Access[], loops: readonly Loop[]): number {
  let total = 0;
  for (const access of accesses) {
    const weight = access.isStore ? STORE_WEIGHT : 1;
    total += weight * bytesOf(access) * sectorRatio(access, loops);
  }
  return total;
}
