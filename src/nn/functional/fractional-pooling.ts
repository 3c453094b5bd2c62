import * as ops from "../../tensor/ops/fractional-pooling.ts";
import type { ValuesAndIndices } from "../../tensor/ops/reduce.ts";
import type { Sizes } from "../../tensor/ops/spatial.ts";
import type { Generator } from "../../tensor/random.ts";
import { uniform } from "../../tensor/random.ts";
import type { Tensor, TensorValuesAndIndices } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import type { Node } from "./apply.ts";
import type { ReturnIndices, ReturnValues } from "./pooling.ts";

/** Options of {@link fractionalMaxPool2d} and {@link fractionalMaxPool3d}. */
export interface FractionalMaxPoolOptions extends ops.FractionalPoolOptions {
  /** Uniform values in [0, 1) that place the windows, [N, C, dims]. @defaultValue drawn */
  readonly randomSamples?: Tensor | null | undefined;
  /** Where the randomness comes from. @defaultValue the default generator of x's device */
  readonly generator?: Generator | undefined;
}

/**
 * Max pooling of x [N, C, …] by windows that start at random places; `outputSize` or `outputRatio`
 * is needed.
 */
export interface FractionalMaxPooling {
  (
    x: Tensor,
    kernelSize: Sizes,
    options: FractionalMaxPoolOptions & ReturnIndices,
  ): TensorValuesAndIndices;
  (x: Tensor, kernelSize: Sizes, options: FractionalMaxPoolOptions & ReturnValues): Tensor;
}

type Op = (
  x: Node,
  units: Node,
  kernelSize: Sizes,
  options: ops.FractionalPoolOptions,
) => ValuesAndIndices;

function fractionalPooling(dims: number, op: Op): FractionalMaxPooling {
  const pool = (
    x: Tensor,
    kernelSize: Sizes,
    options: FractionalMaxPoolOptions & { readonly returnIndices?: boolean | undefined },
  ): Tensor | TensorValuesAndIndices => {
    const { outputSize, outputRatio, randomSamples, generator, returnIndices = false } = options;
    const lead = x.ndim === dims + 1 ? [1, x.shape[0]] : x.shape.slice(0, 2);
    const units =
      randomSamples ?? uniform([...lead, dims], { generator, device: x.device, dtype: "f32" });
    const result = op(x.node, units.node, kernelSize, { outputSize, outputRatio });
    const values = derive([x, units], result.values);
    const indices = returnIndices ? derive([x, units], result.indices) : undefined;
    if (units !== randomSamples) units.dispose();
    return indices === undefined ? values : { values, indices };
  };
  return pool as FractionalMaxPooling;
}

/**
 * Fractional max pooling of x [N, C, H, W] (N may be absent).
 * @see Graham 2014, "Fractional Max-Pooling", https://arxiv.org/abs/1412.6071
 */
export const fractionalMaxPool2d: FractionalMaxPooling = fractionalPooling(
  2,
  ops.fractionalMaxPool2d,
);

/** Fractional max pooling of x [N, C, D, H, W] (N may be absent). */
export const fractionalMaxPool3d: FractionalMaxPooling = fractionalPooling(
  3,
  ops.fractionalMaxPool3d,
);
