import { scaledDotProductAttention } from "../../nn/functional/attention.ts";
import type { ModuleOptions } from "../../nn/linear.ts";
import { Linear } from "../../nn/linear.ts";
import type { Module } from "../../nn/module.ts";
import { formatOptions } from "../../nn/module.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { cappedAttention } from "./capped-attention.ts";
import { DecoderModule } from "./decoder-module.ts";
import type { RotaryAngles } from "./rotary-embedding.ts";
import { rotate } from "./rotary-embedding.ts";
import type { TokenView } from "./token-view.ts";

/** A module that keeps shapes. */
export type Norm = Module & { forward(x: Tensor): Tensor };

/** How the attention of a layer differs between families. */
export interface DecoderAttentionOptions {
  readonly hiddenSize: number;
  readonly numAttentionHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  /** Biases of queries, keys and values. */
  readonly bias: boolean;
  /** Bias of what comes out. */
  readonly outputBias: boolean;
  /** Factor of the scores. @defaultValue 1 / √headDim */
  readonly scale?: number | undefined;
  /** Scores stay within ± this. @defaultValue unlimited */
  readonly cap?: number | null | undefined;
  /** Tokens that a token sees at most, itself among them; null: all before. */
  readonly window: number | null;
  /** Dropout of the weights in training. */
  readonly dropout: number;
  /** Makes the norms of the heads of queries and keys. @defaultValue none */
  readonly headNorm?: (() => Norm) | undefined;
}

/**
 * Causal self-attention with rotary positions, where groups of query heads share heads of keys and values.
 * Shapes: x [B, T, C] → [B, T, C].
 * @see Ainslie et al. 2023, "GQA", https://arxiv.org/abs/2305.13245
 */
export class DecoderAttention extends DecoderModule {
  readonly options: DecoderAttentionOptions;
  readonly layer: number;
  qProj: Linear;
  kProj: Linear;
  vProj: Linear;
  oProj: Linear;
  qNorm: Norm | null;
  kNorm: Norm | null;

  constructor(options: DecoderAttentionOptions, layer: number, place: ModuleOptions) {
    super();
    const { hiddenSize, numAttentionHeads, numKeyValueHeads, headDim } = options;
    const { bias, outputBias, headNorm } = options;
    this.options = options;
    this.layer = layer;
    this.qProj = new Linear(hiddenSize, numAttentionHeads * headDim, { bias, ...place });
    this.kProj = new Linear(hiddenSize, numKeyValueHeads * headDim, { bias, ...place });
    this.vProj = new Linear(hiddenSize, numKeyValueHeads * headDim, { bias, ...place });
    this.oProj = new Linear(numAttentionHeads * headDim, hiddenSize, {
      bias: outputBias,
      ...place,
    });
    this.qNorm = headNorm?.() ?? null;
    this.kNorm = headNorm?.() ?? null;
  }

  forward(x: Tensor, angles: RotaryAngles, view: TokenView): Tensor {
    const [B, T] = x.shape;
    const heads = (rows: Tensor): Tensor =>
      rows.reshape([B, T, -1, this.options.headDim]).transpose(1, 2);
    const query = heads(this.qProj.forward(x));
    const fresh = heads(this.kProj.forward(x));
    const { key, value } = view.keysAndValues(this.layer, {
      key: rotate(this.kNorm?.forward(fresh) ?? fresh, angles),
      value: heads(this.vProj.forward(x)),
    });
    const turned = rotate(this.qNorm?.forward(query) ?? query, angles);
    const y = this.#attend(turned, key, value, view);
    return this.oProj.forward(y.transpose(1, 2).reshape([B, T, -1]));
  }

  protected override extraRepr(): string {
    const { window, cap, scale } = this.options;
    return formatOptions({ window: window ?? undefined, cap: cap ?? undefined, scale });
  }

  #attend(query: Tensor, key: Tensor, value: Tensor, view: TokenView): Tensor {
    const { headDim, window, dropout, cap, scale = headDim ** -0.5 } = this.options;
    const visible = view.visible(window);
    const dropoutP = this.training ? dropout : 0;
    if (typeof cap === "number") {
      return cappedAttention(query, key, value, visible, { scale, cap, dropoutP });
    }
    const options = { ...visible, scale, dropoutP, enableGqa: true };
    return scaledDotProductAttention(query, key, value, options);
  }
}
