import type { Tensor } from "../tensor/tensor.ts";
import { firstWeight } from "./adam.ts";
import { requireBetas, requireInRange, requireNonNegative } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer, commonOptions } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";
import { accumulate, addScaled, approach, biasCorrection, addExactly } from "./rounding.ts";

/** Hyper-parameters of {@link LAMB} other than the learning rate. */
export interface LAMBGroupOptions extends CommonOptions {
  /** @defaultValue [0.9, 0.999] */
  readonly betas: readonly [number, number];
  /** @defaultValue 1e-6 */
  readonly eps: number;
  /** Enters the step before it is scaled. @defaultValue 0.01 */
  readonly weightDecay: number;
  /** Whether to divide out the moments' start at 0. @defaultValue true */
  readonly biasCorrection: boolean;
  /** Whether steps are scaled by the trust ratio; turn it off for norms and biases. @defaultValue true */
  readonly adapt: boolean;
  /** Largest trust ratio. @defaultValue Infinity */
  readonly maxTrustRatio: number;
}

/** Options of {@link LAMB}. */
export interface LAMBOptions extends Partial<LAMBGroupOptions> {
  /** @defaultValue 1e-3 */
  readonly lr?: number;
}

/**
 * Adam's step scaled, per tensor, to the size of the parameter, for large batches:
 * $u = \hat m/(\sqrt{\hat v} + ε) + λθ$, $θ ← θ - lr \frac{‖θ‖}{‖u‖} u$; the ratio is 1 where either
 * norm is 0.
 * @see You et al. 2020, "Large Batch Optimization for Deep Learning", https://arxiv.org/abs/1904.00962
 */
export class LAMB extends Optimizer<LAMBGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<LAMBGroupOptions>, options: LAMBOptions = {}) {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-6, weightDecay = 0.01 } = options;
    const { biasCorrection: corrects = true, adapt = true, maxTrustRatio = Infinity } = options;
    const own = { betas, eps, weightDecay, biasCorrection: corrects, adapt, maxTrustRatio };
    super("LAMB", parameters, lr, { ...own, ...commonOptions(options) });
  }

  protected override stateNames(): readonly string[] {
    return ["exp_avg", "exp_avg_sq"];
  }

  protected override checkOptions(options: LAMBGroupOptions): void {
    const { betas, eps, weightDecay, maxTrustRatio } = options;
    requireBetas("LAMB", betas);
    requireNonNegative("LAMB", { eps, weightDecay });
    requireInRange("LAMB", "maxTrustRatio", maxTrustRatio, { above: 0 });
  }

  protected override prepare(
    { rate, options, momentumScalar }: ParamGroup<LAMBGroupOptions>,
    steps: Tensor,
  ): readonly Tensor[] {
    if (!options.biasCorrection) return [rate.neg()];
    const second = biasCorrection(options.betas[1], steps).sqrt();
    return [rate.neg(), biasCorrection(momentumScalar, steps), second];
  }

  protected override update(
    { value, gradient, state, group, index, dtype }: Update<LAMBGroupOptions>,
    [step, firsts, roots]: readonly Tensor[],
  ): Tensor {
    const { betas, eps, weightDecay, adapt, maxTrustRatio } = group.options;
    const moment = approach(state.exp_avg, gradient, firstWeight(group, dtype));
    const second = accumulate(state.exp_avg_sq, gradient, gradient, betas[1]);
    const corrected = (x: Tensor, by: Tensor | undefined): Tensor =>
      by === undefined ? x : x.div(by.select(0, index).to(dtype));
    const denominator = corrected(second.sqrt(), roots).add(eps);
    const plain = corrected(moment, firsts).div(denominator);
    const update = weightDecay === 0 ? plain : addScaled(plain, value, weightDecay);
    const rate = step.to(dtype);
    if (!adapt) return addExactly(value, update, rate);
    const [size, length] = [value.square().sum().sqrt(), update.square().sum().sqrt()];
    const isNone = size.eq(0).logicalOr(length.eq(0));
    const ratio = size.div(length).maskedFill(isNone, 1).clamp({ max: maxTrustRatio });
    return addExactly(value, update, rate.mul(ratio));
  }
}
