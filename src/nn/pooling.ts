import type { OutputSize } from "../tensor/ops/adaptive-pooling.ts";
import type { AvgPoolOptions, MaxPoolOptions } from "../tensor/ops/pooling.ts";
import type { Sizes } from "../tensor/ops/spatial.ts";
import type { Tensor } from "../tensor/tensor.ts";
import * as functional from "./functional/pooling.ts";
import { Module, formatOptions } from "./module.ts";

/** Windows of one size and how they slide. */
abstract class Pooling<O extends object> extends Module {
  readonly kernelSize: Sizes;
  protected readonly options: O;

  constructor(kernelSize: Sizes, options: O) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }

  protected override extraRepr(): string {
    return formatOptions({ kernelSize: this.kernelSize, ...this.options });
  }
}

/** Maximum of sliding windows over x [N, C, L]; the stride defaults to the window. */
export class MaxPool1d extends Pooling<MaxPoolOptions> {
  constructor(kernelSize: Sizes, options: MaxPoolOptions = {}) {
    super(kernelSize, options);
  }

  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.maxPool1d(x, this.kernelSize, this.options);
  }
}

/** Maximum of sliding windows over x [N, C, H, W]; the stride defaults to the window. */
export class MaxPool2d extends Pooling<MaxPoolOptions> {
  constructor(kernelSize: Sizes, options: MaxPoolOptions = {}) {
    super(kernelSize, options);
  }

  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.maxPool2d(x, this.kernelSize, this.options);
  }
}

/** Maximum of sliding windows over x [N, C, D, H, W]; the stride defaults to the window. */
export class MaxPool3d extends Pooling<MaxPoolOptions> {
  constructor(kernelSize: Sizes, options: MaxPoolOptions = {}) {
    super(kernelSize, options);
  }

  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.maxPool3d(x, this.kernelSize, this.options);
  }
}

/** Mean of sliding windows over x [N, C, L]; the stride defaults to the window. */
export class AvgPool1d extends Pooling<AvgPoolOptions> {
  constructor(kernelSize: Sizes, options: AvgPoolOptions = {}) {
    super(kernelSize, options);
  }

  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.avgPool1d(x, this.kernelSize, this.options);
  }
}

/** Mean of sliding windows over x [N, C, H, W]; the stride defaults to the window. */
export class AvgPool2d extends Pooling<AvgPoolOptions> {
  constructor(kernelSize: Sizes, options: AvgPoolOptions = {}) {
    super(kernelSize, options);
  }

  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.avgPool2d(x, this.kernelSize, this.options);
  }
}

/** Mean of sliding windows over x [N, C, D, H, W]; the stride defaults to the window. */
export class AvgPool3d extends Pooling<AvgPoolOptions> {
  constructor(kernelSize: Sizes, options: AvgPoolOptions = {}) {
    super(kernelSize, options);
  }

  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.avgPool3d(x, this.kernelSize, this.options);
  }
}

/** Pooling to a given size. */
abstract class AdaptivePool extends Module {
  readonly outputSize: OutputSize;

  constructor(outputSize: OutputSize) {
    super();
    this.outputSize = outputSize;
  }

  protected override extraRepr(): string {
    return formatOptions({ outputSize: this.outputSize });
  }
}

/** Mean pooling of x [N, C, L] to a given length. */
export class AdaptiveAvgPool1d extends AdaptivePool {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.adaptiveAvgPool1d(x, this.outputSize);
  }
}

/** Mean pooling of x [N, C, H, W] to a given size; null keeps a dim. */
export class AdaptiveAvgPool2d extends AdaptivePool {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.adaptiveAvgPool2d(x, this.outputSize);
  }
}

/** Max pooling of x [N, C, L] to a given length. */
export class AdaptiveMaxPool1d extends AdaptivePool {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.adaptiveMaxPool1d(x, this.outputSize);
  }
}

/** Max pooling of x [N, C, H, W] to a given size; null keeps a dim. */
export class AdaptiveMaxPool2d extends AdaptivePool {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.adaptiveMaxPool2d(x, this.outputSize);
  }
}
