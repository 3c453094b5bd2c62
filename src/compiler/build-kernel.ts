import type { DType } from "../ir/dtype.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { numel } from "../ir/shape.ts";
import type { Axis, Form } from "./affine.ts";
import { axisForm, combineForms, flatForm, makeAxis } from "./affine.ts";
import { expressionOperands, formOperands, walkExpressions } from "./kernel.ts";
import type { Expression, Kernel, Phase, Statement } from "./kernel.ts";
import type { LoopGroup, Member } from "./loop-group.ts";
import { loadsOf } from "./loop-group.ts";
import { Lowering, freshCoordinates } from "./lower.ts";
import { nodeCost } from "./cost.ts";

/** From this cost on a value needed again in a later phase is stashed, not computed again. */
const STASH_COST = 6;

/** Longest row whose costly terms are computed first and summed afterwards. */
const SEPARATE_LIMIT = 1 << 14;
/** A phase between two times: after the inner phase of a time, before what follows it. */
const AFTER = 0.5;

const costlyOps: ReadonlySet<string> = new Set([
  "exp",
  "expNonPositive",
  "expm1",
  "log",
  "log1p",
  "sin",
  "cos",
  "tanh",
  "erf",
]);

/** Accumulator or stash number of each member that has one. */
class KernelBuilder {
  private readonly group: LoopGroup;
  private readonly stored: ReadonlySet<Node>;
  private readonly accumulators: Map<Node, number> = new Map();
  private readonly stashes: Map<Node, number> = new Map();
  private readonly stashTypes: DType[] = [];
  private readonly phases: Map<number, Statement[]> = new Map();
  private readonly memo: Map<number, Map<Expression, Expression>> = new Map();

  constructor(group: LoopGroup, stored: ReadonlySet<Node>) {
    this.group = group;
    this.stored = stored;
  }

  build(): Kernel {
    const members = [...this.group.members.values()].sort((a, b) => a.time - b.time);
    for (const member of members) this.findStashes(member);
    for (const member of members) this.emit(member);
    const times = [...this.phases.keys()].sort((a, b) => a - b);
    const phases = times.map((time): Phase => ({
      level: Math.floor(time) % 2 === 0 ? "inner" : "outer",
      statements: this.phases.get(time) ?? [],
    }));
    return {
      name: members
        .map((member) => member.node.op)
        .join("_")
        .slice(0, 60),
      outer: this.group.outerAxes(),
      inner: this.group.innerAxes(),
      phases,
      sequential: false,
      stashes: this.stashTypes,
    };
  }

  private makeStash(dtype: DType): number {
    return this.stashTypes.push(dtype) - 1;
  }

  /**
   * Whether a reduction sums what it computes in a phase of its own: long chains of constants and
   * temporaries leave no registers for accumulators, and one in memory takes longer than a pass.
   */
  private sumsAfterwards(member: Member): boolean {
    const points = this.group.innerAxes().reduce((size, axis) => size * axis.size, 1);
    if (member.reduce === null || points < 16 || points > SEPARATE_LIMIT) return false;
    let costly = false;
    walkExpressions([this.withMembers(member)], (part) => {
      if (part.kind === "apply" && costlyOps.has(part.op)) costly = true;
    });
    return costly;
  }

  /** The expression, or that of the member it merely reads at the same time. */
  private withMembers({ expression, time }: Member): Expression {
    if (expression.kind !== "load") return expression;
    const source = this.group.members.get(expression.value);
    const same = source !== undefined && source.reduce === null && source.time === time;
    return same && source.level === "inner" ? source.expression : expression;
  }

  private findStashes(member: Member): void {
    for (const load of loadsOf(member.expression)) {
      const source = this.group.members.get(load.value);
      if (source === undefined || source.reduce !== null || source.level === "outer") continue;
      const later = source.time !== member.time || this.sumsAfterwards(member);
      if (!later || this.stored.has(source.node)) continue;
      if (nodeCost(source.node) < STASH_COST || this.stashes.has(source.node)) continue;
      this.stashes.set(source.node, this.makeStash(source.node.dtype));
    }
  }

  /** When a reduction runs and what it reads then. */
  private reduceInput(member: Member): { readonly time: number; readonly value: Expression } {
    const { expression, time } = member;
    if (!this.sumsAfterwards(member)) return { time, value: this.resolve(expression, time) };
    const after = time + AFTER;
    if (expression.kind === "load") return { time: after, value: this.resolve(expression, after) };
    const { dtype } = expression;
    const id = this.makeStash(dtype);
    this.add(time, { kind: "stash", id, value: this.resolve(expression, time) });
    return { time: after, value: { kind: "stash", dtype, id } };
  }

  private emit(member: Member): void {
    const { node } = member;
    if (member.reduce !== null) {
      const { time, value } = this.reduceInput(member);
      const id = this.accumulators.size;
      this.accumulators.set(node, id);
      this.add(time, { kind: "reduce", id, op: member.reduce, dtype: node.dtype, value });
      if (this.stored.has(node)) {
        const result: Expression = { kind: "accumulator", dtype: node.dtype, id };
        this.store(member.time + 1, member, result);
      }
      return;
    }
    const value = this.resolve(member.expression, member.time);
    if (this.stored.has(node)) this.store(member.time, member, value);
    const stash = this.stashes.get(node);
    if (stash !== undefined) this.add(member.time, { kind: "stash", id: stash, value });
  }

  private store(time: number, member: Member, value: Expression): void {
    const form = this.group.memberForm(member);
    this.add(time, { kind: "store", target: member.node, form, value, accumulate: false });
  }

  private add(time: number, statement: Statement): void {
    const list = this.phases.get(time) ?? [];
    list.push(statement);
    this.phases.set(time, list);
  }

  /** Replaces loads of members by what holds their value at `time`. */
  private resolve(expression: Expression, time: number): Expression {
    const memo = this.memo.get(time) ?? new Map<Expression, Expression>();
    this.memo.set(time, memo);
    const known = memo.get(expression);
    if (known !== undefined) return known;
    const result = this.resolveFresh(expression, time);
    memo.set(expression, result);
    return result;
  }

  private resolveFresh(expression: Expression, time: number): Expression {
    if (expression.kind === "load") {
      const member = this.group.members.get(expression.value);
      if (member !== undefined) return this.memberValue(member, expression, time);
    }
    if (expressionOperands(expression).length === 0) return expression;
    return mapOperands(expression, (operand) => this.resolve(operand, time));
  }

  private memberValue(member: Member, load: Expression, time: number): Expression {
    const accumulator = this.accumulators.get(member.node);
    if (accumulator !== undefined) {
      return { kind: "accumulator", dtype: member.node.dtype, id: accumulator };
    }
    if (member.level === "outer" || member.time === time) {
      return this.resolve(member.expression, time);
    }
    if (this.stored.has(member.node)) return load;
    const stash = this.stashes.get(member.node);
    if (stash !== undefined) return { kind: "stash", dtype: member.node.dtype, id: stash };
    return this.resolve(member.expression, time);
  }
}

/** The same expression over other operands; dynamic axes of its forms are rebuilt too. */
function mapOperands(expression: Expression, map: (operand: Expression) => Expression): Expression {
  switch (expression.kind) {
    case "apply": {
      const operands = expression.operands.map(map);
      return operands.every((operand, i) => operand === expression.operands[i])
        ? expression
        : { ...expression, operands };
    }
    case "masked": {
      const bounds = expression.bounds.map((bound) => ({
        ...bound,
        form: mapForm(bound.form, map),
      }));
      return { ...expression, inside: map(expression.inside), bounds };
    }
    case "load":
    case "index":
      return { ...expression, form: mapForm(expression.form, map) };
    default:
      return expression;
  }
}

const mappedAxes = new WeakMap<Axis, WeakMap<Expression, Axis>>();

function mapForm(form: Form, map: (operand: Expression) => Expression): Form {
  if (form.terms.every((term) => term.axis.dynamic === null)) return form;
  return combineForms(
    form.terms.map(({ axis, stride }) => {
      if (axis.dynamic === null)
        return [{ offset: 0, terms: [{ axis, stride: 1 }] }, stride] as const;
      const dynamic = map(axis.dynamic);
      const cache = mappedAxes.get(axis) ?? new WeakMap<Expression, Axis>();
      mappedAxes.set(axis, cache);
      const mapped = cache.get(dynamic) ?? makeAxis(axis.size, dynamic, axis.checked);
      cache.set(dynamic, mapped);
      return [axisForm(mapped), stride] as const;
    }),
    form.offset,
  );
}

/** The kernel of a loop group; `stored` are the members somebody outside needs. */
export function buildLoopKernel(group: LoopGroup, stored: ReadonlySet<Node>): Kernel {
  return new KernelBuilder(group, stored).build();
}

type IsValue = (node: Node) => boolean;

function storeKernel(
  name: string,
  target: Node,
  axes: readonly Axis[],
  value: Expression,
  form: Form,
): Kernel {
  const store: Statement = { kind: "store", target, form, value, accumulate: false };
  return {
    name,
    outer: axes,
    inner: [],
    phases: [{ level: "inner", statements: [store] }],
    sequential: false,
    stashes: [],
  };
}

const axesOf = (coordinates: readonly Form[]): Axis[] =>
  coordinates.flatMap((form) => form.terms.map((term) => term.axis));

/** A part of a concatenation, and the coordinates of its first element in the whole. */
export interface ConcatPart {
  readonly part: Node;
  readonly starts: readonly number[];
}

/** The parts of a concatenation; those that are concatenations without a buffer give theirs. */
export function concatParts(whole: NodeOf<"concat">, isValue: IsValue): ConcatPart[] {
  const parts: ConcatPart[] = [];
  const visit = (part: Node, starts: readonly number[]): void => {
    if (part.op !== "concat" || (part !== whole && isValue(part))) {
      parts.push({ part, starts });
      return;
    }
    const { dim } = part.attrs;
    let start = starts[dim];
    for (const source of part.src) {
      visit(source, starts.with(dim, start));
      start += source.shape[dim];
    }
  };
  visit(
    whole,
    whole.shape.map(() => 0),
  );
  return parts;
}

/** One kernel per part, each storing into its range of the result. */
function buildConcatKernels(whole: NodeOf<"concat">, isValue: IsValue): Kernel[] {
  return concatParts(whole, isValue).map(({ part, starts }) => {
    const coordinates = freshCoordinates(part.shape);
    const value = new Lowering(isValue).value(part, coordinates);
    const moved = coordinates.map((form, dim) => combineForms([[form, 1]], starts[dim]));
    const target = flatForm(moved, whole.shape);
    return storeKernel("concat", whole, leavesOf(coordinates), value, target);
  });
}

function leavesOf(coordinates: readonly Form[]): Axis[] {
  const leaves = (axis: Axis): Axis[] =>
    axis.split === null ? [axis] : [...leaves(axis.split.outer), ...leaves(axis.split.inner)];
  return axesOf(coordinates).flatMap(leaves);
}

/** Loops over a whole shape whose `dim` runs in order inside all others. */
function sequentialKernel(
  name: string,
  coordinates: readonly Form[],
  dim: number,
  statement: Statement,
): Kernel {
  const inner = new Set(leavesOf([coordinates[dim]]));
  const all = leavesOf(coordinates);
  return {
    name,
    outer: all.filter((axis) => !inner.has(axis)),
    inner: all.filter((axis) => inner.has(axis)),
    phases: [{ level: "inner", statements: [statement] }],
    sequential: true,
    stashes: [],
  };
}

/** Running reduction along a dim. */
function buildScanKernel(
  node: Node,
  dim: number,
  op: "sum" | "prod" | "max" | "min",
  isValue: IsValue,
): Kernel {
  const coordinates = freshCoordinates(node.shape);
  const value = new Lowering(isValue).value(node.src[0], coordinates);
  const form = flatForm(coordinates, node.shape);
  return sequentialKernel("scan", coordinates, dim, {
    kind: "scan",
    id: 0,
    op,
    dtype: node.dtype,
    value,
    target: node,
    form,
  });
}

/** Copies the base, then applies the updates in index order. */
function buildScatterKernels(
  node: Node,
  dim: number,
  mode: "add" | "set",
  isValue: IsValue,
): Kernel[] {
  const [base, index, updates] = node.src;
  const whole = freshCoordinates(node.shape);
  const initial = new Lowering(isValue).value(base, whole);
  const fill = storeKernel(
    "scatter_base",
    node,
    leavesOf(whole),
    initial,
    flatForm(whole, node.shape),
  );
  const coordinates = freshCoordinates(index.shape);
  const lowering = new Lowering(isValue);
  const value = lowering.value(updates, coordinates);
  const position = makeAxis(node.shape[dim], lowering.value(index, coordinates));
  const target = coordinates.map((form, i) => (i === dim ? axisForm(position) : form));
  const statement: Statement = {
    kind: "store",
    target: node,
    form: flatForm(target, node.shape),
    value,
    accumulate: mode === "add",
  };
  return [fill, sequentialKernel("scatter", coordinates, dim, statement)];
}

/** Kernels of a concat, scan or scatter; none for other ops. @throws {NeedsBuffer} */
export function buildSpecialKernels(node: Node, isValue: IsValue): Kernel[] {
  if (numel(node.shape) === 0) return [];
  switch (node.op) {
    case "concat":
      return buildConcatKernels(node, isValue);
    case "scan":
      return [buildScanKernel(node, node.attrs.dim, node.attrs.kind, isValue)];
    case "scatter":
      return buildScatterKernels(node, node.attrs.dim, node.attrs.mode, isValue);
    default:
      return [];
  }
}

/** dtypes a kernel touches: it runs on scalars if one of them is f64. */
export function kernelDTypes(kernel: Kernel): Set<DType> {
  const found = new Set<DType>();
  const statements = kernel.phases.flatMap((phase) => phase.statements);
  const places = statements.flatMap((part) => ("form" in part ? formOperands(part.form) : []));
  walkExpressions([...statements.map((part) => part.value), ...places], (expression) =>
    found.add(expression.dtype),
  );
  for (const phase of kernel.phases) {
    for (const part of phase.statements) if ("target" in part) found.add(part.target.dtype);
  }
  return found;
}
