import { ConfigError, ShapeError, UnsupportedOpError } from "../base/errors.ts";
import type { Generator } from "../tensor/generator.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";
import type { Constraint } from "./constraint.ts";
import { broadcastShapes, scalarLike } from "./shapes.ts";

/** Sizes of a tensor, outermost first. */
export type Shape = Tensor["shape"];

/** Options every distribution takes. */
export interface DistributionOptions {
  /**
   * Whether tensors are read and checked: parameters when the distribution is made, values in
   * `logProb` and `cdf`. Reading takes time and is not possible inside jit. Plain numbers are always
   * checked. @defaultValue false
   */
  readonly validateArgs?: boolean | undefined;
}

/** Options of a draw. */
export interface SampleOptions {
  /** @defaultValue the default generator of the device */
  readonly generator?: Generator | undefined;
}

/** A parameter of a distribution and what it must satisfy. */
export interface CheckedParameter {
  readonly name: string;
  readonly value: TensorLike;
  readonly constraint: Constraint;
}

/**
 * A probability distribution over tensors, with torch.distributions' meaning: `batchShape` counts
 * independent distributions, `eventShape` is the shape of one outcome of each.
 */
export abstract class Distribution {
  /** Shape of the family of distributions. */
  readonly batchShape: Shape;
  /** Shape of one outcome. */
  readonly eventShape: Shape;
  /** Whether values are checked. */
  readonly validateArgs: boolean;

  constructor(batchShape: Shape, eventShape: Shape, { validateArgs = false }: DistributionOptions) {
    this.batchShape = [...batchShape];
    this.eventShape = [...eventShape];
    this.validateArgs = validateArgs;
  }

  /** The set of possible outcomes. */
  abstract get support(): Constraint;

  /** Expected value. */
  abstract get mean(): Tensor;

  /** Expected squared distance from the mean. */
  abstract get variance(): Tensor;

  /** ln of the density or probability of outcomes: shape [...sample, ...batch]. */
  abstract logProb(value: TensorLike): Tensor;

  /** The same distribution repeated to another batch shape. */
  abstract expand(batchShape: Shape): Distribution;

  /**
   * Outcomes of shape [...shape, ...batch, ...event].
   * @param isDifferentiable - whether gradients will be asked for: `rsample`, not `sample`.
   */
  protected abstract draw(shape: Shape, options: SampleOptions, isDifferentiable: boolean): Tensor;

  /** Whether gradients flow from `rsample` to the parameters. */
  get hasRsample(): boolean {
    return false;
  }

  /** Square root of the variance. */
  get stddev(): Tensor {
    return this.variance.sqrt();
  }

  /** The most likely outcome. @throws {UnsupportedOpError} where there is no formula. */
  get mode(): Tensor {
    return this.unsupported("mode");
  }

  /** e to the power of the entropy. */
  get perplexity(): Tensor {
    return this.entropy().exp();
  }

  /** Outcomes, as constants: no gradient flows. */
  sample(shape: Shape = [], options: SampleOptions = {}): Tensor {
    return this.draw(shape, options, false).detach();
  }

  /**
   * Outcomes through which gradients reach the parameters.
   * @throws {UnsupportedOpError} where `hasRsample` is false.
   */
  rsample(shape: Shape = [], options: SampleOptions = {}): Tensor {
    if (!this.hasRsample) return this.unsupported("rsample");
    return this.draw(shape, options, true);
  }

  /** Expected −ln p, in nats. @throws {UnsupportedOpError} where there is no formula. */
  entropy(): Tensor {
    return this.unsupported("entropy");
  }

  /** Probability of outcomes ≤ value. */
  cdf(_value: TensorLike): Tensor {
    return this.unsupported("cdf");
  }

  /** The value whose `cdf` is the given probability. */
  icdf(_probability: TensorLike): Tensor {
    return this.unsupported("icdf");
  }

  /** All outcomes of a discrete distribution along a new first dim. */
  enumerateSupport(_options?: { readonly expand?: boolean }): Tensor {
    return this.unsupported("enumerateSupport");
  }

  /** Full shape of a draw. */
  protected extendedShape(shape: Shape): number[] {
    return [...shape, ...this.batchShape, ...this.eventShape];
  }

  /** The value as a tensor beside `like`; checked where asked for. */
  protected outcome(op: string, value: TensorLike, like: Tensor): Tensor {
    const tensor = typeof value === "number" ? scalarLike(value, like) : value;
    this.#requireShape(op, tensor);
    if (this.validateArgs) {
      requireConstraint(`${this.constructor.name}.${op}: value`, tensor, this.support);
    }
    return tensor;
  }

  /** Refuses values whose last dims are no outcome. */
  #requireShape(op: string, value: Tensor): void {
    const count = this.eventShape.length;
    const event = value.shape.slice(value.ndim - count);
    if (value.ndim < count || !event.every((n, i) => n === this.eventShape[i] || n === 1)) {
      throw new ShapeError(
        `${this.constructor.name}.${op}: value must end with the event shape [${this.eventShape.join(", ")}], got [${value.shape.join(", ")}]`,
      );
    }
    broadcastShapes(
      `${this.constructor.name}.${op}`,
      value.shape.slice(0, value.ndim - count),
      this.batchShape,
    );
  }

  /** Refuses what this distribution has no formula for. */
  protected unsupported(what: string): never {
    throw new UnsupportedOpError(
      `${this.constructor.name}: ${what} has no closed form here; estimate it from samples`,
    );
  }
}

/** @throws {ConfigError} if a value is outside the set. */
function requireConstraint(what: string, value: Tensor, constraint: Constraint): void {
  const holds = constraint.check(value).all();
  if (holds.itemSync() === 0) {
    throw new ConfigError(`${what} must satisfy the constraint ${constraint.name}`);
  }
}

/** Checks numbers at once and tensors where asked for. */
export function checkParameters(
  name: string,
  parameters: readonly CheckedParameter[],
  { validateArgs = false }: DistributionOptions,
): void {
  for (const { name: parameter, value, constraint } of parameters) {
    if (typeof value === "number") {
      if (!holdsForNumber(value, constraint.name)) {
        throw new ConfigError(
          `${name}: ${parameter} must satisfy the constraint ${constraint.name}, got ${value}`,
        );
      }
    } else if (validateArgs) {
      requireConstraint(`${name}: ${parameter}`, value, constraint);
    }
  }
}

/** The constraints a single number can break, without a device. */
function holdsForNumber(value: number, constraint: string): boolean {
  switch (constraint) {
    case "positive":
      return value > 0;
    case "nonnegative":
      return value >= 0;
    case "unitInterval":
      return value >= 0 && value <= 1;
    case "nonnegativeInteger":
      return Number.isInteger(value) && value >= 0;
    default:
      return !Number.isNaN(value);
  }
}
