import { ConfigError } from "../base/errors.ts";
import type { CustomKernel } from "../engine/custom.ts";
import { customKernel, registerCustomKernel } from "../engine/custom.ts";
import * as ir from "../ir/build.ts";
import type { DType } from "../ir/dtype.ts";
import type { Shape } from "../ir/shape.ts";
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
}

/**
 * An operation computed by a host function over whole arrays. It works inside jit and runs as a step
 * of the program; no gradient flows through it.
 * @throws {ConfigError} if the name is taken.
 */
export function customOp({ name, forward, result }: CustomOp): (...operands: Tensor[]) => Tensor {
  if (customKernel(name) !== undefined) {
    throw new ConfigError(`customOp: name must be unique, got "${name}" again; choose another`);
  }
  registerCustomKernel(name, forward);
  return (...operands) => {
    const { shape, dtype } = result === undefined ? operands[0] : result(...operands);
    const nodes = operands.map((tensor) => tensor.node);
    return derive(operands, ir.custom(nodes, { name, shape: [...shape], dtype }));
  };
}
