import type { AvgPoolOptions, LpPoolOptions, MaxPoolOptions } from "../tensor/ops/pooling.ts";
import type { Sizes } from "../tensor/ops/spatial.ts";
import type { Tensor, TensorValuesAndIndices } from "../tensor/tensor.ts";
import * as functional from "./functional/pooling.ts";
import { Module, formatOptions } from "./module.ts";

/** What a max pooling gives: values, and with `returnIndices` also the flat places of the maxima. */
export type PoolResult<WithIndices extends boolean> = WithIndices extends true
  ? TensorValuesAndIndices
  : Tensor;

/** Options of {@link MaxPool1d}, {@link MaxPool2d} and {@link MaxPool3d}. */
export interface MaxPoolModuleOptions<
  WithIndices extends boolean = boolean,
> extends MaxPoolOptions {
  /** Whether `forward` also gives the places of the maxima, for unpooling. @defaultValue false */
  readonly returnIndices?: WithIndices;
}

/** Windows of one size and how they slide. */
abstract class Pooling<O extends object> extends Module {
  readonly kernelSize: Sizes;
  protected readonly options: O;

  constructor(kernelSize: Sizes, options: O) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }

  /** The sizes as `toString` shows them. */
  protected override extraRepr(): string {
    return formatOptions({ kernelSize: this.kernelSize, ...this.options });
  }
}

/** Max pooling that may give places too. */
abstract class MaxPool<WithIndices extends boolean> extends Pooling<
  MaxPoolModuleOptions<WithIndices>
> {
  constructor(kernelSize: Sizes, options: MaxPoolModuleOptions<WithIndices> = {}) {
    super(kernelSize, options);
  }

  /** Pools with or without places. */
  protected pool(call: functional.MaxPooling, x: Tensor): PoolResult<WithIndices> {
    const { returnIndices = false, ...options } = this.options;
    const result = returnIndices
      ? call(x, this.kernelSize, { ...options, returnIndices: true })
      : call(x, this.kernelSize, options);
    return result as PoolResult<WithIndices>;
  }
}

/** Maximum of sliding windows over x [N, C, L]; the stride defaults to the window. */
export class MaxPool1d<WithIndices extends boolean = false> extends MaxPool<WithIndices> {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): PoolResult<WithIndices> {
    return this.pool(functional.maxPool1d, x);
  }
}

/** Maximum of sliding windows over x [N, C, H, W]; the stride defaults to the window. */
export class MaxPool2d<WithIndices extends boolean = false> extends MaxPool<WithIndices> {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): PoolResult<WithIndices> {
    return this.pool(functional.maxPool2d, x);
  }
}

/** Maximum of sliding windows over x [N, C, D, H, W]; the stride defaults to the window. */
export class MaxPool3d<WithIndices extends boolean = false> extends MaxPool<WithIndices> {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): PoolResult<WithIndices> {
    return this.pool(functional.maxPool3d, x);
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

/** Power-average pooling: (Σ xᵖ)^(1/p) for p = `normType`. */
abstract class LPPool extends Pooling<LpPoolOptions> {
  readonly normType: number;

  constructor(normType: number, kernelSize: Sizes, options: LpPoolOptions = {}) {
    super(kernelSize, options);
    this.normType = normType;
  }

  /** The sizes as `toString` shows them. */
  protected override extraRepr(): string {
    return `${formatOptions({ normType: this.normType })}, ${super.extraRepr()}`;
  }
}

/** Power-average pooling of sliding windows over x [N, C, L]: (Σ xᵖ)^(1/p). */
export class LPPool1d extends LPPool {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.lpPool1d(x, this.normType, this.kernelSize, this.options);
  }
}

/** Power-average pooling of sliding windows over x [N, C, H, W]: (Σ xᵖ)^(1/p). */
export class LPPool2d extends LPPool {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.lpPool2d(x, this.normType, this.kernelSize, this.options);
  }
}

/** Power-average pooling of sliding windows over x [N, C, D, H, W]: (Σ xᵖ)^(1/p). */
export class LPPool3d extends LPPool {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.lpPool3d(x, this.normType, this.kernelSize, this.options);
  }
}
