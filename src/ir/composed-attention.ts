import { range } from "../base/integers.ts";
import {
  add,
  binary,
  broadcastTo,
  cast,
  concat,
  div,
  dot,
  expand,
  extremum,
  full,
  fullLike,
  iota,
  mul,
  narrow,
  permute,
  reduceSum,
  reshape,
  sub,
  transpose,
  unary,
  where,
} from "./build.ts";
import type { DType } from "./dtype.ts";
import type { Node } from "./node.ts";
import type { AttentionAttrs } from "./ops.ts";

/** From this many weights per head on they are computed for some rows at a time. */
const longWeights = 2 ** 20;
/** Fewest rows that are computed at a time, and the largest number of such blocks. */
const leastRows = 128;
const mostBlocks = 32;

/** Result [B, L, H, V] and logarithms of the rows' totals [B, H, L]. */
export interface ComposedAttention {
  readonly out: Node;
  readonly stats: Node;
}

/** Gradients of the operands; that of the bias only if there is one. */
export interface ComposedAttentionGrad {
  readonly query: Node;
  readonly key: Node;
  readonly value: Node;
  readonly bias: Node | null;
}

/** Operands with heads before rows, in the dtype they are computed in. */
interface Heads {
  /** [B, H, L, D]. */
  readonly q: Node;
  /** [B, H, S, D] and [B, H, S, V], repeated for the query heads that share them. */
  readonly k: Node;
  readonly v: Node;
  /** [B, H, L, S]. */
  readonly bias: Node | null;
}

const headsFirst = (x: Node): Node => permute(x, [0, 2, 1, 3]);
const exactDType = (x: Node): DType => (x.dtype === "f64" ? "f64" : "f32");

/** [B, S, G, D] as [B, H, S, D]. */
function repeated(x: Node, heads: number): Node {
  const [batch, groups, keys, width] = headsFirst(x).shape;
  const column = reshape(headsFirst(x), [batch, groups, 1, keys, width]);
  const wide = expand(column, [batch, groups, heads / groups, keys, width]);
  return reshape(wide, [batch, heads, keys, width]);
}

/** Undoes {@link repeated}: the gradient of what several heads share is their sum. */
function summed(x: Node, like: Node): Node {
  const [batch, keys, groups, width] = like.shape;
  const split = reshape(x, [batch, groups, x.shape[1] / groups, keys, width]);
  return cast(headsFirst(reshape(reduceSum(split, [2]), [batch, groups, keys, width])), like.dtype);
}

function headsOf([q, k, v, bias]: readonly Node[]): Heads {
  const exact = exactDType(q);
  const heads = q.shape[2];
  return {
    q: cast(headsFirst(q), exact),
    k: cast(repeated(k, heads), exact),
    v: cast(repeated(v, heads), exact),
    bias: bias === undefined ? null : cast(bias, exact),
  };
}

/** The first row of each block, and behind the last one. */
function blockStarts(rows: number, keys: number): number[] {
  const size = rows * keys < longWeights ? rows : Math.max(leastRows, Math.ceil(rows / mostBlocks));
  const count = Math.max(1, Math.ceil(rows / Math.max(1, size)));
  return [...range(count).map((i) => i * size), rows];
}

/** `run` over blocks of rows [from, from + count). */
function overRows<T>(q: Node, k: Node, run: (from: number, count: number) => T): T[] {
  const starts = blockStarts(q.shape[2], k.shape[2]);
  return range(starts.length - 1).map((i) => run(starts[i], starts[i + 1] - starts[i]));
}

/** Scores of a block of rows [B, H, rows, S]; −∞ where causality hides a key. */
function scoresOf(heads: Heads, attrs: AttentionAttrs, from: number, count: number): Node {
  const { q, k, bias } = heads;
  const products = dot(narrow(q, 2, from, count), transpose(k, 2, 3));
  const scaled = mul(products, fullLike(products, attrs.scale));
  const scores = bias === null ? scaled : add(scaled, narrow(bias, 2, from, count));
  if (!attrs.causal) return scores;
  const [rows, columns] = scores.shape.slice(2);
  const row = iota([rows, columns], 0);
  const seen = binary("le", iota([rows, columns], 1), add(row, full(row.shape, from, "i32")));
  return where(broadcastTo(seen, scores.shape), scores, fullLike(scores, -Infinity));
}

function attendRows(scores: Node, v: Node): { readonly out: Node; readonly stats: Node } {
  const largest = extremum("reduceMax", scores, [3]);
  const infinity = fullLike(largest, -Infinity);
  const shift = where(binary("eq", largest, infinity), fullLike(largest, 0), largest);
  const powers = unary("exp", sub(scores, expand(shift, scores.shape)));
  const total = reduceSum(powers, [3]);
  const isEmpty = binary("eq", total, fullLike(total, 0));
  const weights = div(powers, expand(where(isEmpty, fullLike(total, 1), total), powers.shape));
  const logarithm = add(unary("log", total), shift);
  return {
    out: dot(weights, v),
    stats: where(isEmpty, fullLike(total, Infinity), logarithm),
  };
}

/** What `attention` computes, out of products and a softmax. Halves are computed in f32. */
export function composedAttention(src: readonly Node[], attrs: AttentionAttrs): ComposedAttention {
  const heads = headsOf(src);
  const blocks = overRows(heads.q, heads.k, (from, count) =>
    attendRows(scoresOf(heads, attrs, from, count), heads.v),
  );
  const [batch, rows, count] = src[0].shape;
  const join = (part: "out" | "stats"): Node =>
    concat(
      blocks.map((block) => block[part]),
      2,
    );
  return {
    out: cast(headsFirst(join("out")), src[0].dtype),
    stats: reshape(join("stats"), [batch, count, rows]),
  };
}

interface RowGradients {
  readonly query: Node;
  readonly key: Node;
  readonly value: Node;
  readonly scores: Node;
}

/**
 * What `attentionGrad` computes over [q, k, v, (bias), out, stats, gradient of out], and the
 * gradient of the bias; `statsGradient` [B, H, L] is what arrives for the logarithms.
 */
export function composedAttentionGrad(
  src: readonly Node[],
  attrs: AttentionAttrs,
  statsGradient: Node | null = null,
): ComposedAttentionGrad {
  const operands = src.slice(0, -3);
  const heads = headsOf(operands);
  const exact = heads.q.dtype;
  const [out, gradient] = [src[src.length - 3], src[src.length - 1]].map((x) =>
    cast(headsFirst(x), exact),
  );
  const column = (x: Node): Node => reshape(x, [...x.shape, 1]);
  const stats = column(src[src.length - 2]);
  const common = reduceSum(mul(gradient, out), [3]);
  const shared = statsGradient === null ? common : sub(common, column(statsGradient));
  const blocks = overRows(heads.q, heads.k, (from, count): RowGradients => {
    const rows = (x: Node): Node => narrow(x, 2, from, count);
    const scores = scoresOf(heads, attrs, from, count);
    const weights = unary("exp", sub(scores, expand(rows(stats), scores.shape)));
    const received = dot(rows(gradient), transpose(heads.v, 2, 3));
    const slope = mul(weights, sub(received, expand(rows(shared), scores.shape)));
    const scaled = mul(slope, fullLike(slope, attrs.scale));
    return {
      query: dot(scaled, heads.k),
      key: dot(transpose(scaled, 2, 3), rows(heads.q)),
      value: dot(transpose(weights, 2, 3), rows(gradient)),
      scores: slope,
    };
  });
  const [q, k, v, bias] = operands;
  const joined = (part: "query" | "scores"): Node =>
    concat(
      blocks.map((block) => block[part]),
      2,
    );
  const total = (part: "key" | "value"): Node => blocks.map((block) => block[part]).reduce(add);
  return {
    query: cast(headsFirst(joined("query")), q.dtype),
    key: summed(total("key"), k),
    value: summed(total("value"), v),
    bias: bias === undefined ? null : cast(joined("scores"), bias.dtype),
  };
}
