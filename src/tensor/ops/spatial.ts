import { ConfigError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape } from "../../ir/shape.ts";

/** One number for all spatial dims, or one per dim. */
export type Sizes = number | readonly number[];

/** The option as one integer ≥ `least` per spatial dim. @throws {ConfigError} otherwise. */
export function perDim(
  op: string,
  name: string,
  value: Sizes,
  dims: number,
  least: number,
): number[] {
  const list = typeof value === "number" ? new Array<number>(dims).fill(value) : [...value];
  const full = list.length === 1 ? new Array<number>(dims).fill(list[0]) : list;
  if (full.length !== dims || full.some((n) => !Number.isInteger(n) || n < least)) {
    throw new ConfigError(
      `${op}: ${name} must be an integer ≥ ${least} or ${dims} of them, got ${JSON.stringify(value)}`,
    );
  }
  return full;
}

/**
 * Runs a formula over [N, C, …S]; an x without a batch gets one for the while.
 * @throws {ShapeError} if x has another rank.
 */
export function withBatch(op: string, x: Node, dims: number, formula: (x: Node) => Node): Node {
  const rank = x.shape.length;
  if (rank === dims + 2) return formula(x);
  if (rank !== dims + 1) {
    const wanted = `[N, C${", size".repeat(dims)}]`;
    throw new ShapeError(`${op}: x must be ${wanted} or without N, got ${formatShape(x.shape)}`);
  }
  const result = formula(ir.reshape(x, [1, ...x.shape]));
  return ir.reshape(result, result.shape.slice(1));
}
