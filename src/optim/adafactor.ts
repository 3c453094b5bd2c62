import type { Tensor } from "../tensor/tensor.ts";
import { requireInRange, requireNonNegative } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer, commonOptions } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";
import { addExactly } from "./rounding.ts";

/** Hyper-parameters of {@link Adafactor} other than the learning rate. */
export interface AdafactorGroupOptions extends CommonOptions {
  /** The second moment's decay rate is 1 - t^beta2Decay; at most 0. @defaultValue -0.8 */
  readonly beta2Decay: number;
  /**
   * Least root of the second moment (null: the distance from 1 to the next number of the
   * parameter's dtype), and least size of the parameters that steps are scaled by.
   * @defaultValue [null, 1e-3]
   */
  readonly eps: readonly [number | null, number];
  /** Steps with a larger root mean square are scaled down to it; at least 1. @defaultValue 1 */
  readonly d: number;
  /** Decoupled decay: lr · λ · θ. @defaultValue 0 */
  readonly weightDecay: number;
}

/** Options of {@link Adafactor}. */
export interface AdafactorOptions extends Partial<AdafactorGroupOptions> {
  /** Largest relative step. @defaultValue 0.01 */
  readonly lr?: number;
}

const epsilons: Readonly<Record<string, number>> = {
  f64: 2 ** -52,
  f32: 2 ** -23,
  f16: 2 ** -10,
  bf16: 2 ** -7,
};

const meanSquare = (x: Tensor, dim: number): Tensor => x.square().mean({ dim, keepdim: true });

const rootMeanSquare = (x: Tensor): Tensor => x.square().sum().sqrt().div(Math.sqrt(x.numel));

/**
 * Adam's scaling in sublinear memory: the second moment of a matrix is kept as the means of its rows
 * and of its columns (state `row_var`, `col_var`), over the last two dims; vectors keep it whole.
 * $\hat V = \frac{R C}{\mathrm{mean}(R)}$, $U = G / \sqrt{\hat V}$,
 * $θ ← θ - \max(ε₂, \mathrm{RMS}(θ)) \min(lr, 1/\sqrt t) · U / \max(1, \mathrm{RMS}(U)/d)$.
 * @see Shazeer and Stern 2018, "Adafactor", https://arxiv.org/abs/1804.04235
 */
export class Adafactor extends Optimizer<AdafactorGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<AdafactorGroupOptions>, options: AdafactorOptions = {}) {
    const { lr = 0.01, beta2Decay = -0.8, eps = [null, 1e-3], d = 1, weightDecay = 0 } = options;
    const own = { beta2Decay, eps, d, weightDecay };
    super("Adafactor", parameters, lr, { ...own, ...commonOptions(options) });
  }

  protected override stateNames(
    _options: AdafactorGroupOptions,
    parameter: Tensor,
  ): readonly string[] {
    return parameter.ndim > 1 ? ["row_var", "col_var"] : ["variance"];
  }

  protected override stateShape(name: string, { shape }: Tensor): readonly number[] {
    if (name === "row_var") return shape.with(-1, 1);
    return name === "col_var" ? shape.with(-2, 1) : shape;
  }

  protected override checkOptions(options: AdafactorGroupOptions): void {
    const { beta2Decay, eps, d, weightDecay } = options;
    requireInRange("Adafactor", "beta2Decay", beta2Decay, { max: 0 });
    if (eps[0] !== null) requireInRange("Adafactor", "eps[0]", eps[0], { min: 0 });
    requireInRange("Adafactor", "eps[1]", eps[1], { min: 0 });
    requireInRange("Adafactor", "d", d, { min: 1 });
    requireNonNegative("Adafactor", { weightDecay });
  }

  protected override prepare(
    { rate, options }: ParamGroup<AdafactorGroupOptions>,
    steps: Tensor,
  ): readonly Tensor[] {
    const { beta2Decay, weightDecay } = options;
    const relative = steps.rsqrt().minimum(rate);
    return [steps.pow(beta2Decay), relative, rate.mul(-weightDecay).add(1)];
  }

  protected override update(
    { parameter, value: old, gradient, state, group, index, dtype }: Update<AdafactorGroupOptions>,
    [weights, relative, rest]: readonly Tensor[],
  ): Tensor {
    const { eps, d, weightDecay } = group.options;
    const least = eps[0] ?? epsilons[parameter.dtype];
    const size = rootMeanSquare(old).maximum(eps[1]);
    const value = weightDecay === 0 ? old : old.mul(rest.to(dtype));
    const weight = weights.select(0, index).to(dtype);
    const variance = secondMoment(gradient, state, weight, least);
    const update = variance
      .maximum(least * least)
      .rsqrt()
      .mul(gradient);
    const excess = rootMeanSquare(update).div(d).maximum(1);
    const step = size.mul(relative.select(0, index).to(dtype)).neg().div(excess);
    return addExactly(value, update, step);
  }
}

/** Lets the state follow the squares of the gradient; returns their estimate. */
function secondMoment(
  gradient: Tensor,
  { row_var: rows, col_var: columns, variance }: Readonly<Record<string, Tensor>>,
  weight: Tensor,
  least: number,
): Tensor {
  const follow = (state: Tensor, target: Tensor): Tensor => {
    const next = state.add(target.sub(state).mul(weight));
    state.assign(next);
    return next;
  };
  if (variance !== undefined) return follow(variance, gradient.square());
  const row = follow(rows, meanSquare(gradient, -1));
  const column = follow(columns, meanSquare(gradient, -2));
  return row.mul(column).div(row.mean({ dim: -2, keepdim: true }).maximum(least));
}
