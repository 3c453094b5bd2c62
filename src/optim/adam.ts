import type { Tensor } from "../tensor/tensor.ts";
import { requireBetas, requireNonNegative } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer, commonOptions } from "./optimizer.ts";
import type { ComputeDType, ParamGroup } from "./param-group.ts";
import type { Scalar } from "./rounding.ts";
import { accumulate, addQuotient, addScaled, approach, biasCorrection } from "./rounding.ts";

/** Hyper-parameters of {@link Adam} and {@link AdamW} other than the learning rate. */
export interface AdamGroupOptions extends CommonOptions {
  /** Decay rates of the two moments, each in [0, 1). @defaultValue [0.9, 0.999] */
  readonly betas: readonly [number, number];
  /** Added to the root of the second moment after its bias correction. @defaultValue 1e-8 */
  readonly eps: number;
  /** @defaultValue 0 for Adam, 0.01 for AdamW */
  readonly weightDecay: number;
  /** Divides by the largest second moment so far. @defaultValue false */
  readonly amsgrad: boolean;
  /** Whether the decay stays out of the moments. @defaultValue false for Adam, true for AdamW */
  readonly decoupledWeightDecay: boolean;
  /**
   * Whether a decoupled decay is lr · λ, as in PyTorch. `false` is the paper's form: λ times the
   * schedule's multiplier lr / initialLr alone, so that lr and λ can be tuned apart.
   * @defaultValue true
   */
  readonly lrScaledDecay: boolean;
}

/** Options of {@link Adam}. */
export interface AdamOptions extends Partial<AdamGroupOptions> {
  /** @defaultValue 1e-3 */
  readonly lr?: number;
}

/**
 * Adam: steps scaled by moving averages of the gradient and of its square.
 * $m ← β₁m + (1-β₁)g$, $v ← β₂v + (1-β₂)g²$,
 * $θ ← θ - lr · \frac{m/(1-β₁^t)}{\sqrt{v/(1-β₂^t)} + ε}$; weight decay adds $λθ$ to $g$.
 *
 * DTypes: state and arithmetic in f32 for f16, bf16 and f32 parameters, in f64 for f64.
 * @see Kingma and Ba 2015, "Adam", https://arxiv.org/abs/1412.6980
 */
export class Adam extends Optimizer<AdamGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(
    parameters: Parameters<AdamGroupOptions>,
    options: AdamOptions = {},
    name: string = "Adam",
  ) {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options;
    const { amsgrad = false, decoupledWeightDecay = false, lrScaledDecay = true } = options;
    const own = { betas, eps, weightDecay, amsgrad, decoupledWeightDecay, lrScaledDecay };
    super(name, parameters, lr, { ...own, ...commonOptions(options) });
  }

  protected override stateNames({ amsgrad }: AdamGroupOptions): readonly string[] {
    return amsgrad ? ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"] : ["exp_avg", "exp_avg_sq"];
  }

  protected override checkOptions({ betas, eps, weightDecay }: AdamGroupOptions): void {
    requireBetas(this.owner, betas);
    requireNonNegative(this.owner, { eps, weightDecay });
  }

  /** The step sizes -lr / (1 - β₁^t), √(1 - β₂^t), and what decoupled decay leaves of a parameter. */
  protected override prepare(
    group: ParamGroup<AdamGroupOptions>,
    steps: Tensor,
  ): readonly Tensor[] {
    const { rate, options, momentumScalar } = group;
    const scale = options.lrScaledDecay
      ? options.weightDecay
      : options.weightDecay / group.initialLr;
    return [
      rate.neg().div(biasCorrection(momentumScalar, steps)),
      biasCorrection(options.betas[1], steps).sqrt(),
      rate.mul(-scale).add(1),
    ];
  }

  protected override update(
    { value: old, gradient: raw, state, group, index, dtype }: Update<AdamGroupOptions>,
    [stepSizes, roots, rest]: readonly Tensor[],
  ): Tensor {
    const { betas, eps, weightDecay, decoupledWeightDecay } = group.options;
    const decays = weightDecay !== 0;
    const gradient = decays && !decoupledWeightDecay ? addScaled(raw, old, weightDecay) : raw;
    const value = decays && decoupledWeightDecay ? old.mul(rest.to(dtype)) : old;
    const moment = approach(state.exp_avg, gradient, firstWeight(group, dtype));
    let second = accumulate(state.exp_avg_sq, gradient, gradient, betas[1]);
    const largest = state.max_exp_avg_sq;
    if (largest !== undefined) {
      second = largest.maximum(second);
      largest.assign(second);
    }
    const denominator = second.sqrt().div(roots.select(0, index).to(dtype)).add(eps);
    return addQuotient(value, moment, denominator, stepSizes.select(0, index).to(dtype));
  }
}

/** 1 - β₁, the gradient's weight in the first moment. */
export function firstWeight(group: ParamGroup, dtype: ComputeDType): Scalar {
  const momentum = group.momentumScalar;
  return typeof momentum === "number" ? 1 - momentum : momentum.neg().add(1).to(dtype);
}

/** Hyper-parameters of {@link AdamW} other than the learning rate. */
export type AdamWGroupOptions = AdamGroupOptions;

/** Options of {@link AdamW}. */
export type AdamWOptions = AdamOptions;

/**
 * Adam with weight decay outside of the moments: $θ ← θ - lr·λ·θ$ before {@link Adam}'s step.
 * @see Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", https://arxiv.org/abs/1711.05101
 */
export class AdamW extends Adam {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<AdamGroupOptions>, options: AdamWOptions = {}) {
    const { weightDecay = 0.01, decoupledWeightDecay = true } = options;
    super(parameters, { ...options, weightDecay, decoupledWeightDecay }, "AdamW");
  }
}
