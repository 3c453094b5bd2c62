import { ConfigError } from "../base/errors.ts";
import type { Generator } from "../tensor/generator.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { MultiheadAttention } from "./attention.ts";
import { Dropout } from "./dropout.ts";
import { gelu, relu } from "./functional/activation.ts";
import { LayerNorm } from "./layer-norm.ts";
import type { ModuleOptions } from "./linear.ts";
import { Linear } from "./linear.ts";
import { Module, formatOptions } from "./module.ts";
import { snakeCase } from "./state-key.ts";

/** Nonlinearity of the feed-forward part. */
export type TransformerActivation = "relu" | "gelu" | ((x: Tensor) => Tensor);

/** Options of the transformer layers. */
export interface TransformerLayerOptions extends ModuleOptions {
  /** Width of the feed-forward part. @defaultValue 2048 */
  readonly dimFeedforward?: number;
  /** @defaultValue 0.1 */
  readonly dropout?: number;
  /** @defaultValue "relu" */
  readonly activation?: TransformerActivation;
  /** @defaultValue 1e-5 */
  readonly layerNormEps?: number;
  /** Whether x is [N, L, E] instead of [L, N, E]. @defaultValue false */
  readonly batchFirst?: boolean;
  /** Normalises before each part instead of after it. @defaultValue false */
  readonly normFirst?: boolean;
  /** @defaultValue true */
  readonly bias?: boolean;
  /** Where dropout's randomness comes from. @defaultValue the default generator of x's device */
  readonly generator?: Generator | undefined;
}

const activations: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  relu: (x) => relu(x),
  gelu: (x) => gelu(x),
};

/** What encoder and decoder layers have in common: two linear layers with dropout between. */
abstract class TransformerLayer extends Module {
  readonly dModel: number;
  readonly nhead: number;
  readonly normFirst: boolean;
  // In torch's order, which is the order of parameters in an optimizer's state.
  selfAttn: MultiheadAttention;
  multiheadAttn: MultiheadAttention | null;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  protected readonly options: TransformerLayerOptions;
  /** Between the two layers of the feed-forward net. */
  protected readonly activation: (x: Tensor) => Tensor;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions, hasMemory: boolean) {
    super();
    const { dimFeedforward = 2048, activation = "relu", bias = true, normFirst = false } = options;
    this.dModel = dModel;
    this.nhead = nhead;
    this.options = options;
    this.normFirst = normFirst;
    const chosen = typeof activation === "string" ? activations[activation] : activation;
    if (chosen === undefined) {
      throw new ConfigError(
        `${this.constructor.name}: activation must be "relu", "gelu" or a function, got ${String(activation)}`,
      );
    }
    this.activation = chosen;
    this.selfAttn = this.makeAttention();
    this.multiheadAttn = hasMemory ? this.makeAttention() : null;
    this.linear1 = new Linear(dModel, dimFeedforward, { bias, ...this.place });
    this.dropout = this.makeDropout();
    this.linear2 = new Linear(dimFeedforward, dModel, { bias, ...this.place });
  }

  protected get place(): ModuleOptions {
    const { dtype, device } = this.options;
    return { dtype, device };
  }

  /** Dropout with the layer's probability. */
  protected makeDropout(): Dropout {
    const { dropout = 0.1, generator } = this.options;
    return new Dropout(dropout, { generator });
  }

  /** A layer norm with the layer's `eps`. */
  protected makeNorm(): LayerNorm {
    const { layerNormEps = 1e-5, bias = true } = this.options;
    return new LayerNorm(this.dModel, { eps: layerNormEps, bias, ...this.place });
  }

  /** Attention with the layer's sizes. */
  protected makeAttention(): MultiheadAttention {
    const { dropout = 0.1, bias = true, batchFirst = false, generator } = this.options;
    const options = { dropout, bias, batchFirst, generator, ...this.place };
    return new MultiheadAttention(this.dModel, this.nhead, options);
  }

  /** The feed-forward net with its dropouts. */
  protected feedForward(x: Tensor, last: Dropout): Tensor {
    const hidden = this.dropout.forward(this.activation(this.linear1.forward(x)));
    return last.forward(this.linear2.forward(hidden));
  }

  /** A part with its residual connection, normalised before or after. */
  protected residual(x: Tensor, norm: LayerNorm, part: (x: Tensor) => Tensor): Tensor {
    return this.normFirst ? x.add(part(norm.forward(x))) : norm.forward(x.add(part(x)));
  }

  protected override stateKey(field: string): string {
    return snakeCase(field);
  }

  protected override extraRepr(): string {
    const { dModel, nhead, normFirst } = this;
    return formatOptions({ dModel, nhead, normFirst });
  }
}

/** Options of one call of an encoder layer. */
export interface EncoderLayerCallOptions {
  /** Bool (true: must not be attended to) or float (added to the scores), [L, L] or [N · H, L, L]. */
  readonly srcMask?: Tensor | null | undefined;
  /** Of shape [N, L]; bool, true where an element is padding, or float. */
  readonly srcKeyPaddingMask?: Tensor | null | undefined;
  /** Position i sees positions 0 … i only. */
  readonly isCausal?: boolean | undefined;
}

/**
 * Self-attention and a feed-forward part, each with dropout, residual connection and layer norm.
 * State-dict keys as PyTorch's: self_attn.in_proj_weight, …, linear1.weight, …, norm1.weight, ….
 * @see Vaswani et al. 2017, "Attention Is All You Need", https://arxiv.org/abs/1706.03762
 */
export class TransformerEncoderLayer extends TransformerLayer {
  declare multiheadAttn: null;
  norm1: LayerNorm;
  norm2: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(dModel, nhead, options, false);
    this.norm1 = this.makeNorm();
    this.norm2 = this.makeNorm();
    this.dropout1 = this.makeDropout();
    this.dropout2 = this.makeDropout();
  }

  /** A layer with the same options and weights of its own, equal to these. */
  copy(): TransformerEncoderLayer {
    const layer = new TransformerEncoderLayer(this.dModel, this.nhead, this.options);
    layer.loadStateDict(this.stateDict());
    return layer;
  }

  /** Shapes: src [L, N, E], [N, L, E] if batchFirst, or [L, E] -> the same. */
  forward(src: Tensor, options: EncoderLayerCallOptions = {}): Tensor {
    const { srcMask: attnMask, srcKeyPaddingMask: keyPaddingMask, isCausal } = options;
    const call = { attnMask, keyPaddingMask, isCausal, needWeights: false };
    const attended = this.residual(src, this.norm1, (x) =>
      this.dropout1.forward(this.selfAttn.forward(x, x, x, call)[0]),
    );
    return this.residual(attended, this.norm2, (x) => this.feedForward(x, this.dropout2));
  }
}

/** Options of one call of a decoder layer. */
export interface DecoderLayerCallOptions {
  /** Bool (true: must not be attended to) or float, [L, L] or [N · H, L, L]. */
  readonly tgtMask?: Tensor | null | undefined;
  /** As tgtMask for the memory, [L, S] or [N · H, L, S]. */
  readonly memoryMask?: Tensor | null | undefined;
  /** Of shape [N, L]; bool, true where a target is padding, or float. */
  readonly tgtKeyPaddingMask?: Tensor | null | undefined;
  /** Of shape [N, S]; bool, true where an element of the memory is padding, or float. */
  readonly memoryKeyPaddingMask?: Tensor | null | undefined;
  /** Position i of the target sees positions 0 … i only. */
  readonly tgtIsCausal?: boolean | undefined;
  /** Position i of the target sees positions 0 … i of the memory only. */
  readonly memoryIsCausal?: boolean | undefined;
}

/**
 * Self-attention, attention to a memory, and a feed-forward part. State-dict keys as PyTorch's:
 * self_attn.*, multihead_attn.*, linear1.*, linear2.*, norm1.* to norm3.*.
 */
export class TransformerDecoderLayer extends TransformerLayer {
  declare multiheadAttn: MultiheadAttention;
  norm1: LayerNorm;
  norm2: LayerNorm;
  norm3: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  dropout3: Dropout;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(dModel, nhead, options, true);
    this.norm1 = this.makeNorm();
    this.norm2 = this.makeNorm();
    this.norm3 = this.makeNorm();
    this.dropout1 = this.makeDropout();
    this.dropout2 = this.makeDropout();
    this.dropout3 = this.makeDropout();
  }

  /** A layer with the same options and weights of its own, equal to these. */
  copy(): TransformerDecoderLayer {
    const layer = new TransformerDecoderLayer(this.dModel, this.nhead, this.options);
    layer.loadStateDict(this.stateDict());
    return layer;
  }

  /** Shapes: tgt [L, N, E], memory [S, N, E], N first if batchFirst, or without N -> as tgt. */
  forward(tgt: Tensor, memory: Tensor, options: DecoderLayerCallOptions = {}): Tensor {
    const own = {
      attnMask: options.tgtMask,
      keyPaddingMask: options.tgtKeyPaddingMask,
      isCausal: options.tgtIsCausal,
      needWeights: false,
    };
    const cross = {
      attnMask: options.memoryMask,
      keyPaddingMask: options.memoryKeyPaddingMask,
      isCausal: options.memoryIsCausal,
      needWeights: false,
    };
    const attended = this.residual(tgt, this.norm1, (x) =>
      this.dropout1.forward(this.selfAttn.forward(x, x, x, own)[0]),
    );
    const informed = this.residual(attended, this.norm2, (x) =>
      this.dropout2.forward(this.multiheadAttn.forward(x, memory, memory, cross)[0]),
    );
    return this.residual(informed, this.norm3, (x) => this.feedForward(x, this.dropout3));
  }
}
