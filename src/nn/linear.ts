import { zeros } from "../tensor/factories.ts";
import type { Tensor, TensorOptions } from "../tensor/tensor.ts";
import { linear } from "./functional/linear.ts";
import { calculateFanInAndFanOut, kaimingUniform, uniform } from "./init.ts";
import { Module, formatOptions } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** Where and in which float dtype a module keeps its tensors. */
export type ModuleOptions = Pick<TensorOptions, "dtype" | "device">;

/** Options of {@link Linear}. */
export interface LinearOptions extends ModuleOptions {
  /** @defaultValue true */
  readonly bias?: boolean;
}

/** PyTorch's default: both uniform within ±1/√fanIn of the weight. */
export function resetWeightAndBias(weight: Tensor, bias: Tensor | null): void {
  kaimingUniform(weight, { a: Math.sqrt(5) });
  if (bias === null) return;
  const { fanIn } = calculateFanInAndFanOut(weight);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  uniform(bias, { a: -bound, b: bound });
}

/** $y = x W^T + b$. Shapes: x [..., inFeatures] -> [..., outFeatures]; weight [out, in], bias [out]. */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(
    inFeatures: number,
    outFeatures: number,
    { bias = true, ...options }: LinearOptions = {},
  ) {
    super();
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(zeros([outFeatures, inFeatures], options));
    this.bias = bias ? new Parameter(zeros([outFeatures], options)) : null;
    this.resetParameters();
  }

  /** Draws new weights. */
  resetParameters(): void {
    resetWeightAndBias(this.weight, this.bias);
  }

  /** @throws {ShapeError} if the last dim of x is not inFeatures. */
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }

  protected override extraRepr(): string {
    const { inFeatures, outFeatures, bias } = this;
    return formatOptions({ inFeatures, outFeatures, bias: bias !== null });
  }
}
