import type { Tensor } from "../tensor/tensor.ts";
import { requireInRange, requireNonNegative } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer, commonOptions } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";
import { accumulate, addScaled, addExactly } from "./rounding.ts";

/** Hyper-parameters of {@link Adadelta} other than the learning rate. */
export interface AdadeltaGroupOptions extends CommonOptions {
  /** Decay rate of both averages, in [0, 1]. @defaultValue 0.9 */
  readonly rho: number;
  /** @defaultValue 1e-6 */
  readonly eps: number;
  /** Added to the gradient times the parameter. @defaultValue 0 */
  readonly weightDecay: number;
}

/** Options of {@link Adadelta}. */
export interface AdadeltaOptions extends Partial<AdadeltaGroupOptions> {
  /** @defaultValue 1 */
  readonly lr?: number;
}

/**
 * Steps in the units of the parameters: $v ← ρv + (1-ρ)g²$,
 * $Δ = \sqrt{u+ε} / \sqrt{v+ε} · g$, $u ← ρu + (1-ρ)Δ²$, $θ ← θ - lr·Δ$.
 * @see Zeiler 2012, "ADADELTA", https://arxiv.org/abs/1212.5701
 */
export class Adadelta extends Optimizer<AdadeltaGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<AdadeltaGroupOptions>, options: AdadeltaOptions = {}) {
    const { lr = 1, rho = 0.9, eps = 1e-6, weightDecay = 0 } = options;
    super("Adadelta", parameters, lr, { rho, eps, weightDecay, ...commonOptions(options) });
  }

  protected override stateNames(): readonly string[] {
    return ["square_avg", "acc_delta"];
  }

  protected override checkOptions({ rho, eps, weightDecay }: AdadeltaGroupOptions): void {
    requireInRange("Adadelta", "rho", rho, { min: 0, max: 1 });
    requireNonNegative("Adadelta", { eps, weightDecay });
  }

  protected override prepare({ rate }: ParamGroup<AdadeltaGroupOptions>): readonly Tensor[] {
    return [rate.neg()];
  }

  protected override update(
    { value, gradient: raw, state, group, dtype }: Update<AdadeltaGroupOptions>,
    [step]: readonly Tensor[],
  ): Tensor {
    const { rho, eps, weightDecay } = group.options;
    const gradient = weightDecay === 0 ? raw : addScaled(raw, value, weightDecay);
    const square = accumulate(state.square_avg, gradient, gradient, rho);
    const ratio = state.acc_delta.add(eps).sqrt().div(square.add(eps).sqrt());
    const delta = ratio.mul(gradient);
    accumulate(state.acc_delta, delta, delta, rho);
    return addExactly(value, delta, step.to(dtype));
  }
}
