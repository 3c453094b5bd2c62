import type { Tensor } from "../tensor/tensor.ts";
import { requireNonNegative } from "./checks.ts";
import type { CommonOptions, Parameters, Update } from "./optimizer.ts";
import { Optimizer, commonOptions } from "./optimizer.ts";
import type { ParamGroup } from "./param-group.ts";
import { addProduct, addQuotient, addScaled } from "./rounding.ts";

/** Hyper-parameters of {@link Adagrad} other than the learning rate. */
export interface AdagradGroupOptions extends CommonOptions {
  /** @defaultValue 0 */
  readonly lrDecay: number;
  /** Added to the gradient times the parameter. @defaultValue 0 */
  readonly weightDecay: number;
  /** What the sum of squares starts from. @defaultValue 0 */
  readonly initialAccumulatorValue: number;
  /** @defaultValue 1e-10 */
  readonly eps: number;
}

/** Options of {@link Adagrad}. */
export interface AdagradOptions extends Partial<AdagradGroupOptions> {
  /** @defaultValue 0.01 */
  readonly lr?: number;
}

/**
 * Divides by the root of the sum of all squared gradients: $s ← s + g²$,
 * $θ ← θ - \frac{lr}{1 + (t-1)η} · g / (\sqrt{s} + ε)$.
 * @see Duchi et al. 2011, "Adaptive Subgradient Methods"
 */
export class Adagrad extends Optimizer<AdagradGroupOptions> {
  /** @throws {ConfigError} if an option is out of range. */
  constructor(parameters: Parameters<AdagradGroupOptions>, options: AdagradOptions = {}) {
    const { lr = 0.01, lrDecay = 0, weightDecay = 0 } = options;
    const { initialAccumulatorValue = 0, eps = 1e-10 } = options;
    const own = { lrDecay, weightDecay, initialAccumulatorValue, eps };
    super("Adagrad", parameters, lr, { ...own, ...commonOptions(options) });
  }

  protected override stateNames(): readonly string[] {
    return ["sum"];
  }

  protected override checkOptions(options: AdagradGroupOptions): void {
    const { lrDecay, weightDecay, initialAccumulatorValue, eps } = options;
    requireNonNegative("Adagrad", { lrDecay, weightDecay, initialAccumulatorValue, eps });
  }

  protected override prepare(
    { rate, options }: ParamGroup<AdagradGroupOptions>,
    steps: Tensor,
  ): readonly Tensor[] {
    return [rate.neg().div(steps.sub(1).mul(options.lrDecay).add(1))];
  }

  protected override update(
    { value, gradient: raw, state, group, index, dtype, isFirst }: Update<AdagradGroupOptions>,
    [stepSizes]: readonly Tensor[],
  ): Tensor {
    const { weightDecay, initialAccumulatorValue: start, eps } = group.options;
    const gradient = weightDecay === 0 ? raw : addScaled(raw, value, weightDecay);
    const before = start === 0 ? state.sum : state.sum.maskedFill(isFirst, start);
    const sum = addProduct(before, gradient, gradient, 1);
    state.sum.assign(sum);
    const denominator = sum.sqrt().add(eps);
    return addQuotient(value, gradient, denominator, stepSizes.select(0, index).to(dtype));
  }
}
