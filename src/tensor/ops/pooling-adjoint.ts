import { registerGradient } from "../../autodiff/custom-gradient.ts";
import { product, range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { computeDType } from "./operands.ts";
import { affine, along, clampIndex, takeAlong } from "./resample-kernels.ts";

/** Windows that slide over the spatial dims of x: one entry per dim. */
export interface SlidingWindows {
  readonly size: readonly number[];
  readonly stride: readonly number[];
  readonly padLow: readonly number[];
  readonly count: readonly number[];
}

/** Windows per element up to which an element looks into each of them. */
const MOST_WINDOWS = 16;
/** More than any place within a window. */
const NOWHERE = 1 << 20;

/** Windows an element may lie in along each dim. */
const reaches = ({ size, stride }: SlidingWindows): number[] =>
  size.map((n, i) => Math.ceil(n / stride[i]));

/** Whether every element can look into the windows it lies in: they are few, and places are small. */
export function hasFewWindows(windows: SlidingWindows): boolean {
  return product(reaches(windows)) <= MOST_WINDOWS && product(windows.size) < 255;
}

/** Row-major place of each element within its window, u8. */
function placesIn(view: Node, axes: readonly number[]): Node {
  let stride = 1;
  let places: Node | null = null;
  for (const axis of axes.toReversed()) {
    const index = ir.cast(ir.iota(view.shape, axis), "u8");
    const term = ir.mul(index, ir.fullLike(index, stride));
    places = places === null ? term : ir.add(places, term);
    stride *= view.shape[axis];
  }
  return places ?? ir.full(view.shape, 0, "u8");
}

/** One of the windows along a dim that elements lie in: which, and where in it (far out if not). */
interface Visit {
  readonly window: Node;
  readonly place: Node;
}

/** The windows that hold the elements of a dim of `length`, the last first. */
function visits(windows: SlidingWindows, i: number, length: number): Visit[] {
  const [size, stride] = [windows.size[i], windows.stride[i]];
  const scale = product(windows.size.slice(i + 1));
  const moved = affine(ir.cast(ir.iota([length], 0), "u32"), 1, windows.padLow[i]);
  const by = ir.fullLike(moved, stride);
  const last = ir.cast(ir.div(moved, by), "i32");
  const rest = ir.cast(ir.binary("rem", moved, by), "i32");
  return range(reaches(windows)[i]).map((back) => {
    const window = ir.sub(last, ir.fullLike(last, back));
    const within = affine(rest, 1, back * stride);
    const isThere = [
      ir.binary("le", ir.fullLike(window, 0), window),
      ir.binary("lt", window, ir.fullLike(window, windows.count[i])),
      ir.binary("lt", within, ir.fullLike(within, size)),
    ].reduce((a, b) => ir.binary("and", a, b));
    const place = ir.where(isThere, affine(within, scale, 0), ir.fullLike(within, NOWHERE));
    return { window: clampIndex(window, windows.count[i]), place };
  });
}

/** Every element's sum of the gradients of the windows whose maximum it is: `first` names them. */
function collect(g: Node, first: Node, windows: SlidingWindows, shape: readonly number[]): Node {
  const dtype = computeDType(g.dtype);
  const dims = windows.size.map((_, i) => visits(windows, i, shape[i + 2]));
  const terms: Node[] = [];
  const visit = (i: number, found: Node, gradient: Node, wanted: Node | null): void => {
    if (i < dims.length) {
      for (const { window, place } of dims[i]) {
        const spread = along(place, i + 2, shape);
        visit(
          i + 1,
          takeAlong(found, window, i + 2),
          takeAlong(gradient, window, i + 2),
          wanted === null ? spread : ir.add(wanted, spread),
        );
      }
      return;
    }
    const place = ir.cast(found, "i32");
    const isIt = ir.binary("eq", place, wanted ?? ir.fullLike(place, 0));
    const value = ir.cast(gradient, dtype);
    terms.push(ir.where(isIt, value, ir.fullLike(value, 0)));
  };
  visit(0, first, g, null);
  return ir.cast(
    terms.reduce((a, b) => ir.add(a, b)),
    g.dtype,
  );
}

const rules = new Map<string, number>();

/**
 * The maxima of windows over x [N, C, …S] with a gradient in which elements look into the windows
 * they lie in, instead of every window's gradient being padded and added.
 * @param slide - the windows of x, and the axes inside them.
 */
export function withLookedUpWindows(
  maxima: Node,
  x: Node,
  windows: SlidingWindows,
  slide: (x: Node) => { readonly view: Node; readonly axes: readonly number[] },
): Node {
  const { size, stride, padLow, count } = windows;
  const key = JSON.stringify([x.shape, size, stride, padLow, count, x.dtype]);
  const rule =
    rules.get(key) ??
    registerGradient(([source], result, g) => {
      const { view, axes } = slide(source);
      const column = ir.reshape(result, [...result.shape, ...axes.map(() => 1)]);
      const isMaximum = ir.binary("eq", view, ir.expand(column, view.shape));
      const places = placesIn(view, axes);
      const marked = ir.where(isMaximum, places, ir.fullLike(places, 255));
      const first = ir.reshape(ir.extremum("reduceMin", marked, axes), result.shape);
      return [collect(g, first, windows, source.shape)];
    });
  rules.set(key, rule);
  return ir.customGradient(maxima, [x], rule);
}
