import { CompileError } from "../base/errors.ts";
import { part, reshape, slice } from "../ir/build.ts";
import { dtypeBytes } from "../ir/dtype.ts";
import type { Graph } from "../ir/graph.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { numel } from "../ir/shape.ts";
import { formKey } from "./affine.ts";
import { buildLoopKernel, concatParts } from "./build-kernel.ts";
import { orderGroups, runsAfter } from "./fuse.ts";
import type { Fusion, Group } from "./fuse.ts";
import type { Kernel } from "./kernel.ts";
import { walkExpressions } from "./kernel.ts";
import { loadsOf } from "./loop-group.ts";
import type { LoopGroup, Member } from "./loop-group.ts";
import { layoutLoop } from "./loop-layout.ts";
import type { LoopLayout } from "./loop-layout.ts";
import { stridedView } from "./lower.ts";
import type { StridedView } from "./lower.ts";
import { rowIndex } from "./scatter-rows.ts";
import { uniformValue } from "./simplify.ts";
import { planTemporaries } from "./temporary-plan.ts";

/** Where a value lives while the program runs. */
export type Location =
  | { readonly kind: "input"; readonly index: number }
  | { readonly kind: "output"; readonly index: number }
  | { readonly kind: "temporary"; readonly offset: number };

/** One thing a program does. */
export type Step =
  | {
      readonly kind: "kernel";
      readonly kernel: Kernel;
      readonly reads: Node[];
      readonly writes: Node[];
    }
  | {
      readonly kind: "contraction";
      readonly node: Node;
      readonly operands: readonly StridedView[];
      /** What is stored: the node, or its sum with the bias. */
      readonly result: Node;
      /** A row added to each row of the product before it is stored. */
      readonly bias: StridedView | null;
      readonly epilogue: Kernel | null;
      readonly reads: Node[];
      readonly writes: Node[];
    }
  | {
      readonly kind: "attention";
      readonly node: NodeOf<"attention"> | NodeOf<"attentionGrad">;
      /** Views of the operands; rows of all but the bias are contiguous. */
      readonly operands: readonly StridedView[];
      /** Nodes of the results; null for logarithms nobody reads. */
      readonly results: readonly (Node | null)[];
      /** Where a result is part of another value; null where it is whole in its own buffer. */
      readonly places: readonly (StridedView | null)[];
      readonly reads: Node[];
      readonly writes: Node[];
    }
  | { readonly kind: "sort"; readonly node: Node; readonly reads: Node[]; readonly writes: Node[] }
  | {
      readonly kind: "scatter";
      readonly node: NodeOf<"scatter">;
      /** Values under base (null for zeros), row numbers and updates. */
      readonly operands: readonly [base: Node | null, index: Node, updates: Node];
      readonly reads: Node[];
      readonly writes: Node[];
    }
  | {
      readonly kind: "custom";
      readonly node: Node;
      readonly reads: Node[];
      readonly writes: Node[];
    }
  | {
      readonly kind: "loop";
      readonly node: NodeOf<"loop">;
      /** One trip: its inputs and outputs are those of the body. */
      readonly body: Schedule;
      /** Nodes of the results, null where nobody reads one. */
      readonly results: readonly (Node | null)[];
      /** The loop's own block, whose place is the node's location. */
      readonly layout: LoopLayout;
      readonly reads: Node[];
      readonly writes: Node[];
    }
  | {
      readonly kind: "copy";
      readonly from: Location;
      readonly to: Location;
      readonly bytes: number;
      readonly reads: Node[];
      readonly writes: Node[];
    };

/** A program as steps over placed buffers; what every device renders. */
export interface Schedule {
  readonly steps: readonly Step[];
  readonly locations: ReadonlyMap<Node, Location>;
  readonly temporaryBytes: number;
}

const bytesOf = (node: Node): number => numel(node.shape) * dtypeBytes(node.dtype);

/** Schedules the body of a loop. */
export type PlanBody = (body: Graph) => Schedule;

interface Copy {
  readonly source: Node;
  readonly to: Location;
}

class Scheduler {
  private readonly graph: Graph;
  private readonly fusion: Fusion;
  private readonly planBody: PlanBody;
  /** Bytes of loops' blocks, which stand under the loops' own nodes. */
  private readonly blocks: Map<Node, number> = new Map();
  private readonly producers: Map<Node, Group> = new Map();
  private readonly readers: Map<Node, Group[]> = new Map();
  private readonly locations: Map<Node, Location> = new Map();
  /** Values that outlive the program. */
  private readonly results: ReadonlySet<Node>;
  private readonly before: Copy[] = [];
  private readonly after: Copy[] = [];
  /** Results that are part of another value, and where they are in it. */
  private readonly inPlace: Map<Node, StridedView> = new Map();
  /** Inputs that must be saved because something overwrites them before the end. */
  private readonly saved: Set<Node> = new Set();
  /** For values that a kernel makes: the values it reads at the very point it stores them. */
  private readonly readInPlace: Map<Node, Node[]> = new Map();
  private readonly spareBytes: number;

  constructor(graph: Graph, fusion: Fusion, planBody: PlanBody, spareBytes: number) {
    this.spareBytes = spareBytes;
    this.graph = graph;
    this.fusion = fusion;
    this.planBody = planBody;
    this.results = new Set(graph.outputs.map((n) => (n.op === "assign" ? n.src[1] : n)));
    for (const group of fusion.groups) {
      for (const node of group.produces) this.producers.set(node, group);
      for (const node of group.reads) {
        const list = this.readers.get(node) ?? [];
        list.push(group);
        this.readers.set(node, list);
      }
    }
  }

  run(): Schedule {
    this.graph.inputs.forEach((node, index) => this.locations.set(node, { kind: "input", index }));
    this.graph.outputs.forEach((node, index) => {
      if (node.op !== "assign") this.placeOutput(node, index);
    });
    for (const node of this.graph.outputs) if (node.op === "assign") this.placeAssign(node);
    this.findInPlace();
    const steps = orderGroups(this.fusion.groups).flatMap((group) => this.groupSteps(group));
    const places = this.placeTemporaries(steps);
    const all = [...this.firstCopies(places.saved), ...steps, ...this.lastCopies(places.saved)];
    return { steps: all, locations: this.locations, temporaryBytes: places.bytes };
  }

  private locationOf(node: Node): Location {
    const location = this.locations.get(node);
    if (location === undefined) throw new CompileError("schedule: a value has no place");
    return location;
  }

  private placeOutput(node: Node, index: number): void {
    const to: Location = { kind: "output", index };
    if (node.op === "input") this.before.push({ source: node, to });
    else if (this.locations.has(node)) this.after.push({ source: node, to });
    else this.locations.set(node, to);
  }

  /** The new value goes straight into the target's buffer if nobody needs the old one later. */
  private placeAssign(node: Node): void {
    const [target, value] = node.src;
    if (value === target) return;
    const to = this.locationOf(target);
    if (value.op === "input") {
      this.saved.add(value);
      this.after.push({ source: value, to });
      return;
    }
    if (!this.locations.has(value) && this.canWriteInPlace(target, value)) {
      this.locations.set(value, to);
      return;
    }
    this.after.push({ source: value, to });
  }

  private canWriteInPlace(target: Node, value: Node): boolean {
    const group = this.producers.get(value);
    const member = group?.loops?.members.get(value);
    if (group === undefined || member === undefined) return false;
    if (group.kind === "contraction" && this.operandValues(group).has(target)) return false;
    if (group.loops === null || looksUp(group.loops)) return false;
    if (readsAfterStore(group.loops, target, member)) return false;
    if (!readsOnlyInPlace(group, this.needed(group), target, member)) return false;
    const others = (this.readers.get(target) ?? []).filter((reader) => reader !== group);
    if (others.some((reader) => runsAfter(reader, group))) return false;
    for (const reader of others) group.after.add(reader);
    return true;
  }

  private operandValues(group: Group): Set<Node> {
    return new Set(this.operandViews(group.produces[0]).map((view) => view.value));
  }

  private operandViews(node: Node): StridedView[] {
    return node.src.map((source) => {
      const view = stridedView(source, this.isValue);
      if (view === null) throw new CompileError(`schedule: ${node.op} operand is no strided view`);
      return view;
    });
  }

  private needed(group: Group): Set<Node> {
    const needed = new Set<Node>();
    for (const node of group.produces) {
      const readers = this.readers.get(node) ?? [];
      if (this.results.has(node) || readers.some((reader) => reader !== group)) needed.add(node);
    }
    return needed;
  }

  private isValue = (node: Node): boolean => node.op === "input" || this.fusion.values.has(node);

  private groupSteps(group: Group): Step[] {
    const [node] = group.produces;
    const reads = [...group.reads];
    if (group.kind === "loops" && group.loops !== null) {
      const stored = this.needed(group);
      if (stored.size === 0) return [];
      this.noteReadsInPlace(group, group.loops, stored);
      const kernel = buildLoopKernel(group.loops, stored);
      return [{ kind: "kernel", kernel, reads, writes: [...stored] }];
    }
    if (group.kind === "contraction") return [this.contraction(group, node)];
    return this.special(group, node, reads);
  }

  private noteReadsInPlace(group: Group, loops: LoopGroup, stored: ReadonlySet<Node>): void {
    for (const made of stored) {
      const member = loops.members.get(made);
      if (member === undefined) continue;
      const sources = [...group.reads].filter((value) => {
        const alike = value.dtype === made.dtype && numel(value.shape) === numel(made.shape);
        if (!alike || readsAfterStore(loops, value, member)) return false;
        return readsOnlyInPlace(group, stored, value, member);
      });
      if (sources.length > 0) this.readInPlace.set(made, sources);
    }
  }

  private contraction(group: Group, node: Node): Step {
    const operands = this.operandViews(node);
    const stored = this.needed(group);
    const members = group.loops === null ? [] : [...group.loops.members.keys()];
    const kept = members.filter((member) => stored.has(member));
    const reads = [...group.reads];
    const { bias } = group;
    const isBias = bias !== null && !stored.has(node) && kept.length === 1;
    // What writes state must look for errors of earlier kernels first, which libraries do not.
    if (isBias && this.locations.get(kept[0])?.kind !== "input") {
      const [result] = kept;
      const epilogue = null;
      return { kind: "contraction", node, operands, result, bias, epilogue, reads, writes: kept };
    }
    const writes = [node, ...kept];
    const epilogue = group.loops === null ? null : buildLoopKernel(group.loops, new Set(kept));
    if (!stored.has(node)) this.shareResult(node, kept);
    return {
      kind: "contraction",
      node,
      operands,
      result: node,
      bias: null,
      epilogue,
      reads,
      writes,
    };
  }

  /** The raw product may live where its only reader, the epilogue, puts its own result. */
  private shareResult(node: Node, kept: readonly Node[]): void {
    for (const member of kept) {
      const location = this.locations.get(member);
      if (location?.kind !== "output" || bytesOf(member) !== bytesOf(node)) continue;
      if (member.dtype === node.dtype) {
        this.locations.set(node, location);
        return;
      }
    }
  }

  private loop(group: Group, node: NodeOf<"loop">, reads: Node[]): Step {
    const { body } = node.attrs;
    const needed = this.needed(group);
    const parts = group.produces.filter((made) => made.op === "part" && needed.has(made));
    const results = body.outputs.map(
      (_, i) => parts.find((made) => made.op === "part" && made.attrs.index === i) ?? null,
    );
    const { layout, schedule } = layoutLoop(node, results, this.planBody);
    this.blocks.set(node, layout.bytes);
    return { kind: "loop", node, body: schedule, results, layout, reads, writes: [node, ...parts] };
  }

  /** All results are computed whether they are read or not, but the logarithms of a forward pass. */
  private attention(
    group: Group,
    node: NodeOf<"attention"> | NodeOf<"attentionGrad">,
    reads: Node[],
  ): Step {
    const operands = this.operandViews(node);
    const needed = this.needed(group);
    const results =
      node.op === "attention"
        ? [part(node, 0), needed.has(part(node, 1)) ? part(node, 1) : null]
        : [0, 1, 2].map((i) => part(node, i));
    const places = results.map((result) => (result && this.inPlace.get(result)) ?? null);
    const written = results.map((result, i) => places[i]?.value ?? result);
    const writes = [...new Set(written.filter((value) => value !== null))];
    return { kind: "attention", node, operands, results, places, reads, writes };
  }

  /**
   * Gradients of attention that only a concatenation reads go straight to their place in it: q, k
   * and v are mostly slices of one product.
   */
  private findInPlace(): void {
    for (const group of this.fusion.groups) {
      const [whole] = group.produces;
      if (whole.op !== "concat" || numel(whole.shape) === 0) continue;
      const parts = concatParts(whole, this.isValue);
      for (const { part: own, starts } of parts) {
        const made = unshaped(own);
        if (made.op !== "part" || made.src[0].op !== "attentionGrad") continue;
        const uses = parts.filter((other) => unshaped(other.part) === made).length;
        const readers = this.readers.get(made) ?? [];
        if (uses > 1 || readers.length > 1 || this.results.has(made)) continue;
        const place = reshape(slice(whole, starts, own.shape), made.shape);
        const view = stridedView(place, (node) => node === whole);
        if (view !== null && view.strides.at(-1) === 1) this.inPlace.set(made, view);
      }
    }
  }

  /** Kernels of a concatenation, without the parts that are there already. */
  private concat(group: Group, node: NodeOf<"concat">, reads: readonly Node[]): Step[] {
    const parts = concatParts(node, this.isValue);
    const missing = group.kernels.filter((_, i) => !this.inPlace.has(unshaped(parts[i].part)));
    const others = reads.filter((value) => !this.inPlace.has(value));
    return missing.map((kernel) => ({ kind: "kernel", kernel, reads: others, writes: [node] }));
  }

  /** The value that a view of whole buffers is a view of. */
  private valueUnder(operand: Node): Node {
    let base = operand;
    while (!this.isValue(base) && base.src.length > 0) [base] = base.src;
    return base;
  }

  private special(group: Group, node: Node, reads: Node[]): Step[] {
    if (node.op === "loop") return [this.loop(group, node, reads)];
    if (node.op === "attention" || node.op === "attentionGrad") {
      return [this.attention(group, node, reads)];
    }
    if (numel(node.shape) === 0) return [];
    if (node.op === "concat") return this.concat(group, node, reads);
    const writes = [node];
    if (node.op === "argsort") return [{ kind: "sort", node, reads, writes }];
    if (node.op === "custom") return [{ kind: "custom", node, reads, writes }];
    if (node.op === "scatter" && group.kernels.length === 0) {
      const [base, , updates] = node.src;
      const operands = [
        uniformValue(base) === 0 ? null : this.valueUnder(base),
        this.valueUnder(rowIndex(node) ?? node.src[1]),
        this.valueUnder(updates),
      ] as const;
      return [{ kind: "scatter", node, operands, reads, writes }];
    }
    return group.kernels.map((kernel, i) => ({
      kind: "kernel",
      kernel,
      reads: i === 0 ? reads : [...reads, node],
      writes,
    }));
  }

  private placeTemporaries(steps: readonly Step[]): { saved: Map<Node, Location>; bytes: number } {
    const plan = planTemporaries(
      {
        steps,
        isPlaced: (node) => this.locations.has(node),
        bytesOf: (node) => this.blocks.get(node) ?? bytesOf(node),
        standAlone: (node) => this.blocks.has(node),
        copiedLast: this.after.map(({ source }) => source),
        saved: [...this.saved],
        readInPlace: this.readInPlace,
      },
      this.spareBytes,
    );
    const place = (offset: number): Location => ({ kind: "temporary", offset });
    for (const [node, offset] of plan.offsets) this.locations.set(node, place(offset));
    const saved = new Map([...plan.saved].map(([node, offset]) => [node, place(offset)]));
    return { saved, bytes: plan.bytes };
  }

  /** Old values that something later overwrites are taken before anything runs. */
  private firstCopies(saved: ReadonlyMap<Node, Location>): Step[] {
    return [
      ...this.before.map(({ source, to }) => copyStep(source, this.locationOf(source), to)),
      ...[...saved].map(([node, to]) => copyStep(node, this.locationOf(node), to)),
    ];
  }

  private lastCopies(saved: ReadonlyMap<Node, Location>): Step[] {
    return this.after.map(({ source, to }) =>
      copyStep(source, saved.get(source) ?? this.locationOf(source), to),
    );
  }
}

/** What a node is, seen in another shape. */
function unshaped(node: Node): Node {
  return node.op === "reshape" ? unshaped(node.src[0]) : node;
}

function copyStep(source: Node, from: Location, to: Location): Step {
  return { kind: "copy", from, to, bytes: bytesOf(source), reads: [], writes: [] };
}

/**
 * Whether a group may meet an index out of range: half of the state could be written by then, so
 * the new value goes through a temporary.
 */
function looksUp(loops: LoopGroup): boolean {
  let found = false;
  const expressions = [...loops.members.values()].map((member) => member.expression);
  walkExpressions(expressions, (part) => {
    const forms =
      part.kind === "masked"
        ? part.bounds.map((bound) => bound.form)
        : "form" in part
          ? [part.form]
          : [];
    const terms = forms.flatMap((form) => form.terms);
    found ||= terms.some(({ axis }) => axis.dynamic !== null && axis.checked);
  });
  return found;
}

/**
 * Whether a member that is computed after `member`, in the same loop, reads `target`. What `member`
 * reads itself is read once, before it is stored.
 */
function readsAfterStore(loops: LoopGroup, target: Node, member: Member): boolean {
  if (loadsOf(member.expression).some((load) => load.value === target)) return false;
  return [...loops.members.values()].some(
    (other) =>
      other.time === member.time &&
      other.node.id > member.node.id &&
      loadsOf(other.expression).some((load) => load.value === target),
  );
}

/**
 * Whether a group reads `target` only at the point where it stores `member`, and not later. What a
 * member reads is read again wherever a later phase computes the member again.
 */
function readsOnlyInPlace(
  group: Group,
  kept: ReadonlySet<Node>,
  target: Node,
  member: Member,
): boolean {
  if (group.loops === null) return false;
  const place = formKey(group.loops.memberForm(member));
  const stored = member.reduce === null ? member.time : member.time + 1;
  const { members } = group.loops;
  const latest = new Map<Node, number>();
  for (const reader of [...members.values()].sort((a, b) => b.node.id - a.node.id)) {
    const time = Math.max(reader.time, latest.get(reader.node) ?? 0);
    for (const load of loadsOf(reader.expression)) {
      const source = members.get(load.value);
      if (source !== undefined && source.reduce === null) {
        const isLoaded = source.level === "inner" && kept.has(source.node);
        if (!isLoaded) latest.set(source.node, Math.max(time, latest.get(source.node) ?? 0));
      }
      if (load.value !== target) continue;
      if (formKey(load.form) !== place || time > stored) return false;
      if (reader.level !== member.level && member.reduce === null) return false;
    }
  }
  return true;
}

/**
 * Orders, places and lists everything a fused graph does.
 *
 * @param spareBytes - see {@link DeviceTraits.spareBytes}.
 */
export function schedule(
  graph: Graph,
  fusion: Fusion,
  planBody: PlanBody,
  spareBytes: number,
): Schedule {
  return new Scheduler(graph, fusion, planBody, spareBytes).run();
}
