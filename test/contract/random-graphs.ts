import fc from "fast-check";
import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import { numel, sameShape } from "../../src/ir/shape.ts";
import type { BuiltCase } from "./scene.ts";
import { buildCase } from "./scene.ts";

/** One random decision: which operation, on which earlier node, with which variant. */
export interface Move {
  readonly kind: number;
  readonly from: number;
  readonly with: number;
}

type Build = (x: Node, y: Node, variant: number) => Node;

const binaryOps = ["add", "sub", "mul", "max", "min"] as const;
const reduceOps = ["reduceSum", "reduceMax", "reduceMin"] as const;

/** y as a partner of x: itself, or something of x's shape made from x. */
const partner = (x: Node, y: Node): Node => (sameShape(x.shape, y.shape) ? y : b.neg(x));
const dimOf = (x: Node, variant: number): number => variant % x.shape.length;
const zeros = (x: Node): number[] => x.shape.map(() => 0);

/** x with its values brought back to −7 … 7, so that chains stay exact in f32. */
function tame(x: Node): Node {
  return b.binary("rem", x, b.fullLike(x, 8));
}

const builds: readonly Build[] = [
  (x, y, variant) => tame(b.binary(binaryOps[variant % 5], x, partner(x, y))),
  (x, y) => b.where(b.binary("lt", x, partner(x, y)), x, b.neg(partner(x, y))),
  (x, _y, variant) => (variant % 2 === 0 ? b.neg(x) : b.unary("abs", x)),
  (x, _y, variant) => {
    const dim = dimOf(x, variant);
    const op = x.shape[dim] === 0 ? "reduceSum" : reduceOps[variant % 3];
    return tame(op === "reduceSum" ? b.reduceSum(x, [dim]) : b.extremum(op, x, [dim]));
  },
  (x, _y, variant) => b.flip(x, [dimOf(x, variant)]),
  (x, _y, variant) => b.transpose(x, dimOf(x, variant), dimOf(x, variant >> 2)),
  (x, _y, variant) => b.reshape(x, variant % 2 === 0 ? [numel(x.shape), 1] : [1, numel(x.shape)]),
  (x) => b.reshape(x, x.shape.toReversed()),
  (x, _y, variant) => {
    const dim = dimOf(x, variant);
    return x.shape[dim] === 1 ? b.expand(x, x.shape.with(dim, 3)) : x;
  },
  (x, _y, variant) => {
    const dim = dimOf(x, variant);
    const size = x.shape[dim];
    if (size < 2) return x;
    const step = variant % 3 === 0 ? -2 : 1;
    const count = step === 1 ? size - 1 : Math.ceil(size / 2);
    const start = zeros(x).with(dim, step === 1 ? 1 : size - 1);
    return b.slice(x, start, x.shape.with(dim, count), x.shape.map(() => 1).with(dim, step));
  },
  (x, _y, variant) => {
    const dim = dimOf(x, variant);
    if (numel(x.shape) > 200) return x;
    const interior = zeros(x).with(dim, variant % 4 === 3 ? 1 : 0);
    return b.pad(x, zeros(x).with(dim, variant % 3), zeros(x).with(dim, 1), variant % 5, interior);
  },
  (x, y, variant) => (numel(x.shape) > 200 ? x : b.concat([x, partner(x, y)], dimOf(x, variant))),
  (x, y) => {
    const [rows, columns] = [x.shape[0], numel(x.shape.slice(1))];
    const left = b.reshape(x, [rows, columns]);
    return tame(b.dot(left, b.reshape(partner(x, y), [columns, rows])));
  },
];

const moveArbitrary: fc.Arbitrary<Move> = fc.record({
  kind: fc.nat({ max: builds.length - 1 }),
  from: fc.nat({ max: 5 }),
  with: fc.nat({ max: 59 }),
});

/** Sequences of moves; fast-check shrinks a failing one to the shortest. */
export const movesArbitrary: fc.Arbitrary<Move[]> = fc.array(moveArbitrary, {
  minLength: 1,
  maxLength: 12,
});

/** The graph a sequence of moves describes; all small integers, so that any order is exact. */
export function graphOfMoves(moves: readonly Move[], dtype: DType): BuiltCase {
  return buildCase(
    {
      build: ({ input }) => {
        const small = [3, -1, 0, 2, -4, 1, 5, -2, 4];
        const nodes = [
          input([3, 4], small),
          input([3, 4], small.toReversed()),
          input([1, 5], small),
        ];
        for (const { kind, from, with: variant } of moves) {
          const x = nodes[nodes.length - 1 - (from % nodes.length)];
          nodes.push(builds[kind](x, nodes[variant % nodes.length], variant));
        }
        return nodes.slice(3).filter((_node, i, all) => i === all.length - 1 || i % 3 === 0);
      },
    },
    dtype,
  );
}
