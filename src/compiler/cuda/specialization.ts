import type { Axis, Form } from "../affine.ts";
import {
  axisForm,
  combineForms,
  divideForm,
  formRange,
  makeAxis,
  normalizeForm,
} from "../affine.ts";
import { ExpressionTable } from "../expression-table.ts";
import { rangeOf } from "../index-range.ts";
import type { Expression, Statement } from "../kernel.ts";
import { foldScalars } from "../simplify.ts";

type Store = Extract<Statement, { kind: "store" }>;
type Apply = Extract<Expression, { kind: "apply" }>;

const isWhole = ({ dtype }: Expression): boolean => dtype === "i32" || dtype === "u32";

/**
 * Expressions where an axis is so many times another, plus a number. Whole numbers that are linear in the axes left are
 * written as such, also after a division, so that equal places are equal expressions; and what is
 * equal is one object, which is computed once.
 */
export class Specialization {
  private readonly axis: Axis;
  private readonly coarse: Form;
  private readonly table: ExpressionTable = new ExpressionTable();
  private readonly axes: Map<string, Axis> = new Map();
  /** The forms of linear expressions. */
  private readonly forms: Map<Expression, Form> = new Map();

  /**
   * @param coarse - form the axis is, but for the number.
   */
  constructor(axis: Axis, coarse: Form) {
    this.axis = axis;
    this.coarse = coarse;
  }

  /** A store where the axis is the coarse form plus the value. */
  store(store: Store, value: number): Store {
    const memo = new Map<Expression, Expression>();
    const visit = (expression: Expression): Expression => {
      const known = memo.get(expression);
      if (known !== undefined) return known;
      const result = this.table.intern(this.rebuild(expression, value, visit));
      memo.set(expression, result);
      return result;
    };
    return { ...store, form: this.formAt(store.form, value, visit), value: visit(store.value) };
  }

  private formAt(
    unsplit: Form,
    value: number,
    visit: (expression: Expression) => Expression,
  ): Form {
    const form = normalizeForm(unsplit);
    const parts = form.terms.map(({ axis, stride }): readonly [Form, number] => {
      if (axis === this.axis) return [{ ...this.coarse, offset: value }, stride];
      if (axis.dynamic === null) return [axisForm(axis), stride];
      const dynamic = visit(axis.dynamic);
      return [this.forms.get(dynamic) ?? axisForm(this.dynamicAxis(axis, dynamic)), stride];
    });
    return combineForms(parts, form.offset);
  }

  private dynamicAxis(axis: Axis, dynamic: Expression): Axis {
    const key = `${this.table.idOf(dynamic)} ${axis.size} ${axis.checked}`;
    const known = this.axes.get(key) ?? makeAxis(axis.size, dynamic, axis.checked);
    this.axes.set(key, known);
    return known;
  }

  private rebuild(
    expression: Expression,
    value: number,
    visit: (operand: Expression) => Expression,
  ): Expression {
    switch (expression.kind) {
      case "load":
        return { ...expression, form: this.formAt(expression.form, value, visit) };
      case "index":
        return this.linear("i32", this.formAt(expression.form, value, visit));
      case "constant":
        return isWhole(expression)
          ? this.linear(expression.dtype, { offset: expression.value, terms: [] })
          : expression;
      case "masked":
        return {
          ...expression,
          inside: visit(expression.inside),
          bounds: expression.bounds.map((bound) => ({
            ...bound,
            form: this.formAt(bound.form, value, visit),
          })),
        };
      case "apply":
        return this.fold({ ...expression, operands: expression.operands.map(visit) });
      default:
        return expression;
    }
  }

  /** A linear expression of whole numbers. */
  private linear(dtype: Expression["dtype"], form: Form): Expression {
    const result = this.table.intern(
      form.terms.length === 0
        ? { kind: "constant", dtype, value: form.offset }
        : dtype === "i32"
          ? { kind: "index", dtype, form }
          : { kind: "apply", dtype, op: "cast", operands: [this.linear("i32", form)] },
    );
    this.forms.set(result, form);
    return result;
  }

  private fold(expression: Apply): Expression {
    const { op, operands, dtype } = expression;
    const [first] = operands;
    if (op === "where" && first.kind === "constant") return operands[first.value === 0 ? 2 : 1];
    if (dtype === "bool") return foldTruth(expression);
    if (isWhole(expression)) return this.foldWhole(expression);
    if (op === "cast" && first.kind === "constant" && isWhole(first)) {
      if (dtype === "f32") return { kind: "constant", dtype, value: Math.fround(first.value) };
      if (dtype === "f64") return { kind: "constant", dtype, value: first.value };
    }
    const values = operands.flatMap((part) => (part.kind === "constant" ? [part.value] : []));
    if (values.length < operands.length) return expression;
    const value = foldScalars(op, first.dtype, dtype, values);
    return value === undefined ? expression : { kind: "constant", dtype, value };
  }

  private foldWhole(expression: Apply): Expression {
    const { op, operands, dtype } = expression;
    const forms = operands.map((operand) => this.forms.get(operand));
    const [a, b] = forms;
    if (a === undefined) return expression;
    const form = op === "cast" ? a : b === undefined ? null : foldForms(op, a, b);
    if (form === null) return expression;
    // What leaves the dtype wraps; places stay far below.
    const [low, high] = formRange(form);
    const fits = low >= (dtype === "u32" ? 0 : -(2 ** 31)) && high < 2 ** 31;
    return fits ? this.linear(dtype, form) : expression;
  }
}

/** A comparison, or what is left of it. */
function foldTruth(expression: Apply): Expression {
  const value = truthOf(expression);
  if (value !== null) return { kind: "constant", dtype: "bool", value };
  if (expression.op !== "and") return expression;
  const isTrue = (part: Expression): boolean => part.kind === "constant" && part.value === 1;
  const left = expression.operands.filter((part) => !isTrue(part));
  return left.length === 1 ? left[0] : expression;
}

/** Whether a comparison is true (1) or false (0) whatever is computed; null if that depends. */
function truthOf({ op, operands }: Apply): number | null {
  const [a, b] = operands.map(rangeOf);
  if (a == null || b == null) return null;
  switch (op) {
    case "lt":
      return a[1] < b[0] ? 1 : a[0] >= b[1] ? 0 : null;
    case "le":
      return a[1] <= b[0] ? 1 : a[0] > b[1] ? 0 : null;
    case "eq":
      return a[1] < b[0] || b[1] < a[0] ? 0 : null;
    case "and":
      return a[1] === 0 || b[1] === 0 ? 0 : a[0] === 1 && b[0] === 1 ? 1 : null;
    default:
      return null;
  }
}

/** A linear form of the result, null where it is none. */
function foldForms(op: Apply["op"], a: Form, b: Form): Form | null {
  const number = b.terms.length === 0 ? b.offset : null;
  switch (op) {
    case "add":
      return combineForms([
        [a, 1],
        [b, 1],
      ]);
    case "sub":
      return combineForms([
        [a, 1],
        [b, -1],
      ]);
    case "mul":
      return number === null ? null : combineForms([[a, number]]);
    case "div":
    case "rem": {
      if (number === null || number < 1 || formRange(a)[0] < 0) return null;
      const parts = divideForm(a, number);
      return parts === null ? null : parts[op === "div" ? 0 : 1];
    }
    case "max":
    case "min": {
      const [x, y] = op === "max" ? [a, b] : [b, a];
      if (formRange(x)[0] >= formRange(y)[1]) return a;
      return formRange(y)[0] >= formRange(x)[1] ? b : null;
    }
    default:
      return null;
  }
}
