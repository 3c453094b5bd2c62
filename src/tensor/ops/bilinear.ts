import { ShapeError } from "../../base/errors.ts";
import { product, sameNumbers } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { promote } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape } from "../../ir/shape.ts";

/**
 * out[…, o] = Σᵢⱼ left[…, i] · weight[o, i, j] · right[…, j] + bias[o]. Shapes: left [..., in1],
 * right [..., in2], weight [out, in1, in2], bias [out] → [..., out].
 */
export function bilinear(left: Node, right: Node, weight: Node, bias?: Node | null): Node {
  const [out, in1, in2] = weight.shape;
  const lead = left.shape.slice(0, -1);
  const fits =
    weight.shape.length === 3 &&
    left.shape.at(-1) === in1 &&
    right.shape.at(-1) === in2 &&
    sameNumbers(lead, right.shape.slice(0, -1));
  if (!fits) {
    throw new ShapeError(
      `bilinear: needs [..., in1], [..., in2] and weight [out, in1, in2], got ` +
        [left, right, weight].map(({ shape }) => formatShape(shape)).join(", "),
    );
  }
  if (bias != null && (bias.shape.length !== 1 || bias.shape[0] !== out)) {
    throw new ShapeError(`bilinear: bias must be [${out}], got ${formatShape(bias.shape)}`);
  }
  const dtype = promote(promote(left.dtype, right.dtype), weight.dtype);
  const [a, b, w] = [left, right, weight].map((x) => ir.cast(x, dtype));
  const rows = product(lead);
  // One product with every output's matrix side by side: [rows, in1] · [in1, out · in2].
  const matrices = ir.reshape(ir.permute(w, [1, 0, 2]), [in1, out * in2]);
  const half = ir.reshape(ir.dot(ir.reshape(a, [rows, in1]), matrices), [rows, out, in2]);
  const other = ir.broadcastTo(ir.reshape(b, [rows, 1, in2]), half.shape);
  const y = ir.reshape(ir.reduceSum(ir.mul(half, other), [2]), [...lead, out]);
  return bias == null ? y : ir.add(y, ir.broadcastTo(ir.cast(bias, dtype), y.shape));
}
