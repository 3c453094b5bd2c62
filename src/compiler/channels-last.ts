import { range } from "../base/integers.ts";
import { convInputGrad, convWeightGrad, conv, expand, permute, reshape } from "../ir/build.ts";
import type { Graph } from "../ir/graph.ts";
import { rewrite } from "../ir/graph.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { makeNode } from "../ir/node.ts";
import { opClass } from "../ir/ops.ts";
import { numel } from "../ir/shape.ts";

type Convolution = NodeOf<"conv" | "convInputGrad" | "convWeightGrad">;
type Permutation = readonly number[];

/** [N, C, …] → [N, …, C], and back. */
const toLast = (rank: number): Permutation => [0, ...range(rank - 2).map((i) => i + 2), 1];
const toFirst = (rank: number): Permutation => [0, rank - 1, ...range(rank - 2).map((i) => i + 1)];

const inverse = (perm: Permutation): Permutation => perm.map((_, i) => perm.indexOf(i));
/** What the list of the dims of permute(x) was for x. */
const before = <T>(list: readonly T[], perm: Permutation): T[] =>
  inverse(perm).map((dim) => list[dim]);
const samePermutation = (a: Permutation, b: Permutation): boolean =>
  a.length === b.length && a.every((dim, i) => dim === b[i]);

function isConvolution(node: Node): node is Convolution {
  return node.op === "conv" || node.op === "convInputGrad" || node.op === "convWeightGrad";
}

/**
 * Gives convolutions images whose channels are neighbours in memory, the layout matrix units read
 * fastest. Each convolution is put between a permutation and its inverse; the outer one then moves
 * down through everything that does not care (elementwise operations, reductions, padding, windows)
 * until it meets the next convolution's and both vanish.
 */
class LayoutPass {
  private readonly prefers: (node: Node) => boolean;
  /** Permutations this pass has made and may move. */
  private readonly moving: Set<Node> = new Set();
  /** What arithmetic became under a permutation; null if it cannot be pulled. */
  private readonly pulled: Map<Node, { perm: Permutation; result: Node | null }> = new Map();

  constructor(prefers: (node: Node) => boolean) {
    this.prefers = prefers;
  }

  readonly visit = (node: Node): Node => {
    if (isConvolution(node)) {
      return this.prefers(node) ? this.convolution(node) : node;
    }
    const source = node.src.find((operand) => this.moving.has(operand));
    if (source?.op !== "permute") return node;
    return this.moved(node, source.attrs.perm) ?? node;
  };

  private convolution(node: Convolution): Node {
    const perm = toLast(node.shape.length);
    const [a, b] = node.src.map((operand) => this.permuted(operand, perm));
    return this.outside(lastOf(node, a, b), toFirst(node.shape.length));
  }

  /** permute(x), where x may be a permutation itself. */
  private permuted(x: Node, perm: Permutation): Node {
    if (x.op !== "permute") return permute(x, perm);
    const both = perm.map((dim) => x.attrs.perm[dim]);
    return both.every((dim, i) => dim === i) ? x.src[0] : permute(x.src[0], both);
  }

  private outside(inner: Node, perm: Permutation): Node {
    const node = permute(inner, perm);
    this.moving.add(node);
    return node;
  }

  /** The node with its operands' permutation moved behind it; null if that is not possible. */
  private moved(node: Node, perm: Permutation): Node | null {
    switch (opClass[node.op]) {
      case "elementwise": {
        const src = this.pullAll(node.src, perm);
        return src === null ? null : this.outside(rebuilt(node, src, node.attrs), perm);
      }
      case "reduce":
      case "movement":
      case "index":
        return this.movedView(node, perm);
      default:
        return null;
    }
  }

  private movedView(node: Node, perm: Permutation): Node | null {
    const [x] = node.src;
    if (x.op !== "permute" || !this.moving.has(x)) return null;
    const [inner] = x.src;
    switch (node.op) {
      case "reduceSum":
      case "reduceProd":
      case "reduceMax":
      case "reduceMin": {
        const axes = node.attrs.axes.map((axis) => perm[axis]).sort((a, b) => a - b);
        return this.outside(rebuilt(node, [inner], { ...node.attrs, axes }), perm);
      }
      case "expand":
        return this.outside(expand(inner, before(node.attrs.shape, perm)), perm);
      case "pad": {
        const { low, high, interior, value } = node.attrs;
        const moved = {
          low: before(low, perm),
          high: before(high, perm),
          interior: before(interior, perm),
          value,
        };
        return this.outside(makeNode("pad", [inner], moved), perm);
      }
      case "slice": {
        const { start, step, shape } = node.attrs;
        const moved = {
          start: before(start, perm),
          step: before(step, perm),
          shape: before(shape, perm),
        };
        return this.outside(makeNode("slice", [inner], moved), perm);
      }
      case "window": {
        const dims = node.attrs.dims.map((dim) => perm[dim]);
        const windows = dims.map((_, i) => perm.length + i);
        const moved = makeNode("window", [inner], { ...node.attrs, dims });
        return this.outside(moved, [...perm, ...windows]);
      }
      case "reshape":
        return this.movedReshape(inner, x.shape, node.attrs.shape, perm);
      case "concat": {
        const src = this.pullAll(node.src, perm);
        if (src === null) return null;
        return this.outside(makeNode("concat", src, { dim: perm[node.attrs.dim] }), perm);
      }
      case "gather": {
        const src = this.pullAll(node.src, perm);
        if (src === null) return null;
        return this.outside(makeNode("gather", src, { dim: perm[node.attrs.dim] }), perm);
      }
      default:
        return null;
    }
  }

  /** A reshape that only adds or drops dims of size 1, as what follows a window's reduction. */
  private movedReshape(
    inner: Node,
    from: readonly number[],
    to: readonly number[],
    perm: Permutation,
  ): Node | null {
    const wide = (shape: readonly number[]): number[] =>
      range(shape.length).filter((dim) => shape[dim] !== 1);
    const [sources, targets] = [wide(from), wide(to)];
    if (
      !samePermutation(
        sources.map((dim) => from[dim]),
        targets.map((dim) => to[dim]),
      )
    )
      return null;
    const kept = wide(inner.shape);
    let ones = kept.length;
    const moved = to.map((_, dim) => {
      const at = targets.indexOf(dim);
      return at < 0 ? ones++ : kept.indexOf(perm[sources[at]]);
    });
    const shape = [
      ...kept.map((dim) => inner.shape[dim]),
      ...range(ones - kept.length).map(() => 1),
    ];
    return this.outside(reshape(inner, shape), moved);
  }

  private pullAll(operands: readonly Node[], perm: Permutation): Node[] | null {
    const src: Node[] = [];
    for (const operand of operands) {
      const pulled = this.pull(operand, perm);
      if (pulled === null) return null;
      src.push(pulled);
    }
    return src;
  }

  /** x', where x = permute(x', perm), if that costs nothing. */
  private pull(x: Node, perm: Permutation): Node | null {
    if (x.op === "permute" && this.moving.has(x) && samePermutation(x.attrs.perm, perm)) {
      return x.src[0];
    }
    if (x.shape.length !== perm.length) return null;
    const shape = before(x.shape, perm);
    if (numel(x.shape) === Math.max(1, ...x.shape)) return reshape(x, shape);
    if (opClass[x.op] === "elementwise") return this.pullPlaces(x, perm);
    if (x.op !== "expand") return null;
    const source = this.pull(x.src[0], perm);
    return source === null ? null : expand(source, shape);
  }

  /** {@link pull} of arithmetic on what costs nothing itself, such as places. */
  private pullPlaces(x: Node, perm: Permutation): Node | null {
    const known = this.pulled.get(x);
    if (known !== undefined && samePermutation(known.perm, perm)) return known.result;
    const src = this.pullAll(x.src, perm);
    const result = src === null ? null : rebuilt(x, src, x.attrs);
    this.pulled.set(x, { perm, result });
    return result;
  }
}

/** The same operation on other operands. */
function rebuilt(node: Node, src: readonly Node[], attrs: Node["attrs"]): Node {
  return makeNode(node.op, src, attrs as never);
}

function lastOf(node: Convolution, a: Node, b: Node): Node {
  switch (node.op) {
    case "conv":
      return conv(a, b, { ...node.attrs, channelsLast: true });
    case "convInputGrad":
      return convInputGrad(a, b, { ...node.attrs, channelsLast: true });
    case "convWeightGrad":
      return convWeightGrad(a, b, { ...node.attrs, channelsLast: true });
    default:
      return node satisfies never;
  }
}

/** Gives those convolutions the layout that `prefers` holds for. */
export function preferChannelsLast(graph: Graph, prefers: (node: Node) => boolean): Graph {
  const pass = new LayoutPass(prefers);
  return { inputs: graph.inputs, outputs: rewrite(graph.outputs, pass.visit) };
}

/** The same convolution with channels in dim 1, between permutations: what the layout means. */
export function withChannelsFirst(node: Node): Node {
  if (!isConvolution(node) || node.attrs.channelsLast !== true) return node;
  const rank = node.shape.length;
  const src = node.src.map((operand) => permute(operand, toFirst(rank)));
  const { channelsLast: _, ...attrs } = node.attrs;
  return permute(rebuilt(node, src, attrs), toLast(rank));
}
