import { dtypeBytes } from "../../ir/dtype.ts";
import { normalizeForm } from "../affine.ts";
import type { Form } from "../affine.ts";
import type { Expression, Kernel, Phase, Statement } from "../kernel.ts";
import { expressionOperands } from "../kernel.ts";
import { kernelExpressions, phaseExpressions, statementRoots } from "../loops.ts";
import { ExpressionCode, isAtom } from "./expression-code.ts";
import { FunctionScope, alignmentOf } from "./function-scope.ts";
import type { KernelFunction } from "./kernel-code.ts";
import { formsOf, strideOf } from "./accesses.ts";
import type { KernelPlan } from "./kernel-plan.ts";
import { Names } from "./names.ts";
import { foldText } from "./operation-code.ts";
import { packStores } from "./packed-stores.ts";
import { registerType } from "./register-code.ts";
import type { RenderOptions } from "./render-options.ts";
import { reductionsOf } from "./segments.ts";
import type { Segment } from "./segments.ts";
import type { StoragePlan } from "./storage-plan.ts";
import { closeAccumulator, openAccumulator, receiveAccumulator } from "./sum-code.ts";
import { declareLive, decompose, openThread } from "./thread-code.ts";
import { tileBlocks, tileBytes, writeTile } from "./tile-code.ts";
import { VectorCode } from "./vector-code.ts";

type Store = Extract<Statement, { kind: "store" }>;

/** Loops over more items than registers hold are unrolled this often. */
const UNROLL = 4;

/** Writes one function of a kernel: see {@link KernelPlan} for who does what. */
export class FunctionWriter {
  private readonly scope: FunctionScope;
  private readonly segment: Segment;
  private readonly code: ExpressionCode;
  private readonly vectors: VectorCode;

  constructor(
    kernel: Kernel,
    plan: KernelPlan,
    segment: Segment,
    storage: StoragePlan,
    options: RenderOptions,
  ) {
    this.scope = new FunctionScope(kernel, plan, storage, options);
    this.segment = segment;
    const { scope } = this;
    this.code = new ExpressionCode({
      plan,
      text: scope.text,
      pointer: (value) => scope.pointer(value),
      firstElement: (value) => scope.firstElement(value),
      variable: (loop) => scope.variable(loop),
      fresh: (letter) => scope.fresh(letter),
      slot: (id, lane) => this.slot(id, lane),
    });
    this.vectors = new VectorCode(scope, this.code);
  }

  write(): KernelFunction {
    const { scope, segment } = this;
    const { plan, storage, text, options } = scope;
    const splits = segment.phases.some((phase) => this.hasItems(phase));
    if (options.writesState) text.add("if (errors[0] != 0) return;");
    if (plan.tile === null) this.body(splits);
    else {
      const [phase] = segment.phases;
      writeTile(scope, this.code, plan.tile, (names) => this.statements(phase, names, false));
    }
    if (options.writesState || reportsIndices(scope.kernel)) {
      scope.parameter("errors", "int *", "errors", { kind: "errors" });
    }
    const list = scope.list();
    return {
      text: `(${list.text}) {\n${text.toString()}\n}`,
      arguments: list.arguments,
      blocks: this.blocks(splits),
      threads: plan.threads,
      sharedBytes: storage.sharedBytes + (plan.tile?.loads.length ?? 0) * tileBytes,
      residentBlocks: 0,
    };
  }

  private blocks(splits: boolean): number {
    const { plan } = this.scope;
    if (plan.tile !== null) return tileBlocks(this.scope, plan.tile);
    return splits ? plan.blocks : plan.blocks / plan.parts;
  }

  private body(splits: boolean): void {
    const { scope, segment } = this;
    openThread(scope, splits);
    this.openStashes();
    this.vectors.open();
    for (const reduction of segment.given) receiveAccumulator(scope, reduction);
    for (const phase of segment.phases) this.phase(phase);
  }

  private hasItems(phase: Phase): boolean {
    return phase.level === "inner" && this.scope.plan.inner.length > 0;
  }

  private openStashes(): void {
    const { plan, storage, text, kernel } = this.scope;
    const slots = Math.max(1, plan.rounds * plan.lanes);
    storage.stashes.forEach((place, id) => {
      const type = registerType(kernel.stashes[id]);
      if (place.kind === "register") text.add(`${type} s${id}[${slots}];`);
      if (place.kind === "shared") {
        text.add(`${type} *s${id} = (${type} *)(shared + ${place.offset}) + thread;`);
      }
      if (place.kind === "scratch") {
        const argument = { kind: "scratch", offset: place.offset } as const;
        const base = this.scope.parameter(`stash ${id}`, `${type} *`, `g${id}`, argument);
        const stride = `${slots * plan.threads}ull`;
        text.add(`${type} *s${id} = ${base} + (u64)block * ${stride} + thread;`);
      }
    });
  }

  /** Place of a stash for item number `k` of this thread. */
  private slot(id: number, lane: string): string {
    const { plan, storage } = this.scope;
    const item = plan.inner.length === 0 ? "0" : "k";
    const index = plan.lanes === 1 ? item : `${item} * ${plan.lanes} + ${lane}`;
    return storage.stashes[id].kind === "register"
      ? `s${id}[${index}]`
      : `s${id}[(${index}) * ${plan.threads}]`;
  }

  private phase(phase: Phase): void {
    const { scope } = this;
    for (const part of phase.statements) {
      if (part.kind === "reduce" || part.kind === "scan") openAccumulator(scope, part);
    }
    if (this.hasItems(phase)) {
      this.hoistRow(phase);
      this.itemLoop(phase);
    } else {
      this.statements(phase, scope.names, false);
    }
    this.vectors.nextPhase();
    for (const reduction of reductionsOf(phase)) closeAccumulator(scope, reduction);
  }

  /** Computes what a phase's items share before its loop. */
  private hoistRow(phase: Phase): void {
    const { scope } = this;
    const wanted = new Set<Expression>();
    for (const expression of phaseExpressions(phase)) {
      if (!scope.isItem(expression)) continue;
      for (const operand of expressionOperands(expression)) wanted.add(operand);
    }
    for (const part of phase.statements) for (const root of statementRoots(part)) wanted.add(root);
    const roots = [...wanted].filter((expression) => !scope.isItem(expression));
    const list = this.missing(roots, scope.names);
    this.declareUniform(list, scope.names);
    const varying = list.filter((expression) => scope.varies(expression));
    for (const expression of varying) this.vectors.load(expression, scope.names, false);
    this.declareArrays(varying.filter((part) => scope.names.find(part) === undefined));
  }

  private declareUniform(list: readonly Expression[], names: Names): void {
    const uniform = list.filter((expression) => !this.scope.varies(expression));
    this.code.declare(uniform, names, false);
  }

  /** Declares values that differ from lane to lane where all lanes' values are needed later. */
  private declareArrays(list: readonly Expression[]): void {
    const { scope } = this;
    if (list.length === 0) return;
    const arrays = list.map((expression) => {
      const name = scope.fresh("t");
      scope.text.add(`${registerType(expression.dtype)} ${name}[${scope.plan.lanes}];`);
      return { expression, name };
    });
    scope.laneLoop(() => {
      const inner = new Names(scope.names);
      for (const { expression, name } of arrays) {
        this.code.declareOne(expression, inner, true);
        scope.text.add(`${name}[l] = ${this.code.text(expression, inner, true)};`);
      }
    }, false);
    for (const { expression, name } of arrays) scope.names.set(expression, name, true);
  }

  /** Expressions below the roots that have no name yet, operands first. */
  private missing(roots: readonly Expression[], names: Names): Expression[] {
    const list: Expression[] = [];
    const seen = new Set<Expression>();
    const visit = (expression: Expression): void => {
      if (seen.has(expression) || names.find(expression) !== undefined) return;
      seen.add(expression);
      for (const operand of expressionOperands(expression)) visit(operand);
      if (!isAtom(expression)) list.push(expression);
    };
    for (const root of roots) visit(root);
    return list;
  }

  private itemLoop(phase: Phase): void {
    const { scope } = this;
    const { plan, text, storage, kernel, unsigned } = scope;
    const { group, parts, itemCount, rounds } = plan;
    const stride = scope.number(group * parts);
    const first: string[] = [];
    if (parts > 1) first.push(group > 1 ? `part * ${group}u` : "part");
    if (group > 1) first.push("member");
    const start = first.length === 0 ? "0u" : first.join(" + ");
    const count = scope.number(itemCount);
    const body = (): void => {
      decompose(scope, "item", plan.inner);
      declareLive(scope, plan.inner);
      this.statements(phase, new Names(scope.names), true);
    };
    if (storage.unrolled) {
      text.pragma("#pragma unroll");
      text.block(`for (int k = 0; k < ${rounds}; k++)`, () => {
        text.add(`const ${unsigned} item = (u32)k * ${stride} + ${start};`);
        if (rounds * group * parts === itemCount) body();
        else text.block(`if (item < ${count})`, body);
      });
      return;
    }
    const numbers = kernel.stashes.length > 0;
    if (numbers) text.add(`${this.numbered ? "" : "int "}k = 0;`);
    this.numbered ||= numbers;
    if (!kernel.sequential) text.pragma(`#pragma unroll ${UNROLL}`);
    const step = `item += ${stride}${numbers ? ", k++" : ""}`;
    text.block(`for (${unsigned} item = ${start}; item < ${count}; ${step})`, body);
  }

  /** Whether `k` has been declared. */
  private numbered = false;

  /** Values first, then effects: a store must not be seen by a load of the same point. */
  private statements(phase: Phase, names: Names, inItems: boolean): void {
    const { scope } = this;
    const { plan } = scope;
    const list = this.missing(phase.statements.flatMap(statementRoots), names);
    if (plan.lanes === 1) for (const part of list) this.singleLoads(part, names, inItems);
    this.declareUniform(list, names);
    const isOnce = !inItems && plan.inner.length > 0;
    if (plan.lanes === 1 || (isOnce && plan.horizontal)) {
      const packed = plan.lanes === 1 && plan.inner.length === 0 ? this.packed(phase, names) : null;
      for (const part of phase.statements) {
        if (packed?.has(part)) continue;
        if (part.kind === "store" && inItems) {
          this.vectors.keepSingleStored(part, this.code.text(part.value, names, false));
        }
        this.guard(part, isOnce, names, (inner) => this.effect(part, inner, false));
      }
      return;
    }
    const varying = list.filter((expression) => scope.varies(expression));
    for (const expression of varying) this.vectors.load(expression, names, inItems);
    const arrays = this.vectors.openStores(phase);
    scope.laneLoop(() => {
      const inner = new Names(names);
      this.code.declare(varying, inner, true);
      for (const part of phase.statements) {
        const array = arrays.get(part);
        if (array !== undefined && part.kind === "store") {
          scope.text.add(`${array}[l] = ${this.code.text(part.value, inner, true)};`);
        } else if (part.kind !== "store" || this.moves(part)) {
          this.guard(part, isOnce, inner, (own) => this.effect(part, own, true));
        }
      }
    }, false);
    for (const part of phase.statements) {
      if (part.kind !== "store") continue;
      const array = arrays.get(part);
      if (array !== undefined) {
        if (inItems) this.vectors.keepStored(part, array);
        this.guard(part, isOnce, names, (inner) => this.vectors.store(part, array, inner));
      } else if (!this.moves(part)) {
        this.guard(part, isOnce, names, (inner) => this.effect(part, inner, false));
      }
    }
  }

  /** Stores the neighbours among a point's results as vectors; returns the statements it did. */
  private packed(phase: Phase, names: Names): ReadonlySet<Statement> {
    const { scope } = this;
    if (scope.plan.tile !== null) return new Set();
    const groups = packStores(phase.statements, alignmentOf(scope.options));
    for (const group of groups) {
      const [{ target, form }] = group;
      const name = scope.fresh("y");
      scope.text.add(`${registerType(target.dtype)} ${name}[${group.length}];`);
      group.forEach((part, i) => {
        scope.text.add(`${name}[${i}] = ${this.code.text(part.value, names, false)};`);
      });
      const element = this.code.elementText(target, form, names, false);
      const at = `${scope.pointer(target).name} + ${element}`;
      const word = `pack${group.length}_${target.dtype}(${name})`;
      scope.text.add(`store_v${group.length * dtypeBytes(target.dtype)}(${at}, ${word});`);
    }
    return new Set(groups.flat());
  }

  /** Loads that do not depend on others come first, so that kept ones are found. */
  private singleLoads(expression: Expression, names: Names, inItems: boolean): void {
    if (expression.kind === "load" && expressionOperands(expression).length === 0) {
      this.vectors.load(expression, names, inItems);
    }
  }

  /** Puts a store under the condition that this thread has a row, and is the one to store it. */
  private guard(
    part: Statement,
    isOnce: boolean,
    names: Names,
    body: (names: Names) => void,
  ): void {
    const idle = this.scope.names.find("idle") === undefined ? "1" : "!idle";
    const test = isOnce ? this.scope.isFirst(true) : idle;
    if (part.kind !== "store" || test === "1") body(names);
    else this.scope.text.block(`if (${test})`, () => body(new Names(names)));
  }

  /** Whether the lanes of a store differ in place or value. */
  private moves(part: Store): boolean {
    const { scope } = this;
    const form = normalizeForm(part.form);
    const isStill = strideOf(form, scope.plan.vector) === 0 && !scope.gathers(form);
    return !isStill || scope.varies(part.value);
  }

  /** What a statement does, its value being known. */
  private effect(part: Statement, names: Names, inLane: boolean): void {
    const { scope, code } = this;
    const value = code.text(part.value, names, inLane);
    switch (part.kind) {
      case "reduce":
      case "scan": {
        const name = scope.accumulator(part.id);
        const lane = scope.laneSums ? `${name}[l]` : name;
        scope.text.add(`${lane} = ${foldText(part.op, part.dtype, lane, value)};`);
        if (part.kind === "scan") this.storeOne(part.target.dtype, part, lane, names, inLane);
        return;
      }
      case "store":
        this.storeOne(part.target.dtype, part, value, names, inLane);
        return;
      case "stash":
        scope.text.add(`${this.slot(part.id, "l")} = ${value};`);
        return;
      default:
        part satisfies never;
    }
  }

  private storeOne(
    dtype: Store["target"]["dtype"],
    part: Store | Extract<Statement, { kind: "scan" }>,
    value: string,
    names: Names,
    inLane: boolean,
  ): void {
    const { scope, code } = this;
    const element = code.elementText(part.target, part.form, names, inLane);
    const at = `${scope.pointer(part.target).name} + ${element}`;
    const adds = part.kind === "store" && part.accumulate;
    const stored = adds ? foldText("sum", dtype, `load_${dtype}(${at})`, value) : value;
    scope.text.add(`store_${dtype}(${at}, ${stored});`);
  }
}

/** Whether a kernel notes indices that do not fit. */
function reportsIndices(kernel: Kernel): boolean {
  const hasChecked = (form: Form): boolean =>
    form.terms.some(({ axis }) => axis.dynamic !== null && axis.checked);
  return (
    kernelExpressions(kernel).some((part) => formsOf(part).some(hasChecked)) ||
    kernel.phases.some((phase) =>
      phase.statements.some((part) => "form" in part && hasChecked(part.form)),
    )
  );
}
