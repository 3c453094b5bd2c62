import type { Tensor } from "../tensor/tensor.ts";
import { firstWeight } from "./adam.ts";
import { requireBetas, requireNonNegative } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer, commonOptions } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";
import { accumulate, addQuotient, addScaled, approach, biasCorrection } from "./rounding.ts";

/** Hyper-parameters of {@link NAdam} other than the learning rate. */
export interface NAdamGroupOptions extends CommonOptions {
  /** @defaultValue [0.9, 0.999] */
  readonly betas: readonly [number, number];
  /** @defaultValue 1e-8 */
  readonly eps: number;
  /** @defaultValue 0 */
  readonly weightDecay: number;
  /** How fast the momentum rises to its final value. @defaultValue 4e-3 */
  readonly momentumDecay: number;
  /** Whether the decay stays out of the moments. @defaultValue false */
  readonly decoupledWeightDecay: boolean;
}

/** Options of {@link NAdam}. */
export interface NAdamOptions extends Partial<NAdamGroupOptions> {
  /** @defaultValue 2e-3 */
  readonly lr?: number;
}

/**
 * Adam with Nesterov's momentum: $μ_t = β₁(1 - \frac{1}{2} 0.96^{tψ})$,
 * $θ ← θ - lr \frac{(1-μ_t)/(1-Π_t) · g + μ_{t+1}/(1-Π_{t+1}) · m}{\sqrt{v/(1-β₂^t)} + ε}$ with
 * $Π_t = μ_1 ⋯ μ_t$.
 * @see Dozat 2016, "Incorporating Nesterov Momentum into Adam"
 */
export class NAdam extends Optimizer<NAdamGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<NAdamGroupOptions>, options: NAdamOptions = {}) {
    const { lr = 2e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options;
    const { momentumDecay = 4e-3, decoupledWeightDecay = false } = options;
    const own = { betas, eps, weightDecay, momentumDecay, decoupledWeightDecay };
    super("NAdam", parameters, lr, { ...own, ...commonOptions(options) });
  }

  protected override stateNames(): readonly string[] {
    return ["mu_product", "exp_avg", "exp_avg_sq"];
  }

  protected override stateShape(name: string, parameter: Tensor): readonly number[] {
    return name === "mu_product" ? [] : parameter.shape;
  }

  protected override checkOptions(options: NAdamGroupOptions): void {
    const { betas, eps, weightDecay, momentumDecay } = options;
    requireBetas("NAdam", betas);
    requireNonNegative("NAdam", { eps, weightDecay, momentumDecay });
  }

  protected override prepare(
    group: ParamGroup<NAdamGroupOptions>,
    steps: Tensor,
  ): readonly Tensor[] {
    const { betas, momentumDecay, weightDecay } = group.options;
    const momentumAt = (t: Tensor): Tensor =>
      t
        .mul(momentumDecay * Math.log(0.96))
        .exp()
        .mul(-0.5)
        .add(1)
        .mul(group.momentumScalar);
    return [
      momentumAt(steps),
      momentumAt(steps.add(1)),
      biasCorrection(betas[1], steps),
      group.rate.neg(),
      group.rate.mul(-weightDecay).add(1),
    ];
  }

  protected override update(
    { value: old, gradient: raw, state, group, index, dtype, isFirst }: Update<NAdamGroupOptions>,
    [momenta, nextMomenta, corrections, step, rest]: readonly Tensor[],
  ): Tensor {
    const { betas, eps, weightDecay, decoupledWeightDecay } = group.options;
    const decays = weightDecay !== 0;
    const gradient = decays && !decoupledWeightDecay ? addScaled(raw, old, weightDecay) : raw;
    const value = decays && decoupledWeightDecay ? old.mul(rest.to(dtype)) : old;
    const [momentum, nextMomentum] = [momenta.select(0, index), nextMomenta.select(0, index)];
    const before = state.mu_product.mul(momentum.to(dtype));
    const product = momentum.to(dtype).where(isFirst, before);
    state.mu_product.assign(product);
    const moment = approach(state.exp_avg, gradient, firstWeight(group, dtype));
    const second = accumulate(state.exp_avg_sq, gradient, gradient, betas[1]);
    const denominator = second.div(corrections.select(0, index).to(dtype)).sqrt().add(eps);
    const wide = product.to(step.dtype);
    const [one, next] = [wide.neg().add(1), wide.mul(nextMomentum).neg().add(1)];
    const ofGradient = step.mul(momentum.neg().add(1)).div(one).to(dtype);
    const ofMoment = step.mul(nextMomentum).div(next).to(dtype);
    const moved = addQuotient(value, gradient, denominator, ofGradient);
    return addQuotient(moved, moment, denominator, ofMoment);
  }
}
