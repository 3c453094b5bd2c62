import { DTypeError, ShapeError, UnsupportedOpError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import type { GradientRule } from "../../autodiff/custom-gradient.ts";
import { registerGradient } from "../../autodiff/custom-gradient.ts";
import { customKernel, registerCustomKernel } from "../../engine/custom.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { eachElement } from "../../ir/ops.ts";
import { formatShape } from "../../ir/shape.ts";

/** Computes one matrix's result, in f64, into `output`. */
export type MatrixKernel = (inputs: readonly Float64Array[], output: Float64Array) => void;

/** An algorithm that runs on the host, matrix by matrix, as a step of the program. */
export interface HostAlgorithm {
  /** Unique together with the sizes and options that `key` names. */
  readonly name: string;
  /** Sizes and options the kernel depends on. */
  readonly key: string;
  /** Size of one matrix's result. */
  readonly unit: number;
  readonly kernel: MatrixKernel;
  readonly gradient: GradientRule;
}

const rules = new Map<string, number>();

/** The number of a gradient rule; made once per key, so that equal graphs stay equal. */
function ruleNumber(key: string, rule: GradientRule): number {
  const known = rules.get(key);
  if (known !== undefined) return known;
  const number = registerGradient(rule);
  rules.set(key, number);
  return number;
}

/** Runs a kernel over every matrix of a batch; sizes per matrix follow from the arrays' lengths. */
function overBatch(
  sizes: readonly number[],
  unit: number,
  kernel: MatrixKernel,
): Parameters<typeof registerCustomKernel>[1] {
  return (inputs, output) => {
    const count = unit === 0 ? 0 : output.length / unit;
    const result = new Float64Array(unit);
    for (let i = 0; i < count; i++) {
      const matrices = inputs.map((input, k) =>
        Float64Array.from(input.subarray(i * sizes[k], (i + 1) * sizes[k])),
      );
      result.fill(0);
      kernel(matrices, result);
      output.set(result, i * unit);
    }
  };
}

/** The result [batch…, unit] of an algorithm over matrices [batch…, rows, columns] of one batch. */
export function onHost(operands: readonly Node[], algorithm: HostAlgorithm): Node {
  const { name, key, unit, kernel, gradient } = algorithm;
  const [{ dtype, shape }] = operands;
  const batch = shape.slice(0, -2);
  const sizes = operands.map((x) => product(x.shape.slice(-2)));
  const full = `${eachElement}linalg.${name} ${key}`;
  if (customKernel(full) === undefined) registerCustomKernel(full, overBatch(sizes, unit, kernel));
  const value = ir.custom([...operands], { name: full, shape: [...batch, unit], dtype });
  return ir.customGradient(value, operands, ruleNumber(full, gradient));
}

/** A part of a packed result, as matrices or vectors. */
export function unpack(packed: Node, start: number, shape: readonly number[]): Node {
  const batch = packed.shape.slice(0, -1);
  const part = ir.narrow(packed, batch.length, start, product(shape));
  return ir.reshape(part, [...batch, ...shape]);
}

/** Rows and columns of the matrices of x [..., rows, columns]. */
export function matrixSizes(op: string, x: Node): readonly [number, number] {
  if (x.shape.length < 2) {
    throw new ShapeError(`${op}: needs matrices [..., M, N], got ${formatShape(x.shape)}`);
  }
  if (x.dtype !== "f32" && x.dtype !== "f64") {
    throw new DTypeError(`${op}: needs f32 or f64, got ${x.dtype}; cast it with to()`);
  }
  const [m, n] = x.shape.slice(-2);
  return [m, n];
}

/** Size of square matrices. @throws {ShapeError} if they are not. */
export function squareSize(op: string, x: Node): number {
  const [m, n] = matrixSizes(op, x);
  if (m !== n) {
    throw new ShapeError(`${op}: needs square matrices [..., N, N], got ${formatShape(x.shape)}`);
  }
  return n;
}

/** Refuses matrices for which a host algorithm would take minutes. */
export function requireSize(op: string, size: number, limit: number): void {
  if (size > limit) {
    throw new UnsupportedOpError(
      `${op}: runs on the host for matrices of up to ${limit} rows and columns, got ${size}`,
    );
  }
}
