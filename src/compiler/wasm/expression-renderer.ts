import { invariant } from "../../base/errors.ts";
import { dtypeBytes, isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import type { Form } from "../affine.ts";
import { combineForms, formKey, formRange, normalizeForm } from "../affine.ts";
import type { Expression, Statement } from "../kernel.ts";
import type { Loop } from "../loops.ts";
import type { FunctionBuilder } from "./assembler-function.ts";
import { controlBlock } from "./control-block.ts";
import { strideOf, Variation } from "./kernel-plan.ts";
import type { Lanes } from "./lanes.ts";
import type { Scopes } from "./scopes.ts";

/** The vector being computed: which of the unrolled ones, and how many lanes count in the last. */
export interface Unit {
  readonly index: number;
  /** Local with the number of live lanes (1 … width−1), or null if all are. */
  readonly remaining: number | null;
  /** How many lanes count in the last vector, if that is known here. */
  readonly count?: number;
}

/** A loop that is open where code is being written. */
export interface OpenLoop {
  readonly loop: Loop;
  readonly index: number;
}

type Load = Extract<Expression, { kind: "load" }>;
type Store = Extract<Statement, { kind: "store" }>;

/** Writes the values of expressions into one function. */
export class ExpressionRenderer {
  private readonly f: FunctionBuilder;
  private readonly lanes: Lanes;
  private readonly scopes: Scopes;
  private readonly vector: Loop;
  private readonly uses: ReadonlyMap<Expression, number>;
  private readonly bases: ReadonlyMap<Node, number>;
  private readonly variation: Variation;
  private readonly ids: Map<Expression, number> = new Map();
  /** Loops open now, outermost first. */
  readonly open: OpenLoop[] = [];
  /** Writes accumulators and stashes, which the phases own. */
  private readonly special: (expression: Expression, unit: Unit) => void;

  constructor(options: {
    readonly f: FunctionBuilder;
    readonly lanes: Lanes;
    readonly scopes: Scopes;
    readonly vector: Loop;
    /** Whether the vector loop is a reduced one: then accumulators are equal in all lanes. */
    readonly horizontal: boolean;
    readonly uses: ReadonlyMap<Expression, number>;
    readonly bases: ReadonlyMap<Node, number>;
    readonly special: (expression: Expression, unit: Unit) => void;
  }) {
    this.f = options.f;
    this.lanes = options.lanes;
    this.scopes = options.scopes;
    this.vector = options.vector;
    this.variation = new Variation(options.vector, !options.horizontal);
    this.uses = options.uses;
    this.bases = options.bases;
    this.special = options.special;
  }

  /** Whether the value differs between lanes. */
  varies(expression: Expression): boolean {
    return this.variation.has(expression);
  }

  private key(expression: Expression, unit: Unit): string {
    let id = this.ids.get(expression);
    if (id === undefined) this.ids.set(expression, (id = this.ids.size));
    return this.varies(expression) ? `${id}/${unit.index}` : `${id}`;
  }

  /** Pushes the value of an expression. */
  push(expression: Expression, unit: Unit): void {
    const known = this.scopes.find(this.key(expression, unit));
    if (known !== undefined) {
      this.f.get(known);
      return;
    }
    this.compute(expression, unit);
    if ((this.uses.get(expression) ?? 0) > 1) {
      const local = this.f.local(this.lanes.valueType(expression.dtype));
      this.f.tee(local);
      this.scopes.keep(this.key(expression, unit), local);
    }
  }

  /** Computes an expression into a local of the current level, once. */
  hoist(expression: Expression, unit: Unit): void {
    const key = this.key(expression, unit);
    if (this.scopes.find(key) !== undefined) return;
    this.compute(expression, unit);
    const local = this.f.local(this.lanes.valueType(expression.dtype));
    this.f.set(local);
    this.scopes.keep(key, local);
  }

  private compute(expression: Expression, unit: Unit): void {
    switch (expression.kind) {
      case "constant":
        this.lanes.constant(this.f, expression.dtype, expression.value);
        return;
      case "index":
        this.pushIndex(expression.form, unit);
        return;
      case "load":
        this.pushLoad(expression, unit);
        return;
      case "masked":
        this.pushMasked(expression, unit);
        return;
      case "apply":
        this.pushApply(expression, unit);
        return;
      case "accumulator":
      case "stash":
        this.special(expression, unit);
        return;
      default:
        expression satisfies never;
    }
  }

  private pushApply(expression: Extract<Expression, { kind: "apply" }>, unit: Unit): void {
    const { op, operands } = expression;
    const from = op === "where" ? expression.dtype : operands[0].dtype;
    const other = operands[1];
    if ((op === "max" || op === "min") && this.lanes.width === 4 && isFloat(from)) {
      if (other.kind === "constant" && !Number.isNaN(other.value)) {
        // pmax(x, c) is x where it is NaN, as max, and one instruction.
        this.push(operands[0], unit);
        this.push(other, unit);
        this.f.emit(op === "max" ? "f32x4.pmax" : "f32x4.pmin");
        return;
      }
    }
    const pushers = operands.map((operand) => (): void => this.push(operand, unit));
    this.lanes.apply(this.f, op, from, expression.dtype, pushers);
  }

  private pushMasked(expression: Extract<Expression, { kind: "masked" }>, unit: Unit): void {
    this.push(expression.inside, unit);
    this.lanes.constant(this.f, expression.dtype, expression.otherwise);
    expression.bounds.forEach((bound, i) => {
      this.pushIndex(bound.form, unit);
      this.lanes.within(this.f, bound.low, bound.high);
      if (i > 0) this.f.emit(this.lanes.width === 4 ? "v128.and" : "i32.and");
    });
    this.lanes.select(this.f, expression.dtype);
  }

  /** Pushes a form's value per lane as i32. */
  private pushIndex(form: Form, unit: Unit): void {
    const { f, lanes } = this;
    this.pushScalarIndex(form);
    lanes.splatIndex(f);
    const stride = strideOf(form, this.vector);
    if (stride !== 0 && lanes.width === 4) {
      lanes.ramp(f, stride);
      f.emit("i32x4.add");
      if (unit.index > 0) {
        lanes.constant(f, "i32", unit.index * lanes.width * stride);
        f.emit("i32x4.add");
      }
    }
    for (const term of form.terms) {
      if (term.axis.dynamic === null) continue;
      this.push(term.axis.dynamic, unit);
      lanes.constant(f, "i32", term.stride);
      f.emit(lanes.width === 4 ? "i32x4.mul" : "i32.mul");
      f.emit(lanes.width === 4 ? "i32x4.add" : "i32.add");
    }
  }

  /** Pushes offset + Σ stride · loop index, dynamic terms excluded. */
  private pushScalarIndex(form: Form): void {
    const known = this.scopes.find(`index ${formKey(form)}`);
    if (known === undefined) this.pushSum(form, 1, () => this.f.i32(form.offset));
    else this.f.get(known);
  }

  /** Pushes start + Σ stride · loop index · scale over the open loops. */
  private pushSum(form: Form, scale: number, start: () => void): void {
    start();
    for (const { loop, index } of this.open) {
      const stride = strideOf(form, loop);
      if (stride === 0) continue;
      this.f
        .get(index)
        .i32(stride * scale)
        .emit("i32.mul", "i32.add");
    }
  }

  /** At the entry of a loop: moves the addresses and indices used inside by the loop's index. */
  advance(forms: readonly { readonly form: Form; readonly value: Node | null }[]): void {
    const current = this.open[this.open.length - 1];
    const done = new Set<string>();
    for (const { form, value } of forms) {
      const key = value === null ? `index ${formKey(form)}` : addressKey(value, form);
      const stride = strideOf(form, current.loop);
      if (stride === 0 || done.has(key)) continue;
      done.add(key);
      const scale = value === null ? 1 : dtypeBytes(value.dtype);
      const before = this.scopes.find(key);
      if (before !== undefined) {
        this.f.get(before).get(current.index);
        if (stride * scale !== 1) this.f.i32(stride * scale).emit("i32.mul");
        this.f.emit("i32.add");
      } else if (value === null) {
        this.pushSum(form, 1, () => this.f.i32(form.offset));
      } else {
        this.pushSum(form, scale, () => this.pushStart(value, form));
      }
      const local = this.f.local("i32");
      this.f.set(local);
      this.scopes.keep(key, local);
    }
  }

  private pushStart(value: Node, form: Form): void {
    this.f.get(this.baseOf(value));
    if (form.offset === immediateOf(form) || form.offset === 0) return;
    this.f.i32(form.offset * dtypeBytes(value.dtype)).emit("i32.add");
  }

  /**
   * Pushes the byte address of lane 0 of unit 0, dynamic terms excluded. Returns the offset that
   * loads and stores there must add.
   */
  private pushAddress(value: Node, form: Form): number {
    const bytes = dtypeBytes(value.dtype);
    const known = this.scopes.find(addressKey(value, form));
    if (known !== undefined) this.f.get(known);
    else this.pushSum(form, bytes, () => this.pushStart(value, form));
    return immediateOf(form) * bytes;
  }

  private hasDynamic(form: Form): boolean {
    return form.terms.some((term) => term.axis.dynamic !== null);
  }

  /** Whether lanes must be addressed one by one. */
  private scattered(form: Form): boolean {
    const stride = strideOf(form, this.vector);
    return this.variation.gathers(form) || (stride !== 0 && stride !== 1);
  }

  private isUnsafe(value: Node, form: Form): boolean {
    const [low, high] = formRange(form);
    return low < 0 || high >= numel(value.shape);
  }

  private pushLoad(load: Load, unit: Unit): void {
    const form = normalizeForm(load.form);
    const { f, lanes } = this;
    if (lanes.width === 4 && this.scattered(form)) {
      this.pushScatteredLoad(load.value, form, unit);
      return;
    }
    const stride = strideOf(form, this.vector);
    const bytes = dtypeBytes(load.dtype);
    const ahead = stride === 0 ? 0 : unit.index * lanes.width;
    if (this.isUnsafe(load.value, form)) {
      this.pushElement(form, unit, 0);
      if (ahead > 0) f.i32(ahead).emit("i32.add");
      this.clampAndScale(load.value, stride === 0 || lanes.width === 1 ? 0 : -4);
      if (stride === 0) lanes.loadUniform(f, load.dtype, 0);
      else lanes.load(f, load.dtype, 0);
      return;
    }
    const offset = this.pushAddress(load.value, form);
    if (this.hasDynamic(form)) this.addDynamic(form, unit, bytes, 0);
    if (stride === 0) lanes.loadUniform(f, load.dtype, offset);
    else lanes.load(f, load.dtype, offset + ahead * bytes);
  }

  /** Pushes the element index of one lane of unit 0. */
  private pushElement(form: Form, unit: Unit, lane: number): void {
    this.pushScalarIndex(form);
    if (this.hasDynamic(form)) this.addDynamic(form, unit, 1, lane);
  }

  /** Element index on the stack; pushes its byte address, kept within `slack` of the buffer. */
  private clampAndScale(value: Node, slack: number): void {
    const { f } = this;
    const index = f.local("i32");
    const high = Math.max(numel(value.shape) - (slack === 0 ? 1 : 0), 0);
    f.set(index).get(index).i32(slack).get(index).i32(slack).emit("i32.gt_s", "select").set(index);
    f.get(index).i32(high).get(index).i32(high).emit("i32.lt_s", "select");
    f.i32(dtypeBytes(value.dtype)).emit("i32.mul").get(this.baseOf(value)).emit("i32.add");
    f.release(index);
  }

  private baseOf(value: Node): number {
    const base = this.bases.get(value);
    invariant(base !== undefined, `kernel reads ${value.op} without a base address`);
    return base;
  }

  /** Address on the stack; adds the dynamic terms for one lane. Indices are kept in range. */
  private addDynamic(form: Form, unit: Unit, scale: number, lane: number): void {
    const { f } = this;
    const [position, inside] = f.locals("i32", 2);
    for (const { axis, stride } of form.terms) {
      if (axis.dynamic === null) continue;
      this.push(axis.dynamic, unit);
      this.lanes.extractIndex(f, lane);
      f.tee(position).set(inside);
      f.get(inside).i32(0).get(inside).i32(0).emit("i32.gt_s", "select").set(inside);
      f.get(inside)
        .i32(axis.size - 1)
        .get(inside)
        .i32(axis.size - 1)
        .emit("i32.lt_s", "select");
      f.set(inside);
      if (axis.checked) this.reportBadIndex(position, inside, axis.size);
      f.get(inside)
        .i32(stride * scale)
        .emit("i32.mul", "i32.add");
    }
    f.release(position, inside);
  }

  /** Leaves a note for the caller, who turns it into an error when the program has run. */
  private reportBadIndex(position: number, inside: number, size: number): void {
    const { f } = this;
    f.get(position).get(inside).emit("i32.ne");
    f.if(() => {
      f.i32(0).get(position).store("i32.store", controlBlock.badIndex);
      f.i32(0).i32(Math.max(size, 1)).store("i32.store", controlBlock.badIndexSize);
    });
  }

  private pushScatteredLoad(value: Node, form: Form, unit: Unit): void {
    const { f, lanes } = this;
    if (this.pushShuffledLoad(value, form, unit)) return;
    const result = f.local("v128");
    lanes.constant(f, "i32", 0);
    f.set(result);
    this.prepareDynamic(form, unit);
    this.eachLane(unit, (lane) => {
      lanes.loadLane(f, value.dtype, result, lane, () =>
        this.pushLaneAddress(value, form, unit, lane),
      );
      f.set(result);
    });
    f.get(result).release(result);
  }

  /** Strides −1 and 2 as whole loads and a shuffle; returns whether the access is such a one. */
  private pushShuffledLoad(value: Node, form: Form, unit: Unit): boolean {
    const { f, lanes } = this;
    const stride = strideOf(form, this.vector);
    const plain =
      dtypeBytes(value.dtype) === 4 && !this.hasDynamic(form) && !this.isUnsafe(value, form);
    if (!plain || (stride !== -1 && stride !== 2)) return false;
    const first = f.local("v128");
    const offset = this.pushAddress(value, form);
    if (stride === -1) {
      f.i32(-4 * (4 * unit.index + 3)).emit("i32.add");
      lanes.load(f, value.dtype, offset);
      f.tee(first).get(first).shuffle32(3, 2, 1, 0);
    } else {
      // Past the last element this reads up to 28 bytes, which memory's guard covers.
      const address = f.local("i32");
      f.tee(address);
      lanes.load(f, value.dtype, offset + 32 * unit.index);
      f.get(address);
      lanes.load(f, value.dtype, offset + 32 * unit.index + 16);
      f.shuffle32(0, 2, 4, 6).release(address);
    }
    f.release(first);
    return true;
  }

  /** Computes dynamic indices before code that runs only for some lanes. */
  private prepareDynamic(form: Form, unit: Unit): void {
    for (const { axis } of form.terms) if (axis.dynamic !== null) this.hoist(axis.dynamic, unit);
  }

  /** Pushes the byte address of one lane. */
  private pushLaneAddress(value: Node, form: Form, unit: Unit, lane: number): void {
    const { f } = this;
    const bytes = dtypeBytes(value.dtype);
    const ahead = strideOf(form, this.vector) * (unit.index * this.lanes.width + lane);
    if (this.isUnsafe(value, form)) {
      this.pushElement(form, unit, lane);
      if (ahead !== 0) f.i32(ahead).emit("i32.add");
      this.clampAndScale(value, 0);
      return;
    }
    const moved = this.pushAddress(value, form) + ahead * bytes;
    if (moved !== 0) f.i32(moved).emit("i32.add");
    if (this.hasDynamic(form)) this.addDynamic(form, unit, bytes, lane);
  }

  /** Runs code for each live lane. */
  private eachLane(unit: Unit, body: (lane: number) => void): void {
    const { remaining, count } = unit;
    for (let lane = 0; lane < (count ?? this.lanes.width); lane++) {
      if (remaining === null || count !== undefined || lane === 0) {
        body(lane);
        continue;
      }
      this.f.get(remaining).i32(lane).emit("i32.gt_s");
      this.f.if(() => this.scopes.within(() => body(lane)));
    }
  }

  /** Value on the stack; writes it where a store statement says. */
  store(target: Node, storeForm: Form, unit: Unit, accumulate: boolean): void {
    const { f, lanes } = this;
    const { dtype } = target;
    const form = normalizeForm(storeForm);
    const value = f.local(lanes.valueType(dtype));
    f.set(value);
    this.prepareDynamic(form, unit);
    const stride = strideOf(form, this.vector);
    const dynamicLanes = this.scattered(form);
    const adjacent = stride === 1 && !dynamicLanes;
    if (adjacent || lanes.width === 1) this.storeAdjacent(target, form, unit, value, accumulate);
    else if (stride === 0 && !dynamicLanes)
      this.storeLane(target, form, unit, value, 0, accumulate);
    else this.eachLane(unit, (lane) => this.storeLane(target, form, unit, value, lane, accumulate));
    f.release(value);
  }

  /** Whether the vectors of two stores alternate in the target, the first's elements first. */
  interleaves(first: Statement, second: Statement, unit: Unit): boolean {
    if (first.kind !== "store" || second.kind !== "store" || this.lanes.width !== 4) return false;
    if (first.target !== second.target) return false;
    if (unit.remaining !== null && unit.count === undefined) return false;
    if (first.accumulate || second.accumulate || dtypeBytes(first.target.dtype) !== 4) return false;
    const form = normalizeForm(first.form);
    if (strideOf(form, this.vector) !== 2 || this.hasDynamic(form)) return false;
    return formKey(combineForms([[form, 1]], 1)) === formKey(second.form);
  }

  /** Two stores that interleave, as two whole vectors. */
  storePair(first: Store, second: Store, unit: Unit): void {
    const { f, lanes } = this;
    const { dtype } = first.target;
    const [even, odd] = f.locals("v128", 2);
    this.push(first.value, unit);
    f.set(even);
    this.push(second.value, unit);
    f.set(odd);
    const address = f.local("i32");
    const offset = this.pushAddress(first.target, normalizeForm(first.form)) + 32 * unit.index;
    f.set(address);
    const count = unit.count ?? lanes.width;
    for (const half of [0, 1]) {
      const pairs = count - 2 * half;
      if (pairs <= 0) continue;
      f.get(address).get(even).get(odd);
      if (half === 0) f.shuffle32(0, 4, 1, 5);
      else f.shuffle32(2, 6, 3, 7);
      if (pairs > 1) lanes.store(f, dtype, offset + 16 * half);
      else f.memoryLane("v128.store64_lane", 0, offset + 16 * half, 2);
    }
    f.release(address, even, odd);
  }

  private storeAdjacent(
    target: Node,
    form: Form,
    unit: Unit,
    value: number,
    accumulate: boolean,
  ): void {
    const { f, lanes } = this;
    const bytes = dtypeBytes(target.dtype);
    const address = f.local("i32");
    const offset = this.pushAddress(target, form) + unit.index * lanes.width * bytes;
    if (this.hasDynamic(form)) this.addDynamic(form, unit, bytes, 0);
    f.set(address);
    if (accumulate) {
      f.get(address);
      lanes.load(f, target.dtype, offset);
      f.get(value);
      lanes.combine(f, "sum", target.dtype);
      f.set(value);
    }
    if (unit.remaining === null || lanes.width === 1) {
      f.get(address).get(value);
      lanes.store(f, target.dtype, offset);
    } else {
      this.eachLane(unit, (lane) => {
        f.get(address);
        lanes.storeLane(f, target.dtype, value, lane, offset + lane * bytes);
      });
    }
    f.release(address);
  }

  private storeLane(
    target: Node,
    form: Form,
    unit: Unit,
    value: number,
    lane: number,
    accumulate: boolean,
  ): void {
    const { f, lanes } = this;
    const address = f.local("i32");
    this.pushLaneAddress(target, form, unit, lane);
    f.set(address);
    if (!accumulate) {
      f.get(address);
      lanes.storeLane(f, target.dtype, value, lane, 0);
    } else {
      const sum = f.local(lanes.valueType(target.dtype));
      lanes.loadLane(f, target.dtype, value, lane, () => f.get(address));
      f.get(value);
      lanes.combine(f, "sum", target.dtype);
      f.set(sum).get(address);
      lanes.storeLane(f, target.dtype, sum, lane, 0);
      f.release(sum);
    }
    f.release(address);
  }
}

/**
 * The part of a form's offset that loads and stores add themselves, so that accesses which differ
 * in nothing else share one address. Not where an address without it could lie before memory.
 */
function immediateOf(form: Form): number {
  const isAhead = form.offset > 0 && form.terms.every((term) => term.stride > 0);
  return isAhead ? form.offset : 0;
}

function addressKey(value: Node, form: Form): string {
  const start = form.offset - immediateOf(form);
  return `address ${value.id} ${formKey({ ...form, offset: start })}`;
}

/** Forms and buffers a list of statements touches, for address arithmetic. */
export function accessesOf(
  statements: readonly Statement[],
  expressions: readonly Expression[],
): { form: Form; value: Node | null }[] {
  const accesses: { form: Form; value: Node | null }[] = [];
  const add = (form: Form, value: Node | null): void => {
    accesses.push({ form: normalizeForm(form), value });
  };
  for (const expression of expressions) {
    if (expression.kind === "load") {
      const form = normalizeForm(expression.form);
      const [low, high] = formRange(form);
      const unsafe = low < 0 || high >= numel(expression.value.shape);
      add(form, unsafe ? null : expression.value);
    }
    if (expression.kind === "index") add(expression.form, null);
    if (expression.kind === "masked") for (const bound of expression.bounds) add(bound.form, null);
  }
  for (const statement of statements)
    if ("form" in statement) add(statement.form, statement.target);
  return accesses;
}
