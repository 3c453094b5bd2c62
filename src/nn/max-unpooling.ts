import type { Sizes } from "../tensor/ops/spatial.ts";
import type { Tensor } from "../tensor/tensor.ts";
import * as functional from "./functional/pooling.ts";
import { Module, formatOptions } from "./module.ts";

/** Geometry of the pooling that {@link MaxUnpool1d} and its kin undo. */
export interface MaxUnpoolModuleOptions {
  /** @defaultValue the kernel size */
  readonly stride?: Sizes | null;
  /** @defaultValue 0 */
  readonly padding?: Sizes;
}

/** What one call of an unpooling may ask for. */
export interface UnpoolCallOptions {
  /** Sizes of the result, where pooling had left a rest. */
  readonly outputSize?: readonly number[] | null;
}

/** Puts the maxima of a pooling back where they stood. */
abstract class MaxUnpool extends Module {
  readonly kernelSize: Sizes;
  protected readonly options: MaxUnpoolModuleOptions;

  constructor(kernelSize: Sizes, options: MaxUnpoolModuleOptions = {}) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }

  protected override extraRepr(): string {
    return formatOptions({ kernelSize: this.kernelSize, ...this.options });
  }
}

/** Undoes `MaxPool1d` of [N, C, L] with `returnIndices`; what did not win becomes 0. */
export class MaxUnpool1d extends MaxUnpool {
  /** x at the places `indices`; N may be absent. */
  forward(x: Tensor, indices: Tensor, { outputSize }: UnpoolCallOptions = {}): Tensor {
    const options = { ...this.options, outputSize };
    return functional.maxUnpool1d(x, indices, this.kernelSize, options);
  }
}

/** Undoes `MaxPool2d` of [N, C, H, W] with `returnIndices`; what did not win becomes 0. */
export class MaxUnpool2d extends MaxUnpool {
  /** x at the places `indices`; N may be absent. */
  forward(x: Tensor, indices: Tensor, { outputSize }: UnpoolCallOptions = {}): Tensor {
    const options = { ...this.options, outputSize };
    return functional.maxUnpool2d(x, indices, this.kernelSize, options);
  }
}

/** Undoes `MaxPool3d` of [N, C, D, H, W] with `returnIndices`; what did not win becomes 0. */
export class MaxUnpool3d extends MaxUnpool {
  /** x at the places `indices`; N may be absent. */
  forward(x: Tensor, indices: Tensor, { outputSize }: UnpoolCallOptions = {}): Tensor {
    const options = { ...this.options, outputSize };
    return functional.maxUnpool3d(x, indices, this.kernelSize, options);
  }
}
