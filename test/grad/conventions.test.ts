import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.ts";
import * as b from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import { evaluate } from "./evaluate.ts";
import type { Build } from "./gradcheck.ts";

/** Gradients of the sum of the result at given vectors. */
function gradientAt(build: Build, ...at: readonly (readonly number[])[]): number[][] {
  const inputs = at.map((values) => b.input([values.length], "f64"));
  const result = build(...inputs);
  const outputs = "id" in result ? [result] : result;
  const ones = outputs.map((node) => b.fullLike(node, 1));
  const found = gradients(outputs, ones, inputs).map((node, i) => node ?? b.fullLike(inputs[i], 0));
  return evaluate(found, new Map(inputs.map((node, i) => [node, at[i]])));
}

/** Weighted by 1, 2, 3, … so that the receivers of a cotangent can be told apart. */
const counted = (x: Node): Node =>
  b.mul(x, b.add(b.cast(b.iota(x.shape, 0), "f64"), b.fullLike(x, 1)));

const zero = (list: readonly number[]): number[] => list.map((value) => value + 0);

describe("gradients where a function has no derivative (values of torch)", () => {
  it("abs and sign are flat at 0", () => {
    expect(gradientAt((x) => b.unary("abs", x), [-2, 0, 3])).toEqual([[-1, 0, 1]]);
  });

  it("max and min share between equal elements", () => {
    const [left, right] = gradientAt((x, y) => b.binary("max", x, y), [1, 5, 2], [1, 4, 3]);
    expect([left, right]).toEqual([
      [0.5, 1, 0],
      [0.5, 0, 1],
    ]);
    expect(gradientAt((x, y) => b.binary("min", x, y), [1, 5, 2], [1, 4, 3])).toEqual([
      [0.5, 0, 1],
      [0.5, 1, 0],
    ]);
  });

  it("reduceMax divides among equal elements, or gives to the first", () => {
    const at = [3, 1, 3, 3];
    expect(gradientAt((x) => b.extremum("reduceMax", x, [0]), at)).toEqual([
      [1 / 3, 0, 1 / 3, 1 / 3],
    ]);
    expect(gradientAt((x) => b.extremum("reduceMax", x, [0], "first"), at)).toEqual([[1, 0, 0, 0]]);
    expect(gradientAt((x) => b.extremum("reduceMin", x, [0], "first"), [2, 1, 1])).toEqual([
      [0, 1, 0],
    ]);
  });

  it("the first of several reduced dims is the first in row-major order", () => {
    const grid = (x: Node) => b.extremum("reduceMax", b.reshape(x, [2, 2, 2]), [0, 2], "first");
    // Columns [0, 2]: elements (0,0) (0,1) (4,5) for row 0 and (2,3) (6,7) for row 1.
    expect(gradientAt(grid, [1, 5, 0, 2, 5, 5, 2, 2])).toEqual([[0, 1, 0, 1, 0, 0, 0, 0]]);
  });

  it("ties keep apart what lies in different rows", () => {
    const block = (x: Node) => b.extremum("reduceMax", b.reshape(x, [2, 3, 2]), [0, 1, 2], "first");
    const at = Array.from({ length: 12 }, (_, i) => Number(i === 4 || i === 6));
    expect(gradientAt(block, at)).toEqual([at.map((_, i) => Number(i === 4))]);
  });

  it("running extrema give to the last equal element so far", () => {
    const at = [1, 3, 3, 2, 3, 4];
    expect(gradientAt((x) => counted(b.scan(x, 0, "max")), at)).toEqual([[1, 2, 3 + 4, 0, 5, 6]]);
    const falling = at.map((value) => -value);
    expect(gradientAt((x) => counted(b.scan(x, 0, "min")), falling)).toEqual([[1, 2, 7, 0, 5, 6]]);
  });

  it("pow is flat where torch says so", () => {
    const bases = [0, 0, 0, 2, 0];
    const powers = [0, 1, 2, 0, 3];
    const [base, power] = gradientAt((x, y) => b.binary("pow", x, y), bases, powers);
    expect(zero(base)).toEqual([0, 1, 0, 0, 0]);
    expect(zero(power)).toEqual([0, 0, 0, Math.log(2), 0]);
  });

  it("pow has finite second derivatives at 0", () => {
    const second: Build = (x, y) => {
      const p = b.binary("pow", x, y);
      return gradients(b.reduceSum(p, [0]), undefined, [x, y]).filter((node) => node !== null);
    };
    const [base, power] = gradientAt(second, [0, 0], [2, 3]);
    expect([...base, ...power].every(Number.isFinite)).toBe(true);
  });

  it("products are right with zeros", () => {
    const [one] = gradientAt((x) => b.reduce("reduceProd", x, [0]), [2, 0, 3]);
    const [two] = gradientAt((x) => b.reduce("reduceProd", x, [0]), [2, 0, 0]);
    expect([one, two].map(zero)).toEqual([
      [0, 6, 0],
      [0, 0, 0],
    ]);
    const [running] = gradientAt((x) => counted(b.scan(x, 0, "prod")), [2, 0, 3, 4]);
    expect(zero(running)).toEqual([1, 4 + 18 + 96, 0, 0]);
  });

  it("scatter set gives to the update that was written last", () => {
    const build: Build = (base, updates) => {
      const index = b.full([3], 1, "i32");
      return counted(b.scatter(base, index, updates, 0, "set"));
    };
    expect(gradientAt(build, [1, 2], [5, 6, 7])).toEqual([
      [1, 0],
      [0, 0, 2],
    ]);
  });

  it("rem follows the truncated quotient", () => {
    expect(gradientAt((x, y) => b.binary("rem", x, y), [7, -7], [2, 2])).toEqual([
      [1, 1],
      [-3, 3],
    ]);
  });

  it("sqrt has an infinite slope at 0", () => {
    expect(gradientAt((x) => b.unary("sqrt", x), [0, 4])).toEqual([[Infinity, 0.25]]);
  });
});
