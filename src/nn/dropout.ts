import { ConfigError } from "../base/errors.ts";
import type { Generator } from "../tensor/generator.ts";
import type { Tensor } from "../tensor/tensor.ts";
import * as functional from "./functional/dropout.ts";
import { Module, formatOptions } from "./module.ts";

/** Options of the dropout modules. */
export interface DropoutModuleOptions {
  /** Where the randomness comes from. @defaultValue the default generator of x's device */
  readonly generator?: Generator | undefined;
}

/** A probability and where its randomness comes from. */
abstract class RandomMask extends Module {
  readonly p: number;
  protected readonly generator: Generator | undefined;

  /** @throws {ConfigError} if p is not in [0, 1]. */
  constructor(p = 0.5, { generator }: DropoutModuleOptions = {}) {
    super();
    if (!(p >= 0 && p <= 1)) {
      throw new ConfigError(`${this.constructor.name}: p must be in [0, 1], got ${p}`);
    }
    this.p = p;
    this.generator = generator;
  }

  /** Options of the function as things stand. */
  protected maskOptions(): functional.DropoutOptions {
    const { p, training, generator } = this;
    return { p, training: training && p > 0, generator };
  }

  protected override extraRepr(): string {
    return formatOptions({ p: this.p });
  }
}

/** In training, sets elements to 0 with probability p and divides the others by 1 - p. */
export class Dropout extends RandomMask {
  /** x with some of it dropped in training, x itself in evaluation. */
  forward(x: Tensor): Tensor {
    return functional.dropout(x, this.maskOptions());
  }
}

/** {@link Dropout} of whole channels of x [N, C, L] or [C, L]. */
export class Dropout1d extends RandomMask {
  /** x with some of it dropped in training, x itself in evaluation. */
  forward(x: Tensor): Tensor {
    return functional.dropout1d(x, this.maskOptions());
  }
}

/** {@link Dropout} of whole channels of x [N, C, H, W]. */
export class Dropout2d extends RandomMask {
  /** x with some of it dropped in training, x itself in evaluation. */
  forward(x: Tensor): Tensor {
    return functional.dropout2d(x, this.maskOptions());
  }
}

/** {@link Dropout} of whole channels of x [N, C, D, H, W] or [C, D, H, W]. */
export class Dropout3d extends RandomMask {
  /** x with some of it dropped in training, x itself in evaluation. */
  forward(x: Tensor): Tensor {
    return functional.dropout3d(x, this.maskOptions());
  }
}

/**
 * Dropout for selu that keeps mean and variance: elements become selu's saturation with probability p.
 * @see Klambauer et al. 2017, https://arxiv.org/abs/1706.02515
 */
export class AlphaDropout extends RandomMask {
  /** x with some of it dropped in training, x itself in evaluation. */
  forward(x: Tensor): Tensor {
    return functional.alphaDropout(x, this.maskOptions());
  }
}

/** {@link AlphaDropout} of whole channels of x [N, C, …]. */
export class FeatureAlphaDropout extends RandomMask {
  /** x with some of it dropped in training, x itself in evaluation. */
  forward(x: Tensor): Tensor {
    return functional.featureAlphaDropout(x, this.maskOptions());
  }
}
