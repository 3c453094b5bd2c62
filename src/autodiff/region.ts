import { barrier, checkpoint } from "../ir/build.ts";
import { withSources } from "../ir/graph.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { nodeCounter } from "../ir/node.ts";
import { opClass } from "../ir/ops.ts";

/** Marks of one `checkpoint(fn)` call with the cotangents of their values. */
export interface Region {
  readonly boundary: number;
  readonly marks: NodeOf<"checkpoint">[];
  readonly cotangents: Node[];
}

/** A region computed a second time: its values, and the barrier that stands for each cut node. */
export interface Recomputation {
  readonly values: Node[];
  readonly barriers: ReadonlyMap<Node, Node>;
}

/** Nodes from id `since` on that the outputs need, operands first: all that can depend on it. */
export function nodesSince(outputs: readonly Node[], since: number): Node[] {
  const seen = new Set<Node>(outputs.filter((node) => node.id >= since));
  const pending = [...seen];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    for (const source of node.src) {
      if (source.id < since || seen.has(source)) continue;
      seen.add(source);
      pending.push(source);
    }
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

/** Constants cost nothing to compute again, and behind a barrier they could not be folded. */
function isConstant(node: Node): boolean {
  if (node.op === "constant" || node.op === "iota") return true;
  return opClass[node.op] === "movement" && node.src.every(isConstant);
}

/** Nodes of the region in execution order, and the nodes outside that it reads. */
function trace(
  roots: readonly Node[],
  boundary: number,
  isCut: (node: Node) => boolean,
): { readonly inside: Node[]; readonly cuts: Node[] } {
  const cuts: Node[] = [];
  const inside: Node[] = [];
  const seen = new Set<Node>(roots);
  const pending = [...seen];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (isConstant(node)) continue;
    if (node.id < boundary || node.op === "input" || isCut(node)) {
      cuts.push(node);
      continue;
    }
    inside.push(node);
    for (const source of node.src) {
      if (seen.has(source)) continue;
      seen.add(source);
      pending.push(source);
    }
  }
  const byId = (a: Node, b: Node): number => a.id - b.id;
  return { inside: inside.sort(byId), cuts: cuts.sort(byId) };
}

/**
 * Copies of nodes, made in id order, together with the id at which each copy began. A copied
 * checkpoint mark needs it: its boundary has to separate the copies as the old one did the nodes.
 */
export class Copies {
  readonly #copies = new Map<Node, Node>();
  readonly #births = new Map<Node, number>();

  constructor(given: ReadonlyMap<Node, Node>) {
    for (const [node, copy] of given) this.#copies.set(node, copy);
  }

  /** The copy of a node, or the node itself. */
  of(node: Node): Node {
    return this.#copies.get(node) ?? node;
  }

  has(node: Node): boolean {
    return this.#copies.has(node);
  }

  /** Copies one node; the copies of its operands come first. */
  add(node: Node, make: () => Node): void {
    const before = nodeCounter();
    const copy = make();
    this.#copies.set(node, copy);
    if (copy !== node) this.#births.set(node, Math.min(before, copy.id));
  }

  /** Boundary of the copied mark: where the first copy of its region began. */
  boundaryOf(mark: NodeOf<"checkpoint">): number {
    let boundary = nodeCounter();
    for (const node of trace(mark.src, mark.attrs.boundary, () => false).inside) {
      boundary = Math.min(boundary, this.#births.get(node) ?? boundary);
    }
    return boundary;
  }
}

function recomputed(node: Node, copies: Copies): Node {
  const src = node.src.map((source) => copies.of(source));
  if (node.op === "checkpoint") return checkpoint(src[0], copies.boundaryOf(node));
  // The update itself happens once, in the forward pass; only its value is needed again.
  if (node.op === "assign") return src[1];
  return withSources(node, src);
}

/**
 * Computes a region again from its cut. The cut nodes pass through barriers that wait for the
 * cotangents: so the copies are never merged with the forward pass, and never run before the
 * backward pass needs them.
 */
export function recompute(region: Region, isCut: (node: Node) => boolean): Recomputation {
  const roots = region.marks.map((mark) => mark.src[0]);
  const { inside, cuts } = trace(roots, region.boundary, isCut);
  const barriers = new Map(cuts.map((node) => [node, barrier(node, region.cotangents)]));
  const copies = new Copies(barriers);
  for (const node of inside) {
    copies.add(node, () => recomputed(node, copies));
  }
  return { values: roots.map((root) => copies.of(root)), barriers };
}
