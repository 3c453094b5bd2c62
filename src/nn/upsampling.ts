import { ConfigError } from "../base/errors.ts";
import type { InterpolateMode, InterpolateOptions } from "../tensor/ops/interpolate.ts";
import type { Sizes } from "../tensor/ops/spatial.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { interpolate } from "./functional/spatial.ts";
import { Module, formatOptions } from "./module.ts";

/** Result size of an upsampling: exactly one of the two. */
export interface UpsampleSize {
  /** Spatial size of the result. */
  readonly size?: Sizes | null;
  /** Result sizes are ⌊size · factor⌋. */
  readonly scaleFactor?: Sizes | null;
}

/** Options of {@link Upsample}. */
export interface UpsampleOptions extends UpsampleSize {
  /** @defaultValue "nearest" */
  readonly mode?: InterpolateMode;
  /** Whether the centres of the corner elements coincide; for the interpolating modes. */
  readonly alignCorners?: boolean | null;
  /** Positions follow the ratio of the sizes instead of the factor given. @defaultValue false */
  readonly recomputeScaleFactor?: boolean | null;
}

/**
 * Resizes the spatial dims of x [N, C, …S] to `size` or by `scaleFactor`.
 *
 * @example new nn.Upsample({ scaleFactor: 2, mode: "bilinear" })
 */
export class Upsample extends Module {
  protected readonly options: InterpolateOptions;

  /** @throws {ConfigError} unless one of size and scaleFactor is given. */
  constructor(options: UpsampleOptions) {
    super();
    if ((options.size == null) === (options.scaleFactor == null)) {
      throw new ConfigError(`${this.constructor.name}: give size or scaleFactor, and not both`);
    }
    this.options = options;
  }

  /** x resized. */
  forward(x: Tensor): Tensor {
    return interpolate(x, this.options);
  }

  protected override extraRepr(): string {
    return formatOptions({ ...this.options });
  }
}

/** Nearest-neighbour {@link Upsample} of x [N, C, H, W]. */
export class UpsamplingNearest2d extends Upsample {
  constructor({ size = null, scaleFactor = null }: UpsampleSize) {
    super({ size, scaleFactor, mode: "nearest" });
  }
}

/** Bilinear {@link Upsample} of x [N, C, H, W] with aligned corners. */
export class UpsamplingBilinear2d extends Upsample {
  constructor({ size = null, scaleFactor = null }: UpsampleSize) {
    super({ size, scaleFactor, mode: "bilinear", alignCorners: true });
  }
}
