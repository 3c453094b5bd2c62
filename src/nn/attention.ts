import { ConfigError, ShapeError } from "../base/errors.ts";
import { ones, zeros } from "../tensor/factories.ts";
import { cat } from "../tensor/functions.ts";
import type { Generator } from "../tensor/generator.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AttentionOptions } from "./functional/attention.ts";
import { attentionWeights, scaledDotProductAttention } from "./functional/attention.ts";
import { linear } from "./functional/linear.ts";
import * as init from "./init.ts";
import type { ModuleOptions } from "./linear.ts";
import { Linear } from "./linear.ts";
import { Module, formatOptions } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { snakeCase } from "./state-key.ts";

/** Options of {@link MultiheadAttention}. */
export interface MultiheadAttentionOptions extends ModuleOptions {
  /** Dropout of the attention weights, in training. @defaultValue 0 */
  readonly dropout?: number;
  /** @defaultValue true */
  readonly bias?: boolean;
  /** Adds a learned key and value at the end of the sequence. @defaultValue false */
  readonly addBiasKv?: boolean;
  /** Adds a key and a value of zeros at the end of the sequence. @defaultValue false */
  readonly addZeroAttn?: boolean;
  /** Width of the keys. @defaultValue embedDim */
  readonly kdim?: number | undefined;
  /** Width of the values. @defaultValue embedDim */
  readonly vdim?: number | undefined;
  /** Whether x is [N, L, E] instead of [L, N, E]. @defaultValue false */
  readonly batchFirst?: boolean;
  /** Where dropout's randomness comes from. @defaultValue the default generator of x's device */
  readonly generator?: Generator | undefined;
}

/** Options of one attention call. */
export interface AttentionCallOptions {
  /** Of shape [N, S]; bool, true where a key is padding, or float, added to the scores. */
  readonly keyPaddingMask?: Tensor | null | undefined;
  /**
   * Bool (true: must not be attended to) or float (added to the scores), [L, S], [N · H, L, S] or
   * [N, H, L, S].
   */
  readonly attnMask?: Tensor | null | undefined;
  /** Position i sees keys 0 … i only. A mask may come along, and counts as well. */
  readonly isCausal?: boolean | undefined;
  /** Whether to give the weights as well. @defaultValue true */
  readonly needWeights?: boolean | undefined;
  /** Whether the weights are the mean over the heads. @defaultValue true */
  readonly averageAttnWeights?: boolean | undefined;
}

/** Query, keys and values as [N, H, length, size]. */
type Heads = readonly [query: Tensor, key: Tensor, value: Tensor];

/**
 * Attention of several heads between projected queries, keys and values. State-dict keys as
 * PyTorch's: in_proj_weight (or q_proj_weight, k_proj_weight and v_proj_weight if widths differ),
 * in_proj_bias, bias_k, bias_v, out_proj.weight, out_proj.bias.
 *
 * Differs from PyTorch: a query that may attend to nothing gets zeros instead of NaN. The weights
 * are lazy: who does not read them does not pay for them.
 * @see Vaswani et al. 2017, "Attention Is All You Need", https://arxiv.org/abs/1706.03762
 * @example
 * const attention = new nn.MultiheadAttention(8, 2, { batchFirst: true });
 * const x = randn([1, 4, 8]);
 * const [output, weights] = attention.forward(x, x, x);
 */
export class MultiheadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly addZeroAttn: boolean;
  inProjWeight: Parameter | null = null;
  qProjWeight: Parameter | null = null;
  kProjWeight: Parameter | null = null;
  vProjWeight: Parameter | null = null;
  inProjBias: Parameter | null;
  biasK: Parameter | null = null;
  biasV: Parameter | null = null;
  outProj: Linear;
  protected readonly generator: Generator | undefined;

  /** @throws {ConfigError} if numHeads does not divide embedDim. */
  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const { dropout = 0, bias = true, addBiasKv = false, addZeroAttn = false } = options;
    const { kdim = embedDim, vdim = embedDim, batchFirst = false, dtype, device } = options;
    if (!(numHeads > 0) || embedDim % numHeads !== 0) {
      throw new ConfigError(
        `MultiheadAttention: numHeads must divide embedDim, got ${numHeads} and ${embedDim}`,
      );
    }
    const place = { dtype, device };
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.kdim = kdim;
    this.vdim = vdim;
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    this.addZeroAttn = addZeroAttn;
    this.generator = options.generator;
    const weight = (rows: number, columns: number): Parameter =>
      new Parameter(zeros([rows, columns], place));
    if (kdim === embedDim && vdim === embedDim) {
      this.inProjWeight = weight(3 * embedDim, embedDim);
    } else {
      this.qProjWeight = weight(embedDim, embedDim);
      this.kProjWeight = weight(embedDim, kdim);
      this.vProjWeight = weight(embedDim, vdim);
    }
    this.inProjBias = bias ? new Parameter(zeros([3 * embedDim], place)) : null;
    if (addBiasKv) {
      this.biasK = new Parameter(zeros([1, 1, embedDim], place));
      this.biasV = new Parameter(zeros([1, 1, embedDim], place));
    }
    this.outProj = new Linear(embedDim, embedDim, { bias, ...place });
    this.resetParameters();
  }

  /** Draws new weights; biases become 0. */
  resetParameters(): void {
    const { inProjWeight, qProjWeight, kProjWeight, vProjWeight, inProjBias } = this;
    for (const weight of [inProjWeight, qProjWeight, kProjWeight, vProjWeight]) {
      if (weight !== null) init.xavierUniform(weight);
    }
    if (inProjBias !== null) init.zeros(inProjBias);
    if (this.outProj.bias !== null) init.zeros(this.outProj.bias);
    if (this.biasK !== null) init.xavierNormal(this.biasK);
    if (this.biasV !== null) init.xavierNormal(this.biasV);
  }

  /**
   * The attended values, and the weights (null if they are not needed).
   *
   * Shapes: query [L, N, E], key [S, N, kdim], value [S, N, vdim] -> output [L, N, E], all with N
   * first if batchFirst, or all without N; weights [N, L, S], or [N, H, L, S] per head.
   * @throws {ShapeError} if a shape does not fit.
   */
  forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: AttentionCallOptions = {},
  ): [output: Tensor, weights: Tensor | null] {
    const isBatched = query.ndim === 3;
    this.#checkShapes([query, key, value]);
    const heads = this.#extend(
      [query, key, value].map((x, part) => this.#project(x, part, isBatched)),
    );
    const attention = this.#attentionOptions(options, heads);
    const { needWeights = true, averageAttnWeights = true } = options;
    const [y, weights] = attend(heads, attention, needWeights);
    const [batch, , length] = y.shape;
    const joined = y.transpose(1, 2).reshape([batch, length, this.embedDim]); // [N, L, E]
    const output = this.outProj.forward(joined);
    const shown = averageAttnWeights ? weights?.mean({ dim: 1 }) : weights;
    if (!isBatched) return [output.select(0, 0), shown?.select(0, 0) ?? null];
    return [this.batchFirst ? output : output.transpose(0, 1), shown ?? null];
  }

  #checkShapes(given: readonly Tensor[]): void {
    const [query, key, value] = given;
    const widths = [this.embedDim, this.kdim, this.vdim];
    const ranks = query.ndim === 2 || query.ndim === 3;
    const fits = given.every((x, i) => x.ndim === query.ndim && x.shape[x.ndim - 1] === widths[i]);
    const sameLength = key.shape.slice(0, -1).join() === value.shape.slice(0, -1).join();
    if (ranks && fits && sameLength) return;
    throw new ShapeError(
      `MultiheadAttention: query, key and value must be [.., .., ${widths.join("], [.., .., ")}], or ` +
        `without a batch, got ${given.map((x) => `[${x.shape.join(", ")}]`).join(", ")}`,
    );
  }

  /** Projection `part` of x as [N, length, E]. */
  #project(given: Tensor, part: number, isBatched: boolean): Tensor {
    const { embedDim, inProjWeight, inProjBias } = this;
    const unbatched = isBatched ? given : given.unsqueeze(0);
    const x = isBatched && !this.batchFirst ? given.transpose(0, 1) : unbatched;
    const own = [this.qProjWeight, this.kProjWeight, this.vProjWeight][part];
    const weight = own ?? inProjWeight?.narrow(0, part * embedDim, embedDim);
    if (weight === undefined) throw new ConfigError("MultiheadAttention: its weights are gone");
    return linear(x, weight, inProjBias?.narrow(0, part * embedDim, embedDim) ?? null);
  }

  /** The projections split into heads, with the keys and values that the options add. */
  #extend([query, key, value]: readonly Tensor[]): Heads {
    const { biasK, biasV, numHeads, embedDim } = this;
    const [batch] = key.shape;
    const append = (x: Tensor, bias: Tensor | null): Tensor =>
      bias === null ? x : cat([x, bias.expand([batch, 1, embedDim])], { dim: 1 });
    const split = (x: Tensor): Tensor => x.unflatten(2, [numHeads, -1]).transpose(1, 2);
    const zero = (x: Tensor): Tensor => (this.addZeroAttn ? x.pad([0, 0, 0, 1]) : x);
    return [split(query), zero(split(append(key, biasK))), zero(split(append(value, biasV)))];
  }

  #attentionOptions(
    { keyPaddingMask, attnMask, isCausal = false }: AttentionCallOptions,
    [query, key]: Heads,
  ): AttentionOptions {
    const added = (this.biasK === null ? 0 : 1) + (this.addZeroAttn ? 1 : 0);
    const { numHeads, generator } = this;
    const [batch, , queries] = query.shape;
    const keys = key.shape[2] - added;
    const dropoutP = this.training ? this.dropout : 0;
    if (isCausal && added === 0 && keyPaddingMask == null && attnMask == null) {
      return { isCausal, dropoutP, generator };
    }
    const masks: Tensor[] = [];
    if (attnMask != null) masks.push(perHead(attnMask, batch, numHeads));
    if (keyPaddingMask != null) masks.push(keyPaddingMask.reshape([-1, 1, 1, keys]));
    if (isCausal) {
      const { device } = query;
      masks.push(ones([queries, keys], { device }).triu({ diagonal: 1 }).bool());
    }
    const mask = masks.length === 0 ? undefined : combine(masks);
    // The added keys are open to all.
    const full = mask === undefined || added === 0 ? mask : openEnd(mask, added);
    return { attnMask: full?.dtype === "bool" ? full.logicalNot() : full, dropoutP, generator };
  }

  protected override stateKey(field: string): string {
    return snakeCase(field);
  }

  protected override extraRepr(): string {
    const { embedDim, numHeads, dropout, batchFirst } = this;
    return formatOptions({ embedDim, numHeads, dropout, batchFirst });
  }
}

/** The attended values [N, H, L, size]; the weights if they are needed. */
function attend(
  [query, key, value]: Heads,
  options: AttentionOptions,
  needWeights: boolean,
): [Tensor, Tensor | null] {
  const isRandom = (options.dropoutP ?? 0) > 0;
  if (!needWeights || !isRandom) {
    const output = scaledDotProductAttention(query, key, value, options);
    return [output, needWeights ? attentionWeights(query, key, options) : null];
  }
  // One draw for both: the weights returned are those that met the values.
  const weights = attentionWeights(query, key, options);
  return [weights.matmul(value), weights];
}

/** A mask as [L, S] or [N, H, L, S]. */
function perHead(mask: Tensor, batch: number, numHeads: number): Tensor {
  return mask.ndim === 3 ? mask.reshape([batch, numHeads, ...mask.shape.slice(1)]) : mask;
}

/** Masks of what must not be attended to as one: bool if all are, otherwise what to add. */
function combine(masks: readonly Tensor[]): Tensor {
  if (masks.every((mask) => mask.dtype === "bool")) {
    return masks.reduce((a, b) => a.logicalOr(b));
  }
  const dtype = masks.find((mask) => mask.dtype !== "bool")?.dtype ?? "f32";
  return masks
    .map((mask) =>
      mask.dtype === "bool"
        ? zeros(mask.shape, { dtype, device: mask.device }).maskedFill(mask, -Infinity)
        : mask,
    )
    .reduce((a, b) => a.add(b));
}

/** The mask with `added` more keys that it does not touch. */
function openEnd(mask: Tensor, added: number): Tensor {
  return mask.dtype === "bool" ? mask.to("u8").pad([0, added]).bool() : mask.pad([0, added]);
}
