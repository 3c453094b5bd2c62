import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import type { Case, Fill, Scene } from "./scene.ts";
import { floats } from "./scene.ts";
import type { Tolerance } from "./tolerance.ts";

const sums: Readonly<Partial<Record<DType, Tolerance>>> = {
  f32: { rtol: 1.3e-5, atol: 4e-5 },
  f16: { rtol: 4e-3, atol: 4e-3 },
  bf16: { rtol: 3e-2, atol: 3e-2 },
};
const reason = "terms of both signs cancel, and backends sum in another order";
const close = { tolerance: sums, reason };

/** Sizes of one attention: heads of queries and of keys, and the two widths. */
interface Sizes {
  readonly batch?: number;
  readonly rows: number;
  readonly keys?: number;
  readonly heads?: number;
  readonly groups?: number;
  readonly width?: number;
  readonly depth?: number;
  readonly causal?: boolean;
  readonly bias?: Fill;
}

/** Operands q, k, v and maybe a bias, and a gradient of the result. */
function operandsOf({ input }: Scene, sizes: Sizes): { src: Node[]; gradient: Node } {
  const { batch = 1, rows, keys = rows, heads = 1, groups = heads, width = 8 } = sizes;
  const { depth = width, bias } = sizes;
  const src = [
    input([batch, rows, heads, width]),
    input([batch, keys, groups, width], "unit"),
    input([batch, keys, groups, depth]),
  ];
  if (bias !== undefined) src.push(input([batch, heads, rows, keys], bias));
  return { src, gradient: input([batch, rows, heads, depth], "unit") };
}

const forwardOf = (src: readonly Node[], { causal = false, width = 8 }: Sizes): Node =>
  b.attention(src, { causal, scale: 1 / Math.sqrt(width) });

function forward(scene: Scene, sizes: Sizes): Node[] {
  const node = forwardOf(operandsOf(scene, sizes).src, sizes);
  return [b.part(node, 0), b.part(node, 1)];
}

function backward(scene: Scene, sizes: Sizes): Node[] {
  const { src, gradient } = operandsOf(scene, sizes);
  const node = forwardOf(src, sizes);
  if (node.op !== "attention") throw new Error("attention makes a node of its own");
  const results = [b.part(node, 0), b.part(node, 1)];
  const gradients = b.attentionGrad([...src, ...results, gradient], node.attrs);
  return [0, 1, 2].map((i) => b.part(gradients, i));
}

const masked: Fill = [0, -Infinity, 0, 0, 1, -Infinity, -2];

/** Lengths around the kernels' blocks, few and many heads, two widths, every kind of mask. */
const everySizes: readonly Sizes[] = [
  { rows: 1 },
  { rows: 5, keys: 1, heads: 2 },
  { rows: 7, keys: 19, width: 5, depth: 3 },
  { rows: 33, heads: 2, causal: true },
  { batch: 2, rows: 17, keys: 70, heads: 4, groups: 2, width: 16 },
  { batch: 2, rows: 66, keys: 9, heads: 6, groups: 2, causal: true },
  { rows: 9, keys: 21, heads: 2, bias: "unit" },
  { batch: 2, rows: 6, keys: 7, heads: 2, groups: 1, bias: masked, causal: true },
  { rows: 3, keys: 4, bias: [-Infinity] },
  { batch: 0, rows: 3 },
];

const shapes = (run: (scene: Scene, sizes: Sizes) => Node[]): Case => ({
  name: "lengths, heads, widths and masks",
  dtypes: floats,
  ...close,
  build: (scene) => everySizes.flatMap((sizes) => run(scene, sizes)),
});

/** q, k and v as slices of one product, broadcast biases, results that go on. */
const views: Case = {
  name: "slices of one operand, and a bias all heads share",
  dtypes: floats,
  ...close,
  build: ({ input }) => {
    const [batch, rows, heads, width] = [2, 10, 2, 8];
    const joined = b.reshape(input([batch, rows, 3 * heads * width]), [
      batch,
      rows,
      3,
      heads,
      width,
    ]);
    const src = [0, 1, 2].map((i) =>
      b.reshape(b.narrow(joined, 2, i, 1), [batch, rows, heads, width]),
    );
    const bias = b.broadcastTo(input([rows, rows], masked), [batch, heads, rows, rows]);
    const node = b.attention([...src, b.neg(bias)], { causal: false, scale: 0.5 });
    return [b.neg(b.permute(b.part(node, 0), [0, 2, 1, 3]))];
  },
};

const long: Case = {
  name: "rows in blocks",
  dtypes: ["f32"],
  ...close,
  build: (scene) => [
    b.reduceSum(forward(scene, { rows: 1100, keys: 1000, causal: true })[0], [3]),
    ...backward(scene, { rows: 1100, keys: 1000, width: 2 }),
  ],
};

export const attentionRows = {
  attention: [shapes(forward), views, long],
  attentionGrad: [shapes(backward)],
} satisfies Record<string, Case[]>;
