import type { Tensor } from "../tensor/tensor.ts";
import { requireInRange, requireNonNegative } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer, commonOptions } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";
import { addExactly } from "./rounding.ts";

/** Hyper-parameters of {@link ASGD} other than the learning rate. */
export interface ASGDGroupOptions extends CommonOptions {
  /** Decay of the parameters, and pace at which the rate falls. @defaultValue 1e-4 */
  readonly lambd: number;
  /** Power of the falling rate. @defaultValue 0.75 */
  readonly alpha: number;
  /** Step from which on the parameters are averaged. @defaultValue 1e6 */
  readonly t0: number;
  /** Added to the gradient times the parameter. @defaultValue 0 */
  readonly weightDecay: number;
}

/** Options of {@link ASGD}. */
export interface ASGDOptions extends Partial<ASGDGroupOptions> {
  /** @defaultValue 0.01 */
  readonly lr?: number;
}

/**
 * Averaged stochastic gradient descent: $θ ← (1 - λη)θ - ηg$ with
 * $η = lr / (1 + λ·lr·t)^α$; the mean of the parameters after step t0 is the state `ax`.
 * @see Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging"
 */
export class ASGD extends Optimizer<ASGDGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<ASGDGroupOptions>, options: ASGDOptions = {}) {
    const { lr = 0.01, lambd = 1e-4, alpha = 0.75, t0 = 1e6, weightDecay = 0 } = options;
    super("ASGD", parameters, lr, { lambd, alpha, t0, weightDecay, ...commonOptions(options) });
  }

  protected override stateNames(): readonly string[] {
    return ["eta", "mu", "ax"];
  }

  protected override stateShape(name: string, parameter: Tensor): readonly number[] {
    return name === "ax" ? parameter.shape : [];
  }

  protected override checkOptions({ lambd, alpha, t0, weightDecay }: ASGDGroupOptions): void {
    requireNonNegative("ASGD", { weightDecay });
    for (const [name, value] of Object.entries({ lambd, alpha, t0 })) {
      requireInRange("ASGD", name, value, {});
    }
  }

  /** The rate, η of the next step and the share of the next parameters in their mean. */
  protected override prepare(
    { rate, options }: ParamGroup<ASGDGroupOptions>,
    steps: Tensor,
  ): readonly Tensor[] {
    const { lambd, alpha, t0 } = options;
    const slowed = rate.mul(lambd).mul(steps).add(1).pow(alpha);
    return [rate, rate.div(slowed), steps.sub(t0).maximum(1).reciprocal()];
  }

  protected override update(
    { value, gradient: raw, state, group, index, dtype, isFirst }: Update<ASGDGroupOptions>,
    [rate, etas, mus]: readonly Tensor[],
  ): Tensor {
    const { lambd, weightDecay } = group.options;
    const gradient = weightDecay === 0 ? raw : addExactly(raw, value, weightDecay);
    const eta = rate.to(dtype).where(isFirst, state.eta);
    const mu = state.mu.maskedFill(isFirst, 1);
    const rest = eta.mul(-lambd).add(1);
    const next = addExactly(value.mul(rest), gradient, eta.neg());
    const mean = state.ax.add(next.sub(state.ax).mul(mu));
    state.ax.assign(next.where(mu.eq(1), mean));
    state.eta.assign(etas.select(0, index).to(dtype));
    state.mu.assign(mus.select(0, index).to(dtype));
    return next;
  }
}
