import { roundUp } from "../../base/integers.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import type { Form } from "../affine.ts";
import { formKey, normalizeForm } from "../affine.ts";
import type { Kernel } from "../kernel.ts";
import { kernelExpressions, phaseExpressions } from "../loops.ts";
import { hasDynamic } from "./expression-code.ts";
import type { CudaTarget } from "./kernel-code.ts";
import { isUnsafe, strideOf } from "./accesses.ts";
import { accessWidth } from "./kernel-plan.ts";
import type { AlignmentOf, KernelPlan } from "./kernel-plan.ts";
import { registerOf, registerType } from "./register-code.ts";
import { reductionsOf } from "./segments.ts";

/** Where what a thread keeps from phase to phase lies. */
export type StashPlace =
  | { readonly kind: "none" }
  | { readonly kind: "register" }
  | { readonly kind: "shared"; readonly offset: number }
  | { readonly kind: "scratch"; readonly offset: number };

/** Elements of a row that several phases read, kept as they come from memory. */
export interface KeptRow {
  readonly name: string;
  /** C type of a word. */
  readonly type: string;
  /** Words per item. */
  readonly words: number;
}

/** Memory of a kernel beside its values. */
export interface StoragePlan {
  /** Place of each stash, by id. */
  readonly stashes: readonly StashPlace[];
  /** Rows in registers, by {@link accessKey}. */
  readonly kept: ReadonlyMap<string, KeptRow>;
  /** Offset in scratch memory of the partial sums of each reduction, by id. */
  readonly partials: ReadonlyMap<number, number>;
  /** Offset of the shared memory each reduction goes through, by id. */
  readonly meetings: ReadonlyMap<number, number>;
  readonly sharedBytes: number;
  readonly scratchBytes: number;
  /** Whether loops over items are unrolled: registers hold something for each, or they are few. */
  readonly unrolled: boolean;
}

const SHARED_LIMIT = 48 << 10;
const LONGEST_UNROLLED = 32;
/** Items of a loop that is written out, so that their places are numbers. */
const SHORT_LOOP = 16;
/** Values a loop that is written out may have. */
const SHORT_TEXT = 512;
const ALIGNMENT = 256;

const registerBytes = (dtype: DType): number => (registerOf(dtype) === "f64" ? 8 : 4);

/** Equal texts for accesses of the same elements. */
export function accessKey(value: Node, form: Form): string {
  return `${value.id} ${formKey(form)}`;
}

/** Registers a thread may keep values in beside those it computes with. */
function spareRegisters(threads: number): number {
  if (threads <= 256) return 96;
  return threads <= 512 ? 64 : 32;
}

/** Lays out stashes, sums and kept rows. */
class StoragePlanner {
  private readonly kernel: Kernel;
  private readonly plan: KernelPlan;
  private readonly target: CudaTarget;
  private readonly alignmentOf: AlignmentOf;
  private shared = 0;
  private scratch = 0;
  private registers: number;

  constructor(kernel: Kernel, plan: KernelPlan, target: CudaTarget, alignmentOf: AlignmentOf) {
    this.kernel = kernel;
    this.plan = plan;
    this.target = target;
    this.alignmentOf = alignmentOf;
    this.registers = spareRegisters(plan.threads);
  }

  run(): StoragePlan {
    const meetings = this.meetings();
    const partials = this.partials();
    const used = this.usedStashes();
    const stashes = this.kernel.stashes.map((dtype, id) =>
      used.has(id) ? this.stash(dtype) : ({ kind: "none" } as const),
    );
    const kept = this.keptRows();
    const unrolled =
      kept.size > 0 || stashes.some((place) => place.kind === "register") || this.isShort();
    const { shared, scratch } = this;
    return {
      stashes,
      kept,
      partials,
      meetings,
      sharedBytes: shared,
      scratchBytes: scratch,
      unrolled,
    };
  }

  /** Whether a thread's loops are worth writing out: few items, and not much to do for each. */
  private isShort(): boolean {
    const { group, rounds } = this.plan;
    if (group > 1 || rounds > SHORT_LOOP || this.kernel.sequential) return false;
    return rounds * kernelExpressions(this.kernel).length <= SHORT_TEXT;
  }

  private usedStashes(): Set<number> {
    const used = new Set<number>();
    for (const phase of this.kernel.phases) {
      for (const part of phase.statements) if (part.kind === "stash") used.add(part.id);
    }
    return used;
  }

  /** Along a row each sum has a place of its own; columns meet one after the other. */
  private meetings(): Map<number, number> {
    const { group, horizontal, threads, lanes } = this.plan;
    const meetings = new Map<number, number>();
    if (group === 1 || (horizontal && group <= 32)) return meetings;
    let column = 0;
    for (const { id, dtype } of this.kernel.phases.flatMap(reductionsOf)) {
      meetings.set(id, horizontal ? this.shared : 0);
      if (horizontal) this.shared += 32 * 8;
      else column = Math.max(column, threads * lanes * registerBytes(dtype));
    }
    this.shared += roundUp(column, 16);
    return meetings;
  }

  private partials(): Map<number, number> {
    const { parts, rowCount, horizontal, lanes } = this.plan;
    const partials = new Map<number, number>();
    if (parts === 1) return partials;
    for (const { id, dtype } of this.kernel.phases.flatMap(reductionsOf)) {
      partials.set(id, this.scratch);
      const sums = parts * rowCount * (horizontal ? 1 : lanes);
      this.scratch += roundUp(sums * registerBytes(dtype), ALIGNMENT);
    }
    return partials;
  }

  private takeRegisters(bytes: number): boolean {
    const { parts, rounds } = this.plan;
    const needed = Math.ceil(bytes / 4);
    if (parts > 1 || rounds > LONGEST_UNROLLED || needed > this.registers) return false;
    this.registers -= needed;
    return true;
  }

  private stash(dtype: DType): StashPlace {
    const { rounds, lanes, threads, parts, blocks } = this.plan;
    const bytes = Math.max(1, rounds * lanes) * registerBytes(dtype);
    if (this.takeRegisters(bytes)) return { kind: "register" };
    const room = bytes * threads;
    const limit = Math.min(SHARED_LIMIT, this.target.sharedBytesPerBlock);
    if (parts === 1 && this.shared + room <= limit) {
      const offset = this.shared;
      this.shared += roundUp(room, 16);
      return { kind: "shared", offset };
    }
    const offset = this.scratch;
    this.scratch += roundUp(room * blocks, ALIGNMENT);
    return { kind: "scratch", offset };
  }

  /** Rows that an earlier phase loads or stores and a later one loads. */
  private keptRows(): Map<string, KeptRow> {
    const { plan, kernel } = this;
    const kept = new Map<string, KeptRow>();
    if (plan.inner.length === 0 || kernel.sequential) return kept;
    const seen = new Set<string>();
    for (const phase of kernel.phases) {
      if (phase.level !== "inner") continue;
      const now: string[] = [];
      const visit = (value: Node, unsplit: Form, isLoad: boolean): void => {
        const form = normalizeForm(unsplit);
        const key = accessKey(value, form);
        if (isLoad && seen.has(key) && !kept.has(key)) this.keep(kept, key, value, form);
        now.push(key);
      };
      for (const part of phaseExpressions(phase)) {
        if (part.kind === "load") visit(part.value, part.form, true);
      }
      for (const part of phase.statements) {
        if (part.kind === "store" && !part.accumulate) visit(part.target, part.form, false);
      }
      for (const key of now) seen.add(key);
    }
    return kept;
  }

  private keep(kept: Map<string, KeptRow>, key: string, value: Node, form: Form): void {
    const { plan } = this;
    const moves = plan.inner.some((loop) => strideOf(form, loop) !== 0);
    if (!moves || hasDynamic(form) || isUnsafe(value, form)) return;
    const name = `c${kept.size}`;
    if (plan.lanes === 1) {
      if (!this.takeRegisters(plan.rounds * registerBytes(value.dtype))) return;
      kept.set(key, { name, type: registerType(value.dtype), words: 1 });
      return;
    }
    const loops = [...plan.outer, ...plan.inner];
    const alignment = this.alignmentOf(value);
    const width = accessWidth({ value, form }, plan.vector, loops, plan.lanes, alignment);
    if (width === 1) return;
    const words = plan.lanes / width;
    const bytes = width * dtypeBytes(value.dtype);
    if (!this.takeRegisters(plan.rounds * words * Math.max(4, bytes))) return;
    kept.set(key, { name, type: bytes === 2 ? "u16" : bytes === 4 ? "u32" : `v${bytes}`, words });
  }
}

/** Decides where threads keep what they need later, and where they meet. */
export function planStorage(
  kernel: Kernel,
  plan: KernelPlan,
  target: CudaTarget,
  alignmentOf: AlignmentOf,
): StoragePlan {
  return new StoragePlanner(kernel, plan, target, alignmentOf).run();
}
