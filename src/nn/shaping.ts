import type { Tensor } from "../tensor/tensor.ts";
import { Module, formatOptions } from "./module.ts";

/** Gives x back. */
export class Identity extends Module {
  /** x. */
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Makes the dims from `startDim` to `endDim` one; by default all but the first. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor({
    startDim = 1,
    endDim = -1,
  }: { readonly startDim?: number; readonly endDim?: number } = {}) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  /** x in its new shape. */
  forward(x: Tensor): Tensor {
    return x.flatten({ startDim: this.startDim, endDim: this.endDim });
  }

  protected override extraRepr(): string {
    return formatOptions({ startDim: this.startDim, endDim: this.endDim });
  }
}

/** Splits one dim into several; one of the sizes may be -1. */
export class Unflatten extends Module {
  readonly dim: number;
  readonly sizes: readonly number[];

  constructor(dim: number, sizes: readonly number[]) {
    super();
    this.dim = dim;
    this.sizes = sizes;
  }

  /** x in its new shape. */
  forward(x: Tensor): Tensor {
    return x.unflatten(this.dim, this.sizes);
  }

  protected override extraRepr(): string {
    return formatOptions({ dim: this.dim, sizes: this.sizes });
  }
}
