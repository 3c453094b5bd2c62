import { CompileError } from "../base/errors.ts";
import type { Graph } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import type { Op } from "../ir/ops.ts";
import { opClass } from "../ir/ops.ts";
import { numel } from "../ir/shape.ts";
import { biasOf } from "./bias.ts";
import { buildSpecialKernels } from "./build-kernel.ts";
import type { DeviceTraits } from "./device-traits.ts";
import type { Kernel } from "./kernel.ts";
import { NeedsBuffer } from "./lower.ts";
import type { StridedView } from "./lower.ts";
import { LoopGroup, reduceOps } from "./loop-group.ts";
import { chooseValues } from "./materialize.ts";
import { rowIndex } from "./scatter-rows.ts";

/** Values computed together, and the values they need. */
export interface Group {
  readonly kind: "loops" | "contraction" | "special";
  /** Values this group stores or computes, in order. */
  readonly produces: Node[];
  /** Groups that must run before. */
  readonly after: Set<Group>;
  /** Values read, its own members excluded. */
  readonly reads: Set<Node>;
  /** The loop nest: of the group itself, or of a contraction's epilogue. */
  loops: LoopGroup | null;
  /** The row a product adds to each of its rows, if that is all its epilogue does. */
  bias: StridedView | null;
  /** Kernels of a special group, in order; empty for those that are not loops (sort, custom). */
  readonly kernels: readonly Kernel[];
}

/** A graph cut into groups. */
export interface Fusion {
  readonly groups: readonly Group[];
  readonly values: ReadonlySet<Node>;
}

const contractions: ReadonlySet<Op> = new Set<Op>([
  "dot",
  "conv",
  "convInputGrad",
  "convWeightGrad",
]);
const specials: ReadonlySet<Op> = new Set<Op>([
  "scan",
  "scatter",
  "argsort",
  "custom",
  "concat",
  "loop",
  "attention",
  "attentionGrad",
]);

/** Whether some group of a list is the target or runs, directly or not, after it. */
function anyRunsAfter(list: readonly Group[], target: Group): boolean {
  const seen = new Set(list);
  // A set's iteration also comes to what is added on the way.
  for (const group of seen) {
    if (group === target) return true;
    for (const earlier of group.after) seen.add(earlier);
  }
  return false;
}

/** Whether `from` runs, directly or not, after `target`. */
export function runsAfter(from: Group, target: Group): boolean {
  return anyRunsAfter([from], target);
}

class Grouping {
  readonly groups: Group[] = [];
  private readonly producer: Map<Node, Group> = new Map();
  private readonly readers: Map<Node, Set<Group>> = new Map();
  private readonly values: ReadonlySet<Node>;
  private readonly traits: DeviceTraits;
  private readonly fuse: boolean;

  constructor(values: ReadonlySet<Node>, traits: DeviceTraits, fuse: boolean) {
    this.values = values;
    this.traits = traits;
    this.fuse = fuse;
  }

  add(node: Node): void {
    if (node.op === "part") return this.addPart(node);
    if (contractions.has(node.op) || specials.has(node.op)) {
      const needed = new Set([
        ...operandValues(node, this.isValue),
        ...barrierValues(node, this.isValue),
      ]);
      const kind = contractions.has(node.op) ? "contraction" : "special";
      const isStep = node.op === "scatter" && this.traits.hasRowScatter && rowIndex(node) !== null;
      const kernels = isStep ? [] : buildSpecialKernels(node, this.isValue);
      this.open(node, kind, null, needed, kernels);
      return;
    }
    const solo = LoopGroup.of(node, this.isValue, this.traits);
    const needed = new Set([...solo.reads, ...barrierValues(node, this.isValue)]);
    if (this.fuse) {
      for (const group of this.candidates(node, solo)) {
        if (this.canJoin(group, needed) && this.join(group, node)) {
          this.record(group, node, needed);
          if (reduceOps[node.op] !== undefined) this.absorb(group);
          return;
        }
      }
    }
    const group = this.open(node, "loops", solo, needed);
    if (this.fuse && reduceOps[node.op] !== undefined) this.absorb(group);
  }

  /** What has several results produces them itself. */
  private addPart(node: Node): void {
    const group = this.producer.get(node.src[0]);
    if (group === undefined) throw new CompileError("fuse: a result comes before its node");
    this.record(group, node, new Set());
  }

  private readonly isValue = (node: Node): boolean => node.op === "input" || this.values.has(node);

  private open(
    node: Node,
    kind: Group["kind"],
    loops: LoopGroup | null,
    needed: Set<Node>,
    kernels: readonly Kernel[] = [],
  ): Group {
    const group: Group = {
      kind,
      produces: [],
      after: new Set(),
      reads: new Set(),
      loops,
      bias: null,
      kernels,
    };
    this.groups.push(group);
    this.record(group, node, needed);
    return group;
  }

  /**
   * A group that got a reduction takes in the groups that compute what its rows begin with, and
   * reductions of the same rows that were begun apart because nothing had joined them yet.
   */
  private absorb(group: Group): void {
    const siblings = [...group.reads].flatMap((value) => [...(this.readers.get(value) ?? [])]);
    for (const other of new Set([...group.after, ...siblings])) {
      if (group.loops === null || other.loops === null || other === group) continue;
      if (group.kind !== "loops" || other.kind !== "loops") continue;
      if (!group.loops.mayHold(other.loops) || this.isBetween(group, other)) continue;
      const loops = group.loops.with(other.loops);
      if (loops === null) continue;
      group.loops = loops;
      this.replace(other, group);
    }
  }

  /** Whether some group must run between two. */
  private isBetween(a: Group, b: Group): boolean {
    const separates = (later: Group, earlier: Group): boolean =>
      anyRunsAfter(
        [...later.after].filter((group) => group !== earlier),
        earlier,
      );
    return separates(a, b) || separates(b, a);
  }

  /** Makes what one group produced part of another. */
  private replace(old: Group, group: Group): void {
    group.produces.push(...old.produces);
    group.produces.sort((a, b) => a.id - b.id);
    for (const node of old.produces) {
      this.producer.set(node, group);
      this.readers.get(node)?.delete(group);
      group.reads.delete(node);
    }
    for (const value of old.reads) {
      this.readers.get(value)?.delete(old);
      if (this.producer.get(value) === group) continue;
      group.reads.add(value);
      this.readers.get(value)?.add(group);
    }
    for (const earlier of old.after) group.after.add(earlier);
    for (const other of this.groups) if (other.after.delete(old)) other.after.add(group);
    group.after.delete(group);
    this.groups.splice(this.groups.indexOf(old), 1);
  }

  private record(group: Group, node: Node, needed: ReadonlySet<Node>): void {
    group.produces.push(node);
    this.producer.set(node, group);
    for (const value of needed) {
      const producer = this.producer.get(value);
      if (producer === group) continue;
      group.reads.add(value);
      if (producer !== undefined) group.after.add(producer);
      else if (value.op !== "input")
        throw new CompileError(`fuse: ${value.op} read before it is made`);
      const readers = this.readers.get(value) ?? new Set();
      this.readers.set(value, readers.add(group));
    }
  }

  /** Groups whose values the node reads, then groups that read the same large values. */
  private candidates(node: Node, solo: LoopGroup): Group[] {
    const domain = reduceOps[node.op] === undefined ? numel(node.shape) : numel(node.src[0].shape);
    const found = new Set<Group>();
    const sources = [...solo.reads].sort((a, b) => b.id - a.id);
    for (const value of sources) {
      const producer = this.producer.get(value);
      if (producer !== undefined) found.add(producer);
    }
    for (const value of sources) {
      if (numel(value.shape) * 2 < domain) continue;
      for (const reader of this.readers.get(value) ?? []) found.add(reader);
    }
    const open = [...found].filter((group) => group.kind !== "special");
    // With the rows a value is computed from, it needs no buffer between them and what follows.
    const hasRows = (group: Group): boolean => group.loops?.hasReduction() ?? false;
    return [...open.filter(hasRows), ...open.filter((group) => !hasRows(group))];
  }

  private canJoin(group: Group, needed: ReadonlySet<Node>): boolean {
    const others: Group[] = [];
    for (const value of needed) {
      const producer = this.producer.get(value);
      if (producer !== undefined && producer !== group) others.push(producer);
    }
    return !anyRunsAfter(others, group);
  }

  private join(group: Group, node: Node): boolean {
    if (group.kind === "loops") return group.loops?.tryAdd(node) ?? false;
    return this.joinEpilogue(group, node);
  }

  /** Elementwise work on the result of a contraction, point by point. */
  private joinEpilogue(group: Group, node: Node): boolean {
    const root = group.produces[0];
    if (reduceOps[node.op] !== undefined || numel(node.shape) !== numel(root.shape)) return false;
    if (numel(root.shape) === 0) return false;
    if (this.traits.addsBias(root)) return this.joinBias(group, root, node);
    if (!this.traits.takesEpilogue(root, node)) return false;
    if (group.loops !== null) return group.loops.tryAddEpilogue(node);
    const epilogue = LoopGroup.epilogueOf(root, this.isValue, this.traits);
    if (!epilogue.tryAddEpilogue(node)) return false;
    group.loops = epilogue;
    return true;
  }

  /** A row added to each row of a product that can do that itself: its only epilogue. */
  private joinBias(group: Group, root: Node, node: Node): boolean {
    if (group.loops !== null) return false;
    const bias = biasOf(root, node, this.isValue);
    const epilogue = LoopGroup.epilogueOf(root, this.isValue, this.traits);
    if (bias === null || !epilogue.tryAddEpilogue(node)) return false;
    group.loops = epilogue;
    group.bias = bias;
    return true;
  }
}

/** Values a node's operands resolve to, through everything that is inlined. */
function operandValues(node: Node, isValue: (node: Node) => boolean): Set<Node> {
  const found = new Set<Node>();
  const seen = new Set<Node>();
  const walk = (operand: Node): void => {
    if (seen.has(operand)) return;
    seen.add(operand);
    if (isValue(operand)) found.add(operand);
    else operand.src.forEach(walk);
  };
  node.src.forEach(walk);
  return found;
}

/** Values that barriers inside the node's inlined expression wait for. */
function barrierValues(node: Node, isValue: (node: Node) => boolean): Set<Node> {
  const found = new Set<Node>();
  const seen = new Set<Node>();
  const walk = (part: Node): void => {
    if (seen.has(part)) return;
    seen.add(part);
    if (part.op === "barrier") {
      for (const after of part.src.slice(1)) {
        if (isValue(after)) found.add(after);
        else for (const value of operandValues(after, isValue)) found.add(value);
      }
    }
    for (const source of part.src) if (!isValue(source)) walk(source);
  };
  walk(node);
  return new Set([...found].filter((value) => value.op !== "input"));
}

/** Groups in an order in which each runs after what it needs, earliest node first. */
export function orderGroups(groups: readonly Group[]): Group[] {
  const rank = new Map(
    groups.map((group) => [group, Math.max(...group.produces.map((n) => n.id))]),
  );
  const done = new Set<Group>();
  const ordered: Group[] = [];
  const place = (group: Group): void => {
    if (done.has(group)) return;
    done.add(group);
    const before = [...group.after].sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
    for (const earlier of before) place(earlier);
    ordered.push(group);
  };
  for (const group of groups.toSorted((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0)))
    place(group);
  return ordered;
}

/** Options of fusion; `fuse: false` gives every value a kernel of its own (for tests). */
export interface FuseOptions {
  readonly fuse: boolean;
}

/** Cuts the graph into groups, giving buffers to more nodes until every view can be followed. */
export function fuse(graph: Graph, traits: DeviceTraits, options: FuseOptions): Fusion {
  const forced = new Set<Node>();
  if (!options.fuse) forceEverything(graph, forced);
  for (;;) {
    try {
      const values = chooseValues(graph, forced, traits);
      const grouping = new Grouping(values, traits, options.fuse);
      for (const node of [...values].sort((a, b) => a.id - b.id)) {
        if (node.op !== "assign") grouping.add(node);
      }
      return { groups: orderGroups(grouping.groups), values };
    } catch (error) {
      if (!(error instanceof NeedsBuffer) || forced.has(error.node)) throw error;
      forced.add(error.node);
    }
  }
}

function forceEverything(graph: Graph, forced: Set<Node>): void {
  const walk = (node: Node): void => {
    if (forced.has(node)) return;
    if (opClass[node.op] === "elementwise") forced.add(node);
    node.src.forEach(walk);
  };
  graph.outputs.forEach(walk);
}
