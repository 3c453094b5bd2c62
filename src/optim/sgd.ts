import { ConfigError } from "../base/errors.ts";
import { onesLike } from "../tensor/factories.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireInRange } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";

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
    const { lr = 1e-3, momentum = 0, dampening = 0, weightDecay = 0 } = options;
    const { nesterov = false, maximize = false } = options;
    super("SGD", parameters, lr, { momentum, dampening, weightDecay, nesterov, maximize });
  }

  protected override stateNames({ momentum }: SGDGroupOptions): readonly string[] {
    return momentum === 0 ? [] : ["momentum_buffer"];
  }

  protected override checkOptions(options: SGDGroupOptions): void {
    const { momentum, dampening, weightDecay, nesterov } = options;
    requireInRange("SGD", "momentum", momentum, { min: 0 });
    requireInRange("SGD", "dampening", dampening, {});
    requireInRange("SGD", "weightDecay", weightDecay, { min: 0 });
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new ConfigError(
        `SGD: nesterov needs momentum > 0 and dampening 0, got ${momentum} and ${dampening}`,
      );
    }
  }

  protected override prepare(group: ParamGroup<SGDGroupOptions>, steps: Tensor): readonly Tensor[] {
    const { dampening, momentum } = group.options;
    if (dampening === 0 || momentum === 0) return [];
    return [onesLike(steps).where(steps.eq(1), 1 - dampening)];
  }

  protected override update(update: Update<SGDGroupOptions>, shared: readonly Tensor[]): Tensor {
    const { value, state, group, dtype, index } = update;
    const { momentum, weightDecay, nesterov } = group.options;
    let { gradient } = update;
    if (weightDecay !== 0) gradient = gradient.add(value.mul(weightDecay));
    const buffer = state.momentum_buffer;
    if (buffer !== undefined) {
      const [share] = shared;
      const kept = share === undefined ? gradient : gradient.mul(share.select(0, index).to(dtype));
      const next = buffer.mul(momentum).add(kept);
      buffer.assign(next);
      gradient = nesterov ? gradient.add(next.mul(momentum)) : next;
    }
    return value.sub(gradient.mul(group.rate.to(dtype)));
  }
}
