import type { AttentionGeometry, BackwardGeometry, PlacedTensor } from "./attention-geometry.ts";
import { valueArgument } from "./attention-geometry.ts";
import {
  baseText,
  biasArgument,
  biasBase,
  biasParameter,
  biasText,
  floatText,
  log2e,
  scoreScale,
  statsBase,
  storageType,
} from "./attention-text.ts";
import { commonKernel } from "./flash-kernels.ts";
import type { CudaTarget, KernelFunction } from "./kernel-code.ts";

/** Threads of a block, as a square. */
const SIDE = 16;
const geometryOfBlock = { threads: SIDE * SIDE, residentBlocks: 0 } as const;

/** Rows and keys a block has at a time. */
interface Tiling {
  readonly rows: number;
  readonly keys: number;
}

const tilings: readonly Tiling[] = [
  { rows: 64, keys: 32 },
  { rows: 32, keys: 32 },
  { rows: 32, keys: 16 },
  { rows: 16, keys: 16 },
];

function chooseTiling(target: CudaTarget, bytes: (tiling: Tiling) => number): Tiling {
  const fits = tilings.find((tiling) => bytes(tiling) <= target.sharedBytesPerBlock);
  return fits ?? tilings[tilings.length - 1];
}

/** Floats from row to row of a tile: odd, so that a column lies in different banks. */
const pitchOf = (width: number): number => width + 1 - (width % 2);
const tileFloats = (rows: number, width: number): number => rows * pitchOf(width);

/** Copies rows [first, first + rows) to a tile of floats; rows behind the end are zeros. */
function copyTile(tile: string, at: string, tensor: PlacedTensor, first: string, rows: number) {
  const [, length, , width] = tensor.shape;
  return `for (int e = thread; e < ${rows * width}; e += ${SIDE * SIDE}) {
      const int r = e / ${width}, c = e % ${width}, row = ${first} + r;
      ${tile}[r * ${pitchOf(width)} + c] = row < ${length} ? read_${tensor.dtype}(${at} + (i64)row * ${tensor.strides[1]} + c) : 0.0f;
    }`;
}

/** `float sum[high][wide]`, zero. */
const zeros = (sum: string, high: number, wide: number): string => `float ${sum}[${high}][${wide}];
    #pragma unroll
    for (int i = 0; i < ${high}; i++)
      #pragma unroll
      for (int j = 0; j < ${wide}; j++) ${sum}[i][j] = 0.0f;`;

/** sum[i][j] += Σ a(i, d) · b(j, d) for d below `depth`. */
function products(given: {
  readonly sum: string;
  readonly high: number;
  readonly wide: number;
  readonly depth: number;
  /** C expressions over `i` (or `j`) and `d`. */
  readonly a: string;
  readonly b: string;
  /** Columns there are, if not all threads have `wide` of them. */
  readonly columns?: number;
}): string {
  const { sum, high, wide, depth, a, b, columns } = given;
  const guarded = columns === undefined || columns === wide * SIDE;
  const value = guarded ? b : `tx + ${SIDE} * j < ${columns} ? ${b} : 0.0f`;
  return `for (int d = 0; d < ${depth}; d++) {
      float x[${high}], y[${wide}];
      #pragma unroll
      for (int i = 0; i < ${high}; i++) x[i] = ${a};
      #pragma unroll
      for (int j = 0; j < ${wide}; j++) y[j] = ${value};
      #pragma unroll
      for (int i = 0; i < ${high}; i++)
        #pragma unroll
        for (int j = 0; j < ${wide}; j++) ${sum}[i][j] = fma_f32(x[i], y[j], ${sum}[i][j]);
    }`;
}

/** Columns of a width each thread has. */
const columnsOf = (width: number): number => Math.ceil(width / SIDE);

/** The scores of rows `ty + 16 i` and keys `tx + 16 j` of two tiles. */
const scoreProducts = (sum: string, left: string, right: string, width: number, t: Tiling) =>
  products({
    sum,
    high: t.rows / SIDE,
    wide: t.keys / SIDE,
    depth: width,
    a: `${left}[(ty + ${SIDE} * i) * ${pitchOf(width)} + d]`,
    b: `${right}[(tx + ${SIDE} * j) * ${pitchOf(width)} + d]`,
  });

/** Runs `body` for each score of a thread, with `row`, `key` and `x`, the score in powers of two. */
function eachScore(g: AttentionGeometry, t: Tiling, body: string): string {
  const hidden = g.causal ? " || key > row" : "";
  return `#pragma unroll
    for (int i = 0; i < ${t.rows / SIDE}; i++)
      #pragma unroll
      for (int j = 0; j < ${t.keys / SIDE}; j++) {
        const int row = row0 + ty + ${SIDE} * i, key = key0 + tx + ${SIDE} * j;
        float x = s[i][j] * ${scoreScale(g)};
        ${biasText(g)}
        if (key >= ${g.keys}${hidden}) x = -INF_F32;
        ${body}
      }`;
}

function storeTile(given: {
  readonly sum: string;
  readonly tensor: PlacedTensor;
  readonly at: string;
  /** Number of the first row, and rows of the tile. */
  readonly first: string;
  readonly rows: number;
  /** C expression over `i`. */
  readonly factor: string;
}): string {
  const { sum, tensor, at, first, rows, factor } = given;
  const [, length, , width] = tensor.shape;
  return `#pragma unroll
  for (int i = 0; i < ${rows / SIDE}; i++) {
    const int row = ${first} + ty + ${SIDE} * i;
    #pragma unroll
    for (int j = 0; j < ${columnsOf(width)}; j++) {
      const int column = tx + ${SIDE} * j;
      if (row < ${length} && column < ${width})
        store_${tensor.dtype}(${at} + (i64)row * ${tensor.strides[1]} + column, ${sum}[i][j] * (${factor}));
    }
  }`;
}

const threadText = `const int thread = thread_index(), tx = thread % ${SIDE}, ty = thread / ${SIDE};`;

/** Attention of any float dtype without tensor cores: f32 exactly, halves on cards that lack them. */
export function scalarForward(g: AttentionGeometry, target: CudaTarget): KernelFunction {
  const { width, depth, rows, keys, heads, groups } = g;
  const floats = (t: Tiling): number =>
    tileFloats(t.rows, width) +
    tileFloats(t.keys, width) +
    tileFloats(t.keys, depth) +
    tileFloats(t.rows, t.keys);
  const t = chooseTiling(target, (tiling) => 4 * floats(tiling));
  const high = t.rows / SIDE;
  const wide = t.keys / SIDE;
  const rowBlocks = Math.ceil(rows / t.rows);
  const type = storageType(g.dtype);
  const keep =
    g.stats === null
      ? ""
      : `if (row0 + ty + ${SIDE} * i < ${rows} && tx == 0)
      stats[row0 + ty + ${SIDE} * i] = total[i] == 0.0f ? INF_F32
        : largest[i] * ${floatText(Math.LN2)} + log_f32(total[i]);`;
  const text = `(const ${type} *q0, const ${type} *k0, const ${type} *v0, ${biasParameter(g)}${type} *out0, ${g.stats === null ? "" : "float *stats0, "}unsigned block) {
  ${threadText}
  const int row0 = (${rowBlocks - 1} - (int)(block % ${rowBlocks})) * ${t.rows};
  const int head = (int)(block / ${rowBlocks}) % ${heads}, batch = (int)(block / ${rowBlocks * heads});
  const ${type} *q = ${baseText("q0", g.q, "head")};
  const ${type} *k = ${baseText("k0", g.k, `head / ${heads / groups}`)};
  const ${type} *v = ${baseText("v0", g.v, `head / ${heads / groups}`)};
  ${biasBase(g)}
  ${g.stats === null ? "" : `float *stats = ${statsBase(g, "stats0")};`}
  float *sq = (float *)shared, *sk = sq + ${tileFloats(t.rows, width)}, *sv = sk + ${tileFloats(t.keys, width)};
  float *sp = sv + ${tileFloats(t.keys, depth)};
  ${copyTile("sq", "q", g.q, "row0", t.rows)}
  ${zeros("o", high, columnsOf(depth))}
  float largest[${high}], total[${high}];
  #pragma unroll
  for (int i = 0; i < ${high}; i++) largest[i] = -INF_F32, total[i] = 0.0f;
  const int end = ${g.causal ? `min_i32(${keys}, row0 + ${t.rows})` : keys};
  for (int key0 = 0; key0 < end; key0 += ${t.keys}) {
    barrier();
    ${copyTile("sk", "k", g.k, "key0", t.keys)}
    ${copyTile("sv", "v", g.v, "key0", t.keys)}
    barrier();
    ${zeros("s", high, wide)}
    ${scoreProducts("s", "sq", "sk", width, t)}
    ${eachScore(g, t, "s[i][j] = x;")}
    #pragma unroll
    for (int i = 0; i < ${high}; i++) {
      float most = largest[i];
      #pragma unroll
      for (int j = 0; j < ${wide}; j++) most = max_f32(most, s[i][j]);
      #pragma unroll
      for (int step = 1; step < ${SIDE}; step *= 2) most = max_f32(most, shuffle_xor_f32(most, step));
      const float shift = most == -INF_F32 ? 0.0f : most;
      const float factor = exp2_approx_f32(largest[i] - shift);
      float sum = 0.0f;
      #pragma unroll
      for (int j = 0; j < ${wide}; j++) {
        const float weight = exp2_approx_f32(s[i][j] - shift);
        sp[(ty + ${SIDE} * i) * ${pitchOf(t.keys)} + tx + ${SIDE} * j] = weight;
        sum += weight;
      }
      #pragma unroll
      for (int step = 1; step < ${SIDE}; step *= 2) sum += shuffle_xor_f32(sum, step);
      total[i] = total[i] * factor + sum;
      largest[i] = most;
      #pragma unroll
      for (int j = 0; j < ${columnsOf(depth)}; j++) o[i][j] *= factor;
    }
    barrier();
    ${products({ sum: "o", high, wide: columnsOf(depth), depth: t.keys, a: `sp[(ty + ${SIDE} * i) * ${pitchOf(t.keys)} + d]`, b: `sv[d * ${pitchOf(depth)} + tx + ${SIDE} * j]`, columns: depth })}
  }
  #pragma unroll
  for (int i = 0; i < ${high}; i++) {
    ${keep}
    total[i] = total[i] == 0.0f ? 0.0f : div_f32(1.0f, total[i]);
  }
  ${type} *out = ${baseText("out0", g.out, "head")};
  ${storeTile({ sum: "o", tensor: g.out, at: "out", first: "row0", rows: t.rows, factor: "total[i]" })}
}`;
  return {
    text,
    arguments: [
      ...[g.q, g.k, g.v].map(valueArgument),
      ...biasArgument(g),
      valueArgument(g.out),
      ...(g.stats === null ? [] : [valueArgument(g.stats)]),
    ],
    blocks: rowBlocks * heads * g.batch,
    sharedBytes: 4 * floats(t),
    ...geometryOfBlock,
  };
}

function backwardFloats(g: BackwardGeometry, t: Tiling): number {
  const { width, depth } = g;
  const tiles = tileFloats(t.rows + t.keys, width) + tileFloats(t.rows + t.keys, depth);
  return tiles + 2 * tileFloats(t.rows, t.keys) + 2 * t.rows;
}

/** Addresses of a backward kernel's tiles. */
function tilesText(g: BackwardGeometry, t: Tiling): string {
  const { width, depth } = g;
  return `float *sq = (float *)shared, *sg = sq + ${tileFloats(t.rows, width)}, *sk = sg + ${tileFloats(t.rows, depth)};
  float *sv = sk + ${tileFloats(t.keys, width)}, *sp = sv + ${tileFloats(t.keys, depth)}, *sd = sp + ${tileFloats(t.rows, t.keys)};
  float *st = sd + ${tileFloats(t.rows, t.keys)};`;
}

/** Copies a tile of rows: queries, gradients, logarithms, and what softmax's gradient subtracts. */
function copyRows(g: BackwardGeometry, t: Tiling): string {
  return `${copyTile("sq", "q", g.q, "row0", t.rows)}
    ${copyTile("sg", "g", g.grad.out, "row0", t.rows)}
    if (thread < ${t.rows}) {
      const int row = row0 + thread;
      st[thread] = row < ${g.rows} ? read_f32(stats + row) * ${log2e} : INF_F32;
      st[${t.rows} + thread] = row < ${g.rows} ? load_f32(common + row) : 0.0f;
    }`;
}

/** Weights and slopes of the scores of the tiles, to `sp` and `sd`. */
function slopesText(g: BackwardGeometry, t: Tiling): string {
  const [high, wide] = [t.rows / SIDE, t.keys / SIDE];
  const at = `(ty + ${SIDE} * i) * ${pitchOf(t.keys)} + tx + ${SIDE} * j`;
  return `${zeros("s", high, wide)}
    ${scoreProducts("s", "sq", "sk", g.width, t)}
    ${zeros("r", high, wide)}
    ${scoreProducts("r", "sg", "sv", g.depth, t)}
    ${eachScore(
      g,
      t,
      `const float weight = exp2_approx_f32(x - st[ty + ${SIDE} * i]);
        sp[${at}] = weight;
        sd[${at}] = weight * (r[i][j] - st[${t.rows} + ty + ${SIDE} * i]);
        (void)row;`,
    )}`;
}

const backwardParameters = (g: BackwardGeometry, results: string): string => {
  const type = `const ${storageType(g.dtype)}`;
  return `(${type} *q0, ${type} *k0, ${type} *v0, ${biasParameter(g)}const float *stats0, ${type} *g0, const float *common0, ${results}unsigned block)`;
};

const backwardArguments = (g: BackwardGeometry): KernelFunction["arguments"] => [
  ...[g.q, g.k, g.v].map(valueArgument),
  ...biasArgument(g),
  valueArgument(g.stats),
  valueArgument(g.grad.out),
  { kind: "scratch", offset: 0 },
];

/** Gradients of keys and values, over the rows of all query heads that share them, in order. */
function keyGradKernel(g: BackwardGeometry, target: CudaTarget): KernelFunction {
  const { width, depth, rows, keys, heads, groups } = g;
  const t = chooseTiling(target, (tiling) => 4 * backwardFloats(g, tiling));
  const type = storageType(g.dtype);
  const [keyBlocks, rowBlocks] = [Math.ceil(keys / t.keys), Math.ceil(rows / t.rows)];
  const sums = (sum: string, of: string, tile: string, size: number): string =>
    products({
      sum,
      high: t.keys / SIDE,
      wide: columnsOf(size),
      depth: t.rows,
      a: `${of}[d * ${pitchOf(t.keys)} + ty + ${SIDE} * i]`,
      b: `${tile}[d * ${pitchOf(size)} + tx + ${SIDE} * j]`,
      columns: size,
    });
  const text = `${backwardParameters(g, `${type} *to_k0, ${type} *to_v0, `)} {
  ${threadText}
  const int key0 = (int)(block % ${keyBlocks}) * ${t.keys};
  const int group = (int)(block / ${keyBlocks}) % ${groups}, batch = (int)(block / ${keyBlocks * groups});
  const ${type} *k = ${baseText("k0", g.k, "group")};
  const ${type} *v = ${baseText("v0", g.v, "group")};
  ${tilesText(g, t)}
  ${copyTile("sk", "k", g.k, "key0", t.keys)}
  ${copyTile("sv", "v", g.v, "key0", t.keys)}
  ${zeros("dk", t.keys / SIDE, columnsOf(width))}
  ${zeros("dv", t.keys / SIDE, columnsOf(depth))}
  const int first = ${g.causal ? `key0 / ${t.rows} * ${t.rows}` : "0"};
  for (int head = group * ${heads / groups}; head < (group + 1) * ${heads / groups}; head++) {
    const ${type} *q = ${baseText("q0", g.q, "head")};
    const ${type} *g = ${baseText("g0", g.grad.out, "head")};
    const float *stats = ${statsBase(g, "stats0")}, *common = ${statsBase(g, "common0")};
    ${biasBase(g)}
    for (int row0 = first; row0 < ${rowBlocks * t.rows}; row0 += ${t.rows}) {
    barrier();
    ${copyRows(g, t)}
    barrier();
    ${slopesText(g, t)}
    barrier();
    ${sums("dv", "sp", "sg", depth)}
    ${sums("dk", "sd", "sq", width)}
    }
  }
  ${type} *to_k = ${baseText("to_k0", g.grad.k, "group")};
  ${type} *to_v = ${baseText("to_v0", g.grad.v, "group")};
  ${storeTile({ sum: "dk", tensor: g.grad.k, at: "to_k", first: "key0", rows: t.keys, factor: floatText(g.scale) })}
  ${storeTile({ sum: "dv", tensor: g.grad.v, at: "to_v", first: "key0", rows: t.keys, factor: "1.0f" })}
}`;
  return {
    text,
    arguments: [...backwardArguments(g), valueArgument(g.grad.k), valueArgument(g.grad.v)],
    blocks: keyBlocks * groups * g.batch,
    sharedBytes: 4 * backwardFloats(g, t),
    ...geometryOfBlock,
  };
}

/** Gradients of queries. */
function queryGradKernel(g: BackwardGeometry, target: CudaTarget): KernelFunction {
  const { width, rows, keys, heads, groups } = g;
  const t = chooseTiling(target, (tiling) => 4 * backwardFloats(g, tiling));
  const type = storageType(g.dtype);
  const rowBlocks = Math.ceil(rows / t.rows);
  const text = `${backwardParameters(g, `${type} *to_q0, `)} {
  ${threadText}
  const int row0 = (${rowBlocks - 1} - (int)(block % ${rowBlocks})) * ${t.rows};
  const int head = (int)(block / ${rowBlocks}) % ${heads}, batch = (int)(block / ${rowBlocks * heads});
  const ${type} *q = ${baseText("q0", g.q, "head")};
  const ${type} *g = ${baseText("g0", g.grad.out, "head")};
  const ${type} *k = ${baseText("k0", g.k, `head / ${heads / groups}`)};
  const ${type} *v = ${baseText("v0", g.v, `head / ${heads / groups}`)};
  const float *stats = ${statsBase(g, "stats0")}, *common = ${statsBase(g, "common0")};
  ${biasBase(g)}
  ${tilesText(g, t)}
  ${copyRows(g, t)}
  ${zeros("dq", t.rows / SIDE, columnsOf(width))}
  const int end = ${g.causal ? `min_i32(${keys}, row0 + ${t.rows})` : keys};
  for (int key0 = 0; key0 < end; key0 += ${t.keys}) {
    barrier();
    ${copyTile("sk", "k", g.k, "key0", t.keys)}
    ${copyTile("sv", "v", g.v, "key0", t.keys)}
    barrier();
    ${slopesText(g, t)}
    barrier();
    ${products({ sum: "dq", high: t.rows / SIDE, wide: columnsOf(width), depth: t.keys, a: `sd[(ty + ${SIDE} * i) * ${pitchOf(t.keys)} + d]`, b: `sk[d * ${pitchOf(width)} + tx + ${SIDE} * j]`, columns: width })}
  }
  ${type} *to_q = ${baseText("to_q0", g.grad.q, "head")};
  ${storeTile({ sum: "dq", tensor: g.grad.q, at: "to_q", first: "row0", rows: t.rows, factor: floatText(g.scale) })}
}`;
  return {
    text,
    arguments: [...backwardArguments(g), valueArgument(g.grad.q)],
    blocks: rowBlocks * heads * g.batch,
    sharedBytes: 4 * backwardFloats(g, t),
    ...geometryOfBlock,
  };
}

/** Gradients of attention without tensor cores. */
export function scalarBackward(g: BackwardGeometry, target: CudaTarget): KernelFunction[] {
  return [commonKernel(g), keyGradKernel(g, target), queryGradKernel(g, target)];
}
