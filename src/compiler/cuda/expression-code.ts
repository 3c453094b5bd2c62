import { invariant } from "../../base/errors.ts";
import type { Node } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import type { Axis, Form } from "../affine.ts";
import { formRange, normalizeForm } from "../affine.ts";
import { isWithin } from "../index-range.ts";
import type { Expression } from "../kernel.ts";
import type { Loop } from "../loops.ts";
import type { KernelPlan } from "./kernel-plan.ts";
import { isUnsafe, strideOf } from "./accesses.ts";
import type { KernelText } from "./kernel-text.ts";
import type { Names } from "./names.ts";
import { operationText } from "./operation-code.ts";
import { constantText, registerType } from "./register-code.ts";

/** What expressions need to know about the function they stand in. */
export interface FunctionContext {
  readonly plan: KernelPlan;
  readonly text: KernelText;
  /** Parameter with the address of a value, and whether the kernel only reads it. */
  readonly pointer: (value: Node) => { readonly name: string; readonly readOnly: boolean };
  /** Element of a value that its parameter points at. */
  readonly firstElement: (value: Node) => number;
  /** Name of a loop's variable. */
  readonly variable: (loop: Loop) => string;
  /** A name no one else has. */
  readonly fresh: (letter: string) => string;
  readonly slot: (id: number, lane: string) => string;
}

/** Writes expressions as C, the value of one lane at a time. */
export class ExpressionCode {
  private readonly context: FunctionContext;

  constructor(context: FunctionContext) {
    this.context = context;
  }

  /** Declares names for the expressions, operands first. Lane `l` is open if `inLane`. */
  declare(expressions: readonly Expression[], names: Names, inLane: boolean): void {
    for (const expression of expressions) this.declareOne(expression, names, inLane);
  }

  /** Declares one expression unless it has a name. */
  declareOne(expression: Expression, names: Names, inLane: boolean): void {
    if (names.find(expression) !== undefined || isAtom(expression)) return;
    const text = this.compute(expression, names, inLane);
    const name = this.context.fresh("t");
    this.context.text.add(`const ${registerType(expression.dtype)} ${name} = ${text};`);
    names.set(expression, name);
  }

  /** Text of a value that is declared or needs no declaration. */
  text(expression: Expression, names: Names, inLane: boolean): string {
    const name = names.find(expression);
    if (name !== undefined) return name.array ? `${name.text}[l]` : name.text;
    invariant(isAtom(expression), "a value is used before it is computed");
    return this.compute(expression, names, inLane);
  }

  /** Text that computes a value from those of its operands. */
  compute(expression: Expression, names: Names, inLane: boolean): string {
    switch (expression.kind) {
      case "constant":
        return constantText(expression.dtype, expression.value);
      case "index":
        return `(int)(${this.indexText(expression.form, names, inLane)})`;
      case "load":
        return this.loadText(expression.value, expression.form, names, inLane);
      case "masked": {
        const tests = expression.bounds.map(({ form, low, high }) => {
          const at = this.indexText(form, names, inLane);
          const [least, most] = formRange(normalizeForm(form));
          const parts = [];
          if (least < low || hasDynamic(form)) parts.push(`${at} >= ${low}`);
          if (most >= high || hasDynamic(form)) parts.push(`${at} < ${high}`);
          return parts.length === 0 ? "1" : parts.join(" && ");
        });
        const inside = this.text(expression.inside, names, inLane);
        const otherwise = constantText(expression.dtype, expression.otherwise);
        return `${tests.join(" && ")} ? ${inside} : ${otherwise}`;
      }
      case "apply": {
        const { op, operands, dtype } = expression;
        const texts = operands.map((operand) => this.text(operand, names, inLane));
        const from = op === "where" ? dtype : operands[0].dtype;
        return operationText(op, from, dtype, texts);
      }
      case "stash":
        return this.context.slot(expression.id, inLane ? "l" : "0");
      case "accumulator": {
        const name = names.find(accumulatorKey(expression.id));
        invariant(name !== undefined, `accumulator ${expression.id} is read before it is made`);
        return name.array ? `${name.text}[l]` : name.text;
      }
      default:
        return expression satisfies never;
    }
  }

  /** offset + Σ stride · variable, dynamic terms as they are. */
  private indexText(unsplit: Form, names: Names, inLane: boolean): string {
    const form = normalizeForm(unsplit);
    const terms = this.terms(form, inLane);
    for (const { axis, stride } of form.terms) {
      if (axis.dynamic !== null) terms.push(times(this.text(axis.dynamic, names, inLane), stride));
    }
    return sum(terms, form.offset);
  }

  private terms(form: Form, inLane: boolean): string[] {
    const { plan, variable } = this.context;
    const terms: string[] = [];
    for (const loop of [...plan.outer, ...plan.inner]) {
      const stride = strideOf(form, loop);
      if (stride === 0) continue;
      const index = variable(loop);
      terms.push(times(loop === plan.vector && inLane ? `(${index} + l)` : index, stride));
    }
    return terms;
  }

  /**
   * Element index of an access, from where the value's parameter points; dynamic indices are kept
   * in range.
   */
  elementText(value: Node, unsplit: Form, names: Names, inLane: boolean): string {
    const form = normalizeForm(unsplit);
    const terms = this.terms(form, inLane);
    for (const { axis, stride } of form.terms) {
      if (axis.dynamic !== null) terms.push(times(this.dynamicIndex(axis, names, inLane), stride));
    }
    return sum(terms, form.offset - this.context.firstElement(value));
  }

  private dynamicIndex(axis: Axis, names: Names, inLane: boolean): string {
    const known = names.find(axis);
    if (known !== undefined) return known.text;
    invariant(axis.dynamic !== null, "only dynamic axes have an index of their own");
    const raw = this.text(axis.dynamic, names, inLane);
    if (isWithin(axis.dynamic, axis.size)) return raw;
    const text = axis.checked
      ? `checked_index(${raw}, ${axis.size}, errors)`
      : `safe_index(${raw}, ${axis.size})`;
    const name = this.context.fresh("x");
    const type = this.context.plan.wide ? "i64" : "int";
    this.context.text.add(`const ${type} ${name} = ${text};`);
    names.set(axis, name);
    return name;
  }

  private loadText(value: Node, unsplit: Form, names: Names, inLane: boolean): string {
    const form = normalizeForm(unsplit);
    const { plan, text, fresh, pointer } = this.context;
    const size = numel(value.shape);
    if (size === 0) return constantText(value.dtype, 0);
    const { name, readOnly } = pointer(value);
    const read = `${readOnly ? "read" : "load"}_${value.dtype}`;
    const element = this.elementText(value, form, names, inLane);
    // One address per place, instead of an addition of 64 bits per term.
    const single = hasDynamic(form) && !plan.wide ? `(${element})` : element;
    if (!isUnsafe(value, form)) return `${read}(${name} + ${single})`;
    // Around padding, where nobody looks at the value, another is read: that takes no branch.
    const at = fresh("x");
    text.add(`const ${plan.wide ? "i64" : "int"} ${at} = ${element};`);
    const inside = plan.wide ? `(u64)${at} < ${size}ull` : `(u32)${at} < ${size}u`;
    return `${read}(${name} + (${inside} ? ${at} : 0))`;
  }
}

/** Key of an accumulator among the names. */
export function accumulatorKey(id: number): string {
  return `accumulator ${id}`;
}

/** Whether an expression is written where it is used. */
export function isAtom(expression: Expression): boolean {
  return expression.kind === "constant" || expression.kind === "accumulator";
}

/** Whether an index of the form is known only while the kernel runs. */
export function hasDynamic(form: Form): boolean {
  return form.terms.some((term) => term.axis.dynamic !== null);
}

function times(index: string, stride: number): string {
  return stride === 1 ? index : `${index} * ${stride < 0 ? `(${stride})` : stride}`;
}

function sum(terms: readonly string[], offset: number): string {
  if (terms.length === 0) return `${offset}`;
  const text = terms.join(" + ");
  if (offset === 0) return text;
  return offset > 0 ? `${text} + ${offset}` : `${text} - ${-offset}`;
}
