import { ShapeError } from "../base/errors.ts";
import { arange, eye } from "../tensor/factories.ts";
import * as random from "../tensor/random.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { TensorLike } from "../tensor/tensor.ts";
import { oneOf, withProbs } from "./bernoulli.ts";
import type { Constraint } from "./constraint.ts";
import { integersUpTo, oneHot, real, simplex } from "./constraint.ts";
import type { DistributionOptions, SampleOptions, Shape } from "./distribution.ts";
import { Distribution, checkParameters } from "./distribution.ts";
import { broadcastShapes, clampProbabilities, constantLike } from "./shapes.ts";

/** Chances of categories along the last dim: probabilities (or weights), or their logarithms. */
export interface CategoryOptions extends DistributionOptions {
  readonly probs?: Tensor | undefined;
  readonly logits?: Tensor | undefined;
}

/**
 * One of the categories 0 … K−1, as an i32 index.
 * Shapes: probs or logits [..., K] -> batch [...], event [].
 */
export class Categorical extends Distribution {
  readonly #probs: Tensor | undefined;
  readonly #logits: Tensor | undefined;
  readonly numEvents: number;

  /**
   * @param probs - weights ≥ 0, divided by their sum, or options with `probs` or `logits` (of any
   * offset).
   */
  constructor(probs: Tensor | CategoryOptions, rest: DistributionOptions = {}) {
    const options = withProbs(probs, rest);
    const { value, isLogits } = oneOf("Categorical", options);
    if (!(value instanceof Tensor) || value.ndim < 1) {
      throw new ShapeError("Categorical: probs or logits must be a tensor of at least one dim");
    }
    super(value.shape.slice(0, -1), [], options);
    this.numEvents = value.size(-1);
    if (isLogits) {
      this.#logits = value.sub(value.logsumexp(-1, { keepdim: true }));
      checkParameters("Categorical", [{ name: "logits", value, constraint: real }], options);
    } else {
      this.#probs = value.div(value.sum({ dim: -1, keepdim: true }));
      const checked = [{ name: "probs", value: this.#probs, constraint: simplex }];
      checkParameters("Categorical", checked, options);
    }
  }

  /** Probabilities, with the sum 1. */
  get probs(): Tensor {
    return this.#probs ?? this.logits.softmax(-1);
  }

  /** Logarithms of the probabilities. */
  get logits(): Tensor {
    return this.#logits ?? clampProbabilities(this.probs).log();
  }

  override get support(): Constraint {
    return integersUpTo(this.numEvents - 1);
  }

  override get mean(): Tensor {
    return constantLike(this.probs.select(-1, 0), NaN);
  }

  override get mode(): Tensor {
    return this.probs.argmax({ dim: -1 });
  }

  override get variance(): Tensor {
    return constantLike(this.probs.select(-1, 0), NaN);
  }

  /** The given parameter, expanded. */
  protected expanded(batchShape: Shape): CategoryOptions {
    const shape = [...batchShape, this.numEvents];
    const { validateArgs } = this;
    return this.#probs === undefined
      ? { logits: this.logits.expand(shape), validateArgs }
      : { probs: this.#probs.expand(shape), validateArgs };
  }

  override expand(batchShape: Shape): Categorical {
    return new Categorical(this.expanded(batchShape));
  }

  protected override draw(shape: Shape, { generator }: SampleOptions): Tensor {
    const logits = this.#logits ?? this.probs.log();
    const wide = logits.detach().expand([...shape, ...logits.shape]);
    return random.categorical(wide, { generator });
  }

  override logProb(value: TensorLike): Tensor {
    const { logits } = this;
    const index = this.outcome("logProb", value, logits);
    const batch = broadcastShapes("Categorical.logProb", index.shape, this.batchShape);
    const wide = logits.expand([...batch, this.numEvents]);
    const places = index.to("i32").broadcastTo(batch).unsqueeze(-1);
    return wide.gather(-1, places).reshape(batch);
  }

  override entropy(): Tensor {
    const { logits, probs } = this;
    const terms = logits.clampMin(logits.dtype === "f64" ? -1.7e308 : -3.4e38).mul(probs);
    return terms.sum({ dim: -1 }).neg();
  }

  override enumerateSupport({ expand = true }: { readonly expand?: boolean } = {}): Tensor {
    const { numEvents, batchShape } = this;
    const values = arange(numEvents, { device: this.probs.device });
    const line = values.reshape([numEvents, ...batchShape.map(() => 1)]);
    return expand ? line.expand([numEvents, ...batchShape]) : line;
  }
}

/** One of K categories as a vector with a 1. */
export class OneHotCategorical extends Distribution {
  readonly categorical: Categorical;

  /** @param options - `probs` or `logits`, [..., K]. */
  constructor(probs: Tensor | CategoryOptions, options: DistributionOptions = {}) {
    const categorical = new Categorical(probs, options);
    super(categorical.batchShape, [categorical.numEvents], withProbs(probs, options));
    this.categorical = categorical;
  }

  /** Probabilities, with the sum 1. */
  get probs(): Tensor {
    return this.categorical.probs;
  }

  /** Logarithms of the probabilities. */
  get logits(): Tensor {
    return this.categorical.logits;
  }

  override get support(): Constraint {
    return oneHot;
  }

  override get mean(): Tensor {
    return this.probs;
  }

  override get mode(): Tensor {
    return this.#vector(this.categorical.mode);
  }

  override get variance(): Tensor {
    return this.probs.mul(this.probs.neg().add(1));
  }

  override expand(batchShape: Shape): OneHotCategorical {
    const { logits, validateArgs } = this;
    const shape = [...batchShape, this.categorical.numEvents];
    return new OneHotCategorical({ logits: logits.expand(shape), validateArgs });
  }

  #vector(index: Tensor): Tensor {
    const { dtype, device } = this.probs;
    return index.unsqueeze(-1).eq(arange(this.categorical.numEvents, { device })).to(dtype);
  }

  protected override draw(shape: Shape, options: SampleOptions): Tensor {
    return this.#vector(this.categorical.sample(shape, options));
  }

  override logProb(value: TensorLike): Tensor {
    const vector = this.outcome("logProb", value, this.probs);
    return this.categorical.logProb(vector.argmax({ dim: -1 }));
  }

  override entropy(): Tensor {
    return this.categorical.entropy();
  }

  override enumerateSupport({ expand = true }: { readonly expand?: boolean } = {}): Tensor {
    const { dtype, device } = this.probs;
    const count = this.categorical.numEvents;
    const rows = eye(count, { dtype, device });
    const line = rows.reshape([count, ...this.batchShape.map(() => 1), count]);
    return expand ? line.expand([count, ...this.batchShape, count]) : line;
  }
}

/**
 * As OneHotCategorical, with gradients of samples taken as if they were the probabilities.
 * @see Bengio et al. 2013, "Estimating or Propagating Gradients Through Stochastic Neurons"
 */
export class OneHotCategoricalStraightThrough extends OneHotCategorical {
  override get hasRsample(): boolean {
    return true;
  }

  override rsample(shape: Shape = [], options: SampleOptions = {}): Tensor {
    const { probs } = this;
    return this.sample(shape, options).add(probs.sub(probs.detach()));
  }

  override expand(batchShape: Shape): OneHotCategoricalStraightThrough {
    const { logits, validateArgs } = this;
    const shape = [...batchShape, this.categorical.numEvents];
    return new OneHotCategoricalStraightThrough({ logits: logits.expand(shape), validateArgs });
  }
}
