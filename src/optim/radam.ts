import type { Tensor } from "../tensor/tensor.ts";
import { firstWeight } from "./adam.ts";
import { requireBetas, requireNonNegative } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer, commonOptions } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";
import { accumulate, addScaled, approach, biasCorrection } from "./rounding.ts";

/** Hyper-parameters of {@link RAdam} other than the learning rate. */
export interface RAdamGroupOptions extends CommonOptions {
  /** @defaultValue [0.9, 0.999] */
  readonly betas: readonly [number, number];
  /** @defaultValue 1e-8 */
  readonly eps: number;
  /** @defaultValue 0 */
  readonly weightDecay: number;
  /** Whether the decay stays out of the moments. @defaultValue false */
  readonly decoupledWeightDecay: boolean;
}

/** Options of {@link RAdam}. */
export interface RAdamOptions extends Partial<RAdamGroupOptions> {
  /** @defaultValue 1e-3 */
  readonly lr?: number;
}

/**
 * Adam whose step is rectified while its second moment rests on few gradients: plain momentum
 * until $ρ_t > 5$, then Adam's step times
 * $\sqrt{\frac{(ρ_t-4)(ρ_t-2)ρ_∞}{(ρ_∞-4)(ρ_∞-2)ρ_t}}$, where $ρ_∞ = 2/(1-β₂) - 1$ and
 * $ρ_t = ρ_∞ - 2tβ₂^t/(1-β₂^t)$. As in PyTorch, ε is added before the bias correction.
 * @see Liu et al. 2020, "On the Variance of the Adaptive Learning Rate and Beyond", https://arxiv.org/abs/1908.03265
 */
export class RAdam extends Optimizer<RAdamGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<RAdamGroupOptions>, options: RAdamOptions = {}) {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8 } = options;
    const { weightDecay = 0, decoupledWeightDecay = false } = options;
    const own = { betas, eps, weightDecay, decoupledWeightDecay };
    super("RAdam", parameters, lr, { ...own, ...commonOptions(options) });
  }

  protected override stateNames(): readonly string[] {
    return ["exp_avg", "exp_avg_sq"];
  }

  protected override checkOptions({ betas, eps, weightDecay }: RAdamGroupOptions): void {
    requireBetas("RAdam", betas);
    requireNonNegative("RAdam", { eps, weightDecay });
  }

  protected override prepare(
    group: ParamGroup<RAdamGroupOptions>,
    steps: Tensor,
  ): readonly Tensor[] {
    const { betas, weightDecay } = group.options;
    const second = biasCorrection(betas[1], steps);
    const most = 2 / (1 - betas[1]) - 1;
    const length = second.neg().add(1).mul(steps).mul(2).div(second).neg().add(most);
    const rectified = length
      .sub(4)
      .mul(length.sub(2))
      .mul(most / ((most - 4) * (most - 2)));
    return [
      biasCorrection(group.momentumScalar, steps),
      second.sqrt(),
      rectified.div(length).sqrt(),
      length.gt(5),
      group.rate,
      group.rate.mul(-weightDecay).add(1),
    ];
  }

  protected override update(
    { value: old, gradient: raw, state, group, index, dtype }: Update<RAdamGroupOptions>,
    shared: readonly Tensor[],
  ): Tensor {
    const { betas, eps, weightDecay, decoupledWeightDecay } = group.options;
    const [correction, root, factor] = shared
      .slice(0, 3)
      .map((one) => one.select(0, index).to(dtype));
    const [, , , isLong, rate, rest] = shared;
    const decays = weightDecay !== 0;
    const gradient = decays && !decoupledWeightDecay ? addScaled(raw, old, weightDecay) : raw;
    const value = decays && decoupledWeightDecay ? old.mul(rest.to(dtype)) : old;
    const moment = approach(state.exp_avg, gradient, firstWeight(group, dtype));
    const second = accumulate(state.exp_avg_sq, gradient, gradient, betas[1]);
    const plain = moment.div(correction).mul(rate.to(dtype));
    const adaptive = plain.mul(second.sqrt().add(eps).reciprocal().mul(root)).mul(factor);
    return value.sub(adaptive.where(isLong.select(0, index), plain));
  }
}
