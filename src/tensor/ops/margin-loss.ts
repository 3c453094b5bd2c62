import { ConfigError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import { isInteger } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, sameShape } from "../../ir/shape.ts";
import { logSigmoid } from "./activation.ts";
import { abs, add, clamp, div, exp, log1p, minimum, mul, neg, square, sub } from "./arithmetic.ts";
import type { PairwiseDistanceOptions } from "./distance.ts";
import { pairwiseDistance } from "./distance.ts";
import { eq, gt, where } from "./logic.ts";
import type { LossOptions } from "./loss.ts";
import { reduceLoss } from "./loss.ts";
import { broadcastOperands, inComputeDType } from "./operands.ts";
import { sum } from "./reduce.ts";

/** Options of the losses with a margin. */
export interface MarginLossOptions extends LossOptions {
  /** Distance that has to be kept. */
  readonly margin?: number | undefined;
}

const hinge = (x: Node): Node => clamp(x, { min: 0 });

/** max(0, −target · (input1 − input2) + margin), margin 0 by default; all three broadcast. */
export function marginRankingLoss(
  input1: Node,
  input2: Node,
  target: Node,
  { margin = 0, reduction }: MarginLossOptions = {},
): Node {
  return inComputeDType(input1, (x) => {
    const [a, b, y] = broadcastOperands("marginRankingLoss", [x, input2, target], x.dtype);
    return reduceLoss(hinge(add(mul(neg(y), sub(a, b)), margin)), reduction);
  });
}

/** input where target is 1, max(0, margin − input) where it is −1; margin 1 by default. */
export function hingeEmbeddingLoss(
  input: Node,
  target: Node,
  { margin = 1, reduction }: MarginLossOptions = {},
): Node {
  return inComputeDType(input, (given) => {
    const [x, y] = broadcastOperands("hingeEmbeddingLoss", [given, target], given.dtype);
    const apart = where(eq(y, 1), 0, hinge(sub(margin, x)));
    return reduceLoss(add(apart, where(eq(y, -1), 0, x)), reduction);
  });
}

/** ln(1 + e^(−target · input)). */
export function softMarginLoss(input: Node, target: Node, { reduction }: LossOptions = {}): Node {
  return inComputeDType(input, (given) => {
    const [x, y] = broadcastOperands("softMarginLoss", [given, target], given.dtype);
    const z = mul(neg(y), x);
    const positive = ir.binary("max", z, ir.fullLike(z, 0));
    return reduceLoss(add(positive, log1p(exp(neg(abs(z))))), reduction);
  });
}

/** Options of {@link multilabelSoftMarginLoss}. */
export interface MultilabelSoftMarginLossOptions extends LossOptions {
  /** Factor per class [C]. */
  readonly weight?: Node | null | undefined;
}

/** Mean over classes of the binary cross-entropy with logits: input and target [N, C] or [C]. */
export function multilabelSoftMarginLoss(
  input: Node,
  target: Node,
  { weight, reduction }: MultilabelSoftMarginLossOptions = {},
): Node {
  sameShapes("multilabelSoftMarginLoss", input, target);
  return inComputeDType(input, (x) => {
    const y = ir.cast(target, x.dtype);
    const terms = neg(add(mul(y, logSigmoid(x)), mul(sub(1, y), logSigmoid(neg(x)))));
    const weighted = weight == null ? terms : mul(terms, ir.cast(weight, x.dtype));
    const classes = x.shape[x.shape.length - 1];
    return reduceLoss(div(sum(weighted, { dim: -1 }), classes), reduction);
  });
}

function sameShapes(op: string, input: Node, target: Node): void {
  if (input.shape.length > 0 && sameShape(input.shape, target.shape)) return;
  throw new ShapeError(
    `${op}: input and target must have one shape [..., C], got ${formatShape(input.shape)} and ` +
      formatShape(target.shape),
  );
}

/** x as [N, C], and how to give a result [N] the shape of the batch. */
function asBatch(op: string, x: Node): { readonly rows: Node; readonly batch: readonly number[] } {
  if (x.shape.length !== 1 && x.shape.length !== 2) {
    throw new ShapeError(`${op}: input must be [N, C] or [C], got ${formatShape(x.shape)}`);
  }
  const isBatched = x.shape.length === 2;
  return {
    rows: isBatched ? x : ir.reshape(x, [1, x.shape[0]]),
    batch: isBatched ? [x.shape[0]] : [],
  };
}

/** max(0, x) whose gradient at 0 is 0. */
const strictHinge = (x: Node): Node => where(gt(x, 0), x, 0);

/**
 * Σ over targets j and others i of max(0, 1 − (x[j] − x[i])) / C. target holds class numbers, as
 * many as there are before the first −1, in the shape [N, C] or [C] of the input.
 */
export function multilabelMarginLoss(
  input: Node,
  target: Node,
  { reduction }: LossOptions = {},
): Node {
  sameShapes("multilabelMarginLoss", input, target);
  return inComputeDType(input, (given) => {
    const { rows: x, batch } = asBatch("multilabelMarginLoss", given);
    const [n, classes] = x.shape;
    const labels = ir.reshape(ir.cast(target, "i32"), [n, classes]);
    // The running minimum is negative from the first −1 on.
    const running = ir.scan(labels, 1, "min");
    const isUsed = ir.binary("le", ir.fullLike(running, 0), running);
    const table = [n, classes, classes]; // [sample, place in the list, class]
    const down = (row: Node): Node => ir.expand(ir.reshape(row, [n, classes, 1]), table);
    const across = (row: Node): Node => ir.expand(ir.reshape(row, [n, 1, classes]), table);
    const hit = ir.binary("and", ir.binary("eq", down(labels), ir.iota(table, 2)), down(isUsed));
    const wanted = sum(where(hit, across(x), 0), { dim: 2 }); // x[target[j]]
    const isTarget = ir.cast(ir.extremum("reduceMax", hit, [1]), "bool");
    const others = ir.unary("not", ir.expand(isTarget, table));
    const counts = ir.binary("and", others, down(isUsed));
    const terms = strictHinge(add(sub(1, down(wanted)), across(x)));
    const total = div(sum(where(counts, terms, 0), { dim: [1, 2] }), classes);
    return reduceLoss(ir.reshape(total, batch), reduction);
  });
}

/** Options of {@link multiMarginLoss}. */
export interface MultiMarginLossOptions extends MarginLossOptions {
  /** Power of each term, 1 or 2. @defaultValue 1 */
  readonly p?: number | undefined;
  /** Factor per class [C]. */
  readonly weight?: Node | null | undefined;
}

/**
 * Σ over classes i but the target of weight[target] · max(0, margin − x[target] + x[i])ᵖ / C.
 * input [N, C] with target [N], or [C] with []; margin 1 by default.
 */
export function multiMarginLoss(
  input: Node,
  target: Node,
  { p = 1, margin = 1, weight, reduction }: MultiMarginLossOptions = {},
): Node {
  if (p !== 1 && p !== 2) throw new ConfigError(`multiMarginLoss: p must be 1 or 2, got ${p}`);
  return inComputeDType(input, (given) => {
    const { rows: x, batch } = asBatch("multiMarginLoss", given);
    const [n, classes] = x.shape;
    if (!isInteger(target.dtype) || target.shape.reduce((a, b) => a * b, 1) !== n) {
      throw new ShapeError(
        `multiMarginLoss: target must hold class indices ${formatShape(batch)}, got ` +
          `${target.dtype}${formatShape(target.shape)}`,
      );
    }
    const labels = ir.expand(ir.reshape(ir.cast(target, "i32"), [n, 1]), x.shape);
    const isTarget = ir.binary("eq", labels, ir.iota(x.shape, 1));
    const pick = (values: Node): Node => sum(where(isTarget, values, 0), { dim: 1, keepdim: true });
    const distance = strictHinge(add(sub(margin, pick(x)), x));
    const power = p === 1 ? distance : square(distance);
    const factors =
      weight == null ? power : mul(power, pick(ir.broadcastTo(ir.cast(weight, x.dtype), x.shape)));
    const total = div(sum(where(isTarget, 0, factors), { dim: 1 }), classes);
    return reduceLoss(ir.reshape(total, batch), reduction);
  });
}

/**
 * 1 − cos(input1, input2) where target is 1, max(0, cos − margin) where it is −1; margin 0 by
 * default. Inputs [N, D] with target [N], or [D] with [].
 */
export function cosineEmbeddingLoss(
  input1: Node,
  input2: Node,
  target: Node,
  { margin = 0, reduction }: MarginLossOptions = {},
): Node {
  const op = "cosineEmbeddingLoss";
  return inComputeDType(input1, (x) => {
    const [a, b] = broadcastOperands(op, [x, input2], x.dtype);
    if (a.shape.length !== target.shape.length + 1 || a.shape.length > 2) {
      throw new ShapeError(
        `${op}: inputs must be [N, D] with target [N] or [D] with [], got ` +
          `${formatShape(input1.shape)}, ${formatShape(input2.shape)} and ${formatShape(target.shape)}`,
      );
    }
    const squares = (v: Node): Node => add(sum(square(v), { dim: -1 }), 1e-12);
    const lengths = ir.unary("sqrt", mul(squares(a), squares(b)));
    const [cosine, y] = broadcastOperands(
      op,
      [div(sum(mul(a, b), { dim: -1 }), lengths), target],
      x.dtype,
    );
    const alike = where(eq(y, 1), sub(1, cosine), 0);
    const apart = where(eq(y, -1), hinge(sub(cosine, margin)), 0);
    return reduceLoss(add(alike, apart), reduction);
  });
}

/** Options of {@link tripletMarginLoss}. */
export interface TripletMarginLossOptions
  extends MarginLossOptions, Pick<PairwiseDistanceOptions, "p" | "eps"> {
  /** Whether the negative is compared with the positive where that is the nearer one. */
  readonly swap?: boolean | undefined;
}

/** max(0, d(anchor, positive) − d(anchor, negative) + margin) of distances over the last dim. */
export function tripletMarginLoss(
  anchor: Node,
  positive: Node,
  negative: Node,
  { margin = 1, p = 2, eps = 1e-6, swap = false, reduction }: TripletMarginLossOptions = {},
): Node {
  const d = (a: Node, b: Node): Node => pairwiseDistance(a, b, { p, eps });
  return inComputeDType(anchor, (x) => {
    const [near, far] = [positive, negative].map((other) => ir.cast(other, x.dtype));
    const apart = d(x, far);
    const distances = { near: d(x, near), far: swap ? minimum(apart, d(near, far)) : apart };
    return tripletHinge(distances.near, distances.far, margin, reduction);
  });
}

/** max(0, near − far + margin), reduced. */
export function tripletHinge(
  near: Node,
  far: Node,
  margin: number,
  reduction: LossOptions["reduction"],
): Node {
  return reduceLoss(hinge(add(sub(near, far), margin)), reduction);
}
