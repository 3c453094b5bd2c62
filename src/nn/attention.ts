import { ConfigError, ShapeError } from "../base/errors.ts";
import { zeros } from "../tensor/factories.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { linear, scaledDotProductAttention } from "./functional/linear.ts";
import * as init from "./init.ts";
import type { ModuleOptions } from "./linear.ts";
import { Linear } from "./linear.ts";
import { Module, formatOptions } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { snakeCase } from "./state-key.ts";

/** Options of {@link MultiheadAttention}. */
export interface MultiheadAttentionOptions extends ModuleOptions {
  /** Dropout of the attention weights. @defaultValue 0 */
  readonly dropout?: number;
  /** @defaultValue true */
  readonly bias?: boolean;
  /** Whether x is [N, L, E] instead of [L, N, E]. @defaultValue false */
  readonly batchFirst?: boolean;
}

/** Options of one attention call. */
export interface AttentionCallOptions {
  /** Bool [N, S], true where a key is padding. */
  readonly keyPaddingMask?: Tensor | undefined;
  /** Bool (true: must not be attended to) or float (added to the scores), [L, S] or [N, H, L, S]. */
  readonly attnMask?: Tensor | undefined;
  /** Position i sees keys 0 … i only. */
  readonly isCausal?: boolean;
}

/**
 * Attention of several heads between projected queries, keys and values. State-dict keys as
 * PyTorch's: in_proj_weight, in_proj_bias, out_proj.weight, out_proj.bias.
 *
 * Differs from PyTorch: gives the output alone, without the weights; keys and values have the width
 * of the queries; there is always a batch.
 * @see Vaswani et al. 2017, "Attention Is All You Need", https://arxiv.org/abs/1706.03762
 */
export class MultiheadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  inProjWeight: Parameter;
  inProjBias: Parameter | null;
  outProj: Linear;

  /** @throws {ConfigError} if numHeads does not divide embedDim. */
  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const { dropout = 0, bias = true, batchFirst = false, ...place } = options;
    if (!(numHeads > 0) || embedDim % numHeads !== 0) {
      throw new ConfigError(
        `MultiheadAttention: numHeads must divide embedDim, got ${numHeads} and ${embedDim}`,
      );
    }
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    this.inProjWeight = new Parameter(zeros([3 * embedDim, embedDim], place));
    this.inProjBias = bias ? new Parameter(zeros([3 * embedDim], place)) : null;
    this.outProj = new Linear(embedDim, embedDim, { bias, ...place });
    init.xavierUniform(this.inProjWeight);
    if (this.outProj.bias !== null) init.zeros(this.outProj.bias);
  }

  /**
   * Shapes: query [L, N, E], key and value [S, N, E] -> [L, N, E], or all with N first.
   * @throws {ShapeError} if a shape does not fit.
   */
  forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    { keyPaddingMask, attnMask, isCausal = false }: AttentionCallOptions = {},
  ): Tensor {
    const [q, k, v] = [query, key, value].map((x, i) => this.#heads(x, i));
    const mask = combineMasks(keyPaddingMask, attnMask);
    const dropoutP = this.training ? this.dropout : 0;
    const y = scaledDotProductAttention(q, k, v, { attnMask: mask, isCausal, dropoutP });
    const [batch, , length] = y.shape;
    const joined = y.transpose(1, 2).reshape([batch, length, this.embedDim]); // [N, L, E]
    const out = this.outProj.forward(joined);
    return this.batchFirst ? out : out.transpose(0, 1);
  }

  /** Projection `part` of x as [N, H, length, E / H]. */
  #heads(given: Tensor, part: number): Tensor {
    const { embedDim, numHeads } = this;
    if (given.ndim !== 3 || given.shape[2] !== embedDim) {
      throw new ShapeError(
        `MultiheadAttention: query, key and value must be [.., .., ${embedDim}], ` +
          `got [${given.shape.join(", ")}]`,
      );
    }
    const x = this.batchFirst ? given : given.transpose(0, 1);
    const weight = this.inProjWeight.narrow(0, part * embedDim, embedDim);
    const bias = this.inProjBias?.narrow(0, part * embedDim, embedDim) ?? null;
    const projected = linear(x, weight, bias);
    const [batch, length] = projected.shape;
    return projected.reshape([batch, length, numHeads, embedDim / numHeads]).transpose(1, 2);
  }

  protected override stateKey(field: string): string {
    return snakeCase(field);
  }

  protected override extraRepr(): string {
    const { embedDim, numHeads, dropout, batchFirst } = this;
    return formatOptions({ embedDim, numHeads, dropout, batchFirst });
  }
}

/** Both masks as one that the attention function takes, where true means "may be attended to". */
function combineMasks(padding: Tensor | undefined, mask: Tensor | undefined): Tensor | undefined {
  const open = padding?.unsqueeze(1).unsqueeze(1).logicalNot(); // [N, 1, 1, S]
  if (mask === undefined) return open;
  if (mask.dtype === "bool") {
    const allowed = mask.logicalNot();
    return open === undefined ? allowed : allowed.logicalAnd(open);
  }
  return open === undefined ? mask : mask.where(open, -Infinity);
}
