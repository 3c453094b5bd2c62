import type { Tensor } from "../tensor/tensor.ts";
import { firstWeight } from "./adam.ts";
import { requireBetas, requireNonNegative } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer, commonOptions } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";
import { addScaled, approach, addExactly } from "./rounding.ts";

/** Hyper-parameters of {@link Lion} other than the learning rate. */
export interface LionGroupOptions extends CommonOptions {
  /** Weights of the past in the step and in the momentum. @defaultValue [0.9, 0.99] */
  readonly betas: readonly [number, number];
  /** Decoupled decay: lr · λ · θ. @defaultValue 0 */
  readonly weightDecay: number;
}

/** Options of {@link Lion}. */
export interface LionOptions extends Partial<LionGroupOptions> {
  /** About a tenth of AdamW's. @defaultValue 1e-4 */
  readonly lr?: number;
}

/**
 * Steps of equal size in every element: $θ ← θ - lr(\mathrm{sign}(β₁m + (1-β₁)g) + λθ)$,
 * $m ← β₂m + (1-β₂)g$.
 * @see Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", https://arxiv.org/abs/2302.06675
 */
export class Lion extends Optimizer<LionGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<LionGroupOptions>, options: LionOptions = {}) {
    const { lr = 1e-4, betas = [0.9, 0.99], weightDecay = 0 } = options;
    super("Lion", parameters, lr, { betas, weightDecay, ...commonOptions(options) });
  }

  protected override stateNames(): readonly string[] {
    return ["exp_avg"];
  }

  protected override checkOptions({ betas, weightDecay }: LionGroupOptions): void {
    requireBetas("Lion", betas);
    requireNonNegative("Lion", { weightDecay });
  }

  protected override prepare({ rate, options }: ParamGroup<LionGroupOptions>): readonly Tensor[] {
    return [rate.neg(), rate.mul(-options.weightDecay).add(1)];
  }

  protected override update(
    { value: old, gradient, state, group, dtype }: Update<LionGroupOptions>,
    [step, rest]: readonly Tensor[],
  ): Tensor {
    const { betas, weightDecay } = group.options;
    const value = weightDecay === 0 ? old : old.mul(rest.to(dtype));
    const moment = state.exp_avg;
    const direction = addScaled(moment, gradient.sub(moment), firstWeight(group, dtype)).sign();
    approach(moment, gradient, 1 - betas[1]);
    return addExactly(value, direction, step.to(dtype));
  }
}
