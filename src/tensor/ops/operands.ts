import * as ir from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import { isFloat, promote } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { broadcastShapes } from "../../ir/shape.ts";

/** A tensor, or a number that takes the dtype of the tensors it meets. */
export type Operand = Node | number;

/** One dim or several. */
export type Dims = number | readonly number[];

/**
 * Dtype a number takes beside a tensor: the tensor's own, except that a fraction beside integers
 * gives f32 and a whole number beside bool gives i32.
 */
function numberDType(value: number, beside: DType): DType {
  if (isFloat(beside)) return beside;
  if (!Number.isInteger(value)) return "f32";
  return beside === "bool" ? "i32" : beside;
}

/** Dtype the operands meet in; f32 if all are numbers. */
export function commonDType(operands: readonly Operand[]): DType {
  let dtype: DType | undefined;
  for (const operand of operands) {
    if (typeof operand === "number") continue;
    dtype = dtype === undefined ? operand.dtype : promote(dtype, operand.dtype);
  }
  if (dtype === undefined) return "f32";
  for (const operand of operands) {
    if (typeof operand === "number") dtype = numberDType(operand, dtype);
  }
  return dtype;
}

/** The operands in one dtype and one shape. @throws {ShapeError} if they do not broadcast. */
export function broadcastOperands(
  op: string,
  operands: readonly Operand[],
  dtype: DType = commonDType(operands),
): Node[] {
  const shapes = operands.map((operand) => (typeof operand === "number" ? [] : operand.shape));
  const shape = broadcastShapes(op, ...shapes);
  return operands.map((operand) =>
    typeof operand === "number"
      ? ir.full(shape, operand, dtype)
      : ir.broadcastTo(ir.cast(operand, dtype), shape),
  );
}

/** The operand as a node; a number becomes a scalar of the dtype. */
export function toNode(operand: Operand, dtype: DType): Node {
  return typeof operand === "number" ? ir.constant(operand, dtype) : operand;
}

/** Integers and bool become f32; floats stay. */
export function toFloat(x: Node): Node {
  return isFloat(x.dtype) ? x : ir.cast(x, "f32");
}

/** Whether the dtype is f16 or bf16. */
export function isHalf(dtype: DType): boolean {
  return dtype === "f16" || dtype === "bf16";
}

/** Dtype formulas over this dtype compute in: f64 for f64, otherwise f32. */
export function computeDType(dtype: DType): DType {
  return dtype === "f64" ? "f64" : "f32";
}

/** Applies a formula in f32 (f64 for f64); a half result returns to its dtype. */
export function inComputeDType(x: Node, formula: (x: Node) => Node): Node {
  const result = formula(ir.cast(x, computeDType(x.dtype)));
  return isHalf(x.dtype) ? ir.cast(result, x.dtype) : result;
}
