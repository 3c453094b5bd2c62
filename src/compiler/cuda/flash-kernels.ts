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
import type { RowsView } from "./flash-text.ts";
import {
  copyTile,
  flashThreads,
  leftLane,
  padTile,
  paddedWidth,
  pitchOf,
  rightLane,
  rowsProduct,
  storeRows,
  tileBytes,
  weightsProduct,
  zeroSum,
} from "./flash-text.ts";
import type { CudaTarget, KernelFunction } from "./kernel-code.ts";

/** Keys of one block of the scores. */
const blockKeys = 64;
/** Width up to which a warp of the forward pass has two tiles of 16 rows in its registers. */
const twoTilesWidth = 128;
/** Width up to which the gradients of keys and values fit into registers together. */
const bothGradientsWidth = 128;

function rowsView(at: string, tensor: PlacedTensor): RowsView {
  const [batch, rowStride, heads] = tensor.strides;
  const width = tensor.shape[3];
  const steps = [width, rowStride, batch, heads, tensor.offset];
  const isAligned = steps.every((step) => step % 8 === 0);
  return { at, rowStride, width, limit: String(tensor.shape[1]), isAligned };
}

/** Whether all rows of a tensor begin at even elements. */
const isEven = ({ strides, offset }: PlacedTensor): boolean =>
  [...strides.slice(0, 3), offset].every((step) => step % 2 === 0);

const residents = { threads: flashThreads, residentBlocks: 0 } as const;

/** Turns the scores `s` of a block of keys from `key0` on into masked ones in powers of two. */
function scoresText(g: AttentionGeometry, tiles: number): string {
  const hidden = g.causal ? ` || key > row` : "";
  const reaches = g.causal ? ` || key0 + ${blockKeys} > row0 + 1` : "";
  return `const int is_edge = key0 + ${blockKeys} > ${g.keys}${reaches};
    #pragma unroll
    for (int m = 0; m < ${tiles}; m++)
      #pragma unroll
      for (int n = 0; n < ${blockKeys / 8}; n++)
        #pragma unroll
        for (int c = 0; c < 4; c++) {
          const int row = row0 + warp * ${16 * tiles} + 16 * m + (lane >> 2) + 8 * (c >> 1);
          const int key = key0 + 8 * n + 2 * (lane & 3) + (c & 1);
          float x = s[m][n][c] * ${scoreScale(g)};
          ${biasText(g)}
          if (is_edge && (key >= ${g.keys}${hidden})) x = -INF_F32;
          s[m][n][c] = x;
        }`;
}

/** The step of the softmax that goes through the rows once: weights, totals, and older sums. */
function softmaxText(tiles: number, depth: number): string {
  return `#pragma unroll
    for (int m = 0; m < ${tiles}; m++)
      #pragma unroll
      for (int half = 0; half < 2; half++) {
        float most = largest[m][half];
        #pragma unroll
        for (int n = 0; n < ${blockKeys / 8}; n++)
          most = max_f32(most, max_f32(s[m][n][2 * half], s[m][n][2 * half + 1]));
        most = max_f32(most, shuffle_xor_f32(most, 1));
        most = max_f32(most, shuffle_xor_f32(most, 2));
        const float shift = most == -INF_F32 ? 0.0f : most;
        const float factor = exp2_approx_f32(largest[m][half] - shift);
        float sum = 0.0f;
        #pragma unroll
        for (int n = 0; n < ${blockKeys / 8}; n++)
          #pragma unroll
          for (int c = 2 * half; c < 2 * half + 2; c++) {
            s[m][n][c] = exp2_approx_f32(s[m][n][c] - shift);
            sum += s[m][n][c];
          }
        total[m][half] = total[m][half] * factor + sum;
        largest[m][half] = most;
        #pragma unroll
        for (int n = 0; n < ${paddedWidth(depth) / 8}; n++) {
          o[m][n][2 * half] *= factor;
          o[m][n][2 * half + 1] *= factor;
        }
      }`;
}

/** Adds up the rows' totals, and writes their logarithms if they are kept. */
function totalsText(g: AttentionGeometry, tiles: number): string {
  const keep =
    g.stats === null
      ? ""
      : `const int row = row0 + warp * ${16 * tiles} + 16 * m + (lane >> 2) + 8 * half;
      if (row < ${g.rows} && (lane & 3) == 0)
        stats[row] = sum == 0.0f ? INF_F32
          : largest[m][half] * ${floatText(Math.LN2)} + log_f32(sum);`;
  return `#pragma unroll
  for (int m = 0; m < ${tiles}; m++)
    #pragma unroll
    for (int half = 0; half < 2; half++) {
      float sum = total[m][half];
      sum += shuffle_xor_f32(sum, 1);
      sum += shuffle_xor_f32(sum, 2);
      ${keep}
      total[m][half] = sum == 0.0f ? 0.0f : div_f32(1.0f, sum);
    }`;
}

/**
 * Attention of f16 and bf16 on tensor cores: a block has some rows of a head and goes through the
 * keys once, with running maxima and totals. The keys of the next block are on their way while
 * weights meet values, and values while queries meet keys.
 * @see Dao 2023, "FlashAttention-2", https://arxiv.org/abs/2307.08691
 */
export function flashForward(g: AttentionGeometry): KernelFunction {
  const { dtype, width, depth, rows, keys, heads, groups } = g;
  const widest = Math.max(width, depth);
  const tiles = widest <= twoTilesWidth && rows > 64 ? 2 : 1;
  const blockRows = 64 * tiles;
  const rowBlocks = Math.ceil(rows / blockRows);
  const [pitch, depthPitch] = [pitchOf(width), pitchOf(depth)];
  const views = { q: rowsView("q", g.q), k: rowsView("k", g.k), v: rowsView("v", g.v) };
  const part = `(int)(block % ${rowBlocks})`;
  const text = `(const u16 *q0, const u16 *k0, const u16 *v0, ${biasParameter(g)}u16 *out0, ${g.stats === null ? "" : "float *stats0, "}unsigned block) {
  const int thread = thread_index(), lane = thread & 31, warp = thread >> 5;
  const int row0 = ${g.causal ? `(${rowBlocks - 1} - ${part})` : part} * ${blockRows};
  const int head = (int)(block / ${rowBlocks}) % ${heads}, batch = (int)(block / ${rowBlocks * heads});
  const u16 *q = ${baseText("q0", g.q, "head")};
  const u16 *k = ${baseText("k0", g.k, `head / ${heads / groups}`)};
  const u16 *v = ${baseText("v0", g.v, `head / ${heads / groups}`)};
  ${biasBase(g)}
  ${g.stats === null ? "" : `float *stats = ${statsBase(g, "stats0")};`}
  u16 *sq = (u16 *)shared, *sk = sq + ${blockRows * pitch}, *sv = sk + ${blockKeys * pitch};
  ${padTile("sq", views.q, blockRows)}
  ${padTile("sk", views.k, blockKeys)}
  ${padTile("sv", views.v, blockKeys)}
  ${copyTile("sq", views.q, "row0", blockRows)}
  ${copyTile("sk", views.k, "0", blockKeys)}
  copy_async_commit();
  const u16 *left = ${leftLane("sq", pitch, `warp * ${16 * tiles}`)};
  const u16 *right = ${rightLane("sk", pitch)}, *values = ${leftLane("sv", depthPitch)};
  ${zeroSum("o", tiles, paddedWidth(depth))}
  float largest[${tiles}][2], total[${tiles}][2];
  #pragma unroll
  for (int m = 0; m < ${tiles}; m++)
    #pragma unroll
    for (int half = 0; half < 2; half++) largest[m][half] = -INF_F32, total[m][half] = 0.0f;
  const int end = ${g.causal ? `min_i32(${keys}, row0 + ${blockRows})` : keys};
  for (int key0 = 0; key0 < end; key0 += ${blockKeys}) {
    copy_async_wait_0();
    barrier();
    ${copyTile("sv", views.v, "key0", blockKeys)}
    copy_async_commit();
    ${zeroSum("s", tiles, blockKeys)}
    ${rowsProduct({ dtype, sum: "s", left: "left", right: "right", leftPitch: pitch, rightPitch: pitch, width, tiles, columns: blockKeys })}
    copy_async_wait_0();
    barrier();
    if (key0 + ${blockKeys} < end) {
      ${copyTile("sk", views.k, `key0 + ${blockKeys}`, blockKeys)}
    }
    copy_async_commit();
    ${scoresText(g, tiles)}
    ${softmaxText(tiles, depth)}
    ${weightsProduct({ dtype, sum: "o", weights: "s", right: "values", rightPitch: depthPitch, width: depth, tiles, depth: blockKeys })}
  }
  copy_async_wait_0();
  ${totalsText(g, tiles)}
  u16 *out = ${baseText("out0", g.out, "head")};
  ${storeRows({
    dtype,
    sum: "o",
    tiles,
    row: `row0 + warp * ${16 * tiles} + 16 * m + (lane >> 2) + 8 * half`,
    factor: "total[m][half]",
    limit: String(rows),
    at: "out",
    rowStride: g.out.strides[1],
    isEven: isEven(g.out),
    width: depth,
  })}
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
    sharedBytes: tileBytes(blockRows + blockKeys, width) + tileBytes(blockKeys, depth),
    ...residents,
  };
}

/** The inner products of result and gradient, one per row: what softmax's gradient subtracts. */
export function commonKernel(g: BackwardGeometry): KernelFunction {
  const { batch, rows, heads, depth, dtype } = g;
  const total = batch * rows * heads;
  const at = (tensor: PlacedTensor): string => {
    const [batches, row, head] = tensor.strides;
    return `((i64)batch * ${batches} + (i64)row * ${row} + (i64)head * ${head} + ${tensor.offset})`;
  };
  const type = `const ${storageType(dtype)}`;
  const text = `(${type} *out0, ${type} *g0, float *common, unsigned block) {
  const int lane = thread_index() & 31;
  const i64 at = (i64)block * 4 + (thread_index() >> 5);
  if (at < ${total}) {
    const int head = (int)(at % ${heads}), row = (int)(at / ${heads} % ${rows}), batch = (int)(at / ${rows * heads});
    ${type} *out = out0 + ${at(g.out)}, *g = g0 + ${at(g.grad.out)};
    float sum = 0.0f;
    for (int i = lane; i < ${depth}; i += 32) sum = fma_f32(read_${dtype}(out + i), read_${dtype}(g + i), sum);
    #pragma unroll
    for (int step = 16; step > 0; step /= 2) sum += shuffle_xor_f32(sum, step);
    if (lane == 0) common[((i64)batch * ${heads} + head) * ${rows} + row] = sum;
  }
}`;
  return {
    text,
    arguments: [valueArgument(g.out), valueArgument(g.grad.out), { kind: "scratch", offset: 0 }],
    blocks: Math.ceil(total / 4),
    sharedBytes: 0,
    ...residents,
  };
}

/** How many buffers the tiles that change have, and how many of their rows are there at a time. */
interface Staging {
  readonly stages: 1 | 2;
  readonly rows: number;
}

const stagings: readonly Staging[] = [
  { stages: 2, rows: 64 },
  { stages: 1, rows: 64 },
  { stages: 1, rows: 32 },
  { stages: 1, rows: 16 },
];

function chooseStaging(target: CudaTarget, bytes: (staging: Staging) => number): Staging {
  const fits = stagings.find((staging) => bytes(staging) <= target.sharedBytesPerBlock);
  return fits ?? stagings[stagings.length - 1];
}

/** The loop over tiles: with two buffers the next ones are on their way while these are used. */
function stagedLoop(stages: 1 | 2, count: string, fetch: string, body: string): string {
  const buffer = (i: string): string => (stages === 2 ? `(${i}) & 1` : "0");
  if (stages === 1) {
    return `for (int i = 0; i < ${count}; i++) {
    { const int next = i, buffer = 0;
      ${fetch} }
    copy_async_commit();
    copy_async_wait_0();
    barrier();
    { const int buffer = 0;
    ${body} }
    barrier();
  }`;
  }
  return `if (${count} > 0) { const int next = 0, buffer = 0;
    ${fetch} }
  copy_async_commit();
  for (int i = 0; i < ${count}; i++) {
    if (i + 1 < ${count}) { const int next = i + 1, buffer = ${buffer("i + 1")};
      ${fetch} }
    copy_async_commit();
    copy_async_wait_1();
    barrier();
    { const int buffer = ${buffer("i")};
    ${body} }
    barrier();
  }`;
}

type Wanted = "key" | "value" | "both";

/**
 * Gradients of keys and values: a block has 64 keys of a head of keys and goes through the rows of
 * all query heads that share it, in order, so that sums are the same in every run.
 */
function keyGradKernel(g: BackwardGeometry, target: CudaTarget, wanted: Wanted): KernelFunction {
  const { dtype, width, depth, rows, keys, heads, groups } = g;
  const [isKey, isValue] = [wanted !== "value", wanted !== "key"];
  const [pitch, depthPitch] = [pitchOf(width), pitchOf(depth)];
  const bytes = ({ stages, rows: count }: Staging): number =>
    tileBytes(64, width) +
    (isKey ? tileBytes(64, depth) : 0) +
    stages * (tileBytes(count, width) + tileBytes(count, depth) + 8 * count);
  const staging = chooseStaging(target, bytes);
  const { stages, rows: count } = staging;
  const keyBlocks = Math.ceil(keys / 64);
  const rowBlocks = Math.ceil(rows / count);
  const [qTile, gTile] = [count * pitch, count * depthPitch];
  const views = {
    q: rowsView("q", g.q),
    k: rowsView("k", g.k),
    v: rowsView("v", g.v),
    g: rowsView("g", g.grad.out),
  };
  const place = (at: string): string => `const int head = group * ${heads / groups} + ${at} / per;
      const int row0 = (first + ${at} % per) * ${count};`;
  const fetch = `${place("next")}
      const u16 *q = ${baseText("q0", g.q, "head")};
      const u16 *g = ${baseText("g0", g.grad.out, "head")};
      const float *stats = ${statsBase(g, "stats0")}, *common = ${statsBase(g, "common0")};
      u16 *tq = sq + buffer * ${qTile}, *tg = sg + buffer * ${gTile};
      ${copyTile("tq", views.q, "row0", count)}
      ${copyTile("tg", views.g, "row0", count)}
      if (thread < ${count}) {
        const int row = row0 + thread;
        st[buffer * ${2 * count} + thread] = row < ${rows} ? read_f32(stats + row) * ${log2e} : INF_F32;
        st[buffer * ${2 * count} + ${count} + thread] = row < ${rows} ? load_f32(common + row) : 0.0f;
      }`;
  const each = (body: string): string => `#pragma unroll
    for (int n = 0; n < ${count / 8}; n++)
      #pragma unroll
      for (int c = 0; c < 4; c++) {
        const int at = 8 * n + 2 * (lane & 3) + (c & 1);
        ${body}
      }`;
  const hidden = g.causal ? `if (key > row) x = -INF_F32;` : "";
  const body = `${place("i")}
    ${biasBase(g)}
    const u16 *tq = sq + buffer * ${qTile}, *tg = sg + buffer * ${gTile};
    const float *ts = st + buffer * ${2 * count};
    const u16 *queries = ${rightLane("tq", pitch)}, *gradients = ${rightLane("tg", depthPitch)};
    const u16 *queries_across = ${leftLane("tq", pitch)}, *gradients_across = ${leftLane("tg", depthPitch)};
    ${zeroSum("s", 1, count)}
    ${rowsProduct({ dtype, sum: "s", left: "own_keys", right: "queries", leftPitch: pitch, rightPitch: pitch, width, tiles: 1, columns: count })}
    ${each(`const int row = row0 + at, key = key0 + warp * 16 + (lane >> 2) + 8 * (c >> 1);
        float x = s[0][n][c] * ${scoreScale(g)};
        ${biasText(g)}
        ${hidden}
        s[0][n][c] = exp2_approx_f32(x - ts[at]);
        (void)row; (void)key;`)}
    ${isValue ? weightsProduct({ dtype, sum: "dv", weights: "s", right: "gradients_across", rightPitch: depthPitch, width: depth, tiles: 1, depth: count }) : "(void)gradients_across;"}
    ${
      isKey
        ? `${zeroSum("d", 1, count)}
    ${rowsProduct({ dtype, sum: "d", left: "own_values", right: "gradients", leftPitch: depthPitch, rightPitch: depthPitch, width: depth, tiles: 1, columns: count })}
    ${each(`d[0][n][c] = s[0][n][c] * (d[0][n][c] - ts[${count} + at]);`)}
    ${weightsProduct({ dtype, sum: "dk", weights: "d", right: "queries_across", rightPitch: pitch, width, tiles: 1, depth: count })}`
        : "(void)gradients; (void)queries_across;"
    }`;
  const store = (sum: string, at: string, tensor: PlacedTensor, factor: string): string =>
    `u16 *${at} = ${baseText(`${at}0`, tensor, "group")};
  ${storeRows({ dtype, sum, tiles: 1, row: "key0 + warp * 16 + (lane >> 2) + 8 * half", factor, limit: String(keys), at, rowStride: tensor.strides[1], isEven: isEven(tensor), width: tensor.shape[3] })}`;
  const results = `${isKey ? "u16 *to_k0, " : ""}${isValue ? "u16 *to_v0, " : ""}`;
  const text = `(const u16 *q0, const u16 *k0, ${isKey ? "const u16 *v0, " : ""}${biasParameter(g)}const float *stats0, const u16 *g0, const float *common0, ${results}unsigned block) {
  const int thread = thread_index(), lane = thread & 31, warp = thread >> 5;
  const int key0 = (int)(block % ${keyBlocks}) * 64;
  const int group = (int)(block / ${keyBlocks}) % ${groups}, batch = (int)(block / ${keyBlocks * groups});
  const u16 *k = ${baseText("k0", g.k, "group")};
  u16 *sk = (u16 *)shared, *sq = sk + ${64 * pitch}, *sg = sq + ${stages * qTile};
  float *st = (float *)(sg + ${stages * gTile});
  ${padTile("sk", views.k, 64)}
  ${padTile("sq", views.q, stages * count)}
  ${padTile("sg", views.g, stages * count)}
  ${copyTile("sk", views.k, "key0", 64)}
  const u16 *own_keys = ${leftLane("sk", pitch, "warp * 16")};
  ${
    isKey
      ? `const u16 *v = ${baseText("v0", g.v, "group")};
  u16 *sv = (u16 *)(st + ${stages * 2 * count});
  ${padTile("sv", views.v, 64)}
  ${copyTile("sv", views.v, "key0", 64)}
  const u16 *own_values = ${leftLane("sv", depthPitch, "warp * 16")};
  ${zeroSum("dk", 1, paddedWidth(width))}`
      : ""
  }
  ${isValue ? zeroSum("dv", 1, paddedWidth(depth)) : ""}
  const int first = ${g.causal ? `min_i32(key0 / ${count}, ${rowBlocks})` : "0"}, per = ${rowBlocks} - first;
  const int count = per * ${heads / groups};
  ${stagedLoop(stages, "count", fetch, body)}
  copy_async_wait_0();
  ${isKey ? store("dk", "to_k", g.grad.k, floatText(g.scale)) : ""}
  ${isValue ? store("dv", "to_v", g.grad.v, "1.0f") : ""}
}`;
  return {
    text,
    arguments: [
      valueArgument(g.q),
      valueArgument(g.k),
      ...(isKey ? [valueArgument(g.v)] : []),
      ...biasArgument(g),
      valueArgument(g.stats),
      valueArgument(g.grad.out),
      { kind: "scratch", offset: 0 },
      ...(isKey ? [valueArgument(g.grad.k)] : []),
      ...(isValue ? [valueArgument(g.grad.v)] : []),
    ],
    blocks: keyBlocks * groups * g.batch,
    sharedBytes: bytes(staging),
    ...residents,
  };
}

/** Gradients of queries: a block has 64 rows of a head and goes through the keys. */
function queryGradKernel(g: BackwardGeometry, target: CudaTarget): KernelFunction {
  const { dtype, width, depth, rows, keys, heads, groups } = g;
  const [pitch, depthPitch] = [pitchOf(width), pitchOf(depth)];
  const bytes = ({ stages, rows: count }: Staging): number =>
    tileBytes(64, width) +
    tileBytes(64, depth) +
    stages * (tileBytes(count, width) + tileBytes(count, depth));
  const staging = chooseStaging(target, bytes);
  const { stages, rows: count } = staging;
  const rowBlocks = Math.ceil(rows / 64);
  const [kTile, vTile] = [count * pitch, count * depthPitch];
  const views = {
    q: rowsView("q", g.q),
    k: rowsView("k", g.k),
    v: rowsView("v", g.v),
    g: rowsView("g", g.grad.out),
  };
  const part = `(int)(block % ${rowBlocks})`;
  const fetch = `u16 *tk = sk + buffer * ${kTile}, *tv = sv + buffer * ${vTile};
      ${copyTile("tk", views.k, `next * ${count}`, count)}
      ${copyTile("tv", views.v, `next * ${count}`, count)}`;
  const hidden = g.causal ? " || key > row" : "";
  const body = `const int key0 = i * ${count};
    const u16 *tk = sk + buffer * ${kTile}, *tv = sv + buffer * ${vTile};
    const u16 *keys = ${rightLane("tk", pitch)}, *values = ${rightLane("tv", depthPitch)};
    const u16 *keys_across = ${leftLane("tk", pitch)};
    ${zeroSum("s", 1, count)}
    ${rowsProduct({ dtype, sum: "s", left: "own_queries", right: "keys", leftPitch: pitch, rightPitch: pitch, width, tiles: 1, columns: count })}
    ${zeroSum("d", 1, count)}
    ${rowsProduct({ dtype, sum: "d", left: "own_gradients", right: "values", leftPitch: depthPitch, rightPitch: depthPitch, width: depth, tiles: 1, columns: count })}
    #pragma unroll
    for (int n = 0; n < ${count / 8}; n++)
      #pragma unroll
      for (int c = 0; c < 4; c++) {
        const int row = row0 + warp * 16 + (lane >> 2) + 8 * (c >> 1);
        const int key = key0 + 8 * n + 2 * (lane & 3) + (c & 1);
        float x = s[0][n][c] * ${scoreScale(g)};
        ${biasText(g)}
        const float weight = key >= ${g.keys}${hidden} ? 0.0f : exp2_approx_f32(x - logarithm[c >> 1]);
        d[0][n][c] = weight * (d[0][n][c] - shared_part[c >> 1]);
        (void)row;
      }
    ${weightsProduct({ dtype, sum: "dq", weights: "d", right: "keys_across", rightPitch: pitch, width, tiles: 1, depth: count })}`;
  const end = g.causal ? `min_i32(${keys}, row0 + 64)` : String(keys);
  const text = `(const u16 *q0, const u16 *k0, const u16 *v0, ${biasParameter(g)}const float *stats0, const u16 *g0, const float *common0, u16 *to_q0, unsigned block) {
  const int thread = thread_index(), lane = thread & 31, warp = thread >> 5;
  const int row0 = ${g.causal ? `(${rowBlocks - 1} - ${part})` : part} * 64;
  const int head = (int)(block / ${rowBlocks}) % ${heads}, batch = (int)(block / ${rowBlocks * heads});
  const u16 *q = ${baseText("q0", g.q, "head")};
  const u16 *g = ${baseText("g0", g.grad.out, "head")};
  const u16 *k = ${baseText("k0", g.k, `head / ${heads / groups}`)};
  const u16 *v = ${baseText("v0", g.v, `head / ${heads / groups}`)};
  ${biasBase(g)}
  const float *stats = ${statsBase(g, "stats0")}, *common = ${statsBase(g, "common0")};
  u16 *sq = (u16 *)shared, *sg = sq + ${64 * pitch}, *sk = sg + ${64 * depthPitch}, *sv = sk + ${stages * kTile};
  ${padTile("sq", views.q, 64)}
  ${padTile("sg", views.g, 64)}
  ${padTile("sk", views.k, stages * count)}
  ${padTile("sv", views.v, stages * count)}
  ${copyTile("sq", views.q, "row0", 64)}
  ${copyTile("sg", views.g, "row0", 64)}
  const u16 *own_queries = ${leftLane("sq", pitch, "warp * 16")};
  const u16 *own_gradients = ${leftLane("sg", depthPitch, "warp * 16")};
  float logarithm[2], shared_part[2];
  #pragma unroll
  for (int half = 0; half < 2; half++) {
    const int row = row0 + warp * 16 + (lane >> 2) + 8 * half;
    logarithm[half] = row < ${rows} ? read_f32(stats + row) * ${log2e} : INF_F32;
    shared_part[half] = row < ${rows} ? load_f32(common + row) : 0.0f;
  }
  ${zeroSum("dq", 1, paddedWidth(width))}
  const int count = (${end} + ${count - 1}) / ${count};
  ${stagedLoop(stages, "count", fetch, body)}
  copy_async_wait_0();
  u16 *to_q = ${baseText("to_q0", g.grad.q, "head")};
  ${storeRows({ dtype, sum: "dq", tiles: 1, row: "row0 + warp * 16 + (lane >> 2) + 8 * half", factor: floatText(g.scale), limit: String(rows), at: "to_q", rowStride: g.grad.q.strides[1], isEven: isEven(g.grad.q), width })}
}`;
  return {
    text,
    arguments: [
      ...[g.q, g.k, g.v].map(valueArgument),
      ...biasArgument(g),
      valueArgument(g.stats),
      valueArgument(g.grad.out),
      { kind: "scratch", offset: 0 },
      valueArgument(g.grad.q),
    ],
    blocks: rowBlocks * heads * g.batch,
    sharedBytes: bytes(staging),
    ...residents,
  };
}

/**
 * Gradients of attention of f16 and bf16 on tensor cores. Keys' and queries' gradients are passes
 * of their own: the weights are computed twice, and nothing is added by atomics.
 */
export function flashBackward(g: BackwardGeometry, target: CudaTarget): KernelFunction[] {
  const isNarrow = Math.max(g.width, g.depth) <= bothGradientsWidth;
  const parts: readonly Wanted[] = isNarrow ? ["both"] : ["key", "value"];
  return [
    commonKernel(g),
    ...parts.map((wanted) => keyGradKernel(g, target, wanted)),
    queryGradKernel(g, target),
  ];
}
