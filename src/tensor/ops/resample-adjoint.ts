import { registerGradient } from "../../autodiff/custom-gradient.ts";
import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";

/** One dim enlarged by a whole factor. */
export interface Enlargement {
  readonly dim: number;
  readonly from: number;
  readonly factor: number;
}

/** Weight of results for one element: consecutive results from `start` on. */
interface Spread {
  readonly start: number;
  readonly weights: readonly number[];
}

function tapWeights(taps: 2 | 4, t: number): number[] {
  if (taps === 2) return [1 - t, t];
  const near = (x: number): number => (1.25 * x - 2.25) * x * x + 1;
  const far = (x: number): number => -0.75 * (((x - 5) * x + 8) * x - 4);
  return [far(1 + t), near(t), near(1 - t), far(2 - t)];
}

/** For every element, which results it is in and how much: the forward pass turned around. */
function spreads(taps: 2 | 4, { from, factor }: Enlargement): Spread[] {
  const found = range(from).map(() => new Map<number, number>());
  for (let d = 0; d < from * factor; d++) {
    const position = (d + 0.5) / factor - 0.5;
    const base = Math.floor(position);
    tapWeights(taps, position - base).forEach((weight, k) => {
      const place = Math.min(Math.max(base + 1 - taps / 2 + k, 0), from - 1);
      if (weight !== 0) found[place].set(d, (found[place].get(d) ?? 0) + weight);
    });
  }
  return found.map((entries) => {
    const start = Math.min(...entries.keys());
    const count = Math.max(...entries.keys()) - start + 1;
    return { start, weights: range(count).map((i) => entries.get(start + i) ?? 0) };
  });
}

/** Elements at each end whose weights differ from those of the others. */
const edgeOf = (taps: 2 | 4): number => taps / 2;

/** Σ weight · results, for `count` elements whose results start every `step`. */
function gatherSpread(g: Node, dim: number, spread: Spread, count: number, step: number): Node {
  const at = (value: number, other: number): number[] =>
    g.shape.map((_, i) => (i === dim ? value : other));
  const shape = g.shape.with(dim, count);
  const terms = spread.weights.flatMap((weight, i) => {
    if (weight === 0) return [];
    const part = ir.slice(g, at(spread.start + i, 0), shape, at(step, 1));
    return [ir.mul(part, ir.fullLike(part, weight))];
  });
  return terms.reduce((a, b) => ir.add(a, b));
}

function adjointOfDim(g: Node, taps: 2 | 4, enlargement: Enlargement): Node {
  const { dim, from, factor } = enlargement;
  const all = spreads(taps, enlargement);
  const edge = edgeOf(taps);
  const one = (j: number): Node => gatherSpread(g, dim, all[j], 1, 1);
  const inner = gatherSpread(g, dim, all[edge], from - 2 * edge, factor);
  const before = range(edge).map(one);
  const after = range(edge).map((i) => one(from - edge + i));
  return ir.concat([...before, inner, ...after], dim);
}

/** Whether the adjoint is a short sum for every dim: small factors, and more than edges. */
function isShort(taps: 2 | 4, enlargements: readonly Enlargement[]): boolean {
  return enlargements.every(({ from, factor }) => factor <= 4 && from > 2 * edgeOf(taps));
}

const rules = new Map<string, number>();

/**
 * The enlarged x with its adjoint written as sums of strided slices of the cotangent: what the
 * rules of single operations would put together reads every cotangent many times.
 */
export function withShortAdjoint(
  enlarged: Node,
  x: Node,
  taps: 2 | 4,
  enlargements: readonly Enlargement[],
): Node {
  if (enlargements.length === 0 || !isShort(taps, enlargements)) return enlarged;
  const key = `${taps}|${enlargements.map((e) => `${e.dim}:${e.from}*${e.factor}`).join("|")}`;
  let rule = rules.get(key);
  if (rule === undefined) {
    rule = registerGradient((_operands, _result, g) => [
      enlargements
        .toSorted((a, b) => b.dim - a.dim)
        .reduce((rest, enlargement) => adjointOfDim(rest, taps, enlargement), g),
    ]);
    rules.set(key, rule);
  }
  return ir.customGradient(enlarged, [x], rule);
}
