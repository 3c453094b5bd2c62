import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import type { Scene } from "./scene.ts";

/** A graph with results worked out by hand (or published), independent of any backend. */
export interface Golden {
  readonly name: string;
  readonly dtype: DType;
  readonly build: (scene: Scene) => Node;
  readonly expected: readonly number[];
}

const counting = [1, 2, 3, 4, 5, 6, 7, 8, 9];

function golden(
  name: string,
  dtype: DType,
  build: Golden["build"],
  expected: readonly number[],
): Golden {
  return { name, dtype, build, expected };
}

const elementwise: Golden[] = [
  golden(
    "add",
    "f32",
    ({ input }) => b.add(input([3], [1, 2, 3]), input([3], [10, 20, 30])),
    [11, 22, 33],
  ),
  golden(
    "i8 addition wraps",
    "i8",
    ({ input }) => b.add(input([2], [127, -128]), input([2], [1, -1])),
    [-128, 127],
  ),
  golden(
    "u32 multiplication wraps",
    "u32",
    ({ input }) => b.mul(input([1], [0xffffffff]), input([1], [0xffffffff])),
    [1],
  ),
  golden(
    "i32 multiplication keeps the low bits",
    "i32",
    ({ input }) => b.mul(input([1], [123456789]), input([1], [987654321])),
    [-67153019],
  ),
  golden(
    "i32 minimum / −1 wraps",
    "i32",
    ({ input }) => b.div(input([3], [-(2 ** 31), 7, 7]), input([3], [-1, 0, -2])),
    [-(2 ** 31), 0, -3],
  ),
  golden(
    "u32 division is unsigned",
    "u32",
    ({ input }) => b.div(input([2], [0xfffffffe, 5]), input([2], [2, 0])),
    [0x7fffffff, 0],
  ),
  golden(
    "rem has the sign of the dividend",
    "f32",
    ({ input }) => b.binary("rem", input([4], [5, -5, 5.5, -5.5]), input([4], [3, 3, -2, -2])),
    [2, -2, 1.5, -1.5],
  ),
  golden(
    "integer rem",
    "i32",
    ({ input }) => b.binary("rem", input([4], [7, -7, 7, 7]), input([4], [3, 3, -3, 0])),
    [1, -1, 1, 0],
  ),
  golden(
    "shr keeps the sign of i32",
    "i32",
    ({ input }) => b.binary("shr", input([2], [-8, 8]), input([2], [1, 2])),
    [-4, 2],
  ),
  golden(
    "shr of u32 is logical",
    "u32",
    ({ input }) => b.binary("shr", input([1], [0x80000000]), input([1], [31])),
    [1],
  ),
  golden(
    "not is bitwise on u8",
    "u8",
    ({ input }) => b.unary("not", input([3], [0, 1, 255])),
    [255, 254, 0],
  ),
  golden(
    "not is logical on bool",
    "bool",
    ({ input }) => b.unary("not", input([2], [0, 1])),
    [1, 0],
  ),
  golden(
    "round halves to even",
    "f32",
    ({ input }) => b.unary("round", input([6], [0.5, 1.5, 2.5, -0.5, -1.5, 2.6])),
    [0, 2, 2, 0, -2, 3],
  ),
  golden(
    "sign of NaN is 0",
    "f32",
    ({ input }) => b.unary("sign", input([4], [NaN, -3, 0, Infinity])),
    [0, -1, 0, 1],
  ),
  golden(
    "max passes NaN on",
    "f32",
    ({ input }) => b.binary("max", input([3], [NaN, 1, 2]), input([3], [1, NaN, 3])),
    [NaN, NaN, 3],
  ),
  golden(
    "comparisons with NaN",
    "f32",
    ({ input }) => b.binary("ne", input([2], [NaN, 1]), input([2], [NaN, 1])),
    [1, 0],
  ),
  golden(
    "pow of 1 and 0",
    "f64",
    ({ input }) => b.binary("pow", input([4], [1, 0, -2, -8]), input([4], [NaN, 0, 3, 0.5])),
    [1, 1, -8, NaN],
  ),
  golden(
    "f32 to i8 saturates",
    "f32",
    ({ input }) => b.cast(input([6], [-1.9, 127.9, 300, -300, NaN, Infinity]), "i8"),
    [-1, 127, 127, -128, 0, 127],
  ),
  golden(
    "f32 to u8 saturates",
    "f32",
    ({ input }) => b.cast(input([4], [-1.9, 255.9, 300, 2.5]), "u8"),
    [0, 255, 255, 2],
  ),
  golden(
    "i32 to i8 keeps the low bits",
    "i32",
    ({ input }) => b.cast(input([3], [300, -129, 128]), "i8"),
    [44, 127, -128],
  ),
  golden(
    "f32 to bool",
    "f32",
    ({ input }) => b.cast(input([4], [0, -0, 0.1, NaN]), "bool"),
    [0, 0, 1, 1],
  ),
  golden(
    "f32 to f16 rounds to even",
    "f32",
    ({ input }) => b.cast(input([4], [2049, 2051, 65519, 65520]), "f16"),
    [2048, 2052, 65504, Infinity],
  ),
  golden(
    "f32 to bf16 rounds to even",
    "f32",
    ({ input }) => b.cast(input([2], [257, 259]), "bf16"),
    [256, 260],
  ),
  golden("bits of 1.0", "f32", ({ input }) => b.bitcast(input([1], [1]), "u32"), [0x3f800000]),
  golden(
    "erf",
    "f64",
    ({ input }) => b.unary("erf", input([3], [0.5, 1, -2])),
    [0.5204998778130465, 0.8427007929497149, -0.9953222650189527],
  ),
  golden(
    "where",
    "i32",
    ({ input }) =>
      b.where(input([3], [1, 0, 1], "bool"), input([3], [1, 2, 3]), input([3], [4, 5, 6])),
    [1, 5, 3],
  ),
];

const reductions: Golden[] = [
  golden(
    "sum of rows",
    "f32",
    ({ input }) => b.reduceSum(input([3, 3], counting), [1]),
    [6, 15, 24],
  ),
  golden(
    "sum of columns",
    "f32",
    ({ input }) => b.reduceSum(input([3, 3], counting), [0]),
    [12, 15, 18],
  ),
  golden(
    "sum and product over nothing",
    "f32",
    ({ input }) =>
      b.concat([b.reduceSum(input([0]), [0]), b.reduce("reduceProd", input([0]), [0])], 0),
    [0, 1],
  ),
  golden("i8 sum wraps", "i8", ({ input }) => b.reduceSum(input([3], [100, 100, 100]), [0]), [44]),
  golden(
    "max passes NaN on",
    "f32",
    ({ input }) => b.extremum("reduceMax", input([2, 2], [1, NaN, 3, 2]), [1]),
    [NaN, 3],
  ),
  golden(
    "argmax: first of equals, NaN largest",
    "f32",
    ({ input }) => b.argmax(input([2, 4], [1, 5, 5, 2, 9, NaN, 1, NaN]), 1),
    [1, 1],
  ),
  golden(
    "running sum",
    "i32",
    ({ input }) => b.scan(input([2, 3], counting), 1, "sum"),
    [1, 3, 6, 4, 9, 15],
  ),
  golden("running maximum", "f32", ({ input }) => b.scan(input([5], [1, 3, 2, NaN, 9]), 0, "max"), [
    1,
    3,
    3,
    NaN,
    NaN,
  ]),
];

const movement: Golden[] = [
  golden(
    "transpose",
    "i32",
    ({ input }) => b.permute(input([2, 3], counting), [1, 0]),
    [1, 4, 2, 5, 3, 6],
  ),
  golden(
    "slice backwards",
    "i32",
    ({ input }) => b.slice(input([7], counting), [5], [3], [-2]),
    [6, 4, 2],
  ),
  golden(
    "pad with gaps",
    "i32",
    ({ input }) => b.pad(input([3], counting), [1], [2], 9, [1]),
    [9, 1, 9, 2, 9, 3, 9, 9],
  ),
  golden(
    "windows",
    "i32",
    ({ input }) =>
      b.window(input([6], counting), { dims: [0], size: [2], stride: [2], dilation: [2] }),
    [1, 3, 3, 5],
  ),
  golden(
    "concat",
    "i32",
    ({ input }) => b.concat([input([2, 1], [1, 2]), input([2, 2], [3, 4, 5, 6])], 1),
    [1, 3, 4, 2, 5, 6],
  ),
];

const indexing: Golden[] = [
  golden(
    "gather rows",
    "f32",
    ({ input }) => b.gather(input([3, 2], counting), input([2, 2], [2, 0, 1, 1], "i32"), 0),
    [5, 2, 3, 4],
  ),
  golden(
    "scatter adds repeats",
    "f32",
    ({ input }) =>
      b.scatter(
        input([4], [1, 1, 1, 1]),
        input([3], [0, 2, 2], "i32"),
        input([3], [5, 6, 7]),
        0,
        "add",
      ),
    [6, 1, 14, 1],
  ),
  golden(
    "scatter adds bools by or",
    "bool",
    ({ input }) =>
      b.scatter(input([3], [1, 0, 0]), input([3], [0, 0, 2], "i32"), input([3], [1]), 0, "add"),
    [1, 0, 1],
  ),
  golden(
    "scatter sets the last",
    "f32",
    ({ input }) =>
      b.scatter(
        input([4], [1, 1, 1, 1]),
        input([3], [0, 2, 2], "i32"),
        input([3], [5, 6, 7]),
        0,
        "set",
      ),
    [5, 1, 7, 1],
  ),
  golden(
    "argsort ascending, NaN last",
    "f32",
    ({ input }) => b.argsort(input([5], [2, NaN, 1, 2, -Infinity]), 0, false),
    [4, 2, 0, 3, 1],
  ),
  golden(
    "argsort descending, NaN first",
    "f32",
    ({ input }) => b.argsort(input([5], [2, NaN, 1, 2, -Infinity]), 0, true),
    [1, 0, 3, 2, 4],
  ),
  golden(
    "topk",
    "i32",
    ({ input }) => b.topk(input([6], [3, 9, 1, 9, 7, 2]), 0, 3, true),
    [1, 3, 4],
  ),
];

const line = { stride: [1], padLow: [1], padHigh: [1], dilation: [1], groups: 1 };

const contractions: Golden[] = [
  golden(
    "dot",
    "f32",
    ({ input }) => b.dot(input([2, 3], counting), input([3, 2], counting)),
    [22, 28, 49, 64],
  ),
  golden(
    "dot over nothing",
    "f32",
    ({ input }) => b.dot(input([2, 0]), input([0, 2])),
    [0, 0, 0, 0],
  ),
  golden(
    "conv with padding",
    "f32",
    ({ input }) => b.conv(input([1, 1, 4], counting), input([1, 1, 3], [1, 10, 100]), line),
    [210, 321, 432, 43],
  ),
  golden(
    "conv with stride 2",
    "f32",
    ({ input }) =>
      b.conv(input([1, 1, 5], counting), input([1, 1, 2], [1, 10]), {
        ...line,
        stride: [2],
        padLow: [0],
        padHigh: [0],
      }),
    [21, 43],
  ),
  golden(
    "gradient by the input",
    "f32",
    ({ input }) =>
      b.convInputGrad(input([1, 1, 4], [1, 0, 0, 2]), input([1, 1, 3], [1, 10, 100]), {
        ...line,
        sizes: [4],
      }),
    [10, 100, 2, 20],
  ),
  golden(
    "gradient by the kernel",
    "f32",
    ({ input }) =>
      b.convWeightGrad(input([1, 1, 4], counting), input([1, 1, 4], [1, 0, 0, 2]), {
        ...line,
        sizes: [3],
      }),
    [6, 9, 2],
  ),
];

const leaves: Golden[] = [
  golden("iota", "i32", () => b.iota([2, 3], 1), [0, 1, 2, 0, 1, 2]),
  golden(
    "threefry, first word at counter 0",
    "u32",
    ({ input }) => b.randomBits(input([2], [0, 0]), [1]),
    [0x6b200159],
  ),
];

export const goldens: readonly Golden[] = [
  ...elementwise,
  ...reductions,
  ...movement,
  ...indexing,
  ...contractions,
  ...leaves,
];
