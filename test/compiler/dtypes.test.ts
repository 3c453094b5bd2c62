import { afterAll, describe, expect, it } from "vitest";
import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import { expectSameAsReference, runGraph } from "../contract/run.ts";
import type { Scene } from "../contract/scene.ts";
import { buildCase } from "../contract/scene.ts";
import { verifyingBackend } from "./variants.ts";

const fused = verifyingBackend({ threads: 2 });
const unfused = verifyingBackend({ threads: 2 }, { fuse: false });
afterAll(() => {
  fused.dispose();
  unfused.dispose();
});

const spread = (x: Node, to: Node): Node => b.expand(x, to.shape);

/** Compares one graph with the reference; the number of tensors compared. */
function compare(dtype: DType, build: (scene: Scene) => Node[], exact = false): number {
  return expectSameAsReference(fused, buildCase({ build }, dtype), { exact });
}

describe("fusing changes no bits", () => {
  it.each<DType>(["f32", "f16", "bf16", "f64"])("of a chain of functions in %s", (dtype) => {
    const build = ({ input }: Scene): Node[] => {
      const [x, y] = [input([5, 13], "unit"), input([5, 13], "positive")];
      const like = (value: number): Node => b.fullLike(x, value);
      const smooth = b.mul(b.unary("tanh", b.mul(x, y)), b.unary("exp", b.add(x, like(0.3))));
      const rough = b.div(b.unary("sqrt", y), b.add(b.unary("erf", x), like(1.7)));
      const chosen = b.where(b.binary("lt", smooth, rough), smooth, b.unary("log1p", y));
      return [chosen, b.sub(b.binary("pow", y, x), b.unary("sin", b.mul(chosen, rough)))];
    };
    const built = buildCase({ build }, dtype);
    const actual = runGraph(fused, built, built.data);
    expect(actual).toEqual(runGraph(unfused, built, built.data));
  });
});

describe("a reduction's result is what its dtype holds, also where a kernel goes on with it", () => {
  it.each<DType>(["i8", "u8"])("sums and products of %s wrap", (dtype) => {
    const build = ({ input }: Scene): Node[] => {
      const x = input([3, 7], [100, 90, 120, 3]);
      const sum = b.reduceSum(x, [1]);
      return [
        b.cast(sum, "i32"),
        b.cast(b.reduce("reduceProd", x, [0]), "f32"),
        b.binary("max", sum, b.fullLike(sum, 5)),
        b.cast(b.sub(x, spread(sum, x)), "i32"),
        b.cast(b.scan(x, 1, "sum"), "i32"),
      ];
    };
    expect(compare(dtype, build, true)).toBe(5);
  });

  it.each<DType>(["f16", "bf16"])("sums and maxima of %s round", (dtype) => {
    const build = ({ input }: Scene): Node[] => {
      const x = input([3, 70], "wide");
      const sum = b.reduceSum(x, [1]);
      const most = b.extremum("reduceMax", x, [0]);
      return [b.cast(sum, "f32"), b.sub(x, spread(sum, x)), b.cast(most, "f32")];
    };
    expect(compare(dtype, build)).toBe(3);
  });
});

describe("one kernel of several dtypes", () => {
  it("keeps f64, f16 and bool rows between its phases", () => {
    const build = ({ input }: Scene): Node[] => {
      const x = input([5, 37]);
      const wide = b.unary("exp", b.cast(x, "f64"));
      const half = b.unary("tanh", b.cast(x, "f16"));
      const mask = b.binary("lt", b.unary("sin", x), b.fullLike(x, 0));
      const any = b.extremum("reduceMax", b.cast(mask, "i32"), [1]);
      return [
        b.div(wide, spread(b.reduceSum(wide, [1]), wide)),
        b.sub(half, spread(b.extremum("reduceMax", half, [1]), half)),
        b.where(mask, b.cast(spread(any, x), "f32"), x),
      ];
    };
    expect(compare("f32", build)).toBe(3);
  });

  it("reduces, joins and multiplies what is empty", () => {
    const build = ({ input }: Scene): Node[] => {
      const [x, y] = [input([3, 0]), input([0, 4])];
      const nothing = b.dot(x, b.transpose(x, 0, 1));
      return [
        b.reduceSum(x, [1]),
        b.expand(b.reduceSum(y, [0]), [3, 4]),
        b.add(nothing, input([3, 3])),
        b.concat([y, input([2, 4])], 0),
        b.scan(y, 0, "sum"),
        b.reduce("reduceProd", x, [0, 1]),
      ];
    };
    expect(compare("f32", build)).toBe(6);
  });
});

describe("a place that is computed in f64", () => {
  it("is found by scatters and gathers of f32", () => {
    const build = ({ input }: Scene): Node[] => {
      const x = input([9]);
      const halves = b.scan(b.full([9], 0.5, "f64"), 0, "sum"); // a buffer of f64
      const index = b.cast(halves, "i32");
      return [b.scatter(b.fullLike(x, 0), index, x, 0, "add"), b.gather(x, index, 0)];
    };
    expect(compare("f32", build)).toBe(2);
  });
});
