import { ConfigError } from "../base/errors.ts";
import type { CustomKernel } from "../engine/custom.ts";
import { customKernel, registerCustomKernel } from "../engine/custom.ts";
import * as ir from "../ir/build.ts";
import type { DType } from "../ir/dtype.ts";
import type { Shape } from "../ir/shape.ts";
import type { BackwardRule } from "./custom-vjp.ts";
import { gradientRule } from "./custom-vjp.ts";
import type { Tensor } from "./tensor.ts";
import { derive } from "./tensor.ts";

/** Shape and dtype of a custom operation's result. */
export interface CustomResult {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Description of a custom operation. */
export interface CustomOp {
  /** Unique name. */
  readonly name: string;
  /** Fills `output` from the operands' elements, all in storage format (f16 and bf16 as bits). */
  readonly forward: CustomKernel;
  /** Type of the result. @defaultValue the first operand's */
  readonly result?: (...operands: readonly Tensor[]) => CustomResult;
  /** Gradients of the operands; without it asking for one is an error. */
  readonly backward?: BackwardRule | undefined;
}

/**
 * An operation computed by a host function over whole arrays. It works inside jit and runs as a step
 * of the program. Gradients are what `backward` says, in terms of tensors.
 * @example
 * const halve = customOp({
 *   name: "halve",
 *   forward: ([x], output) => output.forEach((_, i) => (output[i] = x[i] / 2)),
 *   backward: (g) => [g.div(2)],
 * });
 * @throws {ConfigError} if the name is taken.
 */
export function customOp({
  name,
  forward,
  result,
  backward,
}: CustomOp): (...operands: Tensor[]) => Tensor {
  if (customKernel(name) !== undefined) {
    throw new ConfigError(`customOp: name must be unique, got "${name}" again; choose another`);
  }
  registerCustomKernel(name, forward);
  const rule = backward === undefined ? undefined : gradientRule(name, backward);
  return (...operands) => {
    const { shape, dtype } = result === undefined ? operands[0] : result(...operands);
    const nodes = operands.map((tensor) => tensor.node);
    const value = ir.custom(nodes, { name, shape: [...shape], dtype });
    const node = rule === undefined ? value : ir.customGradient(value, nodes, rule);
    return derive(operands, node);
  };
}
