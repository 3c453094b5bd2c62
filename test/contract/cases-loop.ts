import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { LoopBody } from "../../src/ir/loop.ts";
import type { LoopAttrs } from "../../src/ir/ops.ts";
import type { Node } from "../../src/ir/node.ts";
import type { Case } from "./scene.ts";
import { everyDType, floats, numbers } from "./scene.ts";

type Flags = Partial<Pick<LoopAttrs, "reverse" | "conditional">>;

/** All results of a loop over [carries, slices, wholes]; the body returns [carries, stacked]. */
export function loopOf(
  length: number,
  operands: { carries?: readonly Node[]; slices?: readonly Node[]; wholes?: readonly Node[] },
  body: (carries: Node[], slices: Node[], wholes: Node[]) => readonly Node[],
  { reverse = false, conditional = false }: Flags = {},
): Node[] {
  const { carries = [], slices = [], wholes = [] } = operands;
  const like = (node: Node): Node => b.input(node.shape, node.dtype);
  const own = [
    carries.map(like),
    slices.map((node) => b.input(node.shape.slice(1), node.dtype)),
    wholes.map(like),
  ];
  const outputs = body(own[0], own[1], own[2]);
  const loop = b.loop([...carries, ...slices, ...wholes], {
    body: new LoopBody(own.flat(), outputs),
    carries: carries.length,
    slices: slices.length,
    length,
    reverse,
    conditional,
  });
  return outputs.map((_, i) => b.part(loop, i));
}

const one = (dtype: DType): Node => b.constant(1, dtype);

export const loopRows = {
  loop: [
    {
      name: "carries, slices and wholes, both ways, one to four trips",
      dtypes: numbers,
      build: ({ input }) =>
        [1, 2, 3, 4].flatMap((length) =>
          [false, true].flatMap((reverse) => {
            const operands = {
              carries: [input([3], "unit")],
              slices: [input([length, 3], "unit")],
              wholes: [input([3], "unit")],
            };
            return loopOf(
              length,
              operands,
              ([sum], [x], [w]) => {
                const next = b.add(sum, b.mul(x, w));
                return [next, next, b.sub(x, sum)];
              },
              { reverse },
            );
          }),
        ),
    },
    {
      name: "values that pass through: the operands themselves as results",
      dtypes: everyDType,
      exact: true,
      build: ({ input }) => {
        const [x, y] = [input([2, 3]), input([2, 3])];
        const operands = { carries: [x, y], slices: [input([5, 4])], wholes: [input([2])] };
        return loopOf(5, operands, ([left, right], [row], [whole]) => [
          right,
          left,
          left,
          row,
          whole,
        ]);
      },
    },
    {
      name: "a product and a reduction per trip",
      dtypes: floats,
      build: ({ input }) => {
        const operands = {
          carries: [input([4, 6], "unit")],
          slices: [input([5, 4, 6], "unit")],
          wholes: [input([6, 6], "unit")],
        };
        return loopOf(5, operands, ([h], [x], [w]) => {
          const product = b.dot(h, w);
          const next = b.add(product, x);
          const mean = b.reduceSum(next, [1]);
          return [b.sub(next, b.expand(mean, [4, 6])), mean];
        });
      },
    },
    {
      name: "loops in loops",
      dtypes: ["f32", "i32"],
      build: ({ input, dtype }) => {
        const operands = { carries: [input([2], "unit")], slices: [input([3, 4, 2], "unit")] };
        return loopOf(3, operands, ([sum], [rows]) => {
          const [inner, all] = loopOf(
            4,
            { carries: [sum], slices: [rows] },
            ([part], [row]) => {
              const next = b.add(part, b.mul(row, b.full([2], 2, dtype)));
              return [next, next];
            },
            { reverse: true },
          );
          return [inner, all, inner];
        });
      },
    },
    {
      name: "sorting, gathering and random bits in trips",
      dtypes: ["f32"],
      build: ({ input }) => {
        const key = input([2], [7, 9], "u32");
        const operands = { carries: [key], slices: [input([3, 5])] };
        return loopOf(3, operands, ([state], [x]) => {
          const order = b.argsort(x, 0, false);
          const next = b.add(state, b.cast(b.iota([2], 0), "u32"));
          return [next, b.gather(x, order, 0), b.randomBits(state, [4])];
        });
      },
    },
    {
      name: "no trips, nothing in a value",
      dtypes: ["f32"],
      exact: true,
      build: ({ input }) => [
        ...loopOf(0, { carries: [input([3])], slices: [input([0, 3])] }, ([sum], [x]) => [
          b.add(sum, x),
          x,
        ]),
        ...loopOf(3, { carries: [input([0])], slices: [input([3, 0])] }, ([sum], [x]) => [
          b.add(sum, x),
          x,
        ]),
      ],
    },
    {
      name: "as long as a condition holds",
      dtypes: ["i32"],
      exact: true,
      build: ({ input }) =>
        [0, 1, 2, 5, 50].flatMap((limit) => {
          const most = input([], [limit], "i32");
          const start = b.constant(0, "i32");
          const carries = [b.binary("lt", start, most), start, input([3], [1, 2, 3])];
          return loopOf(
            20,
            { carries, wholes: [most] },
            ([, count, x], _, [end]) => {
              const next = b.add(count, one("i32"));
              return [b.binary("lt", next, end), next, b.add(x, x)];
            },
            { conditional: true },
          );
        }),
    },
  ],
  part: [
    {
      name: "results nobody reads, results read twice",
      dtypes: ["f32"],
      build: ({ input }) => {
        const operands = { carries: [input([3]), input([2])], slices: [input([4, 3])] };
        const results = loopOf(4, operands, ([sum, other], [x]) => [
          b.add(sum, x),
          b.neg(other),
          b.mul(x, x),
          b.neg(x),
        ]);
        return [results[0], b.neg(results[0]), b.reduceSum(results[3], [0])];
      },
    },
  ],
} satisfies Record<string, Case[]>;
