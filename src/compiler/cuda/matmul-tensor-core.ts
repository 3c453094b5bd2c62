import { product } from "../../base/integers.ts";
import { batchText, parametersText } from "./matmul-parameters.ts";
import type { MatmulGeometry, MatmulKernelText } from "./matmul-parameters.ts";

/** Rows and columns of the result one block computes, and how deep it reads at a time. */
const TILE = 128;
const DEPTH = 32;
/** Elements from row to row in shared memory: fragments then lie in different banks. */
const PITCH = DEPTH + 8;
const THREADS = 256;
/** Vectors of eight elements each thread carries from memory to shared memory. */
const VECTORS = (TILE * DEPTH) / (8 * THREADS);

interface Side {
  readonly name: "a" | "b";
  readonly first: string;
  readonly limit: string;
  /** Strides of the dim of the result, and of the inner dim. */
  readonly outer: string;
  readonly inner: string;
  readonly isAlongK: boolean;
  readonly batchDims: number;
}

/** Whether vectors of eight may be read at once: all that moves the address keeps it aligned. */
function alignedText({ name, outer, inner, isAlongK, batchDims }: Side): string {
  const steps = Array.from({ length: batchDims }, (_, i) => ` | ${name}_step${i}`).join("");
  const [unit, far] = isAlongK ? [inner, outer] : [outer, inner];
  return (
    `const int ${name}_vector = ${unit} == 1 && ((u64)${name} & 15) == 0 && ` +
    `((${name}_start | ${far}${steps}) & 7) == 0;`
  );
}

/** Reads this thread's share of the tile at `depth` into registers; 0 outside of the matrix. */
function fetchText({ name, first, limit, outer, inner, isAlongK }: Side): string {
  const [r, kk] = isAlongK
    ? [`e / ${DEPTH / 8}`, `e % ${DEPTH / 8} * 8`]
    : [`e % ${TILE / 8} * 8`, `e / ${TILE / 8}`];
  const [count, isThere, stride] = isAlongK
    ? ["k - kk", `r < ${limit}`, inner]
    : [`${limit} - r`, "kk < k", outer];
  return `for (int i = 0; i < ${VECTORS}; i++) {
      const int e = thread + ${THREADS} * i, r = ${first} + ${r}, kk = depth + ${kk};
      const int count = ${isThere} ? ${count} : 0;
      const u16 *at = ${name} + (i64)r * ${outer} + (i64)kk * ${inner};
      f${name}[i] = ${name}_vector && count >= 8 ? read_v16(at) : gather_8_v2(at, ${stride}, count);
    }`;
}

/** Puts the registers into shared memory, where the inner dim is contiguous. */
function keepText({ name, isAlongK }: Side): string {
  if (isAlongK) {
    return `for (int i = 0; i < ${VECTORS}; i++) {
      const int e = thread + ${THREADS} * i;
      store_v16(s${name} + e / ${DEPTH / 8} * ${PITCH} + e % ${DEPTH / 8} * 8, f${name}[i]);
    }`;
  }
  return `for (int i = 0; i < ${VECTORS}; i++) {
      const int e = thread + ${THREADS} * i;
      scatter_8_v2(s${name} + e % ${TILE / 8} * ${8 * PITCH} + e / ${TILE / 8}, ${PITCH}, f${name}[i]);
    }`;
}

/** Products on tensor cores: 8 warps of 64 × 32, the next tile on its way while one is multiplied. */
export function tensorCoreText(
  dtype: "f16" | "bf16",
  { m, n, a, b, batch }: MatmulGeometry,
): MatmulKernelText {
  const shared = { batchDims: batch.length };
  const left: Side = {
    ...shared,
    name: "a",
    first: "row0",
    limit: "m",
    outer: "a_row",
    inner: "a_column",
    isAlongK: a.rowStride !== 1,
  };
  const right: Side = {
    ...shared,
    name: "b",
    first: "column0",
    limit: "n",
    outer: "b_column",
    inner: "b_row",
    isAlongK: b.columnStride !== 1,
  };
  const fetch = `${fetchText(left)}
    ${fetchText(right)}`;
  const text = `${parametersText("u16", batch.length)} {
  u16 *sa = (u16 *)shared, *sb = sa + ${TILE * PITCH};
  const int thread = thread_index(), lane = thread & 31, warp = thread / 32;
  const u32 tiles_m = (u32)((m + ${TILE - 1}) / ${TILE}), tiles_n = (u32)((n + ${TILE - 1}) / ${TILE});
  const u32 tile = block % (tiles_m * tiles_n);
  u32 batch = block / (tiles_m * tiles_n);
  const int row0 = (int)(tile % tiles_m) * ${TILE}, column0 = (int)(tile / tiles_m) * ${TILE};
  const int warp_row = warp / 4 * 64 + lane / 4, warp_column = warp % 4 * 32 + lane / 4;
  ${alignedText(left)}
  ${alignedText(right)}
  v16 fa[${VECTORS}], fb[${VECTORS}];
  float sum[4][4][4];
  int depth = 0;
  ${batchText(batch.length)}
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++)
      for (int c = 0; c < 4; c++) sum[i][j][c] = 0.0f;
  {
    ${fetch}
  }
  while (depth < k) {
    barrier();
    ${keepText(left)}
    ${keepText(right)}
    barrier();
    depth += ${DEPTH};
    if (depth < k) {
    ${fetch}
    }
    for (int inner = 0; inner < ${DEPTH}; inner += 16) {
      u32 ma[4][4], mb[4][2];
      for (int i = 0; i < 4; i++) {
        const u16 *at = sa + (warp_row + 16 * i) * ${PITCH} + inner + (lane & 3) * 2;
        ma[i][0] = load_v4(at);
        ma[i][1] = load_v4(at + ${8 * PITCH});
        ma[i][2] = load_v4(at + 8);
        ma[i][3] = load_v4(at + ${8 * PITCH + 8});
      }
      for (int j = 0; j < 4; j++) {
        const u16 *at = sb + (warp_column + 8 * j) * ${PITCH} + inner + (lane & 3) * 2;
        mb[j][0] = load_v4(at);
        mb[j][1] = load_v4(at + 8);
      }
      for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) mma_m16n8k16_${dtype}(sum[i][j], ma[i], mb[j]);
    }
  }
  const int in_pairs = (n & 1) == 0 && ((u64)d & 3) == 0;
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++)
      for (int half = 0; half < 2; half++) {
        const int row = row0 + warp_row + 16 * i + 8 * half;
        const int column = column0 + warp % 4 * 32 + 8 * j + (lane & 3) * 2;
        u16 *at = d + (i64)row * n + column;
        const float x = sum[i][j][2 * half], y = sum[i][j][2 * half + 1];
        if (row < m && column < n) {
          if (in_pairs) store_v4(at, pair_${dtype}(x, y));
          else {
            store_${dtype}(at, x);
            if (column + 1 < n) store_${dtype}(at + 1, y);
          }
        }
      }
}`;
  const blocks = Math.ceil(m / TILE) * Math.ceil(n / TILE) * product(batch);
  return { text, blocks, sharedBytes: 2 * TILE * PITCH * 2 };
}
