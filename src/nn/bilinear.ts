import { zeros } from "../tensor/factories.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { bilinear } from "./functional/linear.ts";
import { uniform } from "./init.ts";
import type { LinearOptions } from "./linear.ts";
import { Module, formatOptions } from "./module.ts";
import { Parameter } from "./parameter.ts";

/**
 * $y_o = x_1^T A_o x_2 + b_o$. Shapes: x1 [..., in1Features], x2 [..., in2Features] →
 * [..., outFeatures]; weight [out, in1, in2], bias [out].
 */
export class Bilinear extends Module {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    { bias = true, ...place }: LinearOptions = {},
  ) {
    super();
    this.in1Features = in1Features;
    this.in2Features = in2Features;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(zeros([outFeatures, in1Features, in2Features], place));
    this.bias = bias ? new Parameter(zeros([outFeatures], place)) : null;
    this.resetParameters();
  }

  /** Draws weight and bias uniformly within ±1/√in1Features. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features);
    uniform(this.weight, { a: -bound, b: bound });
    if (this.bias !== null) uniform(this.bias, { a: -bound, b: bound });
  }

  /** @throws {ShapeError} if the last dims are not the features or the others differ. */
  forward(x1: Tensor, x2: Tensor): Tensor {
    return bilinear(x1, x2, this.weight, this.bias);
  }

  protected override extraRepr(): string {
    const { in1Features, in2Features, outFeatures, bias } = this;
    return formatOptions({ in1Features, in2Features, outFeatures, bias: bias !== null });
  }
}
