import { registerGradient } from "../../autodiff/custom-gradient.ts";
import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import type { Kernel, Resize } from "./resample-kernels.ts";
import { affine, along, clampIndex, stepOf, takeAlong, weightedSum } from "./resample-kernels.ts";

/** Neighbours of results and their weights: lines along the results. */
export interface Taps {
  readonly indices: readonly Node[];
  readonly weights: readonly Node[];
}

/** Taps of the results at `place`; in f64, since a fraction of a position must keep its digits. */
export function tapsAt(place: Node, resize: Resize, kernel: Kernel): Taps {
  const { from, alignCorners } = resize;
  const step = stepOf(resize);
  const raw = alignCorners ? affine(place, step, 0) : affine(affine(place, 1, 0.5), step, -0.5);
  const position = kernel.taps === 2 ? ir.binary("max", raw, ir.fullLike(raw, 0)) : raw;
  const base = ir.binary("min", ir.unary("floor", position), ir.fullLike(position, from - 1));
  const t = ir.binary(
    "min",
    ir.binary("max", ir.sub(position, base), ir.fullLike(base, 0)),
    ir.fullLike(base, 1),
  );
  const first = ir.cast(base, "i32");
  const indices = range(kernel.taps).map((k) =>
    clampIndex(ir.add(first, ir.fullLike(first, k + 1 - kernel.taps / 2)), from),
  );
  return { indices, weights: kernel.weights(t) };
}

/** `count` results from number `start` on of a dim resized by any factor: neighbours are looked up. */
export function lookUpResults(
  x: Node,
  resize: Resize,
  kernel: Kernel,
  start: number,
  count: number,
): Node {
  const { dim } = resize;
  const shape = x.shape.with(dim, count);
  const place = affine(ir.cast(ir.iota([count], 0), "f64"), 1, start);
  const { indices, weights } = tapsAt(place, resize, kernel);
  const taps = indices.map((index) => takeAlong(x, index, dim));
  const scales = weights.map((weight) => along(ir.cast(weight, x.dtype), dim, shape));
  return weightedSum(taps, scales);
}

/** Resizes a dim by any factor. */
export function resizeByLookup(x: Node, resize: Resize, kernel: Kernel): Node {
  const resized = lookUpResults(x, resize, kernel, 0, resize.to);
  return withLookedUpAdjoint(resized, x, resize, kernel);
}

/** Before this no result reads element j, as a function of j: scale · (j + shift) + offset. */
function firstResult(resize: Resize, taps: number): readonly [number, number, number] {
  const inverse = 1 / stepOf(resize);
  return resize.alignCorners ? [inverse, -taps / 2, 0] : [inverse, 0.5 - taps / 2, -0.5];
}

/** From the first result that may read an element to the last that does; 0 if not all are found. */
function longestReach(resize: Resize, taps: 2 | 4): number {
  const { from, to, alignCorners } = resize;
  const step = stepOf(resize);
  if (!(step > 0)) return 0;
  const [scale, shift, offset] = firstResult(resize, taps);
  const start = range(from).map((j) => Math.max(Math.floor((j + shift) * scale + offset), 0));
  let reach = 1;
  for (let d = 0; d < to; d++) {
    const raw = alignCorners ? d * step : (d + 0.5) * step - 0.5;
    const base = Math.min(Math.floor(taps === 2 ? Math.max(raw, 0) : raw), from - 1);
    for (let k = 0; k < taps; k++) {
      const place = Math.min(Math.max(base + k + 1 - taps / 2, 0), from - 1);
      if (d < start[place]) return 0;
      reach = Math.max(reach, d - start[place] + 1);
    }
  }
  return reach;
}

/** Results per element up to which they are summed one by one. */
const LONGEST = 24;
const rules = new Map<string, number>();

/**
 * The resized x with its adjoint as lookups too: every element sums the results that read it, in
 * order, where the rule of a lookup would scatter every result.
 */
function withLookedUpAdjoint(resized: Node, x: Node, resize: Resize, kernel: Kernel): Node {
  const { dim, from, to, scale, alignCorners } = resize;
  const key = [kernel.taps, dim, from, to, scale, alignCorners].join("|");
  let rule = rules.get(key);
  if (rule === undefined) {
    const reach = longestReach(resize, kernel.taps);
    if (reach === 0 || reach > LONGEST) return resized;
    rule = registerGradient((_operands, _result, g) => [adjoint(g, resize, kernel, reach)]);
    rules.set(key, rule);
  }
  return ir.customGradient(resized, [x], rule);
}

function adjoint(g: Node, resize: Resize, kernel: Kernel, reach: number): Node {
  const { dim, from, to } = resize;
  const shape = g.shape.with(dim, from);
  const element = ir.iota([from], 0);
  const [scale, shift, offset] = firstResult(resize, kernel.taps);
  const least = affine(affine(ir.cast(element, "f64"), 1, shift), scale, offset);
  const start = ir.binary("max", ir.unary("floor", least), ir.fullLike(least, 0));
  const terms = range(reach).map((t) => {
    const place = ir.add(start, ir.fullLike(start, t));
    const { indices, weights } = tapsAt(place, resize, kernel);
    const exists = ir.binary("lt", place, ir.fullLike(place, to));
    const zero = ir.fullLike(place, 0);
    const shares = indices.map((index, k) => {
      const reads = ir.binary("and", exists, ir.binary("eq", index, element));
      return ir.where(reads, weights[k], zero);
    });
    const weight = ir.cast(
      shares.reduce((a, b) => ir.add(a, b)),
      g.dtype,
    );
    const results = takeAlong(g, clampIndex(ir.cast(place, "i32"), to), dim);
    return ir.mul(results, along(weight, dim, shape));
  });
  return terms.reduce((a, b) => ir.add(a, b));
}
