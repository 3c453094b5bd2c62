import { dtypeBytes } from "../../ir/dtype.ts";
import type { Axis, Form } from "../affine.ts";
import { formRange, normalizeForm } from "../affine.ts";
import { ExpressionTable } from "../expression-table.ts";
import type { Bound, Expression, Kernel, Statement } from "../kernel.ts";
import { kernelForms } from "../loops.ts";
import { foldScalars } from "../simplify.ts";
import { planKernel, strideOf } from "./kernel-plan.ts";

type Store = Extract<Statement, { kind: "store" }>;

/** Most stores written out: their values are all in registers before the first is stored. */
const MOST_STORES = 4;

const strideAlong = (form: Form, axis: Axis): number =>
  form.terms.find((term) => term.axis === axis)?.stride ?? 0;

/** The form where `axis` has the given value. */
function formAt(form: Form, axis: Axis, value: number): Form {
  const normal = normalizeForm(form);
  return {
    offset: normal.offset + strideAlong(normal, axis) * value,
    terms: normal.terms.filter((term) => term.axis !== axis),
  };
}

/** Expressions with an axis replaced by a number; what is equal afterwards is one object. */
class Substitution {
  private readonly table: ExpressionTable = new ExpressionTable();
  private readonly axis: Axis;

  constructor(axis: Axis) {
    this.axis = axis;
  }

  /** Every expression of the root where the axis has the value. */
  at(root: Expression, value: number): Expression {
    const memo = new Map<Expression, Expression>();
    const visit = (expression: Expression): Expression => {
      const known = memo.get(expression);
      if (known !== undefined) return known;
      const result = this.table.intern(this.rebuild(expression, value, visit));
      memo.set(expression, result);
      return result;
    };
    return visit(root);
  }

  private rebuild(
    expression: Expression,
    value: number,
    visit: (operand: Expression) => Expression,
  ): Expression {
    switch (expression.kind) {
      case "load":
        return { ...expression, form: formAt(expression.form, this.axis, value) };
      case "index": {
        const form = formAt(expression.form, this.axis, value);
        if (form.terms.length > 0) return { ...expression, form };
        return { kind: "constant", dtype: "i32", value: form.offset };
      }
      case "masked":
        return this.rebuildMasked(expression, value, visit);
      case "apply":
        return foldApply({ ...expression, operands: expression.operands.map(visit) });
      default:
        return expression;
    }
  }

  private rebuildMasked(
    expression: Extract<Expression, { kind: "masked" }>,
    value: number,
    visit: (operand: Expression) => Expression,
  ): Expression {
    const bounds: Bound[] = [];
    for (const bound of expression.bounds) {
      const form = formAt(bound.form, this.axis, value);
      const [least, most] = formRange(form);
      if (least < bound.low || most >= bound.high) bounds.push({ ...bound, form });
    }
    const inside = visit(expression.inside);
    return bounds.length === 0 ? inside : { ...expression, bounds, inside };
  }
}

function foldApply(expression: Extract<Expression, { kind: "apply" }>): Expression {
  const { op, operands, dtype } = expression;
  if (op === "where" && operands[0].kind === "constant") {
    return operands[0].value === 0 ? operands[2] : operands[1];
  }
  const values: number[] = [];
  for (const operand of operands) {
    if (operand.kind !== "constant") return expression;
    values.push(operand.value);
  }
  if (op === "cast" && operands[0].dtype === "i32" && (dtype === "f32" || dtype === "f64")) {
    return { kind: "constant", dtype, value: dtype === "f32" ? Math.fround(values[0]) : values[0] };
  }
  const value = foldScalars(op, operands[0].dtype, dtype, values);
  return value === undefined ? expression : { kind: "constant", dtype, value };
}

/** The kernel with every point of one axis as statements of their own. */
export function unrollAxis(kernel: Kernel, axis: Axis, stores: readonly Store[]): Kernel {
  const substitution = new Substitution(axis);
  const statements = stores.flatMap((store) =>
    Array.from({ length: axis.size }, (_, value): Store => {
      const form = formAt(store.form, axis, value);
      return { ...store, form, value: substitution.at(store.value, value) };
    }),
  );
  return {
    ...kernel,
    outer: kernel.outer.filter((other) => other !== axis),
    phases: [{ level: "inner", statements }],
  };
}

/** The stores of a kernel that does nothing else; null for other kernels. */
function plainStores(kernel: Kernel): readonly Store[] | null {
  if (kernel.inner.length > 0 || kernel.phases.length !== 1 || kernel.sequential) return null;
  const stores = kernel.phases[0].statements.flatMap((part) =>
    part.kind === "store" && !part.accumulate ? [part] : [],
  );
  const isPlain = stores.length === kernel.phases[0].statements.length;
  return isPlain && stores.every(({ target }) => dtypeBytes(target.dtype) === 4) ? stores : null;
}

/**
 * Writes out an axis of two elements that lie side by side in the result: vectors along the next
 * axis then hold every other element of it, and two of them make two whole stores. What both
 * elements need is computed once.
 */
export function unrollPairs(kernel: Kernel): Kernel {
  const stores = plainStores(kernel);
  if (stores === null || stores.length * 2 > MOST_STORES) return kernel;
  const forms = stores.map((store) => normalizeForm(store.form));
  const pair = kernel.outer.find(
    (axis) => axis.size === 2 && forms.every((form) => strideAlong(form, axis) === 1),
  );
  const isDynamic = kernelForms(kernel).some((form) =>
    form.terms.some((term) => term.axis.dynamic !== null),
  );
  if (pair === undefined || isDynamic) return kernel;
  const unrolled = unrollAxis(kernel, pair, stores);
  const { vector, scalar } = planKernel(unrolled);
  const isPaired = !scalar && forms.every((form) => strideOf(form, vector) === 2);
  return isPaired ? unrolled : kernel;
}
