import { ConfigError, DTypeError } from "../base/errors.ts";
import { randomBits, sumTo } from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import { broadcastShapes } from "../ir/shape.ts";
import { withoutAutocast } from "./autocast.ts";
import { customVjp } from "./custom-vjp.ts";
import { arange, zeros } from "./factories.ts";
import { cat } from "./functions.ts";
import { scan } from "./loops.ts";
import { repeatHeads } from "./ops/attention.ts";
import { dropout } from "./ops/dropout.ts";
import type { Tensor } from "./tensor.ts";
import { derive } from "./tensor.ts";

/** Options of {@link blockwiseAttention}: those of scaledDotProductAttention. */
export interface BlockwiseAttentionOptions {
  readonly attnMask?: Tensor | null | undefined;
  readonly isCausal?: boolean | undefined;
  readonly scale?: number | null | undefined;
  readonly enableGqa?: boolean | undefined;
  readonly dropoutP?: number | undefined;
  /** Random key (u32 [2]) of the dropout. */
  readonly dropoutKey?: Tensor | undefined;
  /** Integers [..., L, 1] and [..., 1, S] that broadcast to the scores: what is unequal is hidden. */
  readonly segments?: AttentionSegments | undefined;
}

/** Segments of the rows and of the columns of the scores. */
export interface AttentionSegments {
  readonly query: Tensor;
  readonly key: Tensor;
}

/** Rows of the weights that are computed at once. */
const blockRows = 128;

const last = (x: Tensor, back = 1): number => x.shape[x.ndim - back];

/** Whether the weights are too many to store them: 2²⁰ per head and 2²⁴ (64 MB) together. */
export function isLong(query: Tensor, key: Tensor): boolean {
  const [queries, keys] = [last(query, 2), last(key, 2)];
  const heads = query.numel / Math.max(1, queries * last(query));
  return queries * keys >= 2 ** 20 && heads * queries * keys >= 2 ** 24;
}

/** x [..., L, W] as blocks of rows [blocks, ..., rows, W]; what is missing at the end is zeros. */
function toBlocks(x: Tensor): Tensor {
  const length = last(x, 2);
  const blocks = Math.ceil(length / blockRows);
  const missing = blocks * blockRows - length;
  const whole = missing === 0 ? x : x.pad([0, 0, 0, missing]);
  return whole.unflatten(-2, [blocks, blockRows]).movedim(-3, 0);
}

/** Undoes {@link toBlocks}. */
function fromBlocks(blocks: Tensor, length: number): Tensor {
  const joined = blocks.movedim(0, -3).flatten({ startDim: -3, endDim: -2 });
  return joined.narrow(-2, 0, length);
}

/** What all blocks share. */
interface Setting {
  readonly scale: number;
  readonly isCausal: boolean;
  /** Number of the first row, for what is causal. */
  readonly firstRow: number;
  readonly dropoutP: number;
  /** Whether a mask comes with the operands, and whether every row has its own. */
  readonly mask: "none" | "shared" | "rows";
  readonly hasKeys: boolean;
  /** Whether segments of rows and columns are the last operands. */
  readonly hasSegments: boolean;
}

/** Operands of one block. */
interface Block {
  readonly query: Tensor;
  /** Numbers of the rows, [rows, 1]. */
  readonly rows: Tensor;
  readonly mask: Tensor | undefined;
  readonly dropoutKey: Tensor | undefined;
  readonly segments: AttentionSegments | undefined;
}

/** Scores of a block in f32 (f64), masked ones −∞. */
function scoresOf({ query, rows, mask, segments }: Block, key: Tensor, setting: Setting): Tensor {
  const products = query.matmul(key.transpose(-2, -1));
  const exact = products.dtype === "f64" ? products : products.float();
  let scores = exact.mul(setting.scale);
  if (mask !== undefined) {
    scores =
      mask.dtype === "bool" ? scores.where(mask, -Infinity) : scores.add(mask.to(scores.dtype));
  }
  if (segments !== undefined) {
    scores = scores.where(segments.query.eq(segments.key), -Infinity);
  }
  if (!setting.isCausal) return scores;
  const columns = arange(last(key, 2), { dtype: "f32", device: query.device });
  return scores.where(columns.le(rows), -Infinity);
}

const dropped = (x: Tensor, { dropoutKey }: Block, p: number): Tensor =>
  dropoutKey === undefined ? x : derive([x, dropoutKey], dropout(x.node, dropoutKey.node, { p }));

/** Result rows, and ln Σ eˢ of each row: +∞ where nothing may be attended to. */
function forwardBlock(block: Block, key: Tensor, value: Tensor, setting: Setting): Tensor[] {
  const scores = scoresOf(block, key, setting);
  const largest = scores.amax({ dim: -1, keepdim: true });
  const shift = largest.where(largest.gt(-Infinity), 0);
  const powers = scores.sub(shift).exp();
  const total = powers.sum({ dim: -1, keepdim: true });
  const isEmpty = total.eq(0);
  const weights = powers.mul(total.where(isEmpty.logicalNot(), 1).reciprocal());
  const result = dropped(weights, block, setting.dropoutP).to(value.dtype).matmul(value);
  return [result, total.log().add(shift).where(isEmpty.logicalNot(), Infinity)];
}

/** Gradients of the weights' scores of a block: ds, and the weights that met the values. */
function backwardBlock(
  block: Block,
  [g, result, logTotal]: readonly Tensor[],
  key: Tensor,
  value: Tensor,
  setting: Setting,
): { readonly scores: Tensor; readonly weights: Tensor } {
  const weights = scoresOf(block, key, setting).sub(logTotal).exp();
  const exact = (x: Tensor): Tensor => x.to(weights.dtype);
  const received = dropped(exact(g.matmul(value.transpose(-2, -1))), block, setting.dropoutP);
  const common = exact(g).mul(exact(result)).sum({ dim: -1, keepdim: true });
  return {
    scores: weights.mul(received.sub(common)),
    weights: dropped(weights, block, setting.dropoutP),
  };
}

/** The operands that differ from block to block, and how to find them in a step. */
function stepper(
  operands: readonly Tensor[],
  setting: Setting,
): { readonly inputs: Tensor[]; readonly blockOf: (inputs: readonly Tensor[]) => Block } {
  const [query, , , ...others] = operands;
  const blocks = Math.ceil(last(query, 2) / blockRows);
  const { device } = query;
  const numbers = arange(blocks * blockRows, { dtype: "f32", device }).add(setting.firstRow);
  const rows = numbers.reshape([blocks, blockRows, 1]);
  const mask = setting.mask === "none" ? undefined : others.shift();
  const keys = setting.hasKeys ? others.shift() : undefined;
  const [ownSegments, columns] = setting.hasSegments ? others : [];
  const hasOwnMask = setting.mask === "rows" && mask !== undefined;
  const inputs = [toBlocks(query), rows];
  if (hasOwnMask) inputs.push(toMaskBlocks(mask));
  if (keys !== undefined) inputs.push(keys);
  if (setting.hasSegments) inputs.push(toBlocks(ownSegments));
  return {
    inputs,
    blockOf: ([queries, places, ...rest]) => ({
      query: queries,
      rows: places,
      mask: hasOwnMask ? rest.shift() : mask,
      dropoutKey: keys === undefined ? undefined : rest.shift(),
      segments: setting.hasSegments ? { query: rest[0], key: columns } : undefined,
    }),
  };
}

/** Blocks of a mask; bool cannot be padded with zeros that mean "no". */
function toMaskBlocks(mask: Tensor): Tensor {
  return mask.dtype === "bool" ? toBlocks(mask.to("u8")).bool() : toBlocks(mask);
}

type Step = readonly Tensor[];

/** Result and logarithm of the total of every row. */
function attend(operands: readonly Tensor[], setting: Setting): readonly [Tensor, Tensor] {
  const [query, key, value] = operands;
  const { inputs, blockOf } = stepper(operands, setting);
  const { ys } = scan(
    (none: null, step: Step) => [none, forwardBlock(blockOf(step), key, value, setting)] as const,
    null,
    inputs,
  );
  const [result, logTotal] = ys.map((x) => fromBlocks(x, last(query, 2)));
  return [result, logTotal];
}

const known = new Map<string, (...operands: Tensor[]) => Tensor>();

/** The attention of a setting, with the gradient that computes the weights again. */
function attentionOf(setting: Setting): (...operands: Tensor[]) => Tensor {
  const name = JSON.stringify(setting);
  let attention = known.get(name);
  if (attention === undefined) {
    attention = customVjp({
      forward: (...operands) => attend(operands, setting),
      backward: (g, { inputs, result, saved }) =>
        withoutAutocast(() => differentiate(inputs, [g, result, ...saved], setting)),
    });
    known.set(name, attention);
  }
  return attention;
}

/** Cotangents of the operands; `outer` are the result's cotangent, the result and the totals. */
function differentiate(
  operands: readonly Tensor[],
  outer: readonly Tensor[],
  setting: Setting,
): (Tensor | null)[] {
  const [query, key, value] = operands;
  const { inputs, blockOf } = stepper(operands, setting);
  const slices = [...outer.map(toBlocks), ...inputs];
  const gradientsOf = (step: Step): { readonly scores: Tensor; readonly weights: Tensor } =>
    backwardBlock(blockOf(step.slice(3)), step.slice(0, 3), key, value, setting);
  const exact = query.dtype === "f64" ? "f64" : "f32";
  const zero = (like: Tensor): Tensor => zeros(like.shape, { dtype: exact, device: like.device });
  const { carry, ys } = scan(
    ([dk, dv]: readonly Tensor[], step: Step) => {
      const { scores, weights } = gradientsOf(step);
      const scaled = scores.mul(setting.scale).to(key.dtype);
      const met = weights.to(key.dtype).transpose(-2, -1).matmul(step[0]);
      const dq = scaled.matmul(key);
      const addition = scaled.transpose(-2, -1).matmul(step[3]);
      return [[dk.add(addition.to(exact)), dv.add(met.to(exact))], dq] as const;
    },
    [zero(key), zero(value)],
    slices,
  );
  const found = [fromBlocks(ys, last(query, 2)), carry[0].to(key.dtype), carry[1].to(value.dtype)];
  const mask = setting.mask === "none" ? undefined : operands[3];
  const hasGradient = mask !== undefined && mask.dtype !== "bool";
  const dMask = hasGradient ? maskGradient(mask, slices, setting, gradientsOf) : null;
  return operands.map((_, i) => (i < 3 ? found[i] : i === 3 && mask !== undefined ? dMask : null));
}

/** A loop of its own, which is not run when nobody asks for the mask's gradient. */
function maskGradient(
  mask: Tensor,
  slices: readonly Tensor[],
  { mask: kind }: Setting,
  gradientsOf: (step: Step) => { readonly scores: Tensor },
): Tensor {
  const rows = kind === "rows" ? blockRows : 1;
  const blockShape = mask.ndim < 2 ? mask.shape : mask.shape.with(mask.ndim - 2, rows);
  const { ys } = scan(
    (none: null, step: Step) => {
      const { scores } = gradientsOf(step);
      return [none, derive([scores], sumTo(scores.node, blockShape))] as const;
    },
    null,
    slices,
  );
  const total = kind === "rows" ? fromBlocks(ys, last(mask, 2)) : ys.sum({ dim: 0 });
  return total.to(mask.dtype);
}

/** Which rows share a mask. */
function maskKind(query: Tensor, mask: Tensor | null | undefined): Setting["mask"] {
  if (mask == null) return "none";
  if (mask.dtype !== "bool" && !isFloat(mask.dtype)) {
    throw new DTypeError(
      `scaledDotProductAttention: attnMask must be bool or float, got ${mask.dtype}`,
    );
  }
  return mask.ndim >= 2 && last(mask, 2) === last(query, 2) ? "rows" : "shared";
}

/** The operands with equal leading dims, those of the mask among them. */
function withCommonBatch(tensors: readonly Tensor[], mask: Tensor | null | undefined): Tensor[] {
  const leading = [...tensors, ...(mask == null ? [] : [mask])].map((x) => x.shape.slice(0, -2));
  const shape = broadcastShapes("scaledDotProductAttention", ...leading);
  return tensors.map((x) => x.expand([...shape, ...x.shape.slice(-2)]));
}

/**
 * scaledDotProductAttention whose weights are computed for blocks of rows, in a loop inside of the
 * program: memory grows with the length, not with its square.
 */
export function blockwiseAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: BlockwiseAttentionOptions = {},
): Tensor {
  const { attnMask, isCausal = false, enableGqa = false, dropoutP = 0, dropoutKey } = options;
  const { segments: ids } = options;
  if (isCausal && attnMask != null) {
    throw new ConfigError("scaledDotProductAttention: takes attnMask or isCausal, got both");
  }
  const repeat = (x: Tensor): Tensor =>
    enableGqa ? derive([x], repeatHeads(x.node, query.node)) : x;
  const [q, k, v] = withCommonBatch([query, repeat(key), repeat(value)], attnMask);
  const blocks = Math.ceil(last(q, 2) / blockRows);
  const keys = dropoutKey && derive([dropoutKey], randomBits(dropoutKey.node, [blocks, 2]));
  const scale = options.scale ?? 1 / Math.sqrt(last(query));
  const mask = maskKind(query, attnMask);
  const part = ({ first, count, seen }: Segment): Tensor => {
    const start = first * blockRows;
    const rows = Math.min(count * blockRows, last(q, 2) - start);
    const operands = [q.narrow(-2, start, rows), k.narrow(-2, 0, seen), v.narrow(-2, 0, seen)];
    if (attnMask != null) operands.push(attnMask);
    if (keys !== undefined) operands.push(keys.narrow(0, first, count));
    if (ids !== undefined) {
      operands.push(ids.query.narrow(-2, start, rows), ids.key.narrow(-1, 0, seen));
    }
    const given = { hasKeys: keys !== undefined, hasSegments: ids !== undefined };
    return attentionOf({ scale, isCausal, firstRow: start, dropoutP, mask, ...given })(...operands);
  };
  return cat(segments(blocks, last(k, 2), isCausal).map(part), { dim: -2 });
}

/** Blocks of rows that are computed in one loop, and how many keys they see. */
interface Segment {
  readonly first: number;
  readonly count: number;
  readonly seen: number;
}

/** Quarters of the rows see no keys behind their own end; otherwise there is one segment. */
function segments(blocks: number, keys: number, isCausal: boolean): Segment[] {
  const parts = isCausal ? Math.min(4, blocks) : 1;
  return Array.from({ length: Math.max(parts, 1) }, (_, i) => {
    const first = Math.floor((i * blocks) / parts);
    const end = Math.floor(((i + 1) * blocks) / parts);
    const seen = isCausal ? Math.min(keys, end * blockRows) : keys;
    return { first, count: end - first, seen };
  });
}
