import { ConfigError } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireInRange } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";

/** Hyper-parameters of {@link Adam} and {@link AdamW} other than the learning rate. */
export interface AdamGroupOptions extends CommonOptions {
  /** Decay rates of the two moments, each in [0, 1). @defaultValue [0.9, 0.999] */
  readonly betas: readonly [number, number];
  /** Added to the root of the second moment after its bias correction. @defaultValue 1e-8 */
  readonly eps: number;
  /** @defaultValue 0 for Adam, 0.01 for AdamW */
  readonly weightDecay: number;
  /** Divides by the largest second moment so far. @defaultValue false */
  readonly amsgrad: boolean;
}

/** Options of {@link Adam}. */
export interface AdamOptions extends Partial<AdamGroupOptions> {
  /** @defaultValue 1e-3 */
  readonly lr?: number;
}

/** How weight decay enters: in the gradient, scaled by lr, or scaled by the schedule alone. */
type Decay = "gradient" | "rate" | "schedule";

function checkOptions(owner: string, { betas, eps, weightDecay }: AdamGroupOptions): void {
  if (!Array.isArray(betas) || betas.length !== 2) {
    throw new ConfigError(`${owner}: betas must be two numbers, got ${String(betas)}`);
  }
  betas.forEach((beta, i) => requireInRange(owner, `betas[${i}]`, beta, { min: 0, below: 1 }));
  requireInRange(owner, "eps", eps, { min: 0 });
  requireInRange(owner, "weightDecay", weightDecay, { min: 0 });
}

function stateNames({ amsgrad }: AdamGroupOptions): readonly string[] {
  return amsgrad ? ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"] : ["exp_avg", "exp_avg_sq"];
}

/** 1 - β^t without cancellation, from log β in double precision. */
function biasCorrection(beta: number, steps: Tensor): Tensor {
  return steps.mul(Math.log(beta)).expm1().neg();
}

/** lr / (1 - β₁^t) and 1 / √(1 - β₂^t), one entry per parameter. */
function corrections(group: ParamGroup<AdamGroupOptions>, steps: Tensor): readonly Tensor[] {
  const [beta1, beta2] = group.options.betas;
  return [
    group.rate.div(biasCorrection(beta1, steps)),
    biasCorrection(beta2, steps).sqrt().reciprocal(),
  ];
}

/** Follows the moving average of `next` with the given decay rate. */
function average(state: Tensor, next: Tensor, beta: number): Tensor {
  // As a difference: 1 - β is rounded with less relative error than β.
  const value = state.add(next.sub(state).mul(1 - beta));
  state.assign(value);
  return value;
}

function adamStep(
  { value, gradient: raw, state, group, index, dtype }: Update<AdamGroupOptions>,
  [stepSizes, roots]: readonly Tensor[],
  decay: Decay,
): Tensor {
  const { betas, eps, weightDecay } = group.options;
  const isCoupled = decay === "gradient" && weightDecay !== 0;
  const gradient = isCoupled ? raw.add(value.mul(weightDecay)) : raw;
  const moment = average(state.exp_avg, gradient, betas[0]);
  let second = average(state.exp_avg_sq, gradient.square(), betas[1]);
  const largest = state.max_exp_avg_sq;
  if (largest !== undefined) {
    second = largest.maximum(second);
    largest.assign(second);
  }
  const stepSize = stepSizes.select(0, index).to(dtype);
  const denominator = second.sqrt().mul(roots.select(0, index).to(dtype)).add(eps);
  const update = moment.div(denominator).mul(stepSize);
  if (weightDecay === 0 || decay === "gradient") return value.sub(update);
  // One rounding at the size of the parameter, instead of two with a product by 1 - lr λ.
  const rate = group.rate
    .to(dtype)
    .mul(decay === "rate" ? weightDecay : weightDecay / group.initialLr);
  return value.sub(update.add(value.mul(rate)));
}

/**
 * Adam: steps scaled by moving averages of the gradient and of its square.
 * $m ← β₁m + (1-β₁)g$, $v ← β₂v + (1-β₂)g²$,
 * $θ ← θ - lr · \frac{m/(1-β₁^t)}{\sqrt{v/(1-β₂^t)} + ε}$; weight decay adds $λθ$ to $g$.
 *
 * DTypes: state and arithmetic in f32 for f16, bf16 and f32 parameters, in f64 for f64.
 * @see Kingma and Ba 2015, "Adam", https://arxiv.org/abs/1412.6980
 */
export class Adam extends Optimizer<AdamGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<AdamGroupOptions>, options: AdamOptions = {}) {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options;
    const { amsgrad = false, maximize = false } = options;
    super("Adam", parameters, lr, { betas, eps, weightDecay, amsgrad, maximize });
  }

  protected override stateNames(options: AdamGroupOptions): readonly string[] {
    return stateNames(options);
  }

  protected override checkOptions(options: AdamGroupOptions): void {
    checkOptions("Adam", options);
  }

  protected override prepare(
    group: ParamGroup<AdamGroupOptions>,
    steps: Tensor,
  ): readonly Tensor[] {
    return corrections(group, steps);
  }

  protected override update(update: Update<AdamGroupOptions>, shared: readonly Tensor[]): Tensor {
    return adamStep(update, shared, "gradient");
  }
}

/** Hyper-parameters of {@link AdamW} other than the learning rate. */
export interface AdamWGroupOptions extends AdamGroupOptions {
  /**
   * Whether the decay is lr · λ, as in PyTorch. `false` is the paper's form: λ times the schedule's
   * multiplier lr / initialLr alone, so that lr and λ can be tuned apart. @defaultValue true
   */
  readonly lrScaledDecay: boolean;
}

/** Options of {@link AdamW}. */
export interface AdamWOptions extends Partial<AdamWGroupOptions> {
  /** @defaultValue 1e-3 */
  readonly lr?: number;
}

/**
 * Adam with weight decay outside of the moments: $θ ← θ - lr·λ·θ$ beside {@link Adam}'s step.
 * @see Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", https://arxiv.org/abs/1711.05101
 */
export class AdamW extends Optimizer<AdamWGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<AdamWGroupOptions>, options: AdamWOptions = {}) {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0.01 } = options;
    const { amsgrad = false, maximize = false, lrScaledDecay = true } = options;
    const group = { betas, eps, weightDecay, amsgrad, maximize, lrScaledDecay };
    super("AdamW", parameters, lr, group);
  }

  protected override stateNames(options: AdamWGroupOptions): readonly string[] {
    return stateNames(options);
  }

  protected override checkOptions(options: AdamWGroupOptions): void {
    checkOptions("AdamW", options);
  }

  protected override prepare(
    group: ParamGroup<AdamWGroupOptions>,
    steps: Tensor,
  ): readonly Tensor[] {
    return corrections(group, steps);
  }

  protected override update(update: Update<AdamWGroupOptions>, shared: readonly Tensor[]): Tensor {
    return adamStep(update, shared, update.group.options.lrScaledDecay ? "rate" : "schedule");
  }
}
