import { describe, expect, it } from "vitest";
import { input } from "../../ir/build.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import * as ops from "./ops.ts";

const f32 = (...shape: number[]): Node => input(shape, "f32");
const of = (dtype: DType, ...shape: number[]): Node => input(shape, dtype);

/** What a wrong call says: the operation, what must hold, what it got. */
const messages: readonly (readonly [() => unknown, string])[] = [
  [
    () => ops.add(f32(2, 3), f32(4)),
    "add: shapes must broadcast, got [2, 3] and [4]; sizes 3 and 4 differ at dim -1",
  ],
  [() => ops.bitwiseAnd(f32(2), 1), "bitwiseAnd: operands must be integers or bool, got f32"],
  [() => ops.where(f32(2), 1, 0), "where: condition must be bool, got f32; compare it with ne"],
  [() => ops.clamp(f32(2), {}), "clamp: needs min or max, got neither"],
  [
    () => ops.sum(f32(2, 3), { dim: 2 }),
    "sum: dim must be an integer in [-2, 1] for a tensor of 2 dims, got 2",
  ],
  [() => ops.sum(f32(2, 3), { dim: [0, -2] }), "sum: dims must be distinct, got [0, -2]"],
  [
    () => ops.reshape(f32(2, 3), [4, -1]),
    "reshape: one size may be -1 and the others must divide 6 elements, got [4, -1]",
  ],
  [
    () => ops.expand(f32(2, 3), [4, 3]),
    "expand: only dims of size 1 can grow and new dims come first, got [2, 3] to [4, 3]",
  ],
  [
    () => ops.narrow(f32(2, 3), 1, 2, 2),
    "narrow: start and length must stay inside dim 1 of [2, 3], got 2 and 2",
  ],
  [() => ops.index(f32(2, 3), [0, 3]), "index: must be in -3 … 2 along dim 1 of [2, 3], got 3"],
  [() => ops.index(f32(2), [0, 0]), 'index: needs at most 1 entries and one "...", got 2 for [2]'],
  [
    () => ops.slice(f32(4), [[0, 4, 0]]),
    "slice: start and stop must be integers and step not 0, got [0, 4, 0]",
  ],
  [
    () => ops.cat([f32(2, 3), f32(3, 2)]),
    "cat: tensors must agree in all dims but 0, got [2, 3], [3, 2]",
  ],
  [() => ops.split(f32(5), [2, 2]), "split: sizes must sum to 5, dim 0 of [5], got [2, 2]"],
  [
    () => ops.pad(f32(5), [5, 0], { mode: "reflect" }),
    "pad: reflect amounts must be at most 4 for dim 0 of [5], got 5 and 0",
  ],
  [
    () => ops.gather(f32(2), f32(2), 0),
    "gather: index must be an integer tensor, got f32; cast it to i32",
  ],
  [
    () => ops.scatter(f32(3), of("i32", 2), of("i32", 2), 0),
    "scatter: source must have the dtype of x and cover the index, got i32[2] for f32[3] and index [2]",
  ],
  [
    () => ops.matmul(f32(2, 3), f32(4, 5)),
    "matmul: inner sizes must match, got [2, 3] @ [4, 5]; transpose one operand?",
  ],
  [
    () => ops.linear(f32(2, 3), f32(4, 5)),
    "linear: last dim of x must be 5, the columns of weight [4, 5], got [2, 3]",
  ],
  [
    () => ops.einsum("ij,jk->ik", f32(2, 3)),
    'einsum: needs one subscript term per operand, got "ij,jk->ik" for 1 operands',
  ],
  [
    () => ops.einsum("ij,jk->ik", f32(2, 3), f32(4, 5)),
    'einsum: subscript "j" of "ij,jk->ik" must have one size, got 3 and 4',
  ],
  [
    () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3)),
    "conv2d: weight must be [O, C/groups, kH, kW], got [4, 3, 3]",
  ],
  [
    () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 2, 3, 3)),
    "conv2d: x must have 2 channels for weight [4, 2, 3, 3] and 1 groups, got [1, 3, 8, 8]",
  ],
  [
    () => ops.conv2d(f32(3, 8), f32(4, 3, 3, 3)),
    "conv2d: x must be [N, C, size, size] or without N, got [3, 8]",
  ],
  [
    () => ops.conv2d(f32(1, 1, 2, 2), f32(1, 1, 3, 3)),
    "conv2d: kernel must fit into the padded input, got kernel [3, 3] with dilation [1, 1] on [1, 1, 2, 2] with padding [0, 0]",
  ],
  [
    () => ops.conv2d(f32(1, 1, 5, 5), f32(1, 1, 3, 3), null, { stride: 0 }),
    "conv2d: stride must be an integer ≥ 1 or 2 of them, got 0",
  ],
  [
    () => ops.maxPool2d(f32(1, 1, 4, 4), 2, { padding: 2 }),
    "maxPool2d: padding must be at most half the kernel, got [2, 2] for [2, 2]",
  ],
  [() => ops.layerNorm(f32(2, 3), 4), "layerNorm: x must end in normalizedShape [4], got [2, 3]"],
  [
    () => ops.batchNorm(f32(4, 3)),
    "batchNorm: runningMean and runningVar are needed unless training is true",
  ],
  [
    () => ops.groupNorm(f32(2, 6), 4),
    "groupNorm: numGroups must divide the 6 channels of [2, 6], got 4",
  ],
  [
    () => ops.mseLoss(f32(2, 1), f32(2)),
    "mseLoss: input and target must have one shape, got [2, 1] and [2]",
  ],
  [
    () => ops.crossEntropy(f32(2, 5), of("i32", 3)),
    "crossEntropy: target must hold class indices [2] for input [2, 5], got i32[3]",
  ],
  [
    () => ops.scaledDotProductAttention(f32(2, 3), f32(4, 5), f32(4, 5)),
    "scaledDotProductAttention: query [..., L, E] needs key [..., S, E] and value [..., S, V], got [2, 3], [4, 5], [4, 5]",
  ],
  [() => ops.dropout(f32(2), of("u32", 2), { p: 1.5 }), "dropout: p must be in [0, 1], got 1.5"],
];

describe("messages of wrong calls", () => {
  it.each(messages.map(([call, text]) => ({ call, text })))("$text", ({ call, text }) => {
    expect(call).toThrow(text);
  });
});
