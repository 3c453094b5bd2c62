import type { OutputSize } from "../tensor/ops/adaptive-pooling.ts";
import type { Tensor } from "../tensor/tensor.ts";
import * as functional from "./functional/pooling.ts";
import { Module, formatOptions } from "./module.ts";
import type { PoolResult } from "./pooling.ts";

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

/** Options of the adaptive max poolings. */
export interface AdaptiveMaxPoolOptions<WithIndices extends boolean = boolean> {
  /** Whether `forward` also gives the places of the maxima. @defaultValue false */
  readonly returnIndices?: WithIndices;
}

/** Max pooling to a given size that may give places too. */
abstract class AdaptiveMaxPool<WithIndices extends boolean> extends AdaptivePool {
  readonly returnIndices: boolean;

  constructor(outputSize: OutputSize, { returnIndices }: AdaptiveMaxPoolOptions<WithIndices> = {}) {
    super(outputSize);
    this.returnIndices = returnIndices ?? false;
  }

  /** Pools with or without places. */
  protected pool(call: functional.AdaptiveMaxPooling, x: Tensor): PoolResult<WithIndices> {
    const result = this.returnIndices
      ? call(x, this.outputSize, { returnIndices: true })
      : call(x, this.outputSize);
    return result as PoolResult<WithIndices>;
  }
}

/** Mean pooling of x [N, C, L] to a given size; null keeps a dim. */
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

/** Mean pooling of x [N, C, D, H, W] to a given size; null keeps a dim. */
export class AdaptiveAvgPool3d extends AdaptivePool {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): Tensor {
    return functional.adaptiveAvgPool3d(x, this.outputSize);
  }
}

/** Max pooling of x [N, C, L] to a given size; null keeps a dim. */
export class AdaptiveMaxPool1d<
  WithIndices extends boolean = false,
> extends AdaptiveMaxPool<WithIndices> {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): PoolResult<WithIndices> {
    return this.pool(functional.adaptiveMaxPool1d, x);
  }
}

/** Max pooling of x [N, C, H, W] to a given size; null keeps a dim. */
export class AdaptiveMaxPool2d<
  WithIndices extends boolean = false,
> extends AdaptiveMaxPool<WithIndices> {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): PoolResult<WithIndices> {
    return this.pool(functional.adaptiveMaxPool2d, x);
  }
}

/** Max pooling of x [N, C, D, H, W] to a given size; null keeps a dim. */
export class AdaptiveMaxPool3d<
  WithIndices extends boolean = false,
> extends AdaptiveMaxPool<WithIndices> {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): PoolResult<WithIndices> {
    return this.pool(functional.adaptiveMaxPool3d, x);
  }
}
