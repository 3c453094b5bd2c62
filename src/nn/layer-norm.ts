import { ones, zeros } from "../tensor/factories.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { groupNorm, layerNorm, rmsNorm } from "./functional/normalization.ts";
import type { ModuleOptions } from "./linear.ts";
import { Module, formatOptions } from "./module.ts";
import { Parameter } from "./parameter.ts";

type Shape = readonly number[];

/** Options of {@link LayerNorm}. */
export interface LayerNormOptions extends ModuleOptions {
  /** Added to the variance. @defaultValue 1e-5 */
  readonly eps?: number;
  /** Whether there is a learned scale. @defaultValue true */
  readonly elementwiseAffine?: boolean;
  /** Whether there is a learned shift beside the scale. @defaultValue true */
  readonly bias?: boolean;
}

const asShape = (shape: number | Shape): Shape => (typeof shape === "number" ? [shape] : shape);

/**
 * Normalises the last dims to zero mean and unit variance, then scales and shifts.
 * $y = (x - E[x]) / \sqrt{Var[x] + ε} · γ + β$
 * @see Ba et al. 2016, "Layer Normalization", https://arxiv.org/abs/1607.06450
 */
export class LayerNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(normalizedShape: number | Shape, options: LayerNormOptions = {}) {
    super();
    const { eps = 1e-5, elementwiseAffine = true, bias = true, ...place } = options;
    this.normalizedShape = asShape(normalizedShape);
    this.eps = eps;
    const shape = this.normalizedShape;
    this.weight = elementwiseAffine ? new Parameter(ones(shape, place)) : null;
    this.bias = elementwiseAffine && bias ? new Parameter(zeros(shape, place)) : null;
  }

  /** @throws {ShapeError} if x does not end in normalizedShape. */
  forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return layerNorm(x, this.normalizedShape, { weight, bias, eps });
  }

  protected override extraRepr(): string {
    const { normalizedShape, eps, weight } = this;
    return formatOptions({ normalizedShape, eps, elementwiseAffine: weight !== null });
  }
}

/** Options of {@link GroupNorm}. */
export interface GroupNormOptions extends ModuleOptions {
  /** Added to the variance. @defaultValue 1e-5 */
  readonly eps?: number;
  /** Whether there is a learned scale and shift per channel. @defaultValue true */
  readonly affine?: boolean;
  /** Whether there is a shift beside the scale. @defaultValue true */
  readonly bias?: boolean;
}

/**
 * Normalises groups of channels of x [N, C, …] over space.
 * @see Wu and He 2018, "Group Normalization", https://arxiv.org/abs/1803.08494
 */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}) {
    super();
    const { eps = 1e-5, affine = true, bias = true, ...place } = options;
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.weight = affine ? new Parameter(ones([numChannels], place)) : null;
    this.bias = affine && bias ? new Parameter(zeros([numChannels], place)) : null;
  }

  /** @throws {ShapeError} if the channels of x are not numChannels or not divisible. */
  forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return groupNorm(x, this.numGroups, { weight, bias, eps });
  }

  protected override extraRepr(): string {
    const { numGroups, numChannels, eps, weight } = this;
    return formatOptions({ numGroups, numChannels, eps, affine: weight !== null });
  }
}

/** Options of {@link RMSNorm}. */
export interface RMSNormOptions extends ModuleOptions {
  /** Added to the mean square. @defaultValue the dtype's machine epsilon */
  readonly eps?: number | null;
  /** Whether there is a learned scale. @defaultValue true */
  readonly elementwiseAffine?: boolean;
}

/**
 * Divides by the root mean square of the last dims, then scales: $y = x / \sqrt{E[x²] + ε} · γ$.
 * @see Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467
 */
export class RMSNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number | null;
  weight: Parameter | null;

  constructor(normalizedShape: number | Shape, options: RMSNormOptions = {}) {
    super();
    const { eps = null, elementwiseAffine = true, ...place } = options;
    this.normalizedShape = asShape(normalizedShape);
    this.eps = eps;
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape, place)) : null;
  }

  /** @throws {ShapeError} if x does not end in normalizedShape. */
  forward(x: Tensor): Tensor {
    const { weight, eps } = this;
    return rmsNorm(x, this.normalizedShape, { weight, eps });
  }

  protected override extraRepr(): string {
    const { normalizedShape, eps, weight } = this;
    return formatOptions({ normalizedShape, eps, elementwiseAffine: weight !== null });
  }
}
