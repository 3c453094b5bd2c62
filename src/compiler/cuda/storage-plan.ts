import { roundUp } from "../../base/integers.ts";
import type { Kernel } from "../kernel.ts";
import type { CudaTarget } from "./kernel-code.ts";
import type { KernelPlan } from "./kernel-plan.ts";
import { registerOf } from "./register-code.ts";
import { reductionsOf } from "./segments.ts";

/** Where what a thread keeps from phase to phase lies. */
export type StashPlace =
  | { readonly kind: "register" }
  | { readonly kind: "shared"; readonly offset: number }
  | { readonly kind: "scratch"; readonly offset: number };

/** Memory of a kernel beside its values. */
export interface StoragePlan {
  /** Place of each stash, by id. */
  readonly stashes: readonly StashPlace[];
  /** Bytes of scratch memory that hold the partial sums of each reduction, by id. */
  readonly partials: ReadonlyMap<number, number>;
  /** Offset of the shared memory each reduction goes through, by id. */
  readonly meetings: ReadonlyMap<number, number>;
  readonly sharedBytes: number;
  readonly scratchBytes: number;
  /** Whether loops over items are unrolled, because registers hold something for each. */
  readonly unrolled: boolean;
}

const SHARED_LIMIT = 48 << 10;
const LONGEST_UNROLLED = 32;
const ALIGNMENT = 256;

const registerBytes = (type: string): number => (type === "f64" ? 8 : 4);

/** Registers a thread may keep values in beside those it computes with. */
export function spareRegisters(threads: number): number {
  if (threads <= 256) return 96;
  return threads <= 512 ? 64 : 32;
}

export function planStorage(kernel: Kernel, plan: KernelPlan, target: CudaTarget): StoragePlan {
  const { lanes, rounds, threads, parts } = plan;
  let shared = 0;
  let scratch = 0;
  const meetings = new Map<number, number>();
  const partials = new Map<number, number>();
  const meets = plan.group > 1 && !(plan.horizontal && plan.group <= 32);
  let column = 0;
  for (const phase of kernel.phases) {
    for (const { id, dtype } of reductionsOf(phase)) {
      const bytes = registerBytes(registerOf(dtype));
      if (meets && plan.horizontal) {
        meetings.set(id, shared);
        shared += 32 * 8;
      }
      if (meets && !plan.horizontal) {
        meetings.set(id, 0);
        column = Math.max(column, threads * lanes * bytes);
      }
      if (parts > 1) {
        partials.set(id, scratch);
        const perRow = plan.horizontal ? 1 : lanes;
        scratch += roundUp(parts * plan.rowCount * perRow * bytes, ALIGNMENT);
      }
    }
  }
  shared += roundUp(column, 16);
  let registers = spareRegisters(threads);
  const stashes = kernel.stashes.map((dtype): StashPlace => {
    const bytes = registerBytes(registerOf(dtype));
    const slots = rounds * lanes;
    const needed = (slots * bytes) / 4;
    if (parts === 1 && rounds <= LONGEST_UNROLLED && needed <= registers) {
      registers -= needed;
      return { kind: "register" };
    }
    const room = slots * bytes * threads;
    if (parts === 1 && shared + room <= Math.min(SHARED_LIMIT, target.sharedBytesPerBlock)) {
      const place = { kind: "shared", offset: shared } as const;
      shared += roundUp(room, 16);
      return place;
    }
    const place = { kind: "scratch", offset: scratch } as const;
    scratch += roundUp(room * plan.blocks, ALIGNMENT);
    return place;
  });
  const unrolled = stashes.some((place) => place.kind === "register");
  return { stashes, partials, meetings, sharedBytes: shared, scratchBytes: scratch, unrolled };
}
