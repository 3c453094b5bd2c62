import type { DType } from "../../ir/dtype.ts";
import type { Node, OpNode } from "../../ir/node.ts";
import type { AttentionAttrs } from "../../ir/ops.ts";
import { numel } from "../../ir/shape.ts";
import { keepResults } from "./results.ts";
import type { Values } from "./values.ts";
import { makeValues, roundToStorage } from "./values.ts";

interface Sizes {
  readonly rows: number;
  readonly heads: number;
  readonly width: number;
  readonly keys: number;
  /** Heads of keys and values. */
  readonly groups: number;
  readonly depth: number;
}

/** One row of queries: where it lies in q, the result and the logarithms. */
interface Row {
  readonly batch: number;
  readonly head: number;
  readonly row: number;
  readonly query: number;
  readonly out: number;
  readonly stats: number;
}

function sizesOf([q, k, v]: readonly Node[]): Sizes {
  const [, rows, heads, width] = q.shape;
  return { rows, heads, width, keys: k.shape[1], groups: k.shape[2], depth: v.shape[3] };
}

function* rowsOf(batches: number, { rows, heads, width, depth }: Sizes): Generator<Row> {
  for (let batch = 0; batch < batches; batch++) {
    for (let head = 0; head < heads; head++) {
      for (let row = 0; row < rows; row++) {
        const at = (batch * rows + row) * heads + head;
        const stats = (batch * heads + head) * rows + row;
        yield { batch, head, row, query: at * width, out: at * depth, stats };
      }
    }
  }
}

/** Where the vector of a key or value begins, in units of its width. */
const keyIndex = ({ batch, head }: Row, { heads, groups, keys }: Sizes, key: number): number =>
  (batch * keys + key) * groups + Math.floor(head / (heads / groups));

/** Scores of one row in double. */
function scoresOf(row: Row, src: readonly Values[], sizes: Sizes, attrs: AttentionAttrs): number[] {
  const [q, k, , bias] = src;
  const scores = new Array<number>(sizes.keys);
  for (let key = 0; key < sizes.keys; key++) {
    let sum = 0;
    const start = keyIndex(row, sizes, key) * sizes.width;
    for (let d = 0; d < sizes.width; d++) sum += q[row.query + d] * k[start + d];
    const added = bias === undefined ? 0 : bias[row.stats * sizes.keys + key];
    scores[key] = attrs.causal && key > row.row ? -Infinity : sum * attrs.scale + added;
  }
  return scores;
}

/** Attention row by row, in double precision. */
export function evaluateAttention(node: OpNode<"attention">, src: readonly Values[]): Values {
  const [q, , v] = node.src;
  const sizes = sizesOf(node.src);
  const { heads, rows, depth } = sizes;
  const out = new Float64Array(q.shape[0] * rows * heads * depth);
  const stats = makeValues(statsDType(q.dtype), q.shape[0] * heads * rows);
  for (const row of rowsOf(q.shape[0], sizes)) {
    const scores = scoresOf(row, src, sizes, node.attrs);
    const largest = scores.reduce((a, b) => Math.max(a, b));
    const shift = largest === -Infinity ? 0 : largest;
    const powers = scores.map((score) => Math.exp(score - shift));
    const total = powers.reduce((a, b) => a + b);
    stats[row.stats] = total === 0 ? Infinity : Math.log(total) + shift;
    if (total === 0) continue;
    powers.forEach((power, key) => {
      const start = keyIndex(row, sizes, key) * depth;
      for (let d = 0; d < depth; d++) out[row.out + d] += (power / total) * src[2][start + d];
    });
  }
  return keepResults([stored(v.dtype, out), stats]);
}

const statsDType = (dtype: DType): DType => (dtype === "f64" ? "f64" : "f32");

function stored(dtype: DType, exact: Float64Array): Values {
  const values = makeValues(dtype, exact.length);
  values.set(exact);
  return roundToStorage(dtype, values);
}

/** Gradients of attention's operands, row by row, in double precision. */
export function evaluateAttentionGrad(
  node: OpNode<"attentionGrad">,
  src: readonly Values[],
): Values {
  const operands = src.slice(0, -3);
  const [out, stats, gradient] = src.slice(-3);
  const sizes = sizesOf(node.src);
  const { width, depth } = sizes;
  const [q, k, v] = operands;
  const sums = node.src.slice(0, 3).map((source) => new Float64Array(numel(source.shape)));
  for (const row of rowsOf(node.src[0].shape[0], sizes)) {
    let common = 0;
    for (let d = 0; d < depth; d++) common += gradient[row.out + d] * out[row.out + d];
    scoresOf(row, operands, sizes, node.attrs).forEach((score, key) => {
      const weight = Math.exp(score - stats[row.stats]);
      const at = keyIndex(row, sizes, key);
      let received = 0;
      for (let d = 0; d < depth; d++) {
        received += gradient[row.out + d] * v[at * depth + d];
        sums[2][at * depth + d] += weight * gradient[row.out + d];
      }
      const slope = weight * (received - common) * node.attrs.scale;
      for (let d = 0; d < width; d++) {
        sums[0][row.query + d] += slope * k[at * width + d];
        sums[1][at * width + d] += slope * q[row.query + d];
      }
    });
  }
  return keepResults(sums.map((sum) => stored(node.src[0].dtype, sum)));
}
