import { ConfigError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer, commonOptions } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";

/** Hyper-parameters of {@link Rprop} other than the learning rate. */
export interface RpropGroupOptions extends CommonOptions {
  /** Factors of the step size after a change of sign and without one. @defaultValue [0.5, 1.2] */
  readonly etas: readonly [number, number];
  /** Smallest and largest step size. @defaultValue [1e-6, 50] */
  readonly stepSizes: readonly [number, number];
}

/** Options of {@link Rprop}. */
export interface RpropOptions extends Partial<RpropGroupOptions> {
  /** Step size of every element at the start. @defaultValue 0.01 */
  readonly lr?: number;
}

/**
 * Resilient back-propagation, for whole-data gradients: only signs count. An element's step size
 * grows while its gradient keeps the sign, and shrinks, without a step, when the sign turns.
 * @see Riedmiller and Braun 1993, "A direct adaptive method for faster backpropagation learning"
 */
export class Rprop extends Optimizer<RpropGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<RpropGroupOptions>, options: RpropOptions = {}) {
    const { lr = 0.01, etas = [0.5, 1.2], stepSizes = [1e-6, 50] } = options;
    super("Rprop", parameters, lr, { etas, stepSizes, ...commonOptions(options) });
  }

  protected override stateNames(): readonly string[] {
    return ["prev", "step_size"];
  }

  protected override checkOptions({ etas, stepSizes }: RpropGroupOptions): void {
    const [down, up] = etas;
    if (!(down > 0 && down < 1 && up > 1)) {
      throw new ConfigError(`Rprop: etas must be 0 < η⁻ < 1 < η⁺, got ${String(etas)}`);
    }
    if (!(stepSizes[0] <= stepSizes[1])) {
      throw new ConfigError(`Rprop: stepSizes must be [least, most], got ${String(stepSizes)}`);
    }
  }

  protected override prepare({ rate }: ParamGroup<RpropGroupOptions>): readonly Tensor[] {
    return [rate];
  }

  protected override update(
    { value, gradient, state, group, dtype, isFirst }: Update<RpropGroupOptions>,
    [rate]: readonly Tensor[],
  ): Tensor {
    const { etas, stepSizes } = group.options;
    const [min, max] = stepSizes;
    const agreement = gradient.mul(state.prev);
    const hasTurned = agreement.lt(0);
    const before = rate.to(dtype).where(isFirst, state.step_size);
    const factor = agreement.mul(0).add(1).maskedFill(agreement.gt(0), etas[1]);
    const size = before.mul(factor.maskedFill(hasTurned, etas[0])).clamp({ min, max });
    const kept = gradient.maskedFill(hasTurned, 0);
    state.step_size.assign(size);
    state.prev.assign(kept);
    return value.sub(kept.sign().mul(size));
  }
}
