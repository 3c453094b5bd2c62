import { product } from "../../base/integers.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Axis, Form } from "../affine.ts";
import { combineForms, axisForm, makeAxis, normalizeForm } from "../affine.ts";
import { isWithin } from "../index-range.ts";
import type { Expression, Kernel, Statement } from "../kernel.ts";
import { formOperands, walkExpressions } from "../kernel.ts";
import { kernelExpressions } from "../loops.ts";
import type { CudaTarget } from "./kernel-code.ts";
import { Specialization } from "./specialization.ts";

type Store = Extract<Statement, { kind: "store" }>;
type Load = Extract<Expression, { kind: "load" }>;

const VECTOR_BYTES = 16;
const MOST_LANES = 8;
/** Threads a multiprocessor should have left before each takes over several lines. */
const THREADS_LEFT = 512;

const strideAlong = (form: Form, axis: Axis): number =>
  form.terms.find((term) => term.axis === axis)?.stride ?? 0;

/**
 * Where elements at computed places are looked up (an image that is resized), one thread computes
 * a vector of neighbours in two lines of them. Written out one by one, their places and weights are
 * often numbers, and what several of them read is loaded once.
 */
export function unrollGathers(kernel: Kernel, target: CudaTarget): Kernel {
  const store = onlyStore(kernel);
  if (store === null) return kernel;
  const form = normalizeForm(store.form);
  const columns = kernel.outer.find((axis) => strideAlong(form, axis) === 1);
  const loads = kernelExpressions(kernel).filter((part): part is Load => part.kind === "load");
  if (columns === undefined || !arePlaced(loads, columns)) return kernel;
  const lanes = lanesOf(store, form, columns);
  const moved = placingAxes(loads);
  if (lanes === 1 || !moved.has(columns)) return kernel;
  const points = product(kernel.outer.map((axis) => axis.size)) / lanes;
  const lines = linesOf(kernel, form, columns, moved);
  const isMany = points / 2 >= THREADS_LEFT * target.multiprocessors;
  const halved = lines !== undefined && isMany ? unroll(kernel, [store], lines, 2) : null;
  const stores = halved?.stores ?? [store];
  return unroll(halved?.kernel ?? kernel, stores, columns, lanes).kernel;
}

/** The store of a kernel that does nothing else. */
function onlyStore(kernel: Kernel): Store | null {
  if (kernel.inner.length > 0 || kernel.phases.length !== 1 || kernel.sequential) return null;
  const [part, ...rest] = kernel.phases[0].statements;
  if (part?.kind !== "store" || part.accumulate || rest.length > 0) return null;
  return formOperands(part.form).length === 0 ? part : null;
}

/** Whether all that changes along the axis is at places computed from the place of the result. */
function arePlaced(loads: readonly Load[], columns: Axis): boolean {
  return loads.every((load) => {
    const form = normalizeForm(load.form);
    const isComputed = form.terms.every(
      ({ axis: { dynamic, size } }) =>
        dynamic === null || (isFree(dynamic) && isWithin(dynamic, size)),
    );
    return isComputed && strideAlong(form, columns) === 0;
  });
}

/** Whether nothing is read to compute it. */
function isFree(expression: Expression): boolean {
  let free = true;
  walkExpressions([expression], ({ kind }) => {
    free &&= kind === "constant" || kind === "index" || kind === "apply";
  });
  return free;
}

/** Axes that places are computed from. */
function placingAxes(loads: readonly Load[]): Set<Axis> {
  const found = new Set<Axis>();
  walkExpressions(
    loads.flatMap((load) => formOperands(normalizeForm(load.form))),
    (part) => {
      if (part.kind !== "index") return;
      for (const { axis } of normalizeForm(part.form).terms) found.add(axis);
    },
  );
  return found;
}

/** Neighbours along the columns that a vector holds. */
function lanesOf(store: Store, form: Form, columns: Axis): number {
  let lanes = Math.min(MOST_LANES, VECTOR_BYTES / dtypeBytes(store.target.dtype));
  const steps = [form.offset, columns.size];
  for (const { axis, stride } of form.terms) if (axis !== columns) steps.push(stride);
  while (lanes > 1 && steps.some((step) => step % lanes !== 0)) lanes /= 2;
  return lanes;
}

/** Axis next to the columns that places depend on, of whole pairs. */
function linesOf(
  kernel: Kernel,
  form: Form,
  columns: Axis,
  moved: ReadonlySet<Axis>,
): Axis | undefined {
  return kernel.outer
    .filter((axis) => axis !== columns && moved.has(axis) && axis.size % 2 === 0)
    .toSorted((a, b) => strideAlong(form, a) - strideAlong(form, b))[0];
}

/** The kernel with `count` neighbours along an axis written out. */
function unroll(
  kernel: Kernel,
  stores: readonly Store[],
  axis: Axis,
  count: number,
): { readonly kernel: Kernel; readonly stores: readonly Store[] } {
  const coarse = makeAxis(axis.size / count);
  const specialization = new Specialization(axis, combineForms([[axisForm(coarse), count]]));
  const written = stores.flatMap((store) =>
    Array.from({ length: count }, (_, value) => specialization.store(store, value)),
  );
  return {
    kernel: {
      ...kernel,
      outer: kernel.outer.map((other) => (other === axis ? coarse : other)),
      phases: [{ level: "inner", statements: written }],
    },
    stores: written,
  };
}
