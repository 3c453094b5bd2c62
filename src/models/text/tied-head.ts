import { linear } from "../../nn/functional/linear.ts";
import { Module } from "../../nn/module.ts";
import type { Parameter } from "../../nn/parameter.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** The classifier, whose weight is the table of tokens. */
export class TiedHead extends Module {
  weight: Parameter;

  constructor(weight: Parameter) {
    super();
    this.weight = weight;
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight);
  }
}
