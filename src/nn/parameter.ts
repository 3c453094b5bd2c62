import { detachedCell } from "../tensor/cells.ts";
import { keep } from "../tensor/memory.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * A tensor that a module learns: modules find it in their fields, optimizers update it in place.
 * It starts with the value of `data` and shares nothing else with it.
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, { requiresGrad = true }: { readonly requiresGrad?: boolean } = {}) {
    super(detachedCell(data));
    this.requiresGrad = requiresGrad;
    keep(this);
  }
}

/**
 * A tensor that belongs to a module's state but is not learned: running statistics, tables. What is
 * not `persistent` stays out of the state dictionary.
 */
export class Buffer extends Tensor {
  readonly persistent: boolean;

  constructor(data: Tensor, { persistent = true }: { readonly persistent?: boolean } = {}) {
    super(detachedCell(data));
    this.persistent = persistent;
    keep(this);
  }
}
