import { ConfigError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireInRange, requireNonNegative } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer, commonOptions } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";
import { addScaled, addExactly, scalarTo } from "./rounding.ts";

/** Hyper-parameters of {@link SGD} other than the learning rate. */
export interface SGDGroupOptions extends CommonOptions {
  /** @defaultValue 0 */
  readonly momentum: number;
  /** Share of a gradient that does not enter the momentum. @defaultValue 0 */
  readonly dampening: number;
  /** Added to the gradient times the parameter. @defaultValue 0 */
  readonly weightDecay: number;
  /** @defaultValue false */
  readonly nesterov: boolean;
}

/** Options of {@link SGD}. */
export interface SGDOptions extends Partial<SGDGroupOptions> {
  /** @defaultValue 1e-3 */
  readonly lr?: number;
}

/**
 * Stochastic gradient descent, with momentum if asked for.
 * $g ← g + λθ$; $b ← μb + (1-τ)g$ (the first time $b ← g$); $θ ← θ - lr·b$, or
 * $θ - lr·(g + μb)$ with Nesterov's momentum.
 * @see Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning".
 */
export class SGD extends Optimizer<SGDGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<SGDGroupOptions>, options: SGDOptions = {}) {
    const { lr = 1e-3, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false } = options;
    const own = { momentum, dampening, weightDecay, nesterov };
    super("SGD", parameters, lr, { ...own, ...commonOptions(options) });
  }

  protected override stateNames({ momentum }: SGDGroupOptions): readonly string[] {
    return momentum === 0 ? [] : ["momentum_buffer"];
  }

  protected override checkOptions(options: SGDGroupOptions): void {
    const { momentum, dampening, weightDecay, nesterov } = options;
    requireNonNegative("SGD", { momentum, weightDecay });
    requireInRange("SGD", "dampening", dampening, {});
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new ConfigError(
        `SGD: nesterov needs momentum > 0 and dampening 0, got ${momentum} and ${dampening}`,
      );
    }
  }

  protected override prepare({ rate }: ParamGroup<SGDGroupOptions>): readonly Tensor[] {
    return [rate.neg()];
  }

  protected override update(
    { value, gradient: raw, state, group, dtype, isFirst }: Update<SGDGroupOptions>,
    [step]: readonly Tensor[],
  ): Tensor {
    const { dampening, weightDecay, nesterov } = group.options;
    let gradient = weightDecay === 0 ? raw : addExactly(raw, value, weightDecay);
    const buffer = state.momentum_buffer;
    if (buffer !== undefined) {
      const momentum = scalarTo(group.momentumScalar, dtype);
      const later = addScaled(buffer.mul(momentum), gradient, 1 - dampening);
      const next = dampening === 0 ? later : gradient.where(isFirst, later);
      buffer.assign(next);
      gradient = nesterov ? addExactly(gradient, next, momentum) : next;
    }
    return addExactly(value, gradient, step.to(dtype));
  }
}
