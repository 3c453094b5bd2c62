import { ConfigError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import { isFloat, isInteger } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, numel, sameShape } from "../../ir/shape.ts";
import { abs, add, clamp, div, exp, log, log1p, mul, neg, square, sub } from "./arithmetic.ts";
import { eq, lt, where } from "./logic.ts";
import { computeDType, inComputeDType } from "./operands.ts";
import { mean, sum } from "./reduce.ts";
import { shiftByMax } from "./softmax.ts";

/** How the losses of the elements become one: their mean, their sum, or not at all. */
export type Reduction = "none" | "mean" | "sum";

/** Options every loss has. */
export interface LossOptions {
  /** @defaultValue "mean" */
  readonly reduction?: Reduction | undefined;
}

/** Applies a reduction to the losses of the elements. */
export function reduceLoss(losses: Node, reduction: Reduction = "mean"): Node {
  if (reduction === "none") return losses;
  if (reduction !== "mean" && reduction !== "sum") {
    throw new ConfigError(
      `loss: reduction must be "none", "mean" or "sum", got "${String(reduction)}"`,
    );
  }
  return reduction === "mean" ? mean(losses) : sum(losses);
}

/** Input and target in the compute dtype and broadcast; the loss returns in the input's dtype. */
function elementwiseLoss(
  op: string,
  input: Node,
  target: Node,
  reduction: Reduction | undefined,
  formula: (input: Node, target: Node) => Node,
): Node {
  if (!sameShape(input.shape, target.shape)) {
    throw new ShapeError(
      `${op}: input and target must have one shape, got ${formatShape(input.shape)} and ${formatShape(target.shape)}`,
    );
  }
  return inComputeDType(input, (x) => reduceLoss(formula(x, ir.cast(target, x.dtype)), reduction));
}

/** Options of {@link mseLoss} and {@link l1Loss}. */
export interface RegressionLossOptions extends LossOptions {
  /** Factor of each element's loss, in the input's shape; the mean divides by their sum. */
  readonly weight?: Node | null | undefined;
}

function sameShapeWeight(op: string, input: Node, weight: Node): void {
  if (sameShape(input.shape, weight.shape)) return;
  throw new ShapeError(
    `${op}: weight must have the input's shape ${formatShape(input.shape)}, got ${formatShape(weight.shape)}`,
  );
}

function regressionLoss(
  op: string,
  input: Node,
  target: Node,
  { reduction, weight }: RegressionLossOptions,
  formula: (difference: Node) => Node,
): Node {
  const loss = (x: Node, y: Node): Node => formula(sub(x, y));
  if (weight == null) return elementwiseLoss(op, input, target, reduction, loss);
  sameShapeWeight(op, input, weight);
  const isMean = (reduction ?? "mean") === "mean";
  const total = elementwiseLoss(op, input, target, isMean ? "sum" : reduction, (x, y) =>
    weighted(loss(x, y), weight),
  );
  return isMean ? div(total, ir.cast(sum(weight), total.dtype)) : total;
}

/** (input − target)². */
export function mseLoss(input: Node, target: Node, options: RegressionLossOptions = {}): Node {
  return regressionLoss("mseLoss", input, target, options, square);
}

/** |input − target|. */
export function l1Loss(input: Node, target: Node, options: RegressionLossOptions = {}): Node {
  return regressionLoss("l1Loss", input, target, options, abs);
}

/** Quadratic below `width` with slope `slope` · width there, linear above. */
function quadraticThenLinear(difference: Node, width: number, slope: number): Node {
  const distance = abs(difference);
  const linear = mul(sub(distance, width / 2), slope);
  return where(lt(distance, width), mul(square(difference), slope / (2 * width)), linear);
}

/** Options of {@link smoothL1Loss}. */
export interface SmoothL1LossOptions extends LossOptions {
  /** Where the loss turns linear, ≥ 0. @defaultValue 1 */
  readonly beta?: number | undefined;
}

/** d² / (2β) below β, |d| − β/2 above; β = 0 is l1Loss. */
export function smoothL1Loss(
  input: Node,
  target: Node,
  { reduction, beta = 1 }: SmoothL1LossOptions = {},
): Node {
  if (beta < 0) throw new ConfigError(`smoothL1Loss: beta must be ≥ 0, got ${beta}`);
  return elementwiseLoss("smoothL1Loss", input, target, reduction, (x, y) =>
    beta === 0 ? abs(sub(x, y)) : quadraticThenLinear(sub(x, y), beta, 1),
  );
}

/** Options of {@link huberLoss}. */
export interface HuberLossOptions extends LossOptions {
  /** Where the loss turns linear, > 0. @defaultValue 1 */
  readonly delta?: number | undefined;
  /** Factor of each element's loss, in the input's shape; the mean divides by their number. */
  readonly weight?: Node | null | undefined;
}

/** d² / 2 below δ, δ · (|d| − δ/2) above. */
export function huberLoss(
  input: Node,
  target: Node,
  { reduction, delta = 1, weight }: HuberLossOptions = {},
): Node {
  if (!(delta > 0)) throw new ConfigError(`huberLoss: delta must be > 0, got ${delta}`);
  if (weight != null) sameShapeWeight("huberLoss", input, weight);
  return elementwiseLoss("huberLoss", input, target, reduction, (x, y) =>
    weighted(quadraticThenLinear(sub(x, y), delta, delta), weight),
  );
}

/** Options of the binary cross-entropies. */
export interface BinaryLossOptions extends LossOptions {
  /** Factor of each element's loss; broadcasts. */
  readonly weight?: Node | null | undefined;
}

const weighted = (loss: Node, weight: Node | null | undefined): Node =>
  weight == null ? loss : mul(loss, ir.cast(weight, loss.dtype));

/**
 * −(target · ln input + (1 − target) · ln(1 − input)) for probabilities; logarithms are at least
 * −100, as in torch, and carry no gradient there.
 */
export function binaryCrossEntropy(
  input: Node,
  target: Node,
  { reduction, weight }: BinaryLossOptions = {},
): Node {
  return elementwiseLoss("binaryCrossEntropy", input, target, reduction, (p, y) => {
    const yes = clamp(log(p), { min: -100 });
    const no = clamp(log1p(neg(p)), { min: -100 });
    return weighted(neg(add(mul(y, yes), mul(sub(1, y), no))), weight);
  });
}

/** Options of {@link binaryCrossEntropyWithLogits}. */
export interface BinaryLogitsOptions extends BinaryLossOptions {
  /** Factor of the positive term; broadcasts. */
  readonly posWeight?: Node | null | undefined;
}

/** binaryCrossEntropy of sigmoid(input), without overflow. */
export function binaryCrossEntropyWithLogits(
  input: Node,
  target: Node,
  options: BinaryLogitsOptions = {},
): Node {
  const { reduction, weight, posWeight } = options;
  return elementwiseLoss("binaryCrossEntropyWithLogits", input, target, reduction, (x, y) => {
    // −ln sigmoid(x) = ln(1 + e^−|x|) + max(−x, 0)
    const negative = clamp(neg(x), { min: 0 });
    const soft = add(log1p(exp(neg(abs(x)))), negative);
    const factor =
      posWeight == null ? soft : mul(add(mul(sub(ir.cast(posWeight, x.dtype), 1), y), 1), soft);
    return weighted(add(mul(sub(1, y), x), factor), weight);
  });
}

/** Options of {@link klDiv}. */
export interface KlDivOptions {
  /** `"batchmean"` divides the sum by the first dim: the divergence itself. @defaultValue "mean" */
  readonly reduction?: Reduction | "batchmean" | undefined;
  /** Whether the target is given as logarithms. */
  readonly logTarget?: boolean | undefined;
}

/** target · (ln target − input) for an input of log-probabilities; 0 where the target is 0. */
export function klDiv(
  input: Node,
  target: Node,
  { reduction = "mean", logTarget = false }: KlDivOptions = {},
): Node {
  const isBatchMean = reduction === "batchmean";
  const loss = elementwiseLoss("klDiv", input, target, isBatchMean ? "sum" : reduction, (x, y) => {
    if (logTarget) return mul(exp(y), sub(y, x));
    const zero = ir.binary("eq", y, ir.fullLike(y, 0));
    const entropy = where(zero, 0, mul(y, log(where(zero, 1, y))));
    return sub(entropy, mul(y, x));
  });
  return isBatchMean && input.shape.length > 0 ? div(loss, input.shape[0]) : loss;
}

/** Options of {@link nllLoss}. */
export interface NllLossOptions extends LossOptions {
  /** Factor per class [C]; the mean then divides by the sum of the factors used. */
  readonly weight?: Node | null | undefined;
  /** Targets that count for nothing. @defaultValue -100 */
  readonly ignoreIndex?: number | undefined;
}

/** The class dim: 1, or 0 for a single sample. */
const classDim = (input: Node): number => (input.shape.length === 1 ? 0 : 1);

interface ClassTargets {
  /** Which samples count, bool [N, …]. */
  readonly counted: Node;
  /** Picks from [N, C, …] the entry of the target's class: [N, …]. */
  readonly pick: (values: Node) => Node;
  /** Weight of each sample, 0 for ignored ones: [N, …]. */
  readonly weights: Node;
}

/**
 * Targets as a comparison with the class number: unlike a gather it fuses with the softmax around
 * it, and its gradient is no scatter.
 */
function classTargets(
  op: string,
  input: Node,
  target: Node,
  options: NllLossOptions,
): ClassTargets {
  const dim = classDim(input);
  const expected = input.shape.toSpliced(dim, 1);
  if (!isInteger(target.dtype) || !sameShape(target.shape, expected)) {
    throw new ShapeError(
      `${op}: target must hold class indices ${formatShape(expected)} for input ${formatShape(input.shape)}, ` +
        `got ${target.dtype}${formatShape(target.shape)}`,
    );
  }
  const classes = classWeights(op, input, options.weight);
  const labels = ir.cast(target, "i32");
  const column = ir.reshape(labels, input.shape.with(dim, 1));
  const isTarget = ir.binary("eq", ir.expand(column, input.shape), ir.iota(input.shape, dim));
  const pick = (values: Node): Node => sum(where(isTarget, values, 0), { dim });
  const counted = ir.binary("ne", labels, ir.fullLike(labels, options.ignoreIndex ?? -100));
  const one = classes === null ? ir.full(expected, 1, input.dtype) : pick(classes);
  return { counted, pick, weights: where(counted, one, 0) };
}

/** Weights per class broadcast over [N, C, …]. */
function classWeights(op: string, input: Node, weight: Node | null | undefined): Node | null {
  if (weight == null) return null;
  const dim = classDim(input);
  if (!sameShape(weight.shape, [input.shape[dim]])) {
    throw new ShapeError(
      `${op}: weight must be [${input.shape[dim]}], one per class, got ${formatShape(weight.shape)}`,
    );
  }
  const line = input.shape.map((size, i) => (i === dim ? size : 1));
  return ir.expand(ir.reshape(ir.cast(weight, input.dtype), line), input.shape);
}

function reduceWeighted(losses: Node, weights: Node, reduction: Reduction = "mean"): Node {
  if (reduction !== "mean") return reduceLoss(losses, reduction);
  const total = sum(weights);
  // With every target ignored the mean is NaN, its gradient zero: a step on it changes nothing.
  const empty = eq(total, 0);
  return where(empty, NaN, div(sum(losses), where(empty, 1, total)));
}

/**
 * Negative log-likelihood. input [N, C, …] of log-probabilities (or [C]), target [N, …] of class
 * indices. The mean is weighted: Σ wᵢ·lossᵢ / Σ wᵢ.
 */
export function nllLoss(input: Node, target: Node, options: NllLossOptions = {}): Node {
  return inComputeDType(input, (x) => {
    const { pick, weights } = classTargets("nllLoss", x, target, options);
    return reduceWeighted(neg(mul(weights, pick(x))), weights, options.reduction);
  });
}

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions extends NllLossOptions {
  /** Share of the target spread evenly over the classes, 0 … 1. @defaultValue 0 */
  readonly labelSmoothing?: number | undefined;
}

/**
 * Cross-entropy of softmax(input). input [N, C, …] of logits (or [C]); target [N, …] of class
 * indices, or [N, C, …] of probabilities. Half types compute in f32.
 * The mean over class indices divides by the weights used, over probabilities by the samples.
 */
export function crossEntropy(input: Node, target: Node, options: CrossEntropyOptions = {}): Node {
  const { labelSmoothing = 0, reduction = "mean" } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new ConfigError(`crossEntropy: labelSmoothing must be in [0, 1], got ${labelSmoothing}`);
  }
  if (input.shape.length === 0 || !isFloat(input.dtype)) {
    throw new ShapeError(
      `crossEntropy: input must be float [N, C, …] or [C], got ${input.dtype}${formatShape(input.shape)}`,
    );
  }
  const dtype = computeDType(input.dtype);
  const x = ir.cast(input, dtype);
  const dim = classDim(x);
  const shifted = shiftByMax(x, [dim]);
  const logSum = log(ir.reduceSum(exp(shifted), [dim]));
  const loss = isFloat(target.dtype)
    ? probabilityLoss(x, target, shifted, logSum, { ...options, labelSmoothing, reduction })
    : indexLoss(x, target, shifted, logSum, { ...options, labelSmoothing, reduction });
  return ir.cast(loss, input.dtype);
}

type FullOptions = CrossEntropyOptions & {
  readonly labelSmoothing: number;
  readonly reduction: Reduction;
};

function indexLoss(x: Node, target: Node, shifted: Node, logSum: Node, options: FullOptions): Node {
  const { labelSmoothing, reduction } = options;
  const dim = classDim(x);
  const { counted, pick, weights } = classTargets("crossEntropy", x, target, options);
  const flatSum = ir.reshape(logSum, weights.shape);
  const hard = mul(weights, sub(flatSum, pick(shifted)));
  if (labelSmoothing === 0) return reduceWeighted(hard, weights, reduction);
  const classes = classWeights("crossEntropy", x, options.weight);
  const losses = sub(logSum, shifted);
  const spread = sum(classes === null ? losses : mul(losses, classes), { dim });
  const soft = where(counted, div(spread, x.shape[dim]), 0);
  const mixed = add(mul(hard, 1 - labelSmoothing), mul(soft, labelSmoothing));
  return reduceWeighted(mixed, weights, reduction);
}

function probabilityLoss(
  x: Node,
  target: Node,
  shifted: Node,
  logSum: Node,
  options: FullOptions,
): Node {
  if (!sameShape(target.shape, x.shape)) {
    throw new ShapeError(
      `crossEntropy: probabilities must have the input's shape ${formatShape(x.shape)}, got ${formatShape(target.shape)}`,
    );
  }
  const { labelSmoothing, reduction } = options;
  const dim = classDim(x);
  const given = ir.cast(target, x.dtype);
  const smooth =
    labelSmoothing === 0
      ? given
      : add(mul(given, 1 - labelSmoothing), labelSmoothing / x.shape[dim]);
  const classes = classWeights("crossEntropy", x, options.weight);
  const share = classes === null ? smooth : mul(smooth, classes);
  const losses = sum(mul(share, sub(logSum, shifted)), { dim });
  if (reduction !== "mean") return reduceLoss(losses, reduction);
  return div(sum(losses), numel(losses.shape));
}
