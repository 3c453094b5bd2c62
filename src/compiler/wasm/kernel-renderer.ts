import { invariant } from "../../base/errors.ts";
import type { Node } from "../../ir/node.ts";
import type { Form } from "../affine.ts";
import type { Expression, Kernel, Phase, Statement } from "../kernel.ts";
import { expressionOperands } from "../kernel.ts";
import { kernelExpressions, phaseExpressions, statementRoots } from "../loops.ts";
import type { Loop, LoopNest } from "../loops.ts";
import type { DType } from "../../ir/dtype.ts";
import type { FunctionBuilder } from "./assembler-function.ts";
import { Accumulators } from "./accumulators.ts";
import { accessesOf, ExpressionRenderer } from "./expression-renderer.ts";
import type { Unit } from "./expression-renderer.ts";
import type { KernelPlan } from "./kernel-plan.ts";
import { planKernel, strideOf, TILE } from "./kernel-plan.ts";
import type { Lanes } from "./lanes.ts";
import { Scopes } from "./scopes.ts";

/** Where a loop starts and ends: pushes an i32. */
export interface LoopRange {
  readonly start: (f: FunctionBuilder) => void;
  readonly end: (f: FunctionBuilder) => void;
}

/** What a kernel's code needs from the program around it. */
export interface RenderContext {
  readonly lanes: { readonly vector: Lanes; readonly scalar: Lanes };
  /** Pushes the byte address of a value's buffer. */
  readonly pushBase: (f: FunctionBuilder, value: Node) => void;
  /** Pushes the address of this thread's scratch. */
  readonly pushScratch: (f: FunctionBuilder) => void;
  /** Ranges of loops that do not run from 0 to their size. */
  readonly ranges: ReadonlyMap<Loop, LoopRange>;
}

/** Bytes of one element in a stash, which keeps what registers hold. */
const stashElement = (dtype: DType, width: number): number =>
  width === 4 ? 16 : dtype === "f64" ? 8 : 4;

const innerSize = (kernel: Kernel): number =>
  kernel.inner.reduce((size, axis) => size * axis.size, 1);

/** Bytes one stash takes in a thread's scratch. */
function stashSize(kernel: Kernel, plan: KernelPlan): number {
  const points = innerSize(kernel);
  return plan.horizontal ? (points + 16) * 8 : points * 16 * plan.units;
}

/** Bytes of thread scratch a kernel's stashes take. */
export function scratchBytes(kernel: Kernel, plan: KernelPlan): number {
  return kernel.stashes.length * stashSize(kernel, plan);
}

/** Writes a kernel's loops into a function whose locals and ranges the context provides. */
export function writeKernel(
  f: FunctionBuilder,
  kernel: Kernel,
  context: RenderContext,
  nest?: LoopNest,
  plan: KernelPlan = planKernel(kernel, nest),
): void {
  new KernelWriter(f, kernel, plan, context).write();
}

class KernelWriter {
  private readonly f: FunctionBuilder;
  private readonly kernel: Kernel;
  private readonly plan: KernelPlan;
  private readonly context: RenderContext;
  private readonly lanes: Lanes;
  private readonly scopes: Scopes;
  private readonly expressions: ExpressionRenderer;
  private readonly uses: ReadonlyMap<Expression, number>;
  private readonly accumulators: Accumulators;
  private readonly bases: Map<Node, number> = new Map();
  private readonly depths: Map<Expression, number> = new Map();
  /** Values this kernel writes. */
  private readonly stored: ReadonlySet<Node>;
  private stashPointer: number = -1;
  /** Range of the tile loop inside the block that is open. */
  private block: LoopRange | null = null;

  constructor(f: FunctionBuilder, kernel: Kernel, plan: KernelPlan, context: RenderContext) {
    this.f = f;
    this.kernel = kernel;
    this.plan = plan;
    this.context = context;
    this.lanes = plan.scalar ? context.lanes.scalar : context.lanes.vector;
    this.scopes = new Scopes(f);
    this.accumulators = new Accumulators(f, this.lanes, plan);
    this.stored = new Set(
      this.allStatements().flatMap((part) => ("target" in part ? [part.target] : [])),
    );
    this.uses = countUses(kernel);
    this.expressions = new ExpressionRenderer({
      f,
      lanes: this.lanes,
      scopes: this.scopes,
      vector: plan.vector,
      horizontal: plan.horizontal,
      uses: this.uses,
      bases: this.bases,
      special: (expression, unit) => this.pushSpecial(expression, unit),
    });
  }

  write(): void {
    this.loadBases();
    this.hoistOuter(0);
    this.outerLoop(0);
  }

  private allStatements(): Statement[] {
    return this.kernel.phases.flatMap((phase) => phase.statements);
  }

  private loadBases(): void {
    const need = (value: Node): void => {
      if (this.bases.has(value)) return;
      const local = this.f.local("i32");
      this.context.pushBase(this.f, value);
      this.f.set(local);
      this.bases.set(value, local);
    };
    for (const expression of kernelExpressions(this.kernel)) {
      if (expression.kind === "load") need(expression.value);
    }
    for (const statement of this.allStatements()) if ("target" in statement) need(statement.target);
    if (this.kernel.stashes.length === 0) return;
    this.stashPointer = this.f.local("i32");
    this.context.pushScratch(this.f);
    this.f.set(this.stashPointer);
  }

  /** Loop depth at which an expression is known: 0 outside all loops, `row` when a row begins. */
  private depth(expression: Expression): number {
    const known = this.depths.get(expression);
    if (known !== undefined) return known;
    const { outer, inner, vector, horizontal } = this.plan;
    const row = outer.length + (horizontal ? 0 : 1);
    let depth = Math.max(
      0,
      ...expressionOperands(expression).map((operand) => this.depth(operand)),
    );
    if (expression.kind === "accumulator") depth = row;
    // What an earlier phase stores cannot be read before the row's phases run.
    if (expression.kind === "load" && this.stored.has(expression.value))
      depth = Math.max(depth, row);
    if (expression.kind === "stash") depth = row + inner.length + 1;
    const moves = (loop: Loop): boolean =>
      formsOf(expression).some((form) => strideOf(form, loop) !== 0);
    outer.forEach((loop, i) => {
      if (moves(loop)) depth = Math.max(depth, i + 1);
    });
    inner.forEach((loop, i) => {
      if (moves(loop)) depth = Math.max(depth, row + i + 1);
    });
    if (moves(vector)) depth = Math.max(depth, horizontal ? row + inner.length + 1 : row);
    this.depths.set(expression, depth);
    return depth;
  }

  private get rowDepth(): number {
    return this.plan.outer.length + (this.plan.horizontal ? 0 : 1);
  }

  /** Computes here what deeper code needs and what cannot change any more below this depth. */
  private hoist(
    depth: number,
    all: readonly Expression[],
    statements: readonly Statement[],
    unit?: Unit,
  ): void {
    const wanted = new Set<Expression>();
    for (const expression of all) {
      if (this.depth(expression) <= depth) continue;
      for (const operand of expressionOperands(expression)) wanted.add(operand);
    }
    for (const statement of statements)
      statementRoots(statement).forEach((root) => wanted.add(root));
    for (const expression of all) {
      if (!wanted.has(expression) || this.depth(expression) !== depth) continue;
      if (expression.kind === "accumulator") continue;
      this.expressions.hoist(expression, unit ?? { index: 0, remaining: null });
    }
  }

  /** What a row computes itself may depend on its reductions: that is hoisted phase by phase. */
  private hoistOuter(depth: number): void {
    if (depth < this.rowDepth)
      this.hoist(depth, kernelExpressions(this.kernel), this.allStatements());
  }

  private outerLoop(level: number): void {
    const loop = this.plan.outer[level];
    if (loop === undefined) {
      this.rows();
      return;
    }
    this.loop(loop, () => {
      this.expressions.advance(accessesOf(this.allStatements(), kernelExpressions(this.kernel)));
      this.hoistOuter(level + 1);
      this.outerLoop(level + 1);
    });
  }

  private range(loop: Loop): LoopRange {
    if (loop === this.plan.tile && this.block !== null) return this.block;
    return (
      this.context.ranges.get(loop) ?? {
        start: (f) => f.i32(0),
        end: (f) => f.i32(loop.size),
      }
    );
  }

  /** One plain counting loop. */
  private loop(loop: Loop, body: () => void): void {
    const { f } = this;
    const index = f.local("i32");
    const end = f.local("i32");
    const range = this.range(loop);
    range.end(f);
    f.set(end);
    range.start(f);
    f.tee(index).get(end).emit("i32.lt_s");
    f.if(() => {
      f.loop((again) => {
        this.expressions.open.push({ loop, index });
        this.scopes.within(body);
        this.expressions.open.pop();
        f.get(index).i32(1).emit("i32.add").tee(index).get(end).emit("i32.lt_s").brIf(again);
      });
    });
    f.release(index, end);
  }

  /** The vector loop: whole rounds of `units` vectors, then single vectors, then the rest. */
  private vectorLoop(units: number, body: (units: readonly Unit[]) => void): void {
    const { f, lanes } = this;
    const { vector } = this.plan;
    const range = this.range(vector);
    const fixed = !this.context.ranges.has(vector);
    const [index, end, remaining] = f.locals("i32", 3);
    range.start(f);
    f.set(index);
    range.end(f);
    f.set(end);
    const full = (count: number): Unit[] =>
      Array.from({ length: count }, (_, i): Unit => ({ index: i, remaining: null }));
    const inside = (active: readonly Unit[]): void => {
      this.expressions.open.push({ loop: vector, index });
      this.scopes.within(() => body(active));
      this.expressions.open.pop();
    };
    const rounds = (count: number): void => {
      const step = count * lanes.width;
      if (fixed && vector.size < step) return;
      f.get(index).i32(step).emit("i32.add").get(end).emit("i32.le_s");
      f.if(() => {
        f.loop((again) => {
          inside(full(count));
          f.get(index).i32(step).emit("i32.add").tee(index);
          f.i32(step).emit("i32.add").get(end).emit("i32.le_s").brIf(again);
        });
      });
    };
    if (units > 1) rounds(units);
    const left = vector.size % (units * lanes.width);
    if (!(fixed && units > 1 && left < lanes.width)) rounds(1);
    if (lanes.width > 1 && !(fixed && vector.size % lanes.width === 0)) {
      f.get(end).get(index).emit("i32.sub").tee(remaining).i32(0).emit("i32.gt_s");
      const count = vector.size % lanes.width;
      f.if(() => inside([fixed ? { index: 0, remaining, count } : { index: 0, remaining }]));
    }
    f.release(index, end, remaining);
  }

  private rows(): void {
    if (this.plan.horizontal) {
      this.scopes.within(() => this.row([{ index: 0, remaining: null }]));
      return;
    }
    const body = (): void =>
      this.vectorLoop(this.plan.units, (units) => {
        this.expressions.advance(accessesOf(this.allStatements(), kernelExpressions(this.kernel)));
        this.row(units);
      });
    if (this.plan.tile === null) body();
    else this.blocks(this.plan.tile, body);
  }

  /** Walks a loop in blocks of TILE around `body`, which sees one block as the loop's range. */
  private blocks(loop: Loop, body: () => void): void {
    const { f } = this;
    const [from, to, end] = f.locals("i32", 3);
    const range = this.range(loop);
    range.end(f);
    f.set(end);
    range.start(f);
    f.tee(from).get(end).emit("i32.lt_s");
    f.if(() => {
      f.loop((again) => {
        f.get(from).i32(TILE).emit("i32.add").tee(to).get(end).get(to).get(end);
        f.emit("i32.lt_s", "select").set(to);
        this.block = { start: (g) => g.get(from), end: (g) => g.get(to) };
        body();
        this.block = null;
        f.get(to).tee(from).get(end).emit("i32.lt_s").brIf(again);
      });
    });
    f.release(from, to, end);
  }

  /** All phases for one outer point (or one vector of them). */
  private row(units: readonly Unit[]): void {
    for (const phase of this.kernel.phases) {
      if (phase.level === "inner") this.accumulators.open(phase, units);
      this.hoistRow(phase, units);
      if (phase.level === "outer" || this.isFlat()) {
        for (const unit of units) this.statements(phase, unit);
      } else {
        this.innerLoop(0, phase, units);
      }
      if (phase.level === "inner") this.accumulators.close(phase, units);
    }
    this.accumulators.reset();
  }

  private isFlat(): boolean {
    return !this.plan.horizontal && this.plan.inner.length === 0;
  }

  private hoistRow(phase: Phase, units: readonly Unit[]): void {
    if (phase.level === "outer" || this.isFlat()) return;
    const parts = phaseExpressions(phase);
    for (const unit of units) this.hoist(this.rowDepth, parts, phase.statements, unit);
  }

  /** Vectors per round of a phase's innermost loop. */
  private phaseUnits(phase: Phase): number {
    return this.plan.unitsOf.get(phase) ?? 1;
  }

  private innerLoop(level: number, phase: Phase, units: readonly Unit[]): void {
    const parts = phaseExpressions(phase);
    const loop = this.plan.inner[level];
    if (loop !== undefined) {
      this.loop(loop, () => {
        this.expressions.advance(accessesOf(phase.statements, parts));
        for (const unit of units)
          this.hoist(this.rowDepth + level + 1, parts, phase.statements, unit);
        this.innerLoop(level + 1, phase, units);
      });
      return;
    }
    if (!this.plan.horizontal) {
      for (const unit of units) this.statements(phase, unit);
      return;
    }
    this.vectorLoop(this.phaseUnits(phase), (active) => {
      this.expressions.advance(accessesOf(phase.statements, parts));
      for (const unit of active) this.statements(phase, unit);
    });
  }

  /** Values first, then effects: a store must not be seen by a load of the same point. */
  private statements(phase: Phase, unit: Unit): void {
    this.scopes.within(() => {
      if (phase.statements.length > 1) {
        for (const statement of phase.statements) {
          if (this.productOf(statement, unit) === null)
            this.expressions.hoist(statement.value, unit);
        }
      }
      const paired = new Set<Statement>();
      for (const statement of phase.statements) {
        if (paired.has(statement)) continue;
        const twin = phase.statements.find((other) =>
          this.expressions.interleaves(statement, other, unit),
        );
        if (twin !== undefined) paired.add(twin);
        if (twin?.kind === "store" && statement.kind === "store") {
          this.expressions.storePair(statement, twin, unit);
        } else {
          this.statement(statement, unit);
        }
      }
    });
  }

  /** The factors of a sum of products that nothing else reads, if lanes can fuse it. */
  private productOf(
    statement: Statement,
    unit: Unit,
  ): { readonly factors: readonly Expression[]; readonly accumulator: number } | null {
    if (statement.kind !== "reduce" || statement.op !== "sum") return null;
    const { value, dtype } = statement;
    const isPartial = this.plan.horizontal && unit.remaining !== null;
    if (value.kind !== "apply" || value.op !== "mul" || isPartial) return null;
    if (!this.lanes.addsProducts(dtype) || (this.uses.get(value) ?? 0) > 1) return null;
    return { factors: value.operands, accumulator: this.accumulators.local(statement.id, unit) };
  }

  private statement(statement: Statement, unit: Unit): void {
    const { f, lanes } = this;
    const product = this.productOf(statement, unit);
    if (product !== null) {
      for (const factor of product.factors) this.expressions.push(factor, unit);
      f.get(product.accumulator);
      lanes.addProduct(f);
      f.set(product.accumulator);
      return;
    }
    this.expressions.push(statement.value, unit);
    switch (statement.kind) {
      case "reduce":
        this.accumulators.fold(statement, unit);
        return;
      case "scan": {
        const local = this.accumulators.local(statement.id, unit);
        f.get(local);
        lanes.combine(f, statement.op, statement.dtype);
        f.tee(local);
        this.expressions.store(statement.target, statement.form, unit, false);
        return;
      }
      case "store":
        this.expressions.store(statement.target, statement.form, unit, statement.accumulate);
        return;
      case "stash":
        this.storeStash(statement.id, statement.value.dtype, unit);
        return;
      default:
        statement satisfies never;
    }
  }

  private pushSpecial(expression: Expression, unit: Unit): void {
    if (expression.kind === "accumulator") {
      this.f.get(this.accumulators.local(expression.id, unit));
      this.lanes.round(this.f, expression.dtype);
    }
    if (expression.kind === "stash") this.loadStash(expression.id, expression.dtype, unit);
  }

  /** Pushes the address of a stash at the current point of the inner loops. */
  private pushStashAddress(id: number, dtype: DType, unit: Unit): number {
    const { f } = this;
    const { horizontal, units, vector, inner } = this.plan;
    const element = stashElement(dtype, this.lanes.width);
    const perPoint = horizontal ? element / this.lanes.width : element * units;
    f.get(this.stashPointer);
    let stride = perPoint;
    const loops = horizontal ? [...inner, vector] : inner;
    for (const loop of loops.toReversed()) {
      const open = this.expressions.open.find((candidate) => candidate.loop === loop);
      invariant(open !== undefined, "a stash is used outside its loops");
      f.get(open.index).i32(stride).emit("i32.mul", "i32.add");
      stride *= loop.size;
    }
    return id * stashSize(this.kernel, this.plan) + unit.index * element;
  }

  private storeStash(id: number, dtype: DType, unit: Unit): void {
    const { f, lanes } = this;
    const value = f.local(lanes.valueType(dtype));
    f.set(value);
    const offset = this.pushStashAddress(id, dtype, unit);
    f.get(value);
    if (lanes.width === 4) f.store("v128.store", offset, 2);
    else
      lanes.store(
        f,
        dtype === "f64" ? "f64" : lanes.valueType(dtype) === "f32" ? "f32" : "i32",
        offset,
      );
    f.release(value);
  }

  private loadStash(id: number, dtype: DType, unit: Unit): void {
    const { f, lanes } = this;
    const offset = this.pushStashAddress(id, dtype, unit);
    if (lanes.width === 4) f.load("v128.load", offset, 2);
    else
      lanes.load(
        f,
        dtype === "f64" ? "f64" : lanes.valueType(dtype) === "f32" ? "f32" : "i32",
        offset,
      );
  }
}

function formsOf(expression: Expression): readonly Form[] {
  switch (expression.kind) {
    case "load":
    case "index":
      return [expression.form];
    case "masked":
      return expression.bounds.map((bound) => bound.form);
    default:
      return [];
  }
}

/** How often each expression's value is needed. */
function countUses(kernel: Kernel): Map<Expression, number> {
  const uses = new Map<Expression, number>();
  const add = (expression: Expression): void => {
    uses.set(expression, (uses.get(expression) ?? 0) + 1);
  };
  for (const expression of kernelExpressions(kernel)) expressionOperands(expression).forEach(add);
  for (const phase of kernel.phases) {
    for (const statement of phase.statements) statementRoots(statement).forEach(add);
  }
  return uses;
}
