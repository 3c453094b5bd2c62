import { product } from "../../base/integers.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import type { Form } from "../affine.ts";
import { formRange, normalizeForm } from "../affine.ts";
import type { Expression, Kernel, Statement } from "../kernel.ts";
import { kernelExpressions, loopStride } from "../loops.ts";
import type { Loop } from "../loops.ts";

type Load = Extract<Expression, { kind: "load" }>;

/** One load or store of a kernel. */
export interface Access {
  readonly value: Node;
  readonly form: Form;
  readonly isStore: boolean;
}

/** Elements a form moves per step of a loop; 0 for none. */
export function strideOf(form: Form, loop: Loop | null): number {
  return loop === null || loop.axes.length === 0 ? 0 : loopStride(form, loop);
}

/** Whether the form reaches outside of its buffer at some points. */
export function isUnsafe(value: Node, form: Form): boolean {
  const [low, high] = formRange(form);
  return low < 0 || high >= numel(value.shape);
}

/** Every load and store of a kernel. */
export function kernelAccesses(kernel: Kernel): Access[] {
  const loads = kernelExpressions(kernel).filter((part): part is Load => part.kind === "load");
  const stores = kernel.phases.flatMap((phase) =>
    phase.statements.flatMap((part) => ("target" in part ? [part] : [])),
  );
  return [
    ...loads.map(({ value, form }) => ({ value, form: normalizeForm(form), isStore: false })),
    ...stores.map(({ target, form }) => ({
      value: target,
      form: normalizeForm(form),
      isStore: true,
    })),
  ];
}

/** Bytes an access moves in the whole kernel: the buffer's, or fewer if it has fewer points. */
export function bytesOf({ value, form }: Access): number {
  const points = product(form.terms.map((term) => term.axis.size));
  return Math.min(points, numel(value.shape)) * dtypeBytes(value.dtype);
}

/**
 * First element a kernel touches of each value of which it touches single elements only, places
 * that are the same at all points: parts of a small table, such as the scalars of an optimizer.
 */
export function fixedElements(kernel: Kernel): Map<Node, number> {
  const found = new Map<Node, number>();
  const moving = new Set<Node>();
  for (const { value, form } of kernelAccesses(kernel)) {
    const isFixed = form.terms.length === 0 && form.offset >= 0 && form.offset < numel(value.shape);
    if (!isFixed) moving.add(value);
    else found.set(value, Math.min(form.offset, found.get(value) ?? form.offset));
  }
  for (const value of moving) found.delete(value);
  return found;
}

/** Values a kernel writes. */
export function storedValues(kernel: Kernel): Node[] {
  const statements: readonly Statement[] = kernel.phases.flatMap((phase) => phase.statements);
  return statements.flatMap((part) => ("target" in part ? [part.target] : []));
}

/** Forms an expression itself walks along. */
export function formsOf(expression: Expression): readonly Form[] {
  switch (expression.kind) {
    case "load":
    case "index":
      return [normalizeForm(expression.form)];
    case "masked":
      return expression.bounds.map((bound) => normalizeForm(bound.form));
    default:
      return [];
  }
}
