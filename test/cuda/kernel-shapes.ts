import * as b from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import type { Scene } from "../contract/scene.ts";

const spread = (x: Node, to: Node): Node => b.expand(x, to.shape);

function softmax(x: Node, dim: number): Node {
  const weights = b.unary("exp", b.sub(x, spread(b.extremum("reduceMax", x, [dim]), x)));
  return b.div(weights, spread(b.reduceSum(weights, [dim]), x));
}

function normalized(x: Node, axes: readonly number[]): Node {
  const count = axes.reduce((product, axis) => product * x.shape[axis], 1);
  const sum = b.reduceSum(x, [...axes]);
  const scale = b.fullLike(sum, 1 / count);
  const centered = b.sub(x, spread(b.mul(sum, scale), x));
  const variance = b.mul(b.reduceSum(b.mul(centered, centered), [...axes]), scale);
  const deviation = b.unary("sqrt", b.add(variance, b.fullLike(variance, 1e-5)));
  return b.div(centered, spread(deviation, x));
}

/** Programs of generated kernels only, at least one per way of sharing points among threads. */
export const kernelShapes: Readonly<Record<string, (scene: Scene) => Node | Node[]>> = {
  "a long vector whose length vectors divide": ({ input }) => b.mul(input([4096]), input([4096])),
  "a long vector with a rest": ({ input }) => b.mul(input([4099]), input([4099])),
  "a vector and numbers of a table": ({ input }) => {
    const [table, x] = [input([8]), input([4096])];
    const at = (i: number): Node => b.expand(b.narrow(table, 0, i, 1), [4096]);
    return b.add(b.mul(x, at(3)), at(5));
  },
  "rows and a repeated row": ({ input }) =>
    b.add(input([33, 24]), b.expand(input([1, 24]), [33, 24])),
  "rows and a repeated column": ({ input }) =>
    b.add(input([33, 24]), b.expand(input([33, 1]), [33, 24])),
  "odd rows": ({ input }) => b.add(input([9, 7, 5]), b.expand(input([1, 7, 1]), [9, 7, 5])),
  "a matrix and a transposed one": ({ input }) =>
    b.add(input([70, 36]), b.transpose(input([36, 70]), 0, 1)),
  "a large matrix transposed": ({ input }) =>
    b.add(b.transpose(input([130, 200]), 0, 1), input([200, 130])),
  "channels first to channels last": ({ input }) =>
    b.mul(
      b.permute(input([2, 48, 20, 32]), [0, 2, 3, 1]),
      b.expand(input([1, 1, 1, 48]), [2, 20, 32, 48]),
    ),
  "a matrix whose rows are doubled": ({ input }) => {
    const x = b.reshape(input([260, 256]), [260, 1, 256]);
    const scale = b.reshape(b.cast(b.iota([2], 0), x.dtype), [1, 2, 1]);
    const shape = [260, 2, 256];
    return b.mul(b.expand(x, shape), b.expand(scale, shape));
  },
  "a permuted tensor": ({ input }) => b.neg(b.permute(input([6, 40, 3, 34]), [0, 2, 3, 1])),
  "a slice with steps": ({ input }) => b.neg(b.slice(input([20, 40]), [2, 1], [8, 18], [2, 2])),
  padding: ({ input }) => b.pad(input([10, 20]), [1, 4], [2, 8]),
  "softmax of short rows": ({ input }) => softmax(input([37, 12]), 1),
  "softmax of rows of a warp": ({ input }) => softmax(input([5, 513]), 1),
  "softmax of rows of a block": ({ input }) => softmax(input([6, 3000]), 1),
  "softmax of odd rows": ({ input }) => softmax(input([3, 4097]), 1),
  "softmax of columns": ({ input }) => softmax(input([300, 20]), 0),
  "sum of everything": ({ input }) => b.reduceSum(input([50, 1000], "unit"), [0, 1]),
  "sums of few long rows": ({ input }) => b.reduceSum(input([2, 20000], "unit"), [1]),
  "maxima of columns": ({ input }) => b.extremum("reduceMax", input([2000, 24]), [0]),
  "minima of odd columns": ({ input }) => b.extremum("reduceMin", input([2000, 7]), [0]),
  "sums of middle dims": ({ input }) => b.reduceSum(input([6, 30, 9], "unit"), [1]),
  "sums over the outermost and innermost": ({ input }) =>
    b.reduceSum(input([16, 3, 300], "unit"), [0, 2]),
  "products of rows": ({ input }) => b.reduce("reduceProd", input([5, 100], [1, 1.01, 0.99]), [1]),
  "rows normalised": ({ input }) => normalized(input([9, 300]), [1]),
  "long rows normalised": ({ input }) => normalized(input([3, 5000]), [1]),
  "columns normalised": ({ input }) => normalized(input([300, 12]), [0]),
  "tall columns normalised": ({ input }) => normalized(input([1500, 64]), [0]),
  "a long row's sum": ({ input }) => b.reduceSum(input([1, 40_001], "unit"), [1]),
  "two long rows' maxima": ({ input }) => b.extremum("reduceMax", input([2, 40_000]), [1]),
  "channels normalised": ({ input }) => normalized(input([8, 3, 12, 20]), [0, 2, 3]),
  "the first index of maxima": ({ input }) => b.argmax(input([7, 300]), 1),
  windows: ({ input }) => {
    const attrs = { dims: [2, 3], size: [3, 3], stride: [2, 2], dilation: [1, 1] };
    return b.extremum(
      "reduceMax",
      b.window(b.pad(input([2, 3, 17, 20]), [0, 0, 1, 1], [0, 0, 1, 1], -9), attrs),
      [4, 5],
    );
  },
  "rows looked up": ({ input }) => {
    const index = b.expand(input([9, 1], [0, 3, 5, 1], "i32"), [9, 24]);
    return b.gather(input([6, 24]), index, 0);
  },
  "elements looked up": ({ input }) =>
    b.gather(input([9, 24]), input([9, 16], [0, 3, 5, 23, 1], "i32"), 1),
};
