// Pooling with places, unpooling, power-average, adaptive and fractional pooling.
import type { Tensor } from "athanor";
import * as functional from "../../../src/nn/functional.ts";
import type { Binding, Operands, Results } from "../bindings.ts";
import type { Arguments } from "../fixture.ts";

/** A pooling of the first operand whose main size is the argument of this name. */
function sized(call: unknown, key: string): Binding {
  const pool = call as (x: Tensor | null, size: unknown, options: object) => Results;
  return (operands: Operands, { [key]: size, ...rest }: Arguments) => pool(operands[0], size, rest);
}

function unpooling(call: functional.MaxUnpooling): Binding {
  const unpool = call as (...args: readonly unknown[]) => Tensor;
  return ([x, indices], { kernelSize, ...rest }) => unpool(x, indices, kernelSize, rest);
}

function powerAverage(call: functional.LpPooling): Binding {
  const pool = call as (...args: readonly unknown[]) => Tensor;
  return ([x], { normType, kernelSize, ...rest }) => pool(x, normType, kernelSize, rest);
}

function fractional(call: functional.FractionalMaxPooling): Binding {
  const pool = call as (...args: readonly unknown[]) => Results;
  return ([x, randomSamples], { kernelSize, ...rest }) =>
    pool(x, kernelSize, { ...rest, randomSamples, returnIndices: true });
}

/** Ops of the area `pooling` that no other area has. */
export const pooling: Readonly<Record<string, Binding>> = {
  maxPool1dWithIndices: sized(functional.maxPool1dWithIndices, "kernelSize"),
  maxPool2dWithIndices: sized(functional.maxPool2dWithIndices, "kernelSize"),
  maxPool3dWithIndices: sized(functional.maxPool3dWithIndices, "kernelSize"),
  maxUnpool1d: unpooling(functional.maxUnpool1d),
  maxUnpool2d: unpooling(functional.maxUnpool2d),
  maxUnpool3d: unpooling(functional.maxUnpool3d),
  lpPool1d: powerAverage(functional.lpPool1d),
  lpPool2d: powerAverage(functional.lpPool2d),
  lpPool3d: powerAverage(functional.lpPool3d),
  adaptiveAvgPool3d: sized(functional.adaptiveAvgPool3d, "outputSize"),
  adaptiveMaxPool3d: sized(functional.adaptiveMaxPool3d, "outputSize"),
  adaptiveMaxPool1dWithIndices: sized(functional.adaptiveMaxPool1dWithIndices, "outputSize"),
  adaptiveMaxPool2dWithIndices: sized(functional.adaptiveMaxPool2dWithIndices, "outputSize"),
  adaptiveMaxPool3dWithIndices: sized(functional.adaptiveMaxPool3dWithIndices, "outputSize"),
  fractionalMaxPool2d: fractional(functional.fractionalMaxPool2d),
  fractionalMaxPool3d: fractional(functional.fractionalMaxPool3d),
};
