import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Shape } from "../ir/shape.ts";
import type { Axis, Form } from "./affine.ts";
import {
  axisForm,
  combineForms,
  flatForm,
  formKey,
  formRange,
  leafAxes,
  makeAxis,
  normalizeForm,
  reshapeCoordinates,
} from "./affine.ts";

type Point = ReadonlyMap<Axis, number>;

/** The form's value where the original axes have the given values, however they were split. */
function evaluate(form: Form, point: Point): number {
  const leaves = new Map<Axis, number>();
  for (const [axis, value] of point) {
    let rest = value;
    for (const leaf of leafAxes(axis).toReversed()) {
      leaves.set(leaf, rest % leaf.size);
      rest = Math.floor(rest / leaf.size);
    }
  }
  const terms = normalizeForm(form).terms;
  return terms.reduce(
    (sum, { axis, stride }) => sum + stride * (leaves.get(axis) ?? NaN),
    form.offset,
  );
}

/** Every point of some axes. */
function* points(axes: readonly Axis[]): Generator<Point> {
  const count = axes.reduce((product, { size }) => product * size, 1);
  for (let i = 0; i < count; i++) {
    let rest = i;
    const point = new Map<Axis, number>();
    for (const axis of axes.toReversed()) {
      point.set(axis, rest % axis.size);
      rest = Math.floor(rest / axis.size);
    }
    yield point;
  }
}

const flatten = (coordinates: readonly number[], shape: Shape): number =>
  coordinates.reduce((flat, value, dim) => flat * shape[dim] + value, 0);

/** The first point at which target coordinates are not what row-major arithmetic gives. */
function wrongPoint(
  axes: readonly Axis[],
  source: readonly Form[],
  from: Shape,
  target: readonly Form[],
  to: Shape,
): number[] | undefined {
  for (const point of points(axes)) {
    const at = (forms: readonly Form[]): number[] => forms.map((form) => evaluate(form, point));
    const found = at(target);
    const isInside = found.every((value, dim) => value >= 0 && value < to[dim]);
    if (!isInside || flatten(found, to) !== flatten(at(source), from)) return [...point.values()];
  }
  return undefined;
}

const fresh = (shape: Shape): { axes: Axis[]; coordinates: Form[] } => {
  const axes = shape.map((size) => makeAxis(size));
  return { axes, coordinates: axes.map(axisForm) };
};

/** All ways of writing 24, 36 … as a product of up to four sizes, some of them 1. */
const factorisations = (count: number): fc.Arbitrary<number[]> =>
  fc.array(fc.constantFrom(1, 2, 3, 4, 5, 6, 8, 9, 12), { maxLength: 3 }).map((sizes) => {
    const shape: number[] = [];
    let left = count;
    for (const size of sizes) {
      if (left % size !== 0) continue;
      shape.push(size);
      left /= size;
    }
    return [...shape, left];
  });

describe("reshapeCoordinates", () => {
  it.each<[Shape, Shape]>([
    [[6], [2, 3]],
    [[2, 3], [6]],
    [
      [4, 6],
      [2, 2, 2, 3],
    ],
    [
      [4, 6],
      [8, 3],
    ],
    [[1, 6, 1], [6]],
    [[], [1, 1]],
    [
      [2, 3, 4],
      [6, 2, 2],
    ],
  ])("follows %j as %j", (from, to) => {
    const { axes, coordinates } = fresh(from);
    const target = reshapeCoordinates(coordinates, from, to) ?? [];
    expect(target).toHaveLength(to.length);
    expect(wrongPoint(axes, coordinates, from, target, to)).toBeUndefined();
  });

  it.each<[Shape, Shape]>([
    [
      [4, 6],
      [3, 8],
    ],
    [
      [2, 3, 4],
      [4, 3, 2],
    ],
    [
      [3, 5],
      [5, 3],
    ],
  ])("needs a buffer for %j as %j, where rows begin inside of rows", (from, to) => {
    expect(reshapeCoordinates(fresh(from).coordinates, from, to)).toBeNull();
  });

  it("agrees with row-major arithmetic through chains of any factorisations", () => {
    const chains = fc
      .constantFrom(12, 24, 36, 60, 72)
      .chain((count) => fc.array(factorisations(count), { minLength: 2, maxLength: 5 }));
    let followed = 0;
    fc.assert(
      fc.property(chains, ([first, ...shapes]) => {
        const { axes, coordinates } = fresh(first);
        let [current, from] = [coordinates, first];
        for (const to of shapes) {
          const next = reshapeCoordinates(current, from, to);
          if (next === null) return;
          expect(wrongPoint(axes, coordinates, first, next, to)).toBeUndefined();
          [current, from] = [next, to];
          followed++;
        }
      }),
      { numRuns: 300, seed: 20_263 },
    );
    expect(followed).toBeGreaterThan(300);
  });

  it("follows reversed, strided and shifted coordinates", () => {
    const everyView = fc.record({
      sizes: fc.array(fc.constantFrom(2, 3, 4, 6), { minLength: 1, maxLength: 3 }),
      reversed: fc.nat({ max: 7 }),
      to: fc.nat({ max: 5 }),
    });
    fc.assert(
      fc.property(everyView, ({ sizes, reversed, to }) => {
        const { axes } = fresh(sizes);
        const coordinates = axes.map((axis, dim) =>
          (reversed >> dim) % 2 === 0
            ? axisForm(axis)
            : combineForms([[axisForm(axis), -1]], axis.size - 1),
        );
        const count = sizes.reduce((a, c) => a * c, 1);
        const divisors = [1, 2, 3, 4, 6, 12].filter((d) => count % d === 0);
        const shape = [divisors[to % divisors.length], count / divisors[to % divisors.length]];
        const target = reshapeCoordinates(coordinates, sizes, shape);
        if (target === null) return;
        expect(wrongPoint(axes, coordinates, sizes, target, shape)).toBeUndefined();
      }),
      { numRuns: 300, seed: 20_264 },
    );
  });
});

describe("forms", () => {
  const [i, j] = [makeAxis(4), makeAxis(6)];
  const form = combineForms(
    [
      [axisForm(i), 6],
      [axisForm(j), -2],
    ],
    3,
  );

  it("range from the smallest to the largest value", () => {
    const values = [...points([i, j])].map((point) => evaluate(form, point));
    expect(formRange(form)).toEqual([Math.min(...values), Math.max(...values)]);
  });

  it("cancel to nothing", () => {
    expect(
      combineForms([
        [form, 1],
        [form, -1],
      ]),
    ).toEqual({ offset: 0, terms: [] });
  });

  it("have one key however they were added up", () => {
    const again = combineForms([
      [axisForm(j), -1],
      [{ offset: 3, terms: [] }, 1],
      [axisForm(i), 6],
      [axisForm(j), -1],
    ]);
    expect(formKey(again)).toBe(formKey(form));
  });

  it("keep their value when an axis is split", () => {
    const axis = makeAxis(12);
    const whole = combineForms([[axisForm(axis), 5]], 1);
    const before = [...points([axis])].map((point) => evaluate(whole, point));
    expect(reshapeCoordinates([axisForm(axis)], [12], [3, 4])).not.toBeNull();
    expect(leafAxes(axis).map(({ size }) => size)).toEqual([3, 4]);
    expect([...points([axis])].map((point) => evaluate(whole, point))).toEqual(before);
  });

  it("of a contiguous tensor count its elements", () => {
    const { axes, coordinates } = fresh([2, 3, 4]);
    const flat = flatForm(coordinates, [2, 3, 4]);
    expect([...points(axes)].map((point) => evaluate(flat, point))).toEqual(
      Array.from({ length: 24 }, (_, n) => n),
    );
  });
});
