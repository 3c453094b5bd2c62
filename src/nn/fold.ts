import type { FoldOptions } from "../tensor/ops/fold.ts";
import type { Sizes } from "../tensor/ops/spatial.ts";
import type { Tensor } from "../tensor/tensor.ts";
import * as functional from "./functional/spatial.ts";
import { Module, formatOptions } from "./module.ts";

/** Sliding blocks of x [N, C, H, W] as columns [N, C · kH · kW, L] (im2col). */
export class Unfold extends Module {
  readonly kernelSize: Sizes;
  protected readonly options: FoldOptions;

  constructor(kernelSize: Sizes, options: FoldOptions = {}) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }

  /** The blocks of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.unfold(x, this.kernelSize, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions({ kernelSize: this.kernelSize, ...this.options });
  }
}

/** Sums columns [N, C · kH · kW, L] of sliding blocks into images [N, C, …outputSize] (col2im). */
export class Fold extends Module {
  readonly outputSize: Sizes;
  readonly kernelSize: Sizes;
  protected readonly options: FoldOptions;

  constructor(outputSize: Sizes, kernelSize: Sizes, options: FoldOptions = {}) {
    super();
    this.outputSize = outputSize;
    this.kernelSize = kernelSize;
    this.options = options;
  }

  /** @throws {ShapeError} if x is not what the geometry makes of an image; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.fold(x, this.outputSize, this.kernelSize, this.options);
  }

  protected override extraRepr(): string {
    const { outputSize, kernelSize, options } = this;
    return formatOptions({ outputSize, kernelSize, ...options });
  }
}
