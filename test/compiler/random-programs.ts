import fc from "fast-check";
import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { isUnsigned } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import type { Shape } from "../../src/ir/shape.ts";
import { numel, sameShape } from "../../src/ir/shape.ts";
import type { BuiltCase } from "../contract/scene.ts";
import { loopOf } from "../contract/cases-loop.ts";
import { buildCase } from "../contract/scene.ts";

/** One random decision: which operation, on which of the latest nodes, with which variant. */
interface Move {
  readonly kind: number;
  readonly from: number;
  readonly variant: number;
}

/** A random program: sizes of its inputs, operations, and which inputs receive new values. */
export interface RandomProgram {
  readonly rows: number;
  readonly columns: number;
  readonly moves: readonly Move[];
  /** Per input, which node it is assigned, counted from the last one; −1 for none. */
  readonly assigns: readonly number[];
}

type Build = (x: Node, y: Node, variant: number) => Node;

const binaryOps = ["add", "sub", "mul", "max", "min"] as const;
const like = b.fullLike;
const zeros = (x: Node): number[] => x.shape.map(() => 0);
const dimOf = (x: Node, variant: number): number => variant % x.shape.length;

/** Values back within −7 … 7, in a cheap or in a dear way: every order of sums stays exact. */
function tame(x: Node, variant: number): Node {
  if (variant % 2 === 0) return b.binary("rem", x, like(x, 8));
  return b.binary("max", b.binary("min", x, like(x, 7)), like(x, isUnsigned(x.dtype) ? 0 : -6));
}

/** y as something of the given shape. */
function fit(y: Node, shape: Shape): Node {
  if (sameShape(y.shape, shape)) return y;
  if (numel(y.shape) === numel(shape)) return b.reshape(y, shape);
  const sum = tame(
    b.reduceSum(
      y,
      y.shape.map((_, dim) => dim),
    ),
    0,
  );
  return b.broadcastTo(b.reshape(sum, []), shape);
}

function reduced(x: Node, variant: number): Node {
  const dim = dimOf(x, variant);
  const axes = variant % 7 === 0 ? x.shape.map((_, i) => i) : [dim];
  const kind = numel(x.shape) === 0 ? 0 : variant % 3;
  if (kind === 0) return tame(b.reduceSum(x, axes), variant);
  return b.extremum(kind === 1 ? "reduceMax" : "reduceMin", x, axes);
}

const spread = (x: Node, to: Node): Node => b.expand(x, to.shape);

function indexOf(y: Node, size: number): Node {
  return b.binary("rem", b.cast(b.unary("abs", y), "i32"), b.full(y.shape, size, "i32"));
}

function factors(x: Node, variant: number): number[] {
  const count = numel(x.shape);
  const divisors = [2, 3, 4, 5, 6, 7].filter((d) => count % d === 0);
  const first = divisors[variant % Math.max(1, divisors.length)] ?? 1;
  return variant % 3 === 0 ? [first, count / first] : [count / first, first, 1];
}

const builds: readonly Build[] = [
  (x, y, v) => tame(b.binary(binaryOps[v % 5], x, fit(y, x.shape)), v >> 3),
  (x, y, v) => tame(b.binary(binaryOps[v % 5], b.mul(x, x), fit(y, x.shape)), 1),
  (x, y) => b.where(b.binary("lt", x, fit(y, x.shape)), x, b.neg(fit(y, x.shape))),
  (x, _y, v) => b.unary(v % 2 === 0 ? "abs" : "sign", x),
  (x, _y, v) => reduced(x, v),
  (x, _y, v) => tame(b.sub(x, spread(reduced(x, v), x)), v >> 2),
  (x, _y, v) => {
    const centred = tame(b.sub(x, spread(reduced(x, v), x)), v >> 1);
    return tame(b.add(centred, spread(reduced(b.mul(centred, centred), v), x)), v >> 2);
  },
  (x, y, v) => {
    const row = fit(y, [x.shape[x.shape.length - 1]]);
    return tame(b.add(x, b.broadcastTo(row, x.shape)), v);
  },
  (x, _y, v) => b.flip(x, [dimOf(x, v)]),
  (x, _y, v) => b.transpose(x, dimOf(x, v), dimOf(x, v >> 2)),
  (x, _y, v) => b.reshape(x, factors(x, v)),
  (x) => b.reshape(x, x.shape.toReversed()),
  (x, _y, v) => {
    const dim = dimOf(x, v);
    const size = x.shape[dim];
    if (size < 2) return b.expand(x, x.shape.with(dim, 3));
    const step = [-2, 1, 3][v % 3];
    const count = step === 1 ? size - 1 : Math.ceil(size / Math.abs(step));
    const start = zeros(x).with(dim, step < 0 ? size - 1 : step === 1 ? 1 : 0);
    return b.slice(x, start, x.shape.with(dim, count), x.shape.map(() => 1).with(dim, step));
  },
  (x, _y, v) => {
    const dim = dimOf(x, v);
    const interior = zeros(x).with(dim, v % 4 === 3 ? 1 : 0);
    return b.pad(x, zeros(x).with(dim, v % 3), zeros(x).with(dim, 1), v % 5, interior);
  },
  (x, y, v) => b.concat([x, fit(y, x.shape)], dimOf(x, v)),
  (x, y, v) => {
    const left = b.reshape(x, [x.shape[0], numel(x.shape.slice(1))]);
    const right = b.transpose(fit(y, left.shape), 0, 1);
    const product = tame(b.dot(left, right), v);
    return numel(product.shape) > 4 * numel(x.shape) ? b.narrow(product, 0, 0, 1) : product;
  },
  (x, y, v) => {
    const dim = dimOf(x, v);
    return b.gather(x, indexOf(fit(y, x.shape), x.shape[dim]), dim);
  },
  (x, y, v) => {
    const dim = dimOf(x, v);
    const index = indexOf(fit(y, x.shape), x.shape[dim]);
    return tame(b.scatter(x, index, b.neg(fit(y, x.shape)), dim, "add"), v);
  },
  (x, _y, v) => tame(b.scan(x, dimOf(x, v), "sum"), v),
  (x, _y, v) => b.cast(b.argmax(x, dimOf(x, v)), x.dtype),
  (x, _y, v) => {
    const dim = dimOf(x, v);
    if (x.shape[dim] < 3) return x;
    const attrs = { dims: [dim], size: [2], stride: [1 + (v % 2)], dilation: [1 + ((v >> 1) % 2)] };
    return tame(b.reduceSum(b.window(x, attrs), [x.shape.length]), v);
  },
  (x, _y, v) => b.cast(b.cast(x, (["bf16", "f16", "i8", "i32"] as const)[v % 4]), x.dtype),
  (x, y) => b.barrier(x, [y]),
];

/** Pads and concats make nodes grow; from this size on they are left out. */
const LARGEST = 4;

/** Arbitrary programs over inputs of up to `most` rows and columns. */
export function programArbitrary(
  size: fc.Arbitrary<number>,
  maxLength: number,
): fc.Arbitrary<RandomProgram> {
  return fc.record({
    rows: size,
    columns: size,
    moves: fc.array(
      fc.record({
        kind: fc.nat({ max: builds.length - 1 }),
        from: fc.nat({ max: 5 }),
        variant: fc.nat({ max: 83 }),
      }),
      { minLength: 1, maxLength },
    ),
    assigns: fc.array(fc.integer({ min: -1, max: 6 }), { minLength: 3, maxLength: 3 }),
  });
}

/** The nodes that the moves make of the first ones, after those. */
function grow(first: readonly Node[], moves: readonly Move[], size: number): Node[] {
  const nodes = [...first];
  const limit = LARGEST * Math.max(16, size);
  for (const { kind, from, variant } of moves) {
    const x = nodes[nodes.length - 1 - (from % nodes.length)];
    const node = builds[kind](x, nodes[variant % nodes.length], variant);
    if (numel(node.shape) <= limit) nodes.push(node);
  }
  return nodes;
}

/**
 * A loop whose body is a random program of two carries, a slice and a whole, over operands that are
 * computed, with results that are computed on.
 */
export function buildLoop(
  { rows, columns, moves, assigns }: RandomProgram,
  dtype: DType,
): BuiltCase {
  return buildCase(
    {
      build: ({ input }) => {
        const small = [3, -1, 0, 2, -4, 1, 5, -2, 4, -3, 6];
        const length = 1 + (moves.length % 6);
        const shape = [rows, columns];
        const operands = {
          carries: [input(shape, small), b.neg(input(shape, small.toReversed()))],
          slices: [input([length, ...shape], small)],
          wholes: [input([columns], small)],
        };
        const body = (carries: Node[], slices: Node[], wholes: Node[]): Node[] => {
          const first = [...wholes, ...slices, ...carries];
          const nodes = grow(first, moves, rows * columns);
          const from = (i: number): Node => nodes[Math.max(0, nodes.length - 1 - i)];
          const next = assigns.slice(0, 2).map((at) => tame(fit(from(at + 1), shape), at + 3));
          return [...next, from(0), from(assigns[2] + 1), ...(assigns[2] > 2 ? next : [])];
        };
        const results = loopOf(length, operands, body, { reverse: rows % 2 === 0 });
        return [...results, b.add(results[0], b.neg(results[1])), operands.carries[1]];
      },
    },
    dtype,
  );
}

/** The graph of a program; all values are small integers, so that any order of work is exact. */
export function buildProgram(
  { rows, columns, moves, assigns }: RandomProgram,
  dtype: DType,
): BuiltCase {
  return buildCase(
    {
      build: ({ input }) => {
        const small = [3, -1, 0, 2, -4, 1, 5, -2, 4, -3, 6];
        const inputs = [
          input([rows, columns], small),
          input([rows, columns], small.toReversed()),
          input([columns], small),
        ];
        const nodes = grow(inputs, moves, rows * columns);
        const results = nodes
          .slice(3)
          .filter((_node, i, all) => i === all.length - 1 || i % 3 === 0);
        const updates = inputs.flatMap((target, i) => {
          if (assigns[i] < 0) return [];
          const source = nodes[Math.max(0, nodes.length - 1 - assigns[i])];
          return [b.assign(target, fit(source, target.shape))];
        });
        return [...results, ...updates];
      },
    },
    dtype,
  );
}
