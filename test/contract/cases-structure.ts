import * as b from "../../src/ir/build.ts";
import { registerCustomKernel } from "../../src/runtime/backend.ts";
import { isFloat } from "../../src/ir/dtype.ts";
import type { Case } from "./scene.ts";
import { everyDType, numbers } from "./scene.ts";

/** Reverses the elements of its first input, whatever the dtype. */
registerCustomKernel("contract-reverse", ([x], output) => {
  for (let i = 0; i < output.length; i++) output[i] = x[x.length - 1 - i];
});

/** out[i, j] = a[i] · b[j] for f32. */
registerCustomKernel("contract-outer", ([left, right], output) => {
  for (let i = 0; i < output.length; i++) {
    output[i] = left[Math.floor(i / right.length)] * right[i % right.length];
  }
});

const key = [0x13198a2e, 0x03707344];

export const leafRows = {
  input: [
    {
      name: "returned unchanged",
      dtypes: everyDType,
      exact: true,
      build: ({ input }) => [input([3, 5], "edge"), input([0]), input([])],
    },
    {
      name: "one input as several outputs, an unused input",
      dtypes: everyDType,
      exact: true,
      build: ({ input }) => {
        const x = input([3, 5]);
        input([2]);
        return [x, x, b.reshape(x, [15]), b.permute(x, [1, 0])];
      },
    },
  ],
  constant: [
    {
      name: "scalars and fills",
      dtypes: everyDType,
      exact: true,
      build: ({ dtype }) => [
        b.constant(1, dtype),
        b.full([3, 5], 0, dtype),
        b.full([0], 1, dtype),
        ...(isFloat(dtype) ? [NaN, Infinity, -Infinity, -0, 0.1] : []).map((x) =>
          b.full([3], x, dtype),
        ),
      ],
    },
    {
      name: "as an operand",
      dtypes: numbers,
      exact: true,
      build: ({ input, dtype }) => [
        b.add(input([3, 5]), b.full([3, 5], 3, dtype)),
        b.add(b.constant(2, dtype), b.constant(3, dtype)),
        b.mul(b.full([4], 2, dtype), b.full([4], 3, dtype)),
        b.reduceSum(b.full([4, 5], 2, dtype), [0, 1]),
      ],
    },
  ],
  iota: [
    {
      name: "sizes and dims",
      dtypes: ["i32"],
      exact: true,
      build: () => [
        ...[0, 1, 7, 1031].map((size) => b.iota([size], 0)),
        b.iota([3, 5], 0),
        b.iota([3, 5], 1),
        b.mul(b.iota([3, 5], 0), b.iota([3, 5], 1)),
        b.cast(b.iota([9], 0), "f32"),
        b.reduceSum(b.flip(b.iota([9], 0), [0]), [0]),
      ],
    },
  ],
  randomBits: [
    {
      name: "sizes, two keys",
      dtypes: ["u32"],
      exact: true,
      build: ({ input }) => [
        ...[[], [0], [1], [5], [3, 7], [1031]].map((shape) => b.randomBits(input([2], key), shape)),
        b.randomBits(input([2], [0, 0]), [9]),
      ],
    },
    {
      name: "a computed key, views and arithmetic on the bits",
      dtypes: ["u32"],
      exact: true,
      build: ({ input }) => {
        const folded = b.binary("xor", input([2], key), b.full([2], 5, "u32"));
        const bits = b.randomBits(folded, [6, 7]);
        const small = b.binary("shr", bits, b.fullLike(bits, 8));
        return [
          b.permute(bits, [1, 0]),
          b.cast(small, "f32"),
          b.flip(bits, [1]),
          b.reduceSum(bits, [1]),
        ];
      },
    },
  ],
} satisfies Record<string, Case[]>;

export const structureRows = {
  assign: [
    {
      name: "of an expression of the target",
      dtypes: numbers,
      exact: true,
      build: ({ input }) => {
        const x = input([3, 5]);
        return b.assign(x, b.add(x, input([3, 5])));
      },
    },
    {
      name: "reads of the target see the old value everywhere",
      dtypes: numbers,
      exact: true,
      build: ({ input }) => {
        const x = input([4, 4]);
        const next = b.add(b.permute(x, [1, 0]), b.flip(x, [0]));
        return [b.neg(x), b.assign(x, next), b.extremum("reduceMax", x, [1]), x];
      },
    },
    {
      name: "the assigned value is used and returned",
      dtypes: numbers,
      exact: true,
      build: ({ input }) => {
        const x = input([6]);
        const next = b.assign(x, b.mul(x, b.fullLike(x, 2)));
        return [next, b.add(next, x)];
      },
    },
  ],
  custom: [
    {
      name: "every storage format",
      dtypes: everyDType,
      exact: true,
      build: ({ input, dtype }) => {
        const attrs = { name: "contract-reverse", shape: [3, 4], dtype };
        return b.custom([input([3, 4])], attrs);
      },
    },
    {
      name: "between other ops, on views, twice",
      dtypes: ["f32"],
      build: ({ input }) => {
        const x = input([5]);
        const attrs = { name: "contract-outer", shape: [5, 3], dtype: "f32" } as const;
        const y = b.custom([b.flip(b.neg(x), [0]), b.slice(input([6]), [5], [3], [-2])], attrs);
        const z = b.custom([b.reduceSum(y, [1]), input([3])], attrs);
        return [b.add(y, z), b.reduceSum(z, [0])];
      },
    },
  ],
  barrier: [
    {
      name: "returns its first operand",
      dtypes: everyDType,
      exact: true,
      build: ({ input }) => {
        const x = input([3, 5]);
        const y = b.barrier(x, [input([2]), b.permute(x, [1, 0])]);
        return [y, b.binary("max", y, x), b.permute(b.barrier(b.flip(x, [0]), []), [1, 0])];
      },
    },
  ],
  customGradient: [
    {
      name: "returns its first operand",
      dtypes: everyDType,
      exact: true,
      build: ({ input }) => {
        const x = b.customGradient(input([3, 5]), [input([2])], 0);
        return [x, b.binary("min", x, b.flip(x, [0, 1]))];
      },
    },
  ],
  checkpoint: [
    {
      name: "returns its operand",
      dtypes: everyDType,
      exact: true,
      build: ({ input }) => {
        const x = b.checkpoint(input([3, 5]), 0);
        return [x, b.binary("min", x, b.flip(x, [0, 1]))];
      },
    },
  ],
} satisfies Record<string, Case[]>;
