/**
 * Parts of the operations whose result shapes depend on values: they run on the host, over elements
 * that were read.
 */
import { range } from "../base/integers.ts";
import type { Shape } from "../ir/shape.ts";
import type { TensorData } from "./host.ts";

/** Row-major places of the elements that are not zero. */
export function placesOfNonzero(data: TensorData): Int32Array {
  let count = 0;
  for (const value of data) if (value !== 0) count++;
  const places = new Int32Array(count);
  let at = 0;
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) places[at++] = i;
  return places;
}

/** The largest element, −∞ of none. */
export function highestOf(data: TensorData): number {
  let most = -Infinity;
  for (const value of data) most = Math.max(most, value);
  return most;
}

/** The smallest element, ∞ of none. */
export function lowestOf(data: TensorData): number {
  let least = Infinity;
  for (const value of data) least = Math.min(least, value);
  return least;
}

/** The coordinates of row-major places, one row per place. */
export function coordinatesOf(places: Int32Array, shape: Shape): Int32Array {
  const rank = shape.length;
  const rows = new Int32Array(places.length * rank);
  for (const [row, place] of places.entries()) {
    let rest = place;
    for (let dim = rank - 1; dim >= 0; dim--) {
      rows[row * rank + dim] = rest % shape[dim];
      rest = Math.floor(rest / shape[dim]);
    }
  }
  return rows;
}

/** Distinct slices: where each first stands, which of them every slice is, and how often. */
export interface Distinct {
  readonly first: Int32Array;
  readonly inverse: Int32Array;
  readonly counts: Int32Array;
}

/** Orders numbers with NaN last, so that sorting is total. */
function compareNumbers(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return Number(a !== a) - Number(b !== b);
}

/**
 * Distinct slices along a dim in ascending order, or runs of equal neighbours. NaN differs from
 * itself.
 */
export function distinctSlices(
  data: TensorData,
  shape: Shape,
  dim: number,
  consecutive: boolean,
): Distinct {
  const size = shape[dim];
  const inner = shape.slice(dim + 1).reduce((a, b) => a * b, 1);
  const outer = shape.slice(0, dim).reduce((a, b) => a * b, 1);
  const compare = (a: number, b: number): number => {
    for (let o = 0; o < outer; o++) {
      const base = o * size * inner;
      for (let i = 0; i < inner; i++) {
        const order = compareNumbers(data[base + a * inner + i], data[base + b * inner + i]);
        if (order !== 0) return order;
      }
    }
    return 0;
  };
  const equal = (a: number, b: number): boolean => {
    for (let o = 0; o < outer; o++) {
      const base = o * size * inner;
      for (let i = 0; i < inner; i++) {
        if (data[base + a * inner + i] !== data[base + b * inner + i]) return false;
      }
    }
    return true;
  };
  const order = consecutive ? range(size) : range(size).sort((a, b) => compare(a, b) || a - b);
  const first: number[] = [];
  const counts: number[] = [];
  const inverse = new Int32Array(size);
  for (const [rank, place] of order.entries()) {
    if (rank === 0 || !equal(order[rank - 1], place)) {
      first.push(place);
      counts.push(0);
    }
    counts[counts.length - 1]++;
    inverse[place] = first.length - 1;
  }
  return { first: Int32Array.from(first), inverse, counts: Int32Array.from(counts) };
}
