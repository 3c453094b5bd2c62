import { product } from "../base/integers.ts";
import type { Axis, Form } from "./affine.ts";
import { normalizeForm } from "./affine.ts";
import type { Expression, Kernel, Phase, Statement } from "./kernel.ts";
import { walkExpressions } from "./kernel.ts";

/** A loop of a rendered kernel: neighbouring axes that every access walks as one. */
export interface Loop {
  readonly axes: readonly Axis[];
  readonly size: number;
}

/** The loops of a kernel after merging, and how forms move along them. */
export interface LoopNest {
  readonly outer: readonly Loop[];
  readonly inner: readonly Loop[];
}

const strideAlong = (form: Form, axis: Axis): number =>
  form.terms.find((term) => term.axis === axis)?.stride ?? 0;

/** Elements a form moves per step of a loop. */
export function loopStride(form: Form, loop: Loop): number {
  return strideAlong(normalizeForm(form), loop.axes[loop.axes.length - 1]);
}

const walks = new WeakMap<object, readonly Expression[]>();

function walkOnce(owner: object, statements: readonly Statement[]): readonly Expression[] {
  const known = walks.get(owner);
  if (known !== undefined) return known;
  const found: Expression[] = [];
  walkExpressions(statements.flatMap(statementRoots), (expression) => found.push(expression));
  walks.set(owner, found);
  return found;
}

/** Every expression of a kernel, operands first. */
export function kernelExpressions(kernel: Kernel): readonly Expression[] {
  return walkOnce(
    kernel,
    kernel.phases.flatMap((phase) => phase.statements),
  );
}

/** Every expression of one phase, operands first. */
export function phaseExpressions(phase: Phase): readonly Expression[] {
  return walkOnce(phase, phase.statements);
}

/** Expressions a statement evaluates: its value and the dynamic indices of its target. */
export function statementRoots(statement: Statement): Expression[] {
  if (!("form" in statement)) return [statement.value];
  const dynamic = statement.form.terms.flatMap(({ axis }) =>
    axis.dynamic === null ? [] : [axis.dynamic],
  );
  return [statement.value, ...dynamic];
}

/** Every index form of a kernel, normalised. */
export function kernelForms(kernel: Kernel): Form[] {
  const forms: Form[] = [];
  for (const expression of kernelExpressions(kernel)) {
    if (expression.kind === "load" || expression.kind === "index") forms.push(expression.form);
    if (expression.kind === "masked") forms.push(...expression.bounds.map((bound) => bound.form));
  }
  for (const phase of kernel.phases) {
    for (const statement of phase.statements) if ("form" in statement) forms.push(statement.form);
  }
  return forms.map(normalizeForm);
}

function mergeAxes(axes: readonly Axis[], forms: readonly Form[]): Loop[] {
  const loops: Axis[][] = [];
  for (const axis of axes.filter((candidate) => candidate.size !== 1)) {
    const last = loops[loops.length - 1];
    const previous = last?.[last.length - 1];
    const together =
      previous !== undefined &&
      forms.every((form) => strideAlong(form, previous) === strideAlong(form, axis) * axis.size);
    if (together) last.push(axis);
    else loops.push([axis]);
  }
  return loops.map((merged) => ({ axes: merged, size: product(merged.map((axis) => axis.size)) }));
}

/** Merges neighbouring axes wherever every access permits it. */
export function planLoops(kernel: Kernel, forms: readonly Form[] = kernelForms(kernel)): LoopNest {
  return { outer: mergeAxes(kernel.outer, forms), inner: mergeAxes(kernel.inner, forms) };
}
