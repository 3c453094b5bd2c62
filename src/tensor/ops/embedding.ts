import { ConfigError, ShapeError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape } from "../../ir/shape.ts";
import { add, div, mul, sub } from "./arithmetic.ts";
import { indexSelect, toIndex } from "./indexing.ts";
import { inComputeDType } from "./operands.ts";
import { norm } from "./reduce.ts";
import { stopGradient } from "./stop-gradient.ts";

/** Options of {@link embedding}. */
export interface EmbeddingOptions {
  /** Row that receives no gradient. */
  readonly paddingIdx?: number | null | undefined;
  /** Divides each row's gradient by how often the row was looked up. */
  readonly scaleGradByFreq?: boolean | undefined;
}

/** A row's place from the start. @throws {ConfigError} if there is no such row. */
export function tableRow(op: string, row: number, weight: Node): number {
  const place = row < 0 ? row + weight.shape[0] : row;
  if (place >= 0 && place < weight.shape[0]) return place;
  throw new ConfigError(
    `${op}: paddingIdx must be a row of weight ${formatShape(weight.shape)}, got ${row}`,
  );
}

function requireTable(op: string, weight: Node): void {
  if (weight.shape.length === 2) return;
  throw new ShapeError(`${op}: weight must be [V, D], got ${formatShape(weight.shape)}`);
}

/** The index as a vector, i32. */
function flatIndex(op: string, index: Node): Node {
  return ir.reshape(toIndex(op, index), [product(index.shape)]);
}

/** How often each of `size` rows is named by a vector of indices, i32. */
function counts(flat: Node, size: number): Node {
  return ir.scatter(ir.full([size], 0, "i32"), flat, ir.fullLike(flat, 1), 0, "add");
}

/** x with its gradient multiplied by a factor that broadcasts over it. */
function scaleGradient(x: Node, factor: Node): Node {
  const still = stopGradient(x);
  return add(still, mul(sub(x, still), factor));
}

/** Rows of a table: index [...], weight [V, D] → [..., D]. */
export function embedding(index: Node, weight: Node, options: EmbeddingOptions = {}): Node {
  requireTable("embedding", weight);
  const { paddingIdx, scaleGradByFreq = false } = options;
  const flat = flatIndex("embedding", index);
  const shape = [...index.shape, weight.shape[1]];
  let rows = indexSelect(weight, flat, 0);
  if (scaleGradByFreq) {
    const often = ir.cast(ir.gather(counts(flat, weight.shape[0]), flat, 0), weight.dtype);
    rows = scaleGradient(rows, div(1, ir.reshape(often, [...flat.shape, 1])));
  }
  if (paddingIdx == null) return ir.reshape(rows, shape);
  const row = tableRow("embedding", paddingIdx, weight);
  const isPadding = ir.binary("eq", flat, ir.fullLike(flat, row));
  const mask = ir.broadcastTo(ir.reshape(isPadding, [...flat.shape, 1]), rows.shape);
  return ir.reshape(ir.where(mask, stopGradient(rows), rows), shape);
}

/**
 * The table with the rows that `index` names shortened to the norm `maxNorm` where they exceed it:
 * what `maxNorm` of torch's embeddings does to the table before a look-up.
 */
export function embeddingRenorm(
  weight: Node,
  index: Node,
  maxNorm: number,
  { normType = 2 }: { readonly normType?: number | undefined } = {},
): Node {
  requireTable("embeddingRenorm", weight);
  const flat = flatIndex("embeddingRenorm", index);
  const isUsed = ir.binary(
    "lt",
    ir.full([weight.shape[0]], 0, "i32"),
    counts(flat, weight.shape[0]),
  );
  return inComputeDType(weight, (table) => {
    const length = norm(table, { p: normType, dim: 1, keepdim: true });
    const isLong = ir.binary("lt", ir.fullLike(length, maxNorm), length);
    const cut = ir.binary("and", isLong, ir.reshape(isUsed, length.shape));
    const factor = div(maxNorm, add(length, 1e-7));
    const scale = ir.where(cut, factor, ir.fullLike(factor, 1));
    return ir.mul(table, ir.broadcastTo(scale, table.shape));
  });
}
