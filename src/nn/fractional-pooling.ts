import { ConfigError } from "../base/errors.ts";
import type { Sizes } from "../tensor/ops/spatial.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type {
  FractionalMaxPoolOptions,
  FractionalMaxPooling,
} from "./functional/fractional-pooling.ts";
import * as functional from "./functional/fractional-pooling.ts";
import { Module, formatOptions } from "./module.ts";
import type { PoolResult } from "./pooling.ts";

/** Options of {@link FractionalMaxPool2d} and {@link FractionalMaxPool3d}. */
export interface FractionalMaxPoolModuleOptions<
  WithIndices extends boolean = boolean,
> extends FractionalMaxPoolOptions {
  /** Whether `forward` also gives the places of the maxima. @defaultValue false */
  readonly returnIndices?: WithIndices;
}

/** Max pooling by windows that start at random places. */
abstract class FractionalMaxPool<WithIndices extends boolean> extends Module {
  readonly kernelSize: Sizes;
  protected readonly options: FractionalMaxPoolModuleOptions<WithIndices>;

  /** @throws {ConfigError} unless one of outputSize and outputRatio is given. */
  constructor(kernelSize: Sizes, options: FractionalMaxPoolModuleOptions<WithIndices>) {
    super();
    if ((options.outputSize == null) === (options.outputRatio == null)) {
      throw new ConfigError(
        `${this.constructor.name}: give outputSize or outputRatio, and not both`,
      );
    }
    this.kernelSize = kernelSize;
    this.options = options;
  }

  /** Pools with or without places. */
  protected pool(call: FractionalMaxPooling, x: Tensor): PoolResult<WithIndices> {
    const { returnIndices = false, ...options } = this.options;
    const result = returnIndices
      ? call(x, this.kernelSize, { ...options, returnIndices: true })
      : call(x, this.kernelSize, options);
    return result as PoolResult<WithIndices>;
  }

  protected override extraRepr(): string {
    const { outputSize, outputRatio, returnIndices } = this.options;
    const { kernelSize } = this;
    return formatOptions({ kernelSize, outputSize, outputRatio, returnIndices });
  }
}

/** Fractional max pooling of x [N, C, H, W]; the windows are drawn anew at every call. */
export class FractionalMaxPool2d<
  WithIndices extends boolean = false,
> extends FractionalMaxPool<WithIndices> {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): PoolResult<WithIndices> {
    return this.pool(functional.fractionalMaxPool2d, x);
  }
}

/** Fractional max pooling of x [N, C, D, H, W]; the windows are drawn anew at every call. */
export class FractionalMaxPool3d<
  WithIndices extends boolean = false,
> extends FractionalMaxPool<WithIndices> {
  /** Pools the windows of x; N may be absent. */
  forward(x: Tensor): PoolResult<WithIndices> {
    return this.pool(functional.fractionalMaxPool3d, x);
  }
}
