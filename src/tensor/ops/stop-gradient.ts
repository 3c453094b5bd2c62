import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";

/**
 * x as a constant for differentiation, where the gradient through x cancels anyway and dropping it
 * only saves work. The detour through integer bits carries no gradient and costs nothing once
 * compiled. Other dtypes than f32 stay as they are.
 */
export function cancelGradient(x: Node): Node {
  return x.dtype === "f32" ? ir.bitcast(ir.bitcast(x, "u32"), "f32") : x;
}

/** x as a constant for differentiation, for every float dtype and finite x. */
export function stopGradient(x: Node): Node {
  if (x.dtype !== "f64") return ir.cast(cancelGradient(ir.cast(x, "f32")), x.dtype);
  // Three f32 parts hold all 53 bits of an f64.
  let total = ir.fullLike(x, 0);
  let rest = x;
  for (let part = 0; part < 3; part++) {
    const piece = ir.cast(cancelGradient(ir.cast(rest, "f32")), "f64");
    total = ir.add(total, piece);
    rest = ir.sub(rest, piece);
  }
  return total;
}
