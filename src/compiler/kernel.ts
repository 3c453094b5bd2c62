import type { BinaryOp, UnaryOp } from "../ir/build.ts";
import type { DType } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Axis, Form } from "./affine.ts";

/**
 * Elementwise ops as kernels know them. `threefry` gives random bits from two key words and a
 * counter; `expNonPositive` is exp for operands that cannot be positive, with results below the
 * normal numbers flushed to 0; `fma` is a · b + c of three f32 with one rounding.
 */
export type ElementwiseOp =
  | UnaryOp
  | BinaryOp
  | "cast"
  | "bitcast"
  | "where"
  | "threefry"
  | "expNonPositive"
  | "fma";

/** Folding operation of a reduction. */
export type ReduceOp = "sum" | "prod" | "max" | "min";

/** low ≤ form < high, checked while the kernel runs. */
export interface Bound {
  readonly form: Form;
  readonly low: number;
  readonly high: number;
}

/**
 * Value computed for one point of a kernel's loops. Expressions are shared (a DAG): the renderer
 * computes each object once per loop body, and once outside the loops it does not depend on.
 */
export type Expression =
  | { readonly kind: "constant"; readonly dtype: DType; readonly value: number }
  | { readonly kind: "index"; readonly dtype: "i32"; readonly form: Form }
  | { readonly kind: "load"; readonly dtype: DType; readonly value: Node; readonly form: Form }
  | {
      readonly kind: "masked";
      readonly dtype: DType;
      readonly bounds: readonly Bound[];
      readonly inside: Expression;
      readonly otherwise: number;
    }
  | {
      readonly kind: "apply";
      readonly dtype: DType;
      readonly op: ElementwiseOp;
      readonly operands: readonly Expression[];
    }
  /** Result of a reduction of an earlier phase, for the current point of the outer axes. */
  | { readonly kind: "accumulator"; readonly dtype: DType; readonly id: number }
  /** Per-thread stash of a value over the inner axes, written by an earlier phase. */
  | { readonly kind: "stash"; readonly dtype: DType; readonly id: number };

/** One effect of a loop body. */
export type Statement =
  | {
      readonly kind: "reduce";
      readonly id: number;
      readonly op: ReduceOp;
      readonly dtype: DType;
      readonly value: Expression;
    }
  /** Inclusive scan: combines into the accumulator, then stores it. */
  | {
      readonly kind: "scan";
      readonly id: number;
      readonly op: ReduceOp;
      readonly dtype: DType;
      readonly value: Expression;
      readonly target: Node;
      readonly form: Form;
    }
  | {
      readonly kind: "store";
      readonly target: Node;
      readonly form: Form;
      readonly value: Expression;
      /** Adds to what is there (scatter-add). */
      readonly accumulate: boolean;
    }
  | { readonly kind: "stash"; readonly id: number; readonly value: Expression };

/** Statements run in the same loops: over the inner axes, or once per outer point. */
export interface Phase {
  readonly level: "inner" | "outer";
  readonly statements: readonly Statement[];
}

/**
 * A generated kernel: for every point of the outer axes (any order, so they may run in parallel),
 * the phases one after the other. This is what WASM, CUDA C and WGSL are rendered from.
 */
export interface Kernel {
  readonly name: string;
  readonly outer: readonly Axis[];
  readonly inner: readonly Axis[];
  readonly phases: readonly Phase[];
  /** Whether inner axes must run in order (scan, scatter). */
  readonly sequential: boolean;
  /** Stashes the phases use: dtype by id. */
  readonly stashes: readonly DType[];
}

/** Operands of an expression. */
export function expressionOperands(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "apply":
      return expression.operands;
    case "masked":
      return [expression.inside, ...expression.bounds.flatMap((bound) => formOperands(bound.form))];
    case "load":
    case "index":
      return formOperands(expression.form);
    case "constant":
    case "accumulator":
    case "stash":
      return [];
    default:
      return expression satisfies never;
  }
}

/** Expressions the dynamic axes of a form are computed from. */
export function formOperands(form: Form): Expression[] {
  return form.terms.flatMap((term) => (term.axis.dynamic === null ? [] : [term.axis.dynamic]));
}

/** Calls `visit` once for every expression below the roots, operands first. */
export function walkExpressions(
  roots: readonly Expression[],
  visit: (expression: Expression) => void,
): void {
  const seen = new Set<Expression>();
  const walk = (expression: Expression): void => {
    if (seen.has(expression)) return;
    seen.add(expression);
    for (const operand of expressionOperands(expression)) walk(operand);
    visit(expression);
  };
  for (const root of roots) walk(root);
}
