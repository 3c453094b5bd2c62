import { product } from "../base/integers.ts";
import type { Node } from "../ir/node.ts";
import type { Op } from "../ir/ops.ts";
import { numel } from "../ir/shape.ts";
import type { Axis, Form } from "./affine.ts";
import {
  axisForm,
  flatForm,
  formKey,
  leafAxes,
  makeAxis,
  normalizeForm,
  reshapeCoordinates,
} from "./affine.ts";
import type { DeviceTraits } from "./device-traits.ts";
import type { Expression, ReduceOp } from "./kernel.ts";
import { expressionOperands, walkExpressions } from "./kernel.ts";
import { Lowering, NeedsBuffer } from "./lower.ts";

/** Folding operation of each reduction node. */
export const reduceOps: Partial<Readonly<Record<Op, ReduceOp>>> = {
  reduceSum: "sum",
  reduceProd: "prod",
  reduceMax: "max",
  reduceMin: "min",
};

/** Longest row (elements) that several phases walk over: it must stay in the second-level cache. */
const ROW_LIMIT = 1 << 16;
const MEMBER_LIMIT = 24;
/** Longest chain of operations of one kernel, through all its members: rendering recurses. */
const DEPTH_LIMIT = 400;
const LOAD_LIMIT = 32;
/** Elements of a row that pay for one operation, on a single element, when the row begins. */
const ROW_SHARE = 4;

/** One value a loop group computes. */
export interface Member {
  readonly node: Node;
  /** `inner`: one element per point of all axes; `outer`: one per point of the outer axes. */
  readonly level: "inner" | "outer";
  /** Set for reductions. */
  readonly reduce: ReduceOp | null;
  /** Even times are inner phases, odd times run between them; see `availability`. */
  readonly time: number;
  readonly expression: Expression;
  /** Loads in the expression. */
  readonly loads: readonly Load[];
}

type Load = Extract<Expression, { kind: "load" }>;

/** Loads in an expression. */
export function loadsOf(expression: Expression): Load[] {
  const loads: Load[] = [];
  walkExpressions([expression], (part) => {
    if (part.kind === "load") loads.push(part);
  });
  return loads;
}

/** Time from which a member's value can be read by a consumer at the given level. */
function availability(member: Member, level: "inner" | "outer"): number {
  const done = member.reduce === null ? member.time : member.time + 1;
  if (member.level === "inner" && member.reduce === null) return done;
  return level === "outer" ? done : done + 1;
}

/**
 * Values that share one loop nest: elementwise values of one domain, reductions of that domain
 * over one set of axes, and what is computed from those per outer point.
 */
export class LoopGroup {
  readonly members: Map<Node, Member> = new Map();
  readonly reads: Set<Node> = new Set();
  private readonly axes: readonly Axis[];
  private reduced: readonly Axis[];
  private readonly depths: Map<Expression, number> = new Map();
  private readonly lowering: Lowering;
  /** For an epilogue: the contraction whose result it works on. */
  private readonly root: Node | null;
  private readonly traits: DeviceTraits;

  private constructor(
    axes: readonly Axis[],
    lowering: Lowering,
    traits: DeviceTraits,
    root: Node | null = null,
  ) {
    this.axes = axes;
    this.reduced = [];
    this.lowering = lowering;
    this.traits = traits;
    this.root = root;
  }

  /** A group of one value. @throws {NeedsBuffer} */
  static of(node: Node, isValue: (node: Node) => boolean, traits: DeviceTraits): LoopGroup {
    const domain = reduceOps[node.op] === undefined ? node.shape : node.src[0].shape;
    const axes = domain.map((size) => makeAxis(size));
    const group = new LoopGroup(axes, new Lowering(isValue), traits);
    const member = group.lower(node);
    if (member === null) throw new NeedsBuffer(node);
    group.insert(member);
    return group;
  }

  /**
   * This loop nest and what another group computes, in one; null if that does not fit. Values of
   * one element per row, which the other may consist of, are computed when a row begins.
   */
  with(other: LoopGroup): LoopGroup | null {
    const reduction = this.anyReduction();
    if (reduction === null || !this.mayHold(other)) return null;
    const group = LoopGroup.of(reduction.node, this.lowering.isValue, this.traits);
    group.members.clear();
    group.reads.clear();
    if (other.anyReduction() === null && other.work() * ROW_SHARE > group.rowLength) return null;
    const nodes = [...this.members.keys(), ...other.members.keys()].sort((a, b) => a.id - b.id);
    return nodes.every((node) => group.tryAdd(node)) ? group : null;
  }

  /** Whether another group's values have as many elements as this nest has points or rows. */
  mayHold(other: LoopGroup): boolean {
    if (this.root !== null || other.root !== null) return false;
    const { points, rows } = this;
    return [...other.members.values()].every(({ node, reduce }) => {
      const count = numel(reduce === null ? node.shape : node.src[0].shape);
      return count === points || (reduce === null && count === rows);
    });
  }

  /** Operations and loads per point. */
  private work(): number {
    let size = 0;
    for (const { expression } of this.members.values()) {
      walkExpressions([expression], (part) => {
        if (part.kind !== "constant") size++;
      });
    }
    return size;
  }

  /**
   * The loop nest of a contraction's epilogue: the axes of its result, which must stay whole, and
   * the result itself as something every member may read at its own point.
   */
  static epilogueOf(root: Node, isValue: (node: Node) => boolean, traits: DeviceTraits): LoopGroup {
    const axes = epilogueShape(root).map((size) => makeAxis(size));
    return new LoopGroup(axes, new Lowering(isValue), traits, root);
  }

  /** Adds an elementwise consumer of the contraction if it reads the result point by point. */
  tryAddEpilogue(node: Node): boolean {
    if (this.root === null || this.members.size >= MEMBER_LIMIT) return false;
    try {
      const member = this.lower(node);
      if (member === null || member.reduce !== null || !this.readsAligned(member)) return false;
      if (this.depthOf(member.expression) > DEPTH_LIMIT) return false;
      this.insert(member);
      return true;
    } catch (error) {
      if (!(error instanceof NeedsBuffer)) throw error;
      return false;
    }
  }

  /** Points of all axes. */
  private get points(): number {
    return axesSize(this.axes);
  }

  /** Points of the axes reductions fold. */
  private get rowLength(): number {
    return axesSize(this.reduced);
  }

  /** Points of the axes that are independent. */
  private get rows(): number {
    const { points, rowLength } = this;
    return rowLength === 0 ? axesSize(this.outerAxes()) : points / rowLength;
  }

  /** Loop axes, outermost first, as they are split now. */
  leaves(): Axis[] {
    return this.axes.flatMap(leafAxes);
  }

  /** Axes reductions fold, as they are split now. */
  innerAxes(): Axis[] {
    const reduced = new Set(this.reduced.flatMap(leafAxes));
    return this.leaves().filter((axis) => reduced.has(axis));
  }

  /** Axes whose points are independent. */
  outerAxes(): Axis[] {
    const reduced = new Set(this.reduced.flatMap(leafAxes));
    return this.leaves().filter((axis) => !reduced.has(axis));
  }

  /** Where a member's element lies in its own buffer. */
  memberForm(member: Member): Form {
    const own = member.level === "inner" && member.reduce === null;
    return canonicalForm(own ? this.leaves() : this.outerAxes());
  }

  /** Adds a value if it fits this loop nest and is worth it; returns whether it did. */
  tryAdd(node: Node): boolean {
    if (this.members.size >= MEMBER_LIMIT) return false;
    const before = this.reduced;
    try {
      const member = this.lower(node);
      if (member !== null && this.readsAligned(member) && this.worthAdding(member)) {
        this.insert(member);
        return true;
      }
    } catch (error) {
      if (!(error instanceof NeedsBuffer)) throw error;
    }
    this.reduced = before;
    return false;
  }

  private insert(member: Member): void {
    this.members.set(member.node, member);
    for (const load of member.loads) this.reads.add(load.value);
  }

  private lower(node: Node): Member | null {
    const reduce = reduceOps[node.op] ?? null;
    return reduce === null ? this.lowerElementwise(node) : this.lowerReduction(node, reduce);
  }

  private lowerReduction(node: Node, reduce: ReduceOp): Member | null {
    const source = node.src[0];
    const coordinates = this.coordinates(this.leaves(), source.shape);
    if (coordinates === null || !("axes" in node.attrs)) return null;
    const folded = new Set<Axis>();
    for (const axis of node.attrs.axes) {
      for (const term of normalizeForm(coordinates[axis]).terms) folded.add(term.axis);
    }
    const live = this.leaves().filter((axis) => folded.has(axis));
    if (this.anyReduction() !== null) {
      const current = this.innerAxes().filter((axis) => axis.size !== 1);
      if (live.length !== current.length || live.some((axis, i) => axis !== current[i]))
        return null;
    } else {
      this.reduced = live;
    }
    const expression = this.lowering.value(source, coordinates);
    return this.member(node, "inner", reduce, expression);
  }

  private lowerElementwise(node: Node): Member | null {
    const count = numel(node.shape);
    const inner = count === this.points;
    if (!inner && count !== this.rows) return null;
    const coordinates = this.coordinates(inner ? this.leaves() : this.outerAxes(), node.shape);
    if (coordinates === null) return null;
    const expression = this.lowering.definition(node, coordinates);
    return this.member(node, inner ? "inner" : "outer", null, expression);
  }

  private member(
    node: Node,
    level: Member["level"],
    reduce: ReduceOp | null,
    expression: Expression,
  ): Member {
    const loads = loadsOf(expression);
    return { node, level, reduce, expression, loads, time: this.timeOf(loads, level) };
  }

  private coordinates(axes: readonly Axis[], shape: readonly number[]): Form[] | null {
    const sizes = axes.map((axis) => axis.size);
    if (product(sizes) !== numel(shape)) return null;
    return reshapeCoordinates(axes.map(axisForm), sizes, shape);
  }

  hasReduction(): boolean {
    return this.anyReduction() !== null;
  }

  /** Whether neighbours in memory belong to different results. */
  private reducesColumns(): boolean {
    const last = this.leaves().findLast((axis) => axis.size !== 1);
    return last !== undefined && !this.innerAxes().includes(last);
  }

  private anyReduction(): Member | null {
    for (const member of this.members.values()) if (member.reduce !== null) return member;
    return null;
  }

  private timeOf(loads: readonly Load[], level: "inner" | "outer"): number {
    let time = level === "inner" ? 0 : -1;
    for (const load of loads) {
      const member = this.members.get(load.value);
      if (member === undefined) continue;
      time = Math.max(time, availability(member, level));
    }
    const wanted = level === "inner" ? 0 : 1;
    return Math.abs(time) % 2 === wanted ? time : time + 1;
  }

  /** Members may only be read at the very point the loops are at. */
  private readsAligned(member: Member): boolean {
    const aligned = (load: Load): boolean => {
      if (load.value === this.root)
        return formKey(load.form) === formKey(canonicalForm(this.leaves()));
      const source = this.members.get(load.value);
      if (source === undefined) return true;
      const whole = source.level === "inner" && source.reduce === null;
      if (whole && member.level === "outer") return false;
      return formKey(load.form) === formKey(this.memberForm(source));
    };
    return member.loads.every(aligned);
  }

  /** Length of the longest chain that computes an expression, members in place of their loads. */
  private depthOf(expression: Expression): number {
    const known = this.depths.get(expression);
    if (known !== undefined) return known;
    const member = expression.kind === "load" ? this.members.get(expression.value) : undefined;
    const below = member === undefined ? expressionOperands(expression) : [member.expression];
    const depth = 1 + Math.max(0, ...below.map((operand) => this.depthOf(operand)));
    this.depths.set(expression, depth);
    return depth;
  }

  private worthAdding(member: Member): boolean {
    if (this.depthOf(member.expression) > DEPTH_LIMIT) return false;
    const fresh = member.loads.filter((load) => !this.reads.has(load.value)).length;
    if (this.reads.size + fresh > LOAD_LIMIT) return false;
    const { points, rowLength, rows } = this;
    if (points <= this.traits.shortNest || this.reduced.length === 0) return true;
    if (rows < this.traits.fewestRows) return false;
    const phases = Math.max(member.time, ...[...this.members.values()].map((m) => m.time));
    if (phases >= 2 && rowLength > this.traits.longestColumn && this.reducesColumns()) return false;
    return phases < 2 || rowLength <= ROW_LIMIT;
  }
}

/** Result of a contraction as the library sees it: [B…, M, N], or [N, O, pixels]. */
export function epilogueShape(root: Node): number[] {
  if (root.op === "dot") {
    const rank = root.shape.length;
    return [product(root.shape.slice(0, -2)), root.shape[rank - 2], root.shape[rank - 1]];
  }
  return [root.shape[0], root.shape[1], product(root.shape.slice(2))];
}

/** Number of points of some axes. */
function axesSize(axes: readonly Axis[]): number {
  return product(axes.map((axis) => axis.size));
}

function canonicalForm(axes: readonly Axis[]): Form {
  return flatForm(
    axes.map(axisForm),
    axes.map((axis) => axis.size),
  );
}
