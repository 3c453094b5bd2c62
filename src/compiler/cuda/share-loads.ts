import { dtypeBytes } from "../../ir/dtype.ts";
import { numel } from "../../ir/shape.ts";
import type { Axis, Form } from "../affine.ts";
import { normalizeForm } from "../affine.ts";
import type { Expression, Kernel, Statement } from "../kernel.ts";
import { kernelExpressions, kernelForms } from "../loops.ts";
import { unrollAxis } from "../wasm/unroll.ts";

type Store = Extract<Statement, { kind: "store" }>;

/** Most points of an axis, and most stores, that one thread takes over. */
const MOST = 4;
/** Kernels with fewer bytes to load have more to gain from more threads. */
const SMALL = 1 << 18;

const strideAlong = (form: Form, axis: Axis): number =>
  form.terms.find((term) => term.axis === axis)?.stride ?? 0;

/**
 * Where every load is the same for all points of a short axis (the two rows an image's row becomes
 * when it is doubled), one thread computes them all.
 */
export function shareLoads(kernel: Kernel): Kernel {
  const stores = plainStores(kernel);
  if (stores === null) return kernel;
  const axis = kernel.outer.find((candidate) => isShared(kernel, stores, candidate));
  return axis === undefined ? kernel : unrollAxis(kernel, axis, stores);
}

function plainStores(kernel: Kernel): readonly Store[] | null {
  if (kernel.inner.length > 0 || kernel.phases.length !== 1 || kernel.sequential) return null;
  const { statements } = kernel.phases[0];
  const stores = statements.filter((part): part is Store => part.kind === "store");
  if (stores.length < statements.length || stores.some((part) => part.accumulate)) return null;
  const isDynamic = kernelForms(kernel).some((form) =>
    form.terms.some((term) => term.axis.dynamic !== null),
  );
  return isDynamic ? null : stores;
}

function isShared(kernel: Kernel, stores: readonly Store[], axis: Axis): boolean {
  if (axis.size < 2 || axis.size * stores.length > MOST) return false;
  const loads = kernelExpressions(kernel).filter(
    (part): part is Extract<Expression, { kind: "load" }> => part.kind === "load",
  );
  const isLarge = loads.some(({ value }) => numel(value.shape) * dtypeBytes(value.dtype) >= SMALL);
  // Neighbours in what is stored belong to neighbouring threads.
  const isApart = stores.every(
    ({ form }) => Math.abs(strideAlong(normalizeForm(form), axis)) > MOST,
  );
  return (
    isLarge && isApart && loads.every(({ form }) => strideAlong(normalizeForm(form), axis) === 0)
  );
}
