import { DTypeError, ShapeError } from "../base/errors.ts";
import { add, fullLike } from "../ir/build.ts";
import { isDifferentiable } from "../ir/graph.ts";
import type { Node, NodeOf, OpNode } from "../ir/node.ts";
import type { Op } from "../ir/ops.ts";
import { severalResults } from "../ir/ops.ts";
import { formatShape, numel, sameShape } from "../ir/shape.ts";
import { attentionGradGradient, attentionGradient } from "./attention-gradient.ts";
import { dependents } from "./dependents.ts";
import { loopGradient } from "./loop-gradient.ts";
import type { Region } from "./region.ts";
import { nodesSince, recompute } from "./region.ts";
import type { VjpRule } from "./vjp-rule.ts";
import { constantValue } from "./vjp-rule.ts";
import { vjpRules } from "./vjp-rules.ts";

function operandCotangent<K extends Op>(node: OpNode<K>, g: Node, operand: number): Node | null {
  const rule: VjpRule<K> = vjpRules[node.op];
  if (rule === "none" || rule === "region" || rule === "results") return null;
  if (typeof rule === "function") return rule(node, g, operand);
  return rule[operand]?.(node, g, operand) ?? null;
}

/** The cotangents of one backward pass, summed in the order in which they arrive. */
class Accumulator {
  readonly #sums = new Map<Node, Node>();

  add(node: Node, cotangent: Node | null): void {
    if (cotangent === null || constantValue(cotangent) === 0) return;
    const sum = this.#sums.get(node);
    this.#sums.set(node, sum === undefined ? cotangent : add(sum, cotangent));
  }

  get(node: Node): Node | undefined {
    return this.#sums.get(node);
  }
}

/**
 * Checkpoint marks whose cotangent is known. Marks of one call are collected, so that several
 * results of a region share one recomputation, until a node that the region may read is next.
 */
class PendingRegions {
  readonly #regions = new Map<number, Region>();

  add(mark: NodeOf<"checkpoint">, cotangent: Node): void {
    const { boundary } = mark.attrs;
    const region = this.#regions.get(boundary) ?? { boundary, marks: [], cotangents: [] };
    region.marks.push(mark);
    region.cotangents.push(cotangent);
    this.#regions.set(boundary, region);
  }

  /** Regions that must be differentiated before `node` passes its cotangent on. */
  takeBefore(node: Node, isTarget: boolean): Region[] {
    const due = [...this.#regions.values()].filter(
      ({ boundary }) => isTarget || node.id < boundary,
    );
    for (const { boundary } of due) this.#regions.delete(boundary);
    return due;
  }
}

/** Cotangents of the results of nodes with several, until the pass comes to the node itself. */
class PendingResults {
  readonly #cotangents = new Map<Node, Map<number, Node>>();

  add({ src: [from], attrs: { index } }: NodeOf<"part">, cotangent: Node): void {
    const known = this.#cotangents.get(from) ?? new Map<number, Node>();
    this.#cotangents.set(from, known.set(index, cotangent));
  }

  of(node: Node): ReadonlyMap<number, Node> | undefined {
    return this.#cotangents.get(node);
  }
}

function seed(output: Node, cotangent: Node | null | undefined): Node | null {
  if (!isDifferentiable(output)) {
    throw new DTypeError(`grad: output must be a float, got ${output.dtype}; cast it first`);
  }
  if (cotangent === undefined) {
    if (numel(output.shape) === 1) return fullLike(output, 1);
    throw new ShapeError(
      `grad: output must have one element, got ${formatShape(output.shape)}; ` +
        "reduce it or give its cotangent",
    );
  }
  if (cotangent === null) return null;
  if (cotangent.dtype !== output.dtype || !sameShape(cotangent.shape, output.shape)) {
    throw new ShapeError(
      `grad: cotangent must be ${output.dtype}${formatShape(output.shape)} like the output, ` +
        `got ${cotangent.dtype}${formatShape(cotangent.shape)}`,
    );
  }
  return cotangent;
}

/**
 * Reverse-mode gradient as graph → graph: Σ_k cotangent_k · ∂output_k/∂w for each w of `wrt`. The
 * result is plain graph again, so it can itself be differentiated.
 * @param cotangents - one per output, of its shape and dtype; null leaves an output out. Ones for
 *   outputs of one element when not given.
 * @returns one node per `wrt`, null where no output depends on it differentiably.
 * @throws {ShapeError | DTypeError} if outputs and cotangents do not fit.
 */
export function gradients(
  outputs: Node | readonly Node[],
  cotangents: Node | readonly (Node | null)[] | undefined,
  wrt: readonly Node[],
): (Node | null)[] {
  const roots: readonly Node[] = "id" in outputs ? [outputs] : outputs;
  const seeds = cotangents !== undefined && "id" in cotangents ? [cotangents] : cotangents;
  if (seeds !== undefined && seeds.length !== roots.length) {
    throw new ShapeError(
      `grad: needs one cotangent per output, got ${seeds.length} for ${roots.length} outputs`,
    );
  }
  const sums = new Accumulator();
  roots.forEach((root, i) => sums.add(root, seed(root, seeds?.[i])));
  const targets = new Set(wrt);
  const first = wrt.reduce((id, node) => Math.min(id, node.id), Infinity);
  backward(nodesSince(roots, first), targets, sums);
  return wrt.map((node) => (isDifferentiable(node) ? (sums.get(node) ?? null) : null));
}

function backward(order: readonly Node[], targets: ReadonlySet<Node>, sums: Accumulator): void {
  const live = dependents(order, targets);
  const regions = new PendingRegions();
  const results = new PendingResults();
  for (const node of order.toReversed()) {
    if (!live.has(node)) continue;
    for (const region of regions.takeBefore(node, targets.has(node))) {
      differentiateRegion(region, live, targets, sums);
    }
    if (severalResults.has(node.op)) {
      const isLive = (source: Node): boolean => live.has(source);
      const cotangents = operandCotangents(node, results.of(node), isLive);
      node.src.forEach((source, i) => sums.add(source, cotangents[i] ?? null));
      continue;
    }
    const g = sums.get(node);
    if (g === undefined) continue;
    if (node.op === "part") {
      results.add(node, g);
      continue;
    }
    if (node.op === "checkpoint") {
      if (live.has(node.src[0])) regions.add(node, g);
      continue;
    }
    node.src.forEach((source, operand) => {
      if (live.has(source)) sums.add(source, operandCotangent(node, g, operand));
    });
  }
}

/** Cotangents of the operands of a node with several results, from those of the results. */
function operandCotangents(
  node: Node,
  cotangents: ReadonlyMap<number, Node> | undefined,
  isLive: (source: Node) => boolean,
): readonly (Node | null)[] {
  if (cotangents === undefined) return [];
  switch (node.op) {
    case "loop":
      return loopGradient(node, cotangents, isLive, gradients);
    case "attention":
      return attentionGradient(node, cotangents, isLive);
    case "attentionGrad":
      return attentionGradGradient(node, cotangents, gradients);
    default:
      return [];
  }
}

/** Gradients of a recomputed region go to its cut: the nodes that the region reads. */
function differentiateRegion(
  region: Region,
  live: ReadonlySet<Node>,
  targets: ReadonlySet<Node>,
  sums: Accumulator,
): void {
  const { values, barriers } = recompute(region, (node) => targets.has(node));
  const cuts = [...barriers.keys()].filter((node) => live.has(node));
  const stands = cuts.map((node) => barriers.get(node) ?? node);
  const results = gradients(values, region.cotangents, stands);
  cuts.forEach((node, i) => sums.add(node, results[i]));
}
