import { invariant } from "../base/errors.ts";
import { sameNumbers } from "../base/integers.ts";
import { contiguousStrides } from "../ir/shape.ts";
import type { Shape } from "../ir/shape.ts";
import type { Expression } from "./kernel.ts";

/**
 * One loop variable, 0 ≤ value < size. When a reshape needs it, an axis is split into an outer and
 * an inner one (value = outer · inner.size + inner); forms that still name it are normalised.
 */
export interface Axis {
  readonly id: number;
  readonly size: number;
  /** For an index known only while the kernel runs (gather): the expression that gives it. */
  readonly dynamic: Expression | null;
  /** Whether a dynamic index out of range is an error, not a value nobody looks at. */
  readonly checked: boolean;
  split: { readonly outer: Axis; readonly inner: Axis } | null;
}

/** stride · axis. */
export interface Term {
  readonly axis: Axis;
  readonly stride: number;
}

/** offset + Σ stride · axis: where an element lies, as a function of the loop variables. */
export interface Form {
  readonly offset: number;
  readonly terms: readonly Term[];
}

/** The form 0. */
export const zeroForm: Form = { offset: 0, terms: [] };

let nextAxis = 0;

/** A new loop variable. */
export function makeAxis(
  size: number,
  dynamic: Expression | null = null,
  checked: boolean = true,
): Axis {
  return { id: nextAxis++, size, dynamic, checked, split: null };
}

/** The form that is the axis itself; 0 for an axis of size 1. */
export function axisForm(axis: Axis): Form {
  return axis.size === 1 && axis.dynamic === null
    ? zeroForm
    : { offset: 0, terms: [{ axis, stride: 1 }] };
}

/** The axes an axis was split into, outermost first; itself if it was not. */
export function leafAxes(axis: Axis): Axis[] {
  return axis.split === null
    ? [axis]
    : [...leafAxes(axis.split.outer), ...leafAxes(axis.split.inner)];
}

function addTerms(into: Map<Axis, number>, axis: Axis, stride: number): void {
  if (axis.split !== null) {
    addTerms(into, axis.split.outer, stride * axis.split.inner.size);
    addTerms(into, axis.split.inner, stride);
    return;
  }
  into.set(axis, (into.get(axis) ?? 0) + stride);
}

function fromMap(offset: number, terms: ReadonlyMap<Axis, number>): Form {
  const list: Term[] = [];
  for (const [axis, stride] of terms) {
    if (stride !== 0 && (axis.size !== 1 || axis.dynamic !== null)) list.push({ axis, stride });
  }
  list.sort((a, b) => a.axis.id - b.axis.id);
  return { offset, terms: list };
}

/** Rewrites the form over the axes as they are split now. */
export function normalizeForm(form: Form): Form {
  if (form.terms.every((term) => term.axis.split === null)) return form;
  const terms = new Map<Axis, number>();
  for (const term of form.terms) addTerms(terms, term.axis, term.stride);
  return fromMap(form.offset, terms);
}

/** Σ scale · form + offset. */
export function combineForms(parts: readonly (readonly [Form, number])[], offset = 0): Form {
  const terms = new Map<Axis, number>();
  let total = offset;
  for (const [form, scale] of parts) {
    total += form.offset * scale;
    for (const term of form.terms) addTerms(terms, term.axis, term.stride * scale);
  }
  return fromMap(total, terms);
}

/** Text that is equal for equal forms. */
export function formKey(form: Form): string {
  const normal = normalizeForm(form);
  return `${normal.offset}${normal.terms.map((t) => `,${t.axis.id}*${t.stride}`).join("")}`;
}

/** Smallest and largest value the form takes. */
export function formRange(form: Form): readonly [number, number] {
  let low = form.offset;
  let high = form.offset;
  for (const { axis, stride } of form.terms) {
    if (stride > 0) high += stride * (axis.size - 1);
    else low += stride * (axis.size - 1);
  }
  return [low, high];
}

/** Element index in a contiguous tensor, from its coordinates. */
export function flatForm(coordinates: readonly Form[], shape: Shape): Form {
  const strides = contiguousStrides(shape);
  return combineForms(coordinates.map((form, dim) => [form, strides[dim]] as const));
}

function splitAxis(axis: Axis, innerSize: number): void {
  invariant(axis.split === null && axis.size % innerSize === 0, "axis split must divide");
  axis.split = { outer: makeAxis(axis.size / innerSize), inner: makeAxis(innerSize) };
}

/** floor(form / size) and form mod size; null if not affine in the axes as they are. */
export function divideForm(start: Form, size: number): readonly [Form, Form] | null {
  const form = normalizeForm(start);
  const high = form.terms.filter((term) => term.stride % size === 0);
  const low = form.terms.filter((term) => term.stride % size !== 0);
  const [least, most] = formRange({ offset: form.offset, terms: low });
  const quotient = Math.floor(least / size);
  if (most >= (quotient + 1) * size) return null;
  const outer = high.map(({ axis, stride }) => ({ axis, stride: stride / size }));
  return [
    { offset: quotient, terms: outer },
    { offset: form.offset - quotient * size, terms: low },
  ];
}

/** {@link divideForm}, splitting axes where needed. */
function divide(start: Form, size: number): readonly [Form, Form] | null {
  for (let form = normalizeForm(start); ; form = normalizeForm(form)) {
    const parts = divideForm(form, size);
    if (parts !== null) return parts;
    const low = form.terms.filter((term) => term.stride % size !== 0);
    const crossing = low.find(({ axis, stride }) => {
      const inner = size / Math.abs(stride);
      return (
        axis.dynamic === null &&
        Number.isInteger(inner) &&
        axis.size > inner &&
        axis.size % inner === 0
      );
    });
    if (crossing === undefined) return null;
    splitAxis(crossing.axis, size / Math.abs(crossing.stride));
  }
}

/** Dims of both shapes grouped so that each pair of groups has the same element count. */
function matchBlocks(from: Shape, to: Shape): (readonly [number[], number[]])[] {
  const blocks: (readonly [number[], number[]])[] = [];
  let i = 0;
  let j = 0;
  while (i < from.length || j < to.length) {
    const a: number[] = [];
    const b: number[] = [];
    let left = 1;
    let right = 1;
    do {
      if (i < from.length && (left <= right || j >= to.length)) {
        left *= from[i];
        a.push(i++);
      } else {
        right *= to[j];
        b.push(j++);
      }
    } while (left !== right && (i < from.length || j < to.length));
    blocks.push([a, b]);
  }
  return blocks;
}

/**
 * Coordinates in shape `to` of the element that has `coordinates` in shape `from` (same element
 * count, row-major). Null if they are not affine in any refinement of the axes.
 */
export function reshapeCoordinates(
  coordinates: readonly Form[],
  from: Shape,
  to: Shape,
): Form[] | null {
  if (sameNumbers(from, to)) return coordinates.map(normalizeForm);
  const result = new Array<Form>(to.length).fill(zeroForm);
  for (const [sources, targets] of matchBlocks(from, to)) {
    const live = targets.filter((dim) => to[dim] !== 1);
    const liveSources = sources.filter((dim) => from[dim] !== 1);
    if (live.length === 1 && liveSources.length === 1) {
      result[live[0]] = coordinates[liveSources[0]];
      continue;
    }
    let rest = flatForm(
      liveSources.map((dim) => coordinates[dim]),
      liveSources.map((dim) => from[dim]),
    );
    for (let k = live.length - 1; k > 0; k--) {
      const parts = divide(rest, to[live[k]]);
      if (parts === null) return null;
      result[live[k]] = parts[1];
      rest = parts[0];
    }
    if (live.length > 0) result[live[0]] = rest;
  }
  return result.map(normalizeForm);
}
