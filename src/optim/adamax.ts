import type { Tensor } from "../tensor/tensor.ts";
import { firstWeight } from "./adam.ts";
import { requireBetas, requireNonNegative } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer, commonOptions } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";
import { addQuotient, addScaled, approach, biasCorrection } from "./rounding.ts";

/** Hyper-parameters of {@link Adamax} other than the learning rate. */
export interface AdamaxGroupOptions extends CommonOptions {
  /** @defaultValue [0.9, 0.999] */
  readonly betas: readonly [number, number];
  /** Added to the size of each gradient. @defaultValue 1e-8 */
  readonly eps: number;
  /** Added to the gradient times the parameter. @defaultValue 0 */
  readonly weightDecay: number;
}

/** Options of {@link Adamax}. */
export interface AdamaxOptions extends Partial<AdamaxGroupOptions> {
  /** @defaultValue 2e-3 */
  readonly lr?: number;
}

/**
 * Adam with the largest gradient of late in place of the mean square:
 * $u ← \max(β₂u, |g| + ε)$, $θ ← θ - \frac{lr}{1-β₁^t} · m/u$.
 * @see Kingma and Ba 2015, "Adam", section 7.1, https://arxiv.org/abs/1412.6980
 */
export class Adamax extends Optimizer<AdamaxGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<AdamaxGroupOptions>, options: AdamaxOptions = {}) {
    const { lr = 2e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options;
    super("Adamax", parameters, lr, { betas, eps, weightDecay, ...commonOptions(options) });
  }

  protected override stateNames(): readonly string[] {
    return ["exp_avg", "exp_inf"];
  }

  protected override checkOptions({ betas, eps, weightDecay }: AdamaxGroupOptions): void {
    requireBetas("Adamax", betas);
    requireNonNegative("Adamax", { eps, weightDecay });
  }

  protected override prepare(
    { rate, momentumScalar }: ParamGroup<AdamaxGroupOptions>,
    steps: Tensor,
  ): readonly Tensor[] {
    return [rate.neg().div(biasCorrection(momentumScalar, steps))];
  }

  protected override update(
    { value, gradient: raw, state, group, index, dtype }: Update<AdamaxGroupOptions>,
    [stepSizes]: readonly Tensor[],
  ): Tensor {
    const { betas, eps, weightDecay } = group.options;
    const gradient = weightDecay === 0 ? raw : addScaled(raw, value, weightDecay);
    const moment = approach(state.exp_avg, gradient, firstWeight(group, dtype));
    const largest = state.exp_inf.mul(betas[1]).maximum(gradient.abs().add(eps));
    state.exp_inf.assign(largest);
    return addQuotient(value, moment, largest, stepSizes.select(0, index).to(dtype));
  }
}
