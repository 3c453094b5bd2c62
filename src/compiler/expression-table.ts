import { formKey } from "./affine.ts";
import type { Expression } from "./kernel.ts";

/** Expressions of which equal ones are one object, if their operands are in the table too. */
export class ExpressionTable {
  private readonly interned: Map<string, Expression> = new Map();
  private readonly ids: Map<Expression, number> = new Map();

  /** Number of an expression of the table. */
  idOf(expression: Expression): number | undefined {
    return this.ids.get(expression);
  }

  /** The expression's equal that came first. */
  intern(expression: Expression): Expression {
    const key = this.keyOf(expression);
    const known = this.interned.get(key);
    if (known !== undefined) return known;
    this.interned.set(key, expression);
    this.ids.set(expression, this.ids.size);
    return expression;
  }

  private keyOf(expression: Expression): string {
    const { kind, dtype } = expression;
    const idOf = (operand: Expression): number | undefined => this.ids.get(operand);
    switch (kind) {
      case "constant": {
        const { value } = expression;
        return `${kind} ${dtype} ${Object.is(value, -0) ? "-0" : value}`;
      }
      case "index":
        return `${kind} ${formKey(expression.form)}`;
      case "load":
        return `${kind} ${expression.value.id} ${formKey(expression.form)}`;
      case "masked": {
        const { bounds, inside, otherwise } = expression;
        const limits = bounds.map(({ form, low, high }) => `${formKey(form)}:${low}:${high}`);
        return `${kind} ${idOf(inside)} ${otherwise} ${limits.join(" ")}`;
      }
      case "apply":
        return `${expression.op} ${dtype} ${expression.operands.map(idOf).join(" ")}`;
      default:
        return `${kind} ${dtype} ${expression.id}`;
    }
  }
}
