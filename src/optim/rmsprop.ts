import type { Tensor } from "../tensor/tensor.ts";
import { requireNonNegative } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer, commonOptions } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";
import {
  accumulate,
  addProduct,
  addQuotient,
  addScaled,
  approach,
  addExactly,
  scalarTo,
} from "./rounding.ts";

/** Hyper-parameters of {@link RMSprop} other than the learning rate. */
export interface RMSpropGroupOptions extends CommonOptions {
  /** Decay rate of the mean square. @defaultValue 0.99 */
  readonly alpha: number;
  /** Added to the root. @defaultValue 1e-8 */
  readonly eps: number;
  /** Added to the gradient times the parameter. @defaultValue 0 */
  readonly weightDecay: number;
  /** @defaultValue 0 */
  readonly momentum: number;
  /** Divides by the standard deviation instead of the root mean square. @defaultValue false */
  readonly centered: boolean;
}

/** Options of {@link RMSprop}. */
export interface RMSpropOptions extends Partial<RMSpropGroupOptions> {
  /** @defaultValue 0.01 */
  readonly lr?: number;
}

/**
 * Divides by the root of a moving mean of squares: $v ← αv + (1-α)g²$,
 * $θ ← θ - lr · g / (\sqrt{v} + ε)$; with momentum $b ← μb + g/(\sqrt{v}+ε)$, $θ ← θ - lr·b$.
 * @see Hinton, "Neural Networks for Machine Learning", lecture 6; Graves 2013 for the centred form.
 */
export class RMSprop extends Optimizer<RMSpropGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<RMSpropGroupOptions>, options: RMSpropOptions = {}) {
    const { lr = 0.01, alpha = 0.99, eps = 1e-8, weightDecay = 0 } = options;
    const { momentum = 0, centered = false } = options;
    const own = { alpha, eps, weightDecay, momentum, centered };
    super("RMSprop", parameters, lr, { ...own, ...commonOptions(options) });
  }

  protected override stateNames({ momentum, centered }: RMSpropGroupOptions): readonly string[] {
    return [
      "square_avg",
      ...(momentum > 0 ? ["momentum_buffer"] : []),
      ...(centered ? ["grad_avg"] : []),
    ];
  }

  protected override checkOptions(options: RMSpropGroupOptions): void {
    const { alpha, eps, weightDecay, momentum } = options;
    requireNonNegative("RMSprop", { alpha, eps, weightDecay, momentum });
  }

  protected override prepare({ rate }: ParamGroup<RMSpropGroupOptions>): readonly Tensor[] {
    return [rate.neg()];
  }

  protected override update(
    { value, gradient: raw, state, group, dtype }: Update<RMSpropGroupOptions>,
    [step]: readonly Tensor[],
  ): Tensor {
    const { alpha, eps, weightDecay } = group.options;
    const gradient = weightDecay === 0 ? raw : addScaled(raw, value, weightDecay);
    let square = accumulate(state.square_avg, gradient, gradient, alpha);
    if (state.grad_avg !== undefined) {
      const mean = approach(state.grad_avg, gradient, 1 - alpha);
      square = addProduct(square, mean, mean, -1);
    }
    const denominator = square.sqrt().add(eps);
    const buffer = state.momentum_buffer;
    if (buffer === undefined) return addQuotient(value, gradient, denominator, step.to(dtype));
    const kept = buffer.mul(scalarTo(group.momentumScalar, dtype));
    const next = addQuotient(kept, gradient, denominator, 1);
    buffer.assign(next);
    return addExactly(value, next, step.to(dtype));
  }
}
