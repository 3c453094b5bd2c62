import { invariant } from "../../base/errors.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Phase, Statement } from "../kernel.ts";
import type { FunctionBuilder } from "./assembler-function.ts";
import type { Unit } from "./expression-renderer.ts";
import type { KernelPlan } from "./kernel-plan.ts";
import { reduceIdentity } from "./lanes.ts";
import type { Lanes } from "./lanes.ts";

type Reduction = Extract<Statement, { kind: "reduce" }>;

const keyOf = (id: number, unit: Unit): string => `${id}/${unit.index}`;

/**
 * The locals that reductions and scans of one row fold into. Along an inner vector loop each
 * unrolled vector has one of its own; `close` joins them.
 */
export class Accumulators {
  private readonly f: FunctionBuilder;
  private readonly lanes: Lanes;
  private readonly plan: KernelPlan;
  private readonly locals: Map<string, number> = new Map();
  /** Notes of NaN met by maxima and minima. */
  private readonly notes: Map<string, number> = new Map();
  private owned: number[] = [];

  constructor(f: FunctionBuilder, lanes: Lanes, plan: KernelPlan) {
    this.f = f;
    this.lanes = lanes;
    this.plan = plan;
  }

  /** Starts the accumulators of a phase at what changes nothing. */
  open(phase: Phase, units: readonly Unit[]): void {
    for (const statement of phase.statements) {
      if (statement.kind !== "reduce" && statement.kind !== "scan") continue;
      const { id, op, dtype, kind } = statement;
      for (const unit of this.unitsOf(phase, units)) {
        this.start(this.locals, keyOf(id, unit), dtype, reduceIdentity(op, dtype));
        if (kind !== "reduce" || !this.lanes.notesNaN(op, dtype)) continue;
        this.start(this.notes, keyOf(id, unit), "i32", 0);
      }
    }
  }

  /** Ends reductions: puts noted NaN back, and joins partial results along the vector loop. */
  close(phase: Phase, units: readonly Unit[]): void {
    for (const statement of phase.statements) {
      if (statement.kind !== "reduce") continue;
      const active = this.unitsOf(phase, units);
      for (const unit of active) this.restoreNaN(statement.id, unit);
      if (this.plan.horizontal) this.join(statement, active);
    }
  }

  /** Forgets the row. */
  reset(): void {
    this.f.release(...this.owned);
    this.owned = [];
    this.locals.clear();
    this.notes.clear();
  }

  /** Local of an accumulator; a joined one serves every unit. */
  local(id: number, unit: Unit): number {
    const local = this.locals.get(keyOf(id, unit)) ?? this.locals.get(`${id}/0`);
    invariant(local !== undefined, `accumulator ${id} is read before it is made`);
    return local;
  }

  /** Value on the stack; lanes past the end of a reduced row must not count. */
  fold({ id, op, dtype }: Reduction, unit: Unit): void {
    const { f, lanes } = this;
    const local = this.local(id, unit);
    if (this.plan.horizontal && unit.remaining !== null) {
      lanes.constant(f, dtype, reduceIdentity(op, dtype));
      lanes.ramp(f, 1);
      f.get(unit.remaining);
      lanes.splatIndex(f);
      f.emit("i32x4.lt_s");
      lanes.select(f, dtype);
    }
    const note = this.notes.get(keyOf(id, unit));
    if (note === undefined) {
      f.get(local);
      lanes.combine(f, op, dtype);
      f.set(local);
      return;
    }
    const value = f.local("v128");
    f.set(value).get(local).get(value);
    lanes.combineOrdered(f, op);
    f.set(local).get(value).get(value).emit("f32x4.ne").get(note).emit("v128.or").set(note);
    f.release(value);
  }

  private unitsOf(phase: Phase, units: readonly Unit[]): readonly Unit[] {
    if (!this.plan.horizontal) return units;
    const length = this.plan.unitsOf.get(phase) ?? 1;
    return Array.from({ length }, (_, index): Unit => ({ index, remaining: null }));
  }

  private start(into: Map<string, number>, key: string, dtype: DType, value: number): void {
    const local = this.f.local(this.lanes.valueType(dtype));
    this.lanes.constant(this.f, dtype, value);
    this.f.set(local);
    into.set(key, local);
    this.owned.push(local);
  }

  private restoreNaN(id: number, unit: Unit): void {
    const note = this.notes.get(keyOf(id, unit));
    if (note === undefined) return;
    const local = this.local(id, unit);
    this.f.get(local).get(note);
    this.lanes.restoreNaN(this.f);
    this.f.set(local);
  }

  /** All partial results, pair by pair, into the first, which becomes the result in every lane. */
  private join({ id, op, dtype }: Reduction, units: readonly Unit[]): void {
    const { f, lanes } = this;
    const locals = units.map((unit) => this.local(id, unit));
    for (let step = 1; step < locals.length; step *= 2) {
      for (let i = 0; i + step < locals.length; i += 2 * step) {
        f.get(locals[i]).get(locals[i + step]);
        lanes.combine(f, op, dtype);
        f.set(locals[i]);
      }
    }
    for (const unit of units.slice(1)) this.locals.delete(keyOf(id, unit));
    f.get(locals[0]);
    lanes.fold(f, op, dtype);
    f.set(locals[0]);
  }
}
