import { DTypeError, ShapeError } from "../base/errors.ts";
import { product } from "../base/integers.ts";
import type { DType } from "./dtype.ts";
import { dtypeBytes, isFloat, isInteger } from "./dtype.ts";
import type { Node } from "./node.ts";
import type {
  ConvAttrs,
  ConvGradAttrs,
  ExtremumAttrs,
  LoopAttrs,
  Op,
  OpAttrs,
  ReduceAttrs,
} from "./ops.ts";
import type { Shape } from "./shape.ts";
import { formatShape, sameShape } from "./shape.ts";

/** Shape and dtype of a node. */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

type LeafType = { readonly shape?: Shape; readonly dtype?: DType } | undefined;
type UntypedRule = (src: readonly Node[]) => TensorType;
type Rule<A> = (src: readonly Node[], attrs: A, leaf: LeafType) => TensorType;

const typeText = (node: TensorType): string => `${node.dtype}${formatShape(node.shape)}`;

function requireCount(op: string, src: readonly Node[], count: number): void {
  if (src.length !== count) {
    throw new ShapeError(`${op}: needs ${count} operands, got ${src.length}`);
  }
}

function requireDType(op: string, node: Node, ok: boolean, wanted: string): void {
  if (!ok) throw new DTypeError(`${op}: operand must be ${wanted}, got ${typeText(node)}`);
}

function requireSame(op: string, a: Node, b: Node): void {
  if (a.dtype !== b.dtype) {
    throw new DTypeError(
      `${op}: operands must have one dtype, got ${typeText(a)} and ${typeText(b)}; cast one`,
    );
  }
  if (!sameShape(a.shape, b.shape)) {
    throw new ShapeError(
      `${op}: operands must have one shape, got ${typeText(a)} and ${typeText(b)}`,
    );
  }
}

function requireRank(op: string, list: readonly number[], node: Node, what: string): void {
  if (list.length !== node.shape.length) {
    throw new ShapeError(
      `${op}: ${what} needs one entry per dim, got [${list.join(", ")}] for ${typeText(node)}`,
    );
  }
}

function requireDim(op: string, dim: number, node: Node): void {
  if (!Number.isInteger(dim) || dim < 0 || dim >= node.shape.length) {
    throw new ShapeError(
      `${op}: dim must be in 0 … ${node.shape.length - 1}, got ${dim} for ${typeText(node)}`,
    );
  }
}

type DTypeTest = (dtype: DType) => boolean;
const isNumber: DTypeTest = (dtype) => dtype !== "bool";
const isBits: DTypeTest = (dtype) => !isFloat(dtype);
const anyDType: DTypeTest = () => true;

function unary(op: Op, accepts: DTypeTest, wanted: string): UntypedRule {
  return (src) => {
    requireCount(op, src, 1);
    requireDType(op, src[0], accepts(src[0].dtype), wanted);
    return { shape: src[0].shape, dtype: src[0].dtype };
  };
}

function binary(op: Op, accepts: DTypeTest, wanted: string, result?: DType): UntypedRule {
  return (src) => {
    requireCount(op, src, 2);
    requireSame(op, src[0], src[1]);
    requireDType(op, src[0], accepts(src[0].dtype), wanted);
    return { shape: src[0].shape, dtype: result ?? src[0].dtype };
  };
}

function reduce(op: Op, accepts: DTypeTest, wanted: string): Rule<ReduceAttrs> {
  return (src, { axes }) => {
    requireCount(op, src, 1);
    requireDType(op, src[0], accepts(src[0].dtype), wanted);
    for (const axis of axes) requireDim(op, axis, src[0]);
    return {
      shape: src[0].shape.map((size, dim) => (axes.includes(dim) ? 1 : size)),
      dtype: src[0].dtype,
    };
  };
}

function extremum(op: Op): Rule<ExtremumAttrs> {
  const rule = reduce(op, anyDType, "any dtype");
  return (src, attrs, leaf) => {
    const type = rule(src, attrs, leaf);
    if (attrs.axes.some((axis) => src[0].shape[axis] === 0) && product(type.shape) > 0) {
      throw new ShapeError(
        `${op}: a maximum or minimum over no elements is undefined, got ${typeText(src[0])} over dims [${attrs.axes.join(", ")}]`,
      );
    }
    return type;
  };
}

function outputSizes(
  op: string,
  attrs: ConvAttrs,
  x: readonly number[],
  k: readonly number[],
): number[] {
  return x.map((size, i) => {
    const padded = size + attrs.padLow[i] + attrs.padHigh[i];
    const window = attrs.dilation[i] * (k[i] - 1) + 1;
    if (padded < window) {
      throw new ShapeError(
        `${op}: kernel must fit into the padded input, got kernel [${k.join(", ")}] with dilation ` +
          `[${attrs.dilation.join(", ")}] on input [${x.join(", ")}] with padding [${attrs.padLow.join(", ")}]`,
      );
    }
    return Math.floor((padded - window) / attrs.stride[i]) + 1;
  });
}

const convRule: Rule<ConvAttrs> = (src, attrs) => {
  requireCount("conv", src, 2);
  const [x, w] = src;
  if (x.shape.length < 3 || x.shape.length !== w.shape.length || x.dtype !== w.dtype) {
    throw new ShapeError(
      `conv: needs x [N, C, …] and w [O, C/groups, …] of one dtype, got ${typeText(x)} and ${typeText(w)}`,
    );
  }
  if (x.shape[1] !== w.shape[1] * attrs.groups || w.shape[0] % attrs.groups !== 0) {
    throw new ShapeError(
      `conv: input channels must be groups × weight channels and output channels a multiple of groups, ` +
        `got ${typeText(x)}, ${typeText(w)}, groups ${attrs.groups}`,
    );
  }
  const sizes = outputSizes("conv", attrs, x.shape.slice(2), w.shape.slice(2));
  return { shape: [x.shape[0], w.shape[0], ...sizes], dtype: x.dtype };
};

/** The rule for channels in dim 1, where they may be last. */
function inLayout<A extends ConvAttrs>(rule: Rule<A>): Rule<A> {
  return (src, attrs, leaf) => {
    if (attrs.channelsLast !== true) return rule(src, attrs, leaf);
    const first = src.map((node) => ({ ...node, shape: channelsFirst(node.shape) }));
    const { shape, dtype } = rule(first, attrs, leaf);
    return { shape: [shape[0], ...shape.slice(2), shape[1]], dtype };
  };
}

const channelsFirst = (shape: Shape): Shape => [
  shape[0],
  shape[shape.length - 1],
  ...shape.slice(1, -1),
];

const sameType = (a: TensorType, b: TensorType): boolean =>
  a.dtype === b.dtype && sameShape(a.shape, b.shape);

/** An operand or result of a loop: one element per trip along dim 0. */
const stacked = (node: Node, length: number): TensorType => ({
  shape: [length, ...node.shape],
  dtype: node.dtype,
});

const loopRule: Rule<LoopAttrs> = (src, attrs) => {
  const { body, carries, slices, length, conditional } = attrs;
  requireCount("loop", src, body.inputs.length);
  if (!Number.isInteger(length) || length < 0) {
    throw new ShapeError(`loop: length must be an integer ≥ 0, got ${length}`);
  }
  src.forEach((node, i) => {
    const isSlice = i >= carries && i < carries + slices;
    const wanted = isSlice ? stacked(body.inputs[i], length) : body.inputs[i];
    if (!sameType(node, wanted)) {
      throw new ShapeError(
        `loop: operand ${i} must be ${typeText(wanted)} as its body reads it, got ${typeText(node)}`,
      );
    }
  });
  body.inputs.slice(0, carries).forEach((carry, i) => {
    const next = body.outputs[i];
    if (next === undefined || !sameType(carry, next)) {
      throw new ShapeError(
        `loop: carry ${i} must stay ${typeText(carry)}, got ${next === undefined ? "nothing" : typeText(next)}`,
      );
    }
  });
  if (conditional) {
    const [go] = body.outputs;
    if (carries === 0 || go.dtype !== "bool" || go.shape.length > 0) {
      throw new ShapeError("loop: the first carry of a conditional loop must be bool[]");
    }
    if (slices > 0 || body.outputs.length > carries) {
      throw new ShapeError("loop: a conditional loop has no slices and no stacked results");
    }
  }
  return noValue;
};

/** Types of attention's result and of the logarithms of its rows' totals. */
function attentionResults([q, , v]: readonly Node[]): readonly [TensorType, TensorType] {
  const [batch, rows, heads] = q.shape;
  return [
    { shape: [batch, rows, heads, v.shape[3]], dtype: q.dtype },
    { shape: [batch, heads, rows], dtype: q.dtype === "f64" ? "f64" : "f32" },
  ];
}

/** @throws {ShapeError | DTypeError} if the operands are not q, k, v and, maybe, a bias. */
function requireAttention(op: string, src: readonly Node[]): void {
  const [q, k, v, bias] = src;
  const text = src.map(typeText).join(", ");
  if (src.length < 3 || src.length > 4 || src.some((node) => node.shape.length !== 4)) {
    throw new ShapeError(
      `${op}: needs q [B, L, H, D], k [B, S, G, D], v [B, S, G, V] and at most a bias ` +
        `[B, H, L, S], got ${text}`,
    );
  }
  const isWide = bias === undefined || bias.dtype === q.dtype || bias.dtype === "f32";
  if (!isFloat(q.dtype) || !isWide || src.slice(0, 3).some((node) => node.dtype !== q.dtype)) {
    throw new DTypeError(
      `${op}: operands must have one float dtype, a bias that or f32, got ${text}; cast them`,
    );
  }
  const [batch, rows, heads, width] = q.shape;
  const [, keys, groups] = k.shape;
  const fits =
    sameShape(k.shape, [batch, keys, groups, width]) &&
    sameShape(v.shape.slice(0, 3), k.shape.slice(0, 3)) &&
    (bias === undefined || sameShape(bias.shape, [batch, heads, rows, keys]));
  if (!fits || keys === 0 || groups === 0 || heads % groups !== 0) {
    throw new ShapeError(
      `${op}: needs q [B, L, H, D], k [B, S, G, D] with S > 0 and G that divides H, ` +
        `v [B, S, G, V] and a bias [B, H, L, S], got ${text}`,
    );
  }
}

/** What a node with several results has for its own value. */
const noValue: TensorType = { shape: [0], dtype: "bool" };

function resultTypes(from: Node): readonly TensorType[] {
  if (from.op === "attention") return attentionResults(from.src);
  if (from.op === "attentionGrad") return from.src.slice(0, 3);
  if (from.op !== "loop") return [];
  const { body, carries, length } = from.attrs;
  return body.outputs.map((output, i) => (i < carries ? output : stacked(output, length)));
}

const partRule: Rule<OpAttrs["part"]> = ([from], { index }) => {
  const result = from === undefined ? undefined : resultTypes(from)[index];
  if (result === undefined) {
    throw new ShapeError(`part: needs a node with a result ${index}, got ${from?.op}`);
  }
  return { shape: result.shape, dtype: result.dtype };
};

/** Type rule of every op: the executable specification of the IR. */
const rules: { readonly [K in Op]: Rule<OpAttrs[K]> } = {
  input: (_src, _attrs, leaf) => {
    if (leaf?.shape === undefined || leaf.dtype === undefined) {
      throw new ShapeError("input: needs a shape and a dtype");
    }
    for (const size of leaf.shape) {
      if (!Number.isInteger(size) || size < 0) {
        throw new ShapeError(`tensor: sizes must be integers ≥ 0, got ${formatShape(leaf.shape)}`);
      }
    }
    return { shape: leaf.shape, dtype: leaf.dtype };
  },
  constant: (_src, _attrs, leaf) => ({ shape: [], dtype: leaf?.dtype ?? "f32" }),
  iota: (_src, { size }) => ({ shape: [size], dtype: "i32" }),
  randomBits: (src, { shape }) => {
    requireCount("randomBits", src, 1);
    requireDType(
      "randomBits",
      src[0],
      src[0].dtype === "u32" && sameShape(src[0].shape, [2]),
      "a u32[2] key",
    );
    return { shape, dtype: "u32" };
  },
  neg: unary("neg", isNumber, "a number"),
  abs: unary("abs", isNumber, "a number"),
  sign: unary("sign", isNumber, "a number"),
  floor: unary("floor", isFloat, "a float"),
  ceil: unary("ceil", isFloat, "a float"),
  trunc: unary("trunc", isFloat, "a float"),
  round: unary("round", isFloat, "a float"),
  sqrt: unary("sqrt", isFloat, "a float"),
  exp: unary("exp", isFloat, "a float"),
  expm1: unary("expm1", isFloat, "a float"),
  log: unary("log", isFloat, "a float"),
  log1p: unary("log1p", isFloat, "a float"),
  sin: unary("sin", isFloat, "a float"),
  cos: unary("cos", isFloat, "a float"),
  tanh: unary("tanh", isFloat, "a float"),
  erf: unary("erf", isFloat, "a float"),
  not: unary("not", isBits, "bool or an integer"),
  cast: (src, { dtype }) => ({ shape: src[0].shape, dtype }),
  bitcast: (src, { dtype }) => {
    requireDType(
      "bitcast",
      src[0],
      dtypeBytes(src[0].dtype) === dtypeBytes(dtype),
      `as wide as ${dtype}`,
    );
    return { shape: src[0].shape, dtype };
  },
  add: binary("add", isNumber, "a number"),
  sub: binary("sub", isNumber, "a number"),
  mul: binary("mul", isNumber, "a number"),
  div: binary("div", isNumber, "a number"),
  rem: binary("rem", isNumber, "a number"),
  pow: binary("pow", isFloat, "a float"),
  max: binary("max", anyDType, "any dtype"),
  min: binary("min", anyDType, "any dtype"),
  and: binary("and", isBits, "bool or an integer"),
  or: binary("or", isBits, "bool or an integer"),
  xor: binary("xor", isBits, "bool or an integer"),
  shl: binary("shl", isInteger, "an integer"),
  shr: binary("shr", isInteger, "an integer"),
  eq: binary("eq", anyDType, "any dtype", "bool"),
  ne: binary("ne", anyDType, "any dtype", "bool"),
  lt: binary("lt", anyDType, "any dtype", "bool"),
  le: binary("le", anyDType, "any dtype", "bool"),
  where: (src) => {
    requireCount("where", src, 3);
    requireDType("where", src[0], src[0].dtype === "bool", "bool");
    requireSame("where", src[1], src[2]);
    if (!sameShape(src[0].shape, src[1].shape)) {
      throw new ShapeError(
        `where: operands must have one shape, got ${src.map(typeText).join(", ")}`,
      );
    }
    return { shape: src[1].shape, dtype: src[1].dtype };
  },
  reduceSum: reduce("reduceSum", isNumber, "a number"),
  reduceProd: reduce("reduceProd", isNumber, "a number"),
  reduceMax: extremum("reduceMax"),
  reduceMin: extremum("reduceMin"),
  argmax: (src, { dim }) => {
    requireDim("argmax", dim, src[0]);
    if (src[0].shape[dim] === 0) {
      throw new ShapeError(
        `argmax: needs at least one element, got ${typeText(src[0])} along dim ${dim}`,
      );
    }
    return { shape: src[0].shape.with(dim, 1), dtype: "i32" };
  },
  scan: (src, { dim }) => {
    requireDim("scan", dim, src[0]);
    requireDType("scan", src[0], isNumber(src[0].dtype), "a number");
    return { shape: src[0].shape, dtype: src[0].dtype };
  },
  reshape: (src, { shape }) => {
    if (product(shape) !== product(src[0].shape)) {
      throw new ShapeError(
        `reshape: element count must stay ${product(src[0].shape)}, got ${formatShape(src[0].shape)} to ${formatShape(shape)}`,
      );
    }
    return { shape, dtype: src[0].dtype };
  },
  permute: (src, { perm }) => {
    requireRank("permute", perm, src[0], "perm");
    if (
      !sameShape(
        perm.toSorted((a, b) => a - b),
        perm.map((_, i) => i),
      )
    ) {
      throw new ShapeError(
        `permute: dims must be a permutation of 0 … ${perm.length - 1}, got [${perm.join(", ")}]`,
      );
    }
    return { shape: perm.map((dim) => src[0].shape[dim]), dtype: src[0].dtype };
  },
  expand: (src, { shape }) => {
    requireRank("expand", shape, src[0], "shape");
    src[0].shape.forEach((size, dim) => {
      if (size !== 1 && size !== shape[dim]) {
        throw new ShapeError(
          `expand: only dims of size 1 can grow, got ${formatShape(src[0].shape)} to ${formatShape(shape)}`,
        );
      }
    });
    return { shape, dtype: src[0].dtype };
  },
  slice: (src, { start, step, shape }) => {
    requireRank("slice", shape, src[0], "shape");
    shape.forEach((size, dim) => {
      const last = start[dim] + step[dim] * (size - 1);
      const inside = (at: number): boolean => at >= 0 && at < src[0].shape[dim];
      if (size > 0 && !(inside(start[dim]) && inside(last))) {
        throw new ShapeError(
          `slice: range ${start[dim]} … ${last} leaves dim ${dim} of ${typeText(src[0])}`,
        );
      }
    });
    return { shape, dtype: src[0].dtype };
  },
  pad: (src, { low, high, interior }) => {
    requireRank("pad", low, src[0], "padding");
    const shape = src[0].shape.map(
      (size, i) => low[i] + high[i] + size + interior[i] * Math.max(size - 1, 0),
    );
    if (low.some((n) => n < 0) || high.some((n) => n < 0)) {
      throw new ShapeError(
        `pad: amounts must be ≥ 0, got [${low.join(", ")}] and [${high.join(", ")}]`,
      );
    }
    return { shape, dtype: src[0].dtype };
  },
  concat: (src, { dim }) => {
    if (src.length === 0) throw new ShapeError("concat: needs at least one tensor, got none");
    requireDim("concat", dim, src[0]);
    let size = 0;
    for (const node of src) {
      const fits = node.shape.length === src[0].shape.length && node.dtype === src[0].dtype;
      if (!fits || node.shape.some((n, i) => i !== dim && n !== src[0].shape[i])) {
        throw new ShapeError(
          `concat: tensors must agree in dtype and in all dims but ${dim}, got ${src.map(typeText).join(", ")}`,
        );
      }
      size += node.shape[dim];
    }
    return { shape: src[0].shape.with(dim, size), dtype: src[0].dtype };
  },
  window: (src, { dims, size, stride, dilation }) => {
    const shape = [...src[0].shape];
    dims.forEach((dim, i) => {
      requireDim("window", dim, src[0]);
      const extent = dilation[i] * (size[i] - 1) + 1;
      if (extent > shape[dim]) {
        throw new ShapeError(
          `window: size ${size[i]} (dilation ${dilation[i]}) exceeds dim ${dim} of ${typeText(src[0])}`,
        );
      }
      shape[dim] = Math.floor((shape[dim] - extent) / stride[i]) + 1;
    });
    return { shape: [...shape, ...size], dtype: src[0].dtype };
  },
  gather: (src, { dim }) => {
    const [x, index] = src;
    requireIndex("gather", x, index, dim);
    return { shape: index.shape, dtype: x.dtype };
  },
  scatter: (src, { dim }) => {
    const [base, index, updates] = src;
    requireIndex("scatter", base, index, dim);
    if (updates.dtype !== base.dtype || !sameShape(updates.shape, index.shape)) {
      throw new ShapeError(
        `scatter: updates must have the index's shape and the base's dtype, got ${src.map(typeText).join(", ")}`,
      );
    }
    return { shape: base.shape, dtype: base.dtype };
  },
  argsort: (src, { dim }) => {
    requireDim("argsort", dim, src[0]);
    return { shape: src[0].shape, dtype: "i32" };
  },
  topk: (src, { dim, k }) => {
    requireDim("topk", dim, src[0]);
    if (!Number.isInteger(k) || k < 0 || k > src[0].shape[dim]) {
      throw new ShapeError(
        `topk: k must be in 0 … ${src[0].shape[dim]}, got ${k} for ${typeText(src[0])} along dim ${dim}`,
      );
    }
    return { shape: src[0].shape.with(dim, k), dtype: "i32" };
  },
  dot: (src) => {
    const [a, b] = src;
    const rank = a.shape.length;
    if (a.dtype !== b.dtype) {
      throw new DTypeError(
        `matmul: operands must have one dtype, got ${typeText(a)} and ${typeText(b)}; cast one`,
      );
    }
    if (
      rank < 2 ||
      rank !== b.shape.length ||
      !sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
    ) {
      throw new ShapeError(`matmul: batch dims must match, got ${typeText(a)} @ ${typeText(b)}`);
    }
    if (a.shape[rank - 1] !== b.shape[rank - 2]) {
      throw new ShapeError(
        `matmul: inner sizes must match, got ${formatShape(a.shape)} @ ${formatShape(b.shape)}; transpose one operand?`,
      );
    }
    return { shape: [...a.shape.slice(0, -1), b.shape[rank - 1]], dtype: a.dtype };
  },
  conv: inLayout(convRule),
  convInputGrad: inLayout<ConvGradAttrs>(([g, w], attrs) => ({
    shape: [g.shape[0], w.shape[1] * attrs.groups, ...attrs.sizes],
    dtype: g.dtype,
  })),
  convWeightGrad: inLayout<ConvGradAttrs>(([x, g], attrs) => ({
    shape: [g.shape[1], x.shape[1] / attrs.groups, ...attrs.sizes],
    dtype: x.dtype,
  })),
  attention: (src) => {
    requireAttention("attention", src);
    return noValue;
  },
  attentionGrad: (src) => {
    requireAttention("attentionGrad", src.slice(0, -3));
    const [out, stats] = attentionResults(src.slice(0, -3));
    const [own, ownStats, gradient] = src.slice(-3);
    if (!sameType(own, out) || !sameType(ownStats, stats) || !sameType(gradient, out)) {
      throw new ShapeError(
        `attentionGrad: needs out ${typeText(out)}, stats ${typeText(stats)} and a gradient like ` +
          `out, got ${src.slice(-3).map(typeText).join(", ")}`,
      );
    }
    return noValue;
  },
  assign: (src) => {
    requireCount("assign", src, 2);
    requireSame("assign", src[0], src[1]);
    return { shape: src[0].shape, dtype: src[0].dtype };
  },
  custom: (_src, { shape, dtype }) => ({ shape, dtype }),
  barrier: (src) => ({ shape: src[0].shape, dtype: src[0].dtype }),
  checkpoint: (src) => ({ shape: src[0].shape, dtype: src[0].dtype }),
  customGradient: (src) => ({ shape: src[0].shape, dtype: src[0].dtype }),
  loop: loopRule,
  part: partRule,
};

function requireIndex(op: string, x: Node, index: Node, dim: number): void {
  requireDim(op, dim, x);
  if (index.dtype !== "i32") {
    throw new DTypeError(`${op}: index must be i32, got ${typeText(index)}`);
  }
  const fits = index.shape.every((size, i) => i === dim || size <= x.shape[i]);
  if (index.shape.length !== x.shape.length || !fits) {
    throw new ShapeError(
      `${op}: index must have the tensor's rank and be no larger outside dim ${dim}, got ${typeText(x)} and index ${typeText(index)}`,
    );
  }
}

/** Applies the op's rule. @throws {ShapeError | DTypeError} naming the operands that do not fit. */
export function inferType<K extends Op>(
  op: K,
  src: readonly Node[],
  attrs: OpAttrs[K],
  leaf: LeafType,
): TensorType {
  const rule: Rule<OpAttrs[K]> = rules[op];
  return rule(src, attrs, leaf);
}
