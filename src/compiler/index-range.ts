import { formRange, normalizeForm } from "./affine.ts";
import type { Expression } from "./kernel.ts";

/** Least and largest value an expression of whole numbers may have. */
export type IndexRange = readonly [number, number];

type Apply = Extract<Expression, { kind: "apply" }>;

const ofDType: Partial<Readonly<Record<Expression["dtype"], IndexRange>>> = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  i8: [-128, 127],
  u8: [0, 255],
  bool: [0, 1],
};

function combine(op: Apply["op"], a: IndexRange, b: IndexRange): IndexRange | null {
  switch (op) {
    case "add":
      return [a[0] + b[0], a[1] + b[1]];
    case "sub":
      return [a[0] - b[1], a[1] - b[0]];
    case "mul": {
      const ends = a.flatMap((x) => b.map((y) => x * y));
      return [Math.min(...ends), Math.max(...ends)];
    }
    case "max":
      return [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
    case "min":
      return [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
    case "div":
      return a[0] >= 0 && b[0] > 0 ? [Math.floor(a[0] / b[1]), Math.floor(a[1] / b[0])] : null;
    case "rem":
      return a[0] >= 0 && b[0] > 0 ? [0, Math.min(a[1], b[1] - 1)] : null;
    default:
      return null;
  }
}

function rangeOfApply(expression: Apply, whole: IndexRange): IndexRange {
  const { op, operands } = expression;
  const [first, second] = operands.map(rangeOf);
  const found = ((): IndexRange | null => {
    if (op === "cast") return first ?? null;
    return first && second && operands.length === 2 ? combine(op, first, second) : null;
  })();
  // What leaves the dtype wraps.
  return found !== null && found[0] >= whole[0] && found[1] <= whole[1] ? found : whole;
}

const known = new WeakMap<Expression, IndexRange | null>();

/** Bounds of an expression of whole numbers, null for other ones. */
export function rangeOf(expression: Expression): IndexRange | null {
  const before = known.get(expression);
  if (before !== undefined) return before;
  const whole = ofDType[expression.dtype];
  const result = whole === undefined ? null : compute(expression, whole);
  known.set(expression, result);
  return result;
}

function compute(expression: Expression, whole: IndexRange): IndexRange {
  if (expression.kind === "constant") return [expression.value, expression.value];
  if (expression.kind === "index") return formRange(normalizeForm(expression.form));
  return expression.kind === "apply" ? rangeOfApply(expression, whole) : whole;
}

/** Whether an index lies within a dim of `size` whatever is computed. */
export function isWithin(index: Expression, size: number): boolean {
  const range = rangeOf(index);
  return range !== null && range[0] >= 0 && range[1] < size;
}
