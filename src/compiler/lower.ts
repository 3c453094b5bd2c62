import { CompileError } from "../base/errors.ts";
import { uniformValue } from "./simplify.ts";
import type { Node } from "../ir/node.ts";
import type { NodeOf } from "../ir/node.ts";
import { opClass } from "../ir/ops.ts";
import { numel } from "../ir/shape.ts";
import type { Form } from "./affine.ts";
import {
  axisForm,
  combineForms,
  flatForm,
  formKey,
  formRange,
  makeAxis,
  reshapeCoordinates,
  zeroForm,
} from "./affine.ts";
import { isWithin } from "./index-range.ts";
import type { Bound, ElementwiseOp, Expression } from "./kernel.ts";

/** Raised when a view cannot be followed by affine indices: `node` must get a buffer of its own. */
export class NeedsBuffer extends Error {
  readonly node: Node;

  constructor(node: Node) {
    super(`node ${node.id} (${node.op}) needs a buffer`);
    this.node = node;
  }
}

/**
 * Turns nodes into expressions over loop axes. Views become index arithmetic, elementwise ops
 * become applications, and nodes with a buffer (`isValue`) become loads.
 */
export class Lowering {
  readonly isValue: (node: Node) => boolean;
  private readonly memo: Map<string, Expression> = new Map();
  /** Depth of padding around what is being lowered: points outside compute values nobody reads. */
  private padding: number = 0;

  constructor(isValue: (node: Node) => boolean) {
    this.isValue = isValue;
  }

  /** The value of `node` at the given coordinates. @throws {NeedsBuffer} */
  value(node: Node, coordinates: readonly Form[]): Expression {
    if (this.isValue(node)) return this.load(node, flatForm(coordinates, node.shape));
    return this.definition(node, coordinates);
  }

  /** Like `value`, but computes the node even if it has a buffer. */
  definition(node: Node, coordinates: readonly Form[]): Expression {
    const padded = this.padding > 0 ? "p" : "";
    const key = `${node.id}${padded}@${coordinates.map(formKey).join(";")}`;
    const known = this.memo.get(key);
    if (known !== undefined) return known;
    const result = this.compute(node, coordinates);
    this.memo.set(key, result);
    return result;
  }

  private load(value: Node, form: Form): Expression {
    const key = `load${value.id}@${formKey(form)}`;
    const known = this.memo.get(key);
    if (known !== undefined) return known;
    const result: Expression = { kind: "load", dtype: value.dtype, value, form };
    this.memo.set(key, result);
    return result;
  }

  private compute(node: Node, coordinates: readonly Form[]): Expression {
    if (opClass[node.op] === "elementwise") {
      const operands = node.src.map((source) => this.value(source, coordinates));
      const op = isBelowOwnMaximum(node) ? "expNonPositive" : (node.op as ElementwiseOp);
      return productPlusTerm(node, operands) ?? { kind: "apply", dtype: node.dtype, op, operands };
    }
    switch (node.op) {
      case "constant":
        return { kind: "constant", dtype: node.dtype, value: node.attrs.value };
      case "iota":
        return { kind: "index", dtype: "i32", form: coordinates[0] };
      case "randomBits":
        return this.randomBits(node, coordinates);
      case "reshape":
        return this.reshape(node, coordinates);
      case "permute": {
        const moved = new Array<Form>(coordinates.length).fill(zeroForm);
        node.attrs.perm.forEach((dim, i) => (moved[dim] = coordinates[i]));
        return this.value(node.src[0], moved);
      }
      case "expand": {
        const source = node.src[0];
        return this.value(
          source,
          coordinates.map((form, dim) => (source.shape[dim] === 1 ? zeroForm : form)),
        );
      }
      case "slice": {
        const { start, step } = node.attrs;
        return this.value(
          node.src[0],
          coordinates.map((form, dim) => combineForms([[form, step[dim]]], start[dim])),
        );
      }
      case "window":
        return this.value(node.src[0], windowCoordinates(node, coordinates));
      case "pad":
        return this.pad(node, coordinates);
      case "gather":
        return this.gather(node, coordinates);
      case "barrier":
        return this.value(node.src[0], coordinates);
      default:
        throw new CompileError(`lower: ${node.op} has no elementwise meaning; it needs a buffer`);
    }
  }

  private randomBits(node: NodeOf<"randomBits">, coordinates: readonly Form[]): Expression {
    const [key] = node.src;
    const word = (offset: number): Expression => this.value(key, [{ offset, terms: [] }]);
    const counter = cast(flatForm(coordinates, node.shape));
    return { kind: "apply", dtype: "u32", op: "threefry", operands: [word(0), word(1), counter] };
  }

  private reshape(node: NodeOf<"reshape">, coordinates: readonly Form[]): Expression {
    const source = node.src[0];
    if (this.isValue(source)) return this.load(source, flatForm(coordinates, node.shape));
    if (uniformValue(source) !== undefined) {
      return this.value(
        source,
        source.shape.map(() => zeroForm),
      );
    }
    const inner = reshapeCoordinates(coordinates, node.shape, source.shape);
    if (inner === null) throw new NeedsBuffer(source);
    return this.value(source, inner);
  }

  private pad(node: NodeOf<"pad">, coordinates: readonly Form[]): Expression {
    const source = node.src[0];
    const { low, value } = node.attrs;
    const inner = coordinates.map((form, dim) => combineForms([[form, 1]], -low[dim]));
    const bounds: Bound[] = [];
    inner.forEach((form, dim) => {
      const [least, most] = formRange(form);
      if (least < 0 || most >= source.shape[dim]) {
        bounds.push({ form, low: 0, high: source.shape[dim] });
      }
    });
    if (bounds.length === 0) return this.value(source, inner);
    this.padding++;
    try {
      const inside = this.value(source, inner);
      return { kind: "masked", dtype: node.dtype, bounds, inside, otherwise: value };
    } finally {
      this.padding--;
    }
  }

  private gather(node: NodeOf<"gather">, coordinates: readonly Form[]): Expression {
    const [x, index] = node.src;
    const { dim } = node.attrs;
    const position = this.value(index, coordinates);
    const size = x.shape[dim];
    const axis = makeAxis(size, position, this.padding === 0 && !isWithin(position, size));
    const moved = [...coordinates];
    moved[dim] = axisForm(axis);
    return this.value(x, moved);
  }
}

function windowCoordinates(node: NodeOf<"window">, coordinates: readonly Form[]): Form[] {
  const rank = node.src[0].shape.length;
  const { dims, stride, dilation } = node.attrs;
  const moved = coordinates.slice(0, rank);
  dims.forEach((dim, i) => {
    moved[dim] = combineForms([
      [coordinates[dim], stride[i]],
      [coordinates[rank + i], dilation[i]],
    ]);
  });
  return moved;
}

/** Whether the node is exp(x − max x), the heart of softmax: its operand is at most 0. */
function isBelowOwnMaximum(node: Node): boolean {
  const [difference] = node.src;
  if (node.op !== "exp" || node.dtype !== "f32" || difference.op !== "sub") return false;
  let maximum = difference.src[1];
  while (maximum.op === "expand" || maximum.op === "reshape") maximum = maximum.src[0];
  return maximum.op === "reduceMax" && maximum.src[0] === difference.src[0];
}

/** Three f32 operands whose product and sum are computed in f64 and rounded to f32: one operation. */
function productPlusTerm(node: Node, [sum]: readonly Expression[]): Expression | null {
  if (node.op !== "cast" || node.dtype !== "f32" || !isApply(sum, "add")) return null;
  const [left, right] = sum.operands;
  for (const [product, term] of [
    [right, left],
    [left, right],
  ]) {
    const last = narrowed(term);
    if (!isApply(product, "mul") || last === null) continue;
    const [a, b] = product.operands.map(narrowed);
    if (a == null || b == null) continue;
    return { kind: "apply", dtype: "f32", op: "fma", operands: [a, b, last] };
  }
  return null;
}

/** Whether an expression is an operation in f64. */
function isApply(
  expression: Expression,
  op: ElementwiseOp,
): expression is Extract<Expression, { kind: "apply" }> {
  return expression.kind === "apply" && expression.op === op && expression.dtype === "f64";
}

/** The f32 expression that an f64 one only widens, or null. */
function narrowed(expression: Expression): Expression | null {
  if (isApply(expression, "cast")) {
    const [operand] = expression.operands;
    return operand.dtype === "f32" ? operand : null;
  }
  if (expression.kind !== "constant" || Math.fround(expression.value) !== expression.value)
    return null;
  return { kind: "constant", dtype: "f32", value: expression.value };
}

/** An index as u32. */
function cast(form: Form): Expression {
  return {
    kind: "apply",
    dtype: "u32",
    op: "cast",
    operands: [{ kind: "index", dtype: "i32", form }],
  };
}

/** Fresh axes for a shape, as coordinates. */
export function freshCoordinates(shape: readonly number[]): Form[] {
  return shape.map((size) => axisForm(makeAxis(size)));
}

/** A strided view of a value: what library kernels can read without a copy. */
export interface StridedView {
  readonly value: Node;
  readonly offset: number;
  /** Element stride per dim of the node; 0 where it repeats. */
  readonly strides: readonly number[];
}

/** The node as a strided view of something with a buffer, or null if it is more than that. */
export function stridedView(node: Node, isValue: (node: Node) => boolean): StridedView | null {
  const coordinates = freshCoordinates(node.shape);
  let expression: Expression;
  try {
    expression = new Lowering(isValue).value(node, coordinates);
  } catch (error) {
    if (error instanceof NeedsBuffer) return null;
    throw error;
  }
  if (expression.kind !== "load") return null;
  const form = combineForms([[expression.form, 1]]);
  const strides: number[] = [];
  let used = 0;
  for (const coordinate of coordinates) {
    const axis = coordinate.terms[0]?.axis;
    if (axis?.split != null) return null;
    const term = form.terms.find((candidate) => candidate.axis === axis);
    strides.push(term?.stride ?? 0);
    if (term !== undefined) used++;
  }
  if (used !== form.terms.length || strides.some((stride) => stride < 0)) return null;
  return { value: expression.value, offset: form.offset, strides };
}

/** Whether the node is the whole of a buffer in its own order. */
export function isContiguousView(view: StridedView, node: Node): boolean {
  let stride = 1;
  for (let dim = node.shape.length - 1; dim >= 0; dim--) {
    if (node.shape[dim] !== 1 && view.strides[dim] !== stride) return false;
    stride *= node.shape[dim];
  }
  return view.offset === 0 && numel(view.value.shape) === numel(node.shape);
}
