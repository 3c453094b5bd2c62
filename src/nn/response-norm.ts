import type { LocalResponseNormOptions } from "../tensor/ops/response-norm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { localResponseNorm } from "./functional/normalization.ts";
import { Module, formatOptions } from "./module.ts";

/**
 * Divides x [N, C, …] by (k + alpha · mean square of `size` neighbouring channels)^beta.
 * @see Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks"
 */
export class LocalResponseNorm extends Module {
  readonly size: number;
  protected readonly options: Required<LocalResponseNormOptions>;

  constructor(size: number, { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions = {}) {
    super();
    this.size = size;
    this.options = { alpha, beta, k };
  }

  /** @throws {ShapeError} below three dims. */
  forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, this.options);
  }

  protected override extraRepr(): string {
    return `${this.size}, ${formatOptions({ ...this.options })}`;
  }
}
