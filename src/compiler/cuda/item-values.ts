import type { Expression } from "../kernel.ts";
import { expressionOperands } from "../kernel.ts";
import type { Loop } from "../loops.ts";
import { formsOf, strideOf } from "./accesses.ts";

/** Tells which values change along the inner loops of a kernel. */
export class ItemValues {
  private readonly inner: readonly Loop[];
  private readonly memo: Map<Expression, boolean> = new Map();

  constructor(inner: readonly Loop[]) {
    this.inner = inner;
  }

  has(expression: Expression): boolean {
    const known = this.memo.get(expression);
    if (known !== undefined) return known;
    const result = this.inner.length > 0 && this.compute(expression);
    this.memo.set(expression, result);
    return result;
  }

  private compute(expression: Expression): boolean {
    if (expression.kind === "stash") return true;
    const moves = formsOf(expression).some((form) =>
      this.inner.some((loop) => strideOf(form, loop) !== 0),
    );
    return moves || expressionOperands(expression).some((operand) => this.has(operand));
  }
}
