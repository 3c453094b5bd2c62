import * as ir from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { normalizeDim, numel } from "../../ir/shape.ts";
import type { ValuesAndIndices } from "./reduce.ts";

/** Options of running reductions. */
export interface ScanOptions {
  /** The operand is cast to it first. */
  readonly dtype?: DType | undefined;
}

function running(op: "cumsum" | "cumprod", x: Node, dim: number, { dtype }: ScanOptions): Node {
  const axis = normalizeDim(op, dim, x.shape.length);
  const narrowed = x.dtype === "bool" || x.dtype === "i8" || x.dtype === "u8" ? "i32" : x.dtype;
  const source = ir.cast(x, dtype ?? narrowed);
  if (x.shape.length === 0 || numel(x.shape) === 0) return source;
  return ir.scan(source, axis, op === "cumsum" ? "sum" : "prod");
}

/** Running sum along `dim`, inclusive. bool and 8-bit integers sum as i32. */
export function cumsum(x: Node, dim: number, options: ScanOptions = {}): Node {
  return running("cumsum", x, dim, options);
}

/** Running product along `dim`, inclusive. bool and 8-bit integers multiply as i32. */
export function cumprod(x: Node, dim: number, options: ScanOptions = {}): Node {
  return running("cumprod", x, dim, options);
}

function runningExtremum(op: "cummax" | "cummin", x: Node, dim: number): ValuesAndIndices {
  const axis = normalizeDim(op, dim, x.shape.length);
  if (x.shape.length === 0) return { values: x, indices: ir.constant(0, "i32") };
  if (numel(x.shape) === 0) return { values: x, indices: ir.full(x.shape, 0, "i32") };
  const extremes = ir.scan(x, axis, op === "cummax" ? "max" : "min");
  const equal = ir.binary("eq", x, extremes);
  const leads = isFloat(x.dtype) ? ir.binary("or", equal, ir.binary("ne", x, x)) : equal;
  const position = ir.iota(x.shape, axis);
  const marked = ir.where(leads, position, ir.fullLike(position, 0));
  const indices = ir.scan(marked, axis, "max");
  // Gathered, so that the gradient goes to exactly the element the index names.
  return { values: ir.gather(x, indices, axis), indices };
}

/** Running maximum along `dim` and the latest index that holds it; NaN wins from where it stands. */
export function cummax(x: Node, dim: number): ValuesAndIndices {
  return runningExtremum("cummax", x, dim);
}

/** Running minimum along `dim` and the latest index that holds it; NaN wins from where it stands. */
export function cummin(x: Node, dim: number): ValuesAndIndices {
  return runningExtremum("cummin", x, dim);
}
