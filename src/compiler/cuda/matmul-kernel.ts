import { product } from "../../base/integers.ts";
import type { DType } from "../../ir/dtype.ts";
import type { NodeOf } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import type { StridedView } from "../lower.ts";
import { contractionFacts } from "./contraction-facts.ts";
import type { CudaTarget, KernelFunction, RenderedStep } from "./kernel-code.ts";
import { batchText, parametersText, sizes } from "./matmul-parameters.ts";
import type { MatmulGeometry, MatmulKernelText } from "./matmul-parameters.ts";
import { matmulShape } from "./matmul-shape.ts";
import { tensorCoreText } from "./matmul-tensor-core.ts";

/** C type of an element in memory, of its value in a register, and a · b + c. */
interface Arithmetic {
  readonly memory: string;
  readonly register: "f32" | "f64" | "i32" | "u32";
  readonly type: string;
  readonly zero: string;
  readonly fused: (a: string, b: string, c: string) => string;
}

const float: Omit<Arithmetic, "memory"> = {
  register: "f32",
  type: "float",
  zero: "0.0f",
  fused: (a, b, c) => `fma_f32(${a}, ${b}, ${c})`,
};
const signed: Omit<Arithmetic, "memory"> = {
  register: "i32",
  type: "int",
  zero: "0",
  fused: (a, b, c) => `add_i32(${c}, mul_i32(${a}, ${b}))`,
};
const unsigned: Omit<Arithmetic, "memory"> = {
  register: "u32",
  type: "u32",
  zero: "0u",
  fused: (a, b, c) => `${c} + ${a} * ${b}`,
};

/** Sums of half types are kept in f32 and rounded once; integers wrap. */
const arithmetics: Readonly<Record<DType, Arithmetic>> = {
  f64: {
    memory: "double",
    register: "f64",
    type: "double",
    zero: "0.0",
    fused: (a, b, c) => `fma_f64(${a}, ${b}, ${c})`,
  },
  f32: { memory: "float", ...float },
  f16: { memory: "u16", ...float },
  bf16: { memory: "u16", ...float },
  i32: { memory: "int", ...signed },
  u32: { memory: "u32", ...unsigned },
  i8: { memory: "i8", ...signed },
  u8: { memory: "u8", ...unsigned },
  bool: { memory: "u8", ...signed },
};

const THREADS = 256;
/** Up to this many rows or columns, a product is a few matrix-vector products. */
const FEW = 4;

/**
 * A product as a generated kernel: where there is no cuBLASLt, and for dtypes and strides it does
 * not take. Tensor cores multiply f16 and bf16 from capability 8.0 on. Each element is summed in
 * one fixed order.
 */
export function matmulKernel(
  node: NodeOf<"dot">,
  operands: readonly StridedView[],
  target: CudaTarget,
): RenderedStep {
  const [left, right] = operands;
  const shape = matmulShape(node, operands);
  const geometry = { ...shape, aOffset: left.offset, bOffset: right.offset };
  const { name, bytes, flops } = contractionFacts(node);
  const functions: KernelFunction[] = [];
  if (numel(node.shape) > 0) {
    const { text, blocks, sharedBytes } = chooseKernel(node.dtype, geometry, target);
    functions.push({
      text,
      arguments: [
        { kind: "value", value: left.value },
        { kind: "value", value: right.value },
        { kind: "value", value: node },
        ...sizes(geometry),
      ],
      blocks,
      threads: THREADS,
      sharedBytes,
      residentBlocks: 0,
    });
  }
  return { name, functions, scratchBytes: 0, bytes, flops };
}

function chooseKernel(
  dtype: DType,
  geometry: MatmulGeometry,
  target: CudaTarget,
): MatmulKernelText {
  const { m, n, k, a, b } = geometry;
  if (k > 0 && (m <= FEW || n <= FEW)) {
    const [big, stride] = n >= m ? [b, b.rowStride] : [a, a.columnStride];
    const isAlongK = stride === 1 && k >= 32;
    const along = big === b ? "columns" : "rows";
    return isAlongK ? warpText(dtype, geometry) : threadText(dtype, geometry, along);
  }
  const isHalf = dtype === "f16" || dtype === "bf16";
  if (isHalf && target.capability >= 80) return tensorCoreText(dtype, geometry);
  return tiledText(dtype, geometry, target);
}

/** One tile of the result per block, a rectangle of it per thread, in registers. */
function tiledText(dtype: DType, geometry: MatmulGeometry, target: CudaTarget): MatmulKernelText {
  const { m, n, a, b, batch } = geometry;
  const tilesOf = (tile: number): number =>
    Math.ceil(m / tile) * Math.ceil(n / tile) * product(batch);
  const isLarge = dtype !== "f64" && tilesOf(128) >= target.multiprocessors;
  const tile = isLarge ? 128 : 64;
  const depth = isLarge ? 8 : 16;
  const side = tile / 16;
  const pitch = tile + 4;
  const math = arithmetics[dtype];
  const { memory, type, zero, fused } = math;
  const loader = (name: string, row: string, isAlongK: boolean): string => {
    const [r, kk] = isAlongK ? [`e / ${depth}`, `e % ${depth}`] : [`e % ${tile}`, `e / ${tile}`];
    const [first, limit] = name === "a" ? ["row0", "m"] : ["column0", "n"];
    const [rowStride, kStride] = name === "a" ? ["a_row", "a_column"] : ["b_column", "b_row"];
    return `for (int e = thread; e < ${tile * depth}; e += ${THREADS}) {
      const int ${row} = ${r}, kk = ${kk};
      const int inside = ${first} + ${row} < ${limit} && k0 + kk < k;
      s${name}[kk * ${pitch} + ${row}] = inside
        ? read_${dtype}(${name} + (i64)(${first} + ${row}) * ${rowStride} + (i64)(k0 + kk) * ${kStride})
        : ${zero};
    }`;
  };
  const text = `${parametersText(memory, batch.length)} {
  ${type} *sa = (${type} *)shared, *sb = sa + ${depth * pitch};
  const int thread = thread_index();
  const u32 tiles_m = (u32)((m + ${tile - 1}) / ${tile}), tiles_n = (u32)((n + ${tile - 1}) / ${tile});
  const u32 tile = block % (tiles_m * tiles_n);
  u32 batch = block / (tiles_m * tiles_n);
  const int row0 = (int)(tile % tiles_m) * ${tile}, column0 = (int)(tile / tiles_m) * ${tile};
  const int ty = thread / 16 * ${side}, tx = thread % 16;
  ${type} sum[${side}][${side}];
  ${batchText(batch.length)}
  for (int i = 0; i < ${side}; i++)
    for (int j = 0; j < ${side}; j++) sum[i][j] = ${zero};
  for (int k0 = 0; k0 < k; k0 += ${depth}) {
    ${loader("a", "r", a.columnStride === 1)}
    ${loader("b", "c", b.rowStride === 1)}
    barrier();
    for (int kk = 0; kk < ${depth}; kk++) {
      ${type} left[${side}], right[${side}];
      for (int i = 0; i < ${side}; i++) left[i] = sa[kk * ${pitch} + ty + i];
      for (int j = 0; j < ${side}; j++) right[j] = sb[kk * ${pitch} + tx + 16 * j];
      for (int i = 0; i < ${side}; i++)
        for (int j = 0; j < ${side}; j++) sum[i][j] = ${fused("left[i]", "right[j]", "sum[i][j]")};
    }
    barrier();
  }
  for (int i = 0; i < ${side}; i++)
    for (int j = 0; j < ${side}; j++) {
      const int row = row0 + ty + i, column = column0 + tx + 16 * j;
      if (row < m && column < n) store_${dtype}(d + (i64)row * n + column, sum[i][j]);
    }
}`;
  const registerBytes = math.register === "f64" ? 8 : 4;
  return { text, blocks: tilesOf(tile), sharedBytes: 2 * depth * pitch * registerBytes };
}

/** One element of the result per warp, whose lanes share the inner dim. */
function warpText(dtype: DType, { m, n, batch }: MatmulGeometry): MatmulKernelText {
  const { memory, register, type, zero, fused } = arithmetics[dtype];
  const perBlock = THREADS / 32;
  const text = `${parametersText(memory, batch.length)} {
  const u32 blocks = (u32)(((i64)m * n + ${perBlock - 1}) / ${perBlock});
  const i64 at = (i64)(block % blocks) * ${perBlock} + thread_index() / 32;
  const int lane = thread_index() & 31;
  u32 batch = block / blocks;
  ${batchText(batch.length)}
  if (at >= (i64)m * n) return;
  const i64 row = at / n, column = at % n;
  ${type} sum = ${zero};
  for (int kk = lane; kk < k; kk += 32) {
    const ${type} left = read_${dtype}(a + row * a_row + (i64)kk * a_column);
    const ${type} right = read_${dtype}(b + (i64)kk * b_row + column * b_column);
    sum = ${fused("left", "right", "sum")};
  }
  sum = warp_sum_${register}(sum, 32);
  if (lane == 0) store_${dtype}(d + at, sum);
}`;
  return { text, blocks: Math.ceil((m * n) / perBlock) * product(batch), sharedBytes: 0 };
}

/** One element of the result per thread; neighbours are neighbours in the larger operand. */
function threadText(
  dtype: DType,
  { m, n, batch }: MatmulGeometry,
  along: "rows" | "columns",
): MatmulKernelText {
  const { memory, type, zero, fused } = arithmetics[dtype];
  const [row, column] = along === "columns" ? ["at / n", "at % n"] : ["at % m", "at / m"];
  const text = `${parametersText(memory, batch.length)} {
  const u32 blocks = (u32)(((i64)m * n + ${THREADS - 1}) / ${THREADS});
  const i64 at = (i64)(block % blocks) * ${THREADS} + thread_index();
  u32 batch = block / blocks;
  ${batchText(batch.length)}
  if (at >= (i64)m * n) return;
  const i64 row = ${row}, column = ${column};
  ${type} sum = ${zero};
  for (int kk = 0; kk < k; kk++) {
    const ${type} left = read_${dtype}(a + row * a_row + (i64)kk * a_column);
    const ${type} right = read_${dtype}(b + (i64)kk * b_row + column * b_column);
    sum = ${fused("left", "right", "sum")};
  }
  store_${dtype}(d + row * n + column, sum);
}`;
  return { text, blocks: Math.ceil((m * n) / THREADS) * product(batch), sharedBytes: 0 };
}
