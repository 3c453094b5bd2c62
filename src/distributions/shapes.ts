import { ShapeError } from "../base/errors.ts";
import { fullLike, tensor } from "../tensor/factories.ts";
import { broadcastTensors } from "../tensor/functions.ts";
import type { Tensor, TensorLike } from "../tensor/tensor.ts";

type Shape = Tensor["shape"];

/** A scalar of the dtype and device of another tensor. */
export function scalarLike(value: number, like: Tensor): Tensor {
  const dtype = ["f64", "f32", "f16", "bf16"].includes(like.dtype) ? like.dtype : "f32";
  return tensor(value, { dtype, device: like.device });
}

/** The parameters as tensors of one shape; numbers take the dtype of the tensors beside them. */
export function broadcastParameters(...parameters: readonly TensorLike[]): Tensor[] {
  const like = parameters.find((value) => typeof value !== "number");
  const tensors = parameters.map((value) => {
    if (typeof value !== "number") return value;
    return like === undefined ? tensor(value) : scalarLike(value, like);
  });
  return broadcastTensors(tensors);
}

/** Sums the last `count` dims. */
export function sumRightmost(x: Tensor, count: number): Tensor {
  if (count === 0) return x;
  return x.sum({ dim: Array.from({ length: count }, (_, i) => -1 - i) });
}

/** The common shape of two. @throws {ShapeError} if they do not broadcast. */
export function broadcastShapes(op: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const m = a[i - rank + a.length] ?? 1;
    const n = b[i - rank + b.length] ?? 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw new ShapeError(
        `${op}: shapes must broadcast, got [${a.join(", ")}] and [${b.join(", ")}]`,
      );
    }
    return m === 1 ? n : m;
  });
}

/** A constant with the shape, dtype and device of a tensor. */
export function constantLike(x: Tensor, value: number): Tensor {
  return fullLike(x, value);
}

/** Probabilities kept a rounding step away from 0 and 1. */
export function clampProbabilities(p: Tensor): Tensor {
  const eps = p.dtype === "f64" ? 2 ** -52 : 2 ** -23;
  return p.clamp({ min: eps, max: 1 - eps });
}
