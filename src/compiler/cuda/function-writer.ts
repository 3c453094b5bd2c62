import { invariant } from "../../base/errors.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import type { Form } from "../affine.ts";
import { normalizeForm } from "../affine.ts";
import type { Expression, Kernel, Phase, Statement } from "../kernel.ts";
import { expressionOperands } from "../kernel.ts";
import { kernelExpressions, phaseExpressions, statementRoots } from "../loops.ts";
import type { Loop } from "../loops.ts";
import { Variation } from "../wasm/kernel-plan.ts";
import { accumulatorKey, ExpressionCode, isAtom } from "./expression-code.ts";
import type { KernelArgument, KernelFunction } from "./kernel-code.ts";
import { accessWidth, strideOf } from "./kernel-plan.ts";
import type { AlignmentOf, KernelPlan } from "./kernel-plan.ts";
import { KernelText } from "./kernel-text.ts";
import { Names } from "./names.ts";
import { foldText, roundedText } from "./operation-code.ts";
import { identityText } from "./prelude.ts";
import { registerOf, registerType, storageType } from "./register-code.ts";
import type { RenderOptions } from "./render-options.ts";
import { reductionsOf } from "./segments.ts";
import type { Reduction, Segment } from "./segments.ts";
import type { StoragePlan } from "./storage-plan.ts";

type Store = Extract<Statement, { kind: "store" }>;

const DEFAULT_ALIGNMENT = 16;

interface Parameter {
  readonly type: string;
  readonly name: string;
  readonly argument: KernelArgument;
}

/** Writes one function of a kernel: see {@link KernelPlan} for who does what. */
export class FunctionWriter {
  private readonly kernel: Kernel;
  private readonly plan: KernelPlan;
  private readonly segment: Segment;
  private readonly storage: StoragePlan;
  private readonly options: RenderOptions;
  private readonly text: KernelText = new KernelText();
  private readonly code: ExpressionCode;
  private readonly variation: Variation;
  private readonly parameters: Map<unknown, Parameter> = new Map();
  private readonly written: ReadonlySet<string>;
  private readonly items: Map<Expression, boolean> = new Map();
  private readonly counters: Map<string, number> = new Map();
  private readonly names: Names = new Names();
  private readonly alignmentOf: AlignmentOf;
  private usesErrors = false;

  constructor(
    kernel: Kernel,
    plan: KernelPlan,
    segment: Segment,
    storage: StoragePlan,
    options: RenderOptions,
  ) {
    this.kernel = kernel;
    this.plan = plan;
    this.segment = segment;
    this.storage = storage;
    this.options = options;
    this.alignmentOf = options.alignmentOf ?? ((): number => DEFAULT_ALIGNMENT);
    const targets = kernel.phases.flatMap((phase) =>
      phase.statements.flatMap((part) => ("target" in part ? [part.target] : [])),
    );
    this.written = new Set(targets.map(options.placeOf));
    this.variation = new Variation(plan.vector ?? { axes: [], size: 1 }, !plan.horizontal);
    this.code = new ExpressionCode({
      plan,
      text: this.text,
      pointer: (value) => this.pointer(value),
      variable: (loop) => this.variable(loop),
      fresh: (letter) => this.fresh(letter),
      slot: (id, lane) => this.slot(id, lane),
    });
  }

  write(): KernelFunction {
    this.usesErrors =
      this.options.writesState ||
      kernelExpressions(this.kernel).some((part) =>
        formsOf(part).some((form) => hasChecked(form)),
      ) ||
      this.kernel.phases.some((phase) =>
        phase.statements.some((part) => "form" in part && hasChecked(part.form)),
      );
    this.open();
    for (const reduction of this.segment.given) this.receive(reduction);
    for (const phase of this.segment.phases) this.phase(phase);
    if (this.usesErrors) this.parameter("errors", "int *", "errors", { kind: "errors" });
    const parameters = [...this.parameters.values()];
    const list = parameters.map(({ type, name }) => `${type}${name}`);
    const { plan, storage } = this;
    return {
      text: `(${[...list, "unsigned block"].join(", ")}) {\n${this.text.toString()}\n}`,
      arguments: parameters.map(({ argument }) => argument),
      blocks: plan.blocks,
      threads: plan.threads,
      sharedBytes: storage.sharedBytes,
      residentBlocks: 0,
    };
  }

  private parameter(key: unknown, type: string, name: string, argument: KernelArgument): string {
    const known = this.parameters.get(key);
    if (known !== undefined) return known.name;
    this.parameters.set(key, { type, name, argument });
    return name;
  }

  private pointer(value: Node): { name: string; readOnly: boolean } {
    const readOnly = !this.written.has(this.options.placeOf(value));
    const type = `${readOnly ? "const " : ""}${storageType(value.dtype)} *`;
    const known = this.parameters.get(value);
    const name = known?.name ?? this.fresh("p");
    this.parameter(value, type, name, { kind: "value", value });
    return { name, readOnly };
  }

  private fresh(letter: string): string {
    const count = this.counters.get(letter) ?? 0;
    this.counters.set(letter, count + 1);
    return `${letter}${count}`;
  }

  private variable(loop: Loop): string {
    const outer = this.plan.outer.indexOf(loop);
    return outer >= 0 ? `i${outer}` : `j${this.plan.inner.indexOf(loop)}`;
  }

  private get signed(): string {
    return this.plan.wide ? "i64" : "int";
  }

  private get unsigned(): string {
    return this.plan.wide ? "u64" : "u32";
  }

  private number(value: number): string {
    return this.plan.wide ? `${value}ull` : `${value}u`;
  }

  /** Which row and which items of it are this thread's. */
  private open(): void {
    const { plan, text } = this;
    const { group, rows, parts, rowCount } = plan;
    if (this.options.writesState) text.add("if (errors[0] != 0) return;");
    text.add("const int thread = thread_index();");
    if (parts > 1) text.add(`const u32 part = block % ${parts}u;`);
    const tile = parts > 1 ? `block / ${parts}u` : "block";
    const inTile = plan.horizontal
      ? group === 1
        ? "thread"
        : rows === 1
          ? ""
          : `thread / ${group}`
      : group === 1
        ? "thread"
        : `thread % ${rows}`;
    if (group > 1) {
      const member = plan.horizontal
        ? rows === 1
          ? "thread"
          : `thread % ${group}`
        : `thread / ${rows}`;
      text.add(`const u32 member = (u32)(${member});`);
    }
    const start = `(${this.unsigned})(${tile})${rows === 1 ? "" : ` * ${rows}u`}`;
    text.add(`${this.unsigned} row = ${start}${inTile === "" ? "" : ` + (u32)(${inTile})`};`);
    this.guardRow(rowCount % rows !== 0);
    this.decompose("row", plan.outer, (loop) => this.variable(loop));
    this.liveLanes(plan.outer);
    this.openStashes();
  }

  private guardRow(isPartial: boolean): void {
    const { plan, text } = this;
    const count = plan.flat
      ? `(u32)${this.parameter("count", "int ", "count", { kind: "int", value: plan.rowCount })}`
      : this.number(plan.rowCount);
    if (!isPartial && !plan.flat) return;
    if (plan.group === 1) {
      text.add(`if (row >= ${count}) return;`);
      return;
    }
    // Threads without a row compute the first one along, for the sake of those they meet.
    text.add(`const int idle = row >= ${count};`);
    text.add("if (idle) row = 0;");
    this.names.set("idle", "idle");
  }

  /** Declares the loops' variables from a linear number, the last loop fastest. */
  private decompose(from: string, loops: readonly Loop[], name: (loop: Loop) => string): void {
    const { plan, text } = this;
    let rest = from;
    const lines: string[] = [];
    [...loops].reverse().forEach((loop, i) => {
      const count = loop === plan.vector ? Math.ceil(loop.size / plan.lanes) : loop.size;
      const scale = loop === plan.vector ? ` * ${plan.lanes}` : "";
      const last = i === loops.length - 1;
      const index = last ? rest : `${rest} % ${this.number(count)}`;
      lines.push(`const ${this.signed} ${name(loop)} = (${this.signed})(${index})${scale};`);
      if (last) return;
      const next = this.fresh("r");
      lines.push(`const ${this.unsigned} ${next} = ${rest} / ${this.number(count)};`);
      rest = next;
    });
    for (const line of lines) text.add(line);
  }

  /** Declares how many lanes count where the vector loop does not end with a whole vector. */
  private liveLanes(loops: readonly Loop[]): void {
    const { vector, lanes, flat } = this.plan;
    if (vector === null || !loops.includes(vector) || vector.size % lanes === 0) return;
    const size = flat
      ? this.parameter("size", "int ", "size", { kind: "int", value: vector.size })
      : String(vector.size);
    const index = this.variable(vector);
    this.text.add(
      `const int live = (int)(${size} - ${index} < ${lanes} ? ${size} - ${index} : ${lanes});`,
    );
  }

  private get hasTail(): boolean {
    const { vector, lanes } = this.plan;
    return vector !== null && vector.size % lanes !== 0;
  }

  private openStashes(): void {
    const { plan, storage, text, kernel } = this;
    const slots = Math.max(1, plan.rounds * plan.lanes);
    storage.stashes.forEach((place, id) => {
      const type = registerType(kernel.stashes[id]);
      if (place.kind === "register") text.add(`${type} s${id}[${slots}];`);
      if (place.kind === "shared") {
        text.add(`${type} *s${id} = (${type} *)(shared + ${place.offset}) + thread;`);
      }
      if (place.kind === "scratch") {
        const { offset } = place;
        const base = this.parameter(`stash ${id}`, `${type} *`, `g${id}`, {
          kind: "scratch",
          offset,
        });
        const stride = `${slots * plan.threads}ull`;
        text.add(`${type} *s${id} = ${base} + (u64)block * ${stride} + thread;`);
      }
    });
  }

  /** Place of a stash for item number `k` of this thread. */
  private slot(id: number, lane: string): string {
    const { plan, storage } = this;
    const item = plan.inner.length === 0 ? "0" : "k";
    const index = plan.lanes === 1 ? item : `${item} * ${plan.lanes} + ${lane}`;
    return storage.stashes[id].kind === "register"
      ? `s${id}[${index}]`
      : `s${id}[(${index}) * ${plan.threads}]`;
  }

  /** Whether the value changes from item to item. */
  private isItem(expression: Expression): boolean {
    const known = this.items.get(expression);
    if (known !== undefined) return known;
    const { inner } = this.plan;
    const result =
      inner.length > 0 &&
      (expression.kind === "stash" ||
        formsOf(expression).some((form) => inner.some((loop) => strideOf(form, loop) !== 0)) ||
        expressionOperands(expression).some((operand) => this.isItem(operand)));
    this.items.set(expression, result);
    return result;
  }

  private varies(expression: Expression): boolean {
    return this.plan.lanes > 1 && this.variation.has(expression);
  }

  /** Whether accumulators differ from lane to lane. */
  private get laneSums(): boolean {
    return this.plan.lanes > 1 && !this.plan.horizontal;
  }

  private phase(phase: Phase): void {
    const { plan } = this;
    for (const part of phase.statements) {
      if (part.kind === "reduce" || part.kind === "scan") this.openAccumulator(part);
    }
    const isItems = phase.level === "inner" && plan.inner.length > 0;
    if (isItems) {
      this.hoistRow(phase);
      this.itemLoop(phase);
    } else {
      this.statements(phase, this.names, false);
    }
    for (const reduction of reductionsOf(phase)) this.closeAccumulator(reduction);
  }

  private openAccumulator({
    id,
    op,
    dtype,
  }: Reduction | Extract<Statement, { kind: "scan" }>): void {
    const name = this.fresh("a");
    const identity = identityText(op, registerOf(dtype));
    const type = registerType(dtype);
    if (this.laneSums) {
      const values = Array.from({ length: this.plan.lanes }, () => identity);
      this.text.add(`${type} ${name}[${this.plan.lanes}] = {${values.join(", ")}};`);
    } else {
      this.text.add(`${type} ${name} = ${identity};`);
    }
    this.names.set(accumulatorKey(id), name, this.laneSums);
  }

  private accumulator(id: number): string {
    const name = this.names.find(accumulatorKey(id));
    invariant(name !== undefined, `accumulator ${id} is not open`);
    return name.text;
  }

  /** Joins what the threads of a group have. */
  private meet({ id, op, dtype }: Reduction): void {
    const { plan, storage, text } = this;
    const name = this.accumulator(id);
    const register = registerOf(dtype);
    if (plan.group === 1) return;
    const memory = `shared + ${storage.meetings.get(id) ?? 0}`;
    if (!plan.horizontal) {
      const values = this.laneSums ? name : `&${name}`;
      const sizes = `${plan.lanes}, ${memory}, ${plan.rows}, ${plan.group}`;
      text.add(`column_${op}_${register}(${values}, ${sizes});`);
    } else if (plan.group <= 32) {
      text.add(`${name} = warp_${op}_${register}(${name}, ${plan.group});`);
    } else {
      text.add(`${name} = block_${op}_${register}(${name}, ${memory});`);
    }
  }

  private closeAccumulator(reduction: Reduction): void {
    this.meet(reduction);
    if (this.plan.parts > 1) this.send(reduction);
    else this.roundAccumulator(reduction);
  }

  /** Sums of halves are rounded once, when they are complete. */
  private roundAccumulator({ id, dtype }: Reduction): void {
    const name = this.accumulator(id);
    const lane = this.laneSums ? `${name}[l]` : name;
    const rounded = roundedText(dtype, lane);
    if (rounded === lane) return;
    if (this.laneSums) this.laneLoop(() => this.text.add(`${lane} = ${rounded};`), true);
    else this.text.add(`${lane} = ${rounded};`);
  }

  private partials({ id, dtype }: Reduction): string {
    const type = registerType(dtype);
    const offset = this.storage.partials.get(id) ?? 0;
    return this.parameter(`partials ${id}`, `${type} *`, `q${id}`, { kind: "scratch", offset });
  }

  /** Leaves this block's sum for the next function. */
  private send(reduction: Reduction): void {
    const { plan, text } = this;
    const base = this.partials(reduction);
    const name = this.accumulator(reduction.id);
    text.block(`if (${this.isFirst(false)})`, () => {
      const at = `(u64)part * ${plan.rowCount}u + row`;
      if (!this.laneSums) {
        text.add(`${base}[${at}] = ${name};`);
        return;
      }
      this.laneLoop(() => text.add(`${base}[(${at}) * ${plan.lanes} + l] = ${name}[l];`), true);
    });
  }

  /** Joins the sums the blocks of an earlier function left. */
  private receive(reduction: Reduction): void {
    const { plan, text } = this;
    const { id, op, dtype } = reduction;
    this.openAccumulator(reduction);
    const base = this.partials(reduction);
    const name = this.accumulator(id);
    const first = plan.group === 1 ? "0" : "member";
    text.block(`for (u32 q = ${first}; q < ${plan.parts}u; q += ${plan.group}u)`, () => {
      const at = `(u64)q * ${plan.rowCount}u + row`;
      if (!this.laneSums) {
        text.add(`${name} = ${foldText(op, dtype, name, `${base}[${at}]`)};`);
        return;
      }
      const term = `${base}[(${at}) * ${plan.lanes} + l]`;
      this.laneLoop(
        () => text.add(`${name}[l] = ${foldText(op, dtype, `${name}[l]`, term)};`),
        true,
      );
    });
    this.meet(reduction);
    this.roundAccumulator(reduction);
  }

  /** Condition under which a thread stores what its whole group knows. */
  private isFirst(onePart: boolean): string {
    const { group, parts } = this.plan;
    const tests: string[] = [];
    if (group > 1) tests.push("member == 0");
    if (onePart && parts > 1) tests.push("part == 0");
    if (this.names.find("idle") !== undefined) tests.push("!idle");
    return tests.length === 0 ? "1" : tests.join(" && ");
  }

  /** Computes what a phase's items share before its loop. */
  private hoistRow(phase: Phase): void {
    const wanted = new Set<Expression>();
    for (const expression of phaseExpressions(phase)) {
      if (!this.isItem(expression)) continue;
      for (const operand of expressionOperands(expression)) wanted.add(operand);
    }
    for (const part of phase.statements) for (const root of statementRoots(part)) wanted.add(root);
    const roots = [...wanted].filter((expression) => !this.isItem(expression));
    const list = this.missing(roots, this.names);
    this.code.declare(
      list.filter((expression) => !this.varies(expression)),
      this.names,
      false,
    );
    const varying = list.filter((expression) => this.varies(expression));
    if (varying.length === 0) return;
    const arrays = varying.map((expression) => {
      const name = this.fresh("t");
      this.text.add(`${registerType(expression.dtype)} ${name}[${this.plan.lanes}];`);
      return { expression, name };
    });
    this.laneLoop(() => {
      const inner = new Names(this.names);
      for (const { expression, name } of arrays) {
        this.code.declareOne(expression, inner, true);
        this.text.add(`${name}[l] = ${this.code.text(expression, inner, true)};`);
      }
    }, false);
    for (const { expression, name } of arrays) this.names.set(expression, name, true);
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

  private laneLoop(body: () => void, all: boolean): void {
    const { text, plan } = this;
    text.pragma("#pragma unroll");
    text.block(`for (int l = 0; l < ${plan.lanes}; l++)`, () => {
      if (this.hasTail && !all) text.block("if (l < live)", body);
      else body();
    });
  }

  private itemLoop(phase: Phase): void {
    const { plan, text, storage } = this;
    const { group, parts, itemCount, rounds } = plan;
    const stride = group * parts;
    const first: string[] = [];
    if (parts > 1) first.push(group > 1 ? `part * ${group}u` : "part");
    if (group > 1) first.push("member");
    const start = first.length === 0 ? "0u" : first.join(" + ");
    const body = (): void => {
      const names = new Names(this.names);
      this.decompose("item", plan.inner, (loop) => this.variable(loop));
      this.liveLanes(plan.inner);
      this.statements(phase, names, true);
    };
    if (storage.unrolled) {
      text.pragma("#pragma unroll");
      text.block(`for (int k = 0; k < ${rounds}; k++)`, () => {
        text.add(`const ${this.unsigned} item = (u32)k * ${this.number(stride)} + ${start};`);
        if (rounds * stride === itemCount) body();
        else text.block(`if (item < ${this.number(itemCount)})`, body);
      });
      return;
    }
    text.add("{");
    if (this.kernel.stashes.length > 0) text.add("int k = 0;");
    const step = this.kernel.stashes.length > 0 ? ", k++" : "";
    const head =
      `for (${this.unsigned} item = ${start}; item < ${this.number(itemCount)}; ` +
      `item += ${this.number(stride)}${step})`;
    text.block(head, body);
    text.add("}");
  }

  /** Values first, then effects: a store must not be seen by a load of the same point. */
  private statements(phase: Phase, names: Names, inItems: boolean): void {
    const { plan } = this;
    const roots = phase.statements.flatMap(statementRoots);
    const list = this.missing(roots, names);
    this.code.declare(
      list.filter((expression) => !this.varies(expression)),
      names,
      false,
    );
    const guarded = !inItems && plan.inner.length > 0;
    if (plan.lanes === 1 || (guarded && plan.horizontal)) {
      for (const part of phase.statements) {
        this.guard(part, guarded, names, (inner) => this.effect(part, inner, false));
      }
      return;
    }
    const varying = list.filter((expression) => this.varies(expression));
    for (const expression of varying) this.loadVector(expression, names);
    const vectors = this.openVectors(phase);
    this.laneLoop(() => {
      const inner = new Names(names);
      this.code.declare(varying, inner, true);
      for (const part of phase.statements) {
        const vector = vectors.get(part);
        if (vector !== undefined && part.kind === "store") {
          this.text.add(`${vector}[l] = ${this.code.text(part.value, inner, true)};`);
        } else if (part.kind !== "store" || this.moves(part)) {
          this.guard(part, guarded, inner, (own) => this.effect(part, own, true));
        }
      }
    }, false);
    for (const part of phase.statements) {
      if (part.kind !== "store") continue;
      const vector = vectors.get(part);
      if (vector !== undefined) {
        this.guard(part, guarded, names, (inner) => this.storeVector(part, vector, inner));
      } else if (!this.moves(part)) {
        this.guard(part, guarded, names, (inner) => this.effect(part, inner, false));
      }
    }
  }

  /** Puts a store under the condition that this thread has a row, and is the one to store it. */
  private guard(
    part: Statement,
    guarded: boolean,
    names: Names,
    body: (names: Names) => void,
  ): void {
    const idle = this.names.find("idle") === undefined ? "1" : "!idle";
    const test = guarded ? this.isFirst(true) : idle;
    if (part.kind !== "store" || test === "1") body(names);
    else this.text.block(`if (${test})`, () => body(new Names(names)));
  }

  /** Whether the lanes of a store differ in place or value. */
  private moves(part: Store): boolean {
    const form = normalizeForm(part.form);
    return (
      strideOf(form, this.plan.vector) !== 0 ||
      this.variation.gathers(form) ||
      this.varies(part.value)
    );
  }

  private width(value: Node, form: Form): number {
    const { plan } = this;
    if (this.variation.gathers(form)) return 1;
    const loops = [...plan.outer, ...plan.inner];
    return accessWidth({ value, form }, plan.vector, loops, plan.lanes, this.alignmentOf(value));
  }

  /** Loads neighbours together, into an array of one element per lane. */
  private loadVector(expression: Expression, names: Names): void {
    if (expression.kind !== "load" || names.find(expression) !== undefined) return;
    const form = normalizeForm(expression.form);
    const { value, dtype } = expression;
    const width = this.width(value, form);
    if (width === 1) return;
    const { plan, text } = this;
    const { name: base, readOnly } = this.pointer(value);
    const name = this.fresh("v");
    const read = readOnly ? "read" : "load";
    text.add(`${registerType(dtype)} ${name}[${plan.lanes}];`);
    const at = `${base} + ${this.code.elementText(form, names, false)}`;
    const whole = (): void => {
      for (let lane = 0; lane < plan.lanes; lane += width) {
        const word = `${read}_v${width * dtypeBytes(dtype)}(${at}${lane === 0 ? "" : ` + ${lane}`})`;
        text.add(`unpack${width}_${dtype}(${name}${lane === 0 ? "" : ` + ${lane}`}, ${word});`);
      }
    };
    if (!this.hasTail) whole();
    else {
      text.block(`if (live == ${plan.lanes})`, whole);
      text.block("else", () => {
        text.pragma("#pragma unroll");
        const element = `l < live ? ${read}_${dtype}(${at} + l) : 0`;
        text.add(`for (int l = 0; l < ${plan.lanes}; l++) ${name}[l] = ${element};`);
      });
    }
    names.set(expression, name, true);
  }

  /** Declares an array for each store of neighbours. */
  private openVectors(phase: Phase): Map<Statement, string> {
    const vectors = new Map<Statement, string>();
    for (const part of phase.statements) {
      if (part.kind !== "store" || part.accumulate) continue;
      if (this.width(part.target, normalizeForm(part.form)) === 1) continue;
      const name = this.fresh("y");
      this.text.add(`${registerType(part.target.dtype)} ${name}[${this.plan.lanes}];`);
      vectors.set(part, name);
    }
    return vectors;
  }

  private storeVector(part: Store, name: string, names: Names): void {
    const { plan, text } = this;
    const { target } = part;
    const { dtype } = target;
    const form = normalizeForm(part.form);
    const width = this.width(target, form);
    const at = `${this.pointer(target).name} + ${this.code.elementText(form, names, false)}`;
    const whole = (): void => {
      for (let lane = 0; lane < plan.lanes; lane += width) {
        const ahead = lane === 0 ? "" : ` + ${lane}`;
        const word = `pack${width}_${dtype}(${name}${ahead})`;
        text.add(`store_v${width * dtypeBytes(dtype)}(${at}${ahead}, ${word});`);
      }
    };
    if (!this.hasTail) whole();
    else {
      text.block(`if (live == ${plan.lanes})`, whole);
      text.block("else", () => {
        text.pragma("#pragma unroll");
        const store = `store_${dtype}(${at} + l, ${name}[l])`;
        text.add(`for (int l = 0; l < ${plan.lanes}; l++) if (l < live) ${store};`);
      });
    }
  }

  /** What a statement does, its value being known. */
  private effect(part: Statement, names: Names, inLane: boolean): void {
    const { text, code } = this;
    const value = code.text(part.value, names, inLane);
    switch (part.kind) {
      case "reduce":
      case "scan": {
        const name = this.accumulator(part.id);
        const lane = this.laneSums ? `${name}[l]` : name;
        text.add(`${lane} = ${foldText(part.op, part.dtype, lane, value)};`);
        if (part.kind === "reduce") return;
        const at = `${this.pointer(part.target).name} + ${code.elementText(part.form, names, inLane)}`;
        text.add(`store_${part.target.dtype}(${at}, ${lane});`);
        return;
      }
      case "store": {
        const { dtype } = part.target;
        const at = `${this.pointer(part.target).name} + ${code.elementText(part.form, names, inLane)}`;
        const sum = part.accumulate ? foldText("sum", dtype, `load_${dtype}(${at})`, value) : value;
        text.add(`store_${dtype}(${at}, ${sum});`);
        return;
      }
      case "stash":
        text.add(`${this.slot(part.id, "l")} = ${value};`);
        return;
      default:
        part satisfies never;
    }
  }
}

/** Forms an expression itself walks along. */
function formsOf(expression: Expression): readonly Form[] {
  switch (expression.kind) {
    case "load":
    case "index":
      return [normalizeForm(expression.form)];
    case "masked":
      return expression.bounds.map((bound) => normalizeForm(bound.form));
    default:
      return [];
  }
}

const hasChecked = (form: Form): boolean =>
  form.terms.some(({ axis }) => axis.dynamic !== null && axis.checked);
