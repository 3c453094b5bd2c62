import { ConfigError } from "../base/errors.ts";
import { full } from "../tensor/factories.ts";
import type { Tensor, TensorOptions } from "../tensor/tensor.ts";
import { ModuleList } from "./container.ts";
import { xavierUniform } from "./init.ts";
import { LayerNorm } from "./layer-norm.ts";
import type { Layer } from "./module.ts";
import { Module } from "./module.ts";
import type {
  DecoderLayerCallOptions,
  EncoderLayerCallOptions,
  TransformerLayerOptions,
} from "./transformer-layer.ts";
import { TransformerDecoderLayer, TransformerEncoderLayer } from "./transformer-layer.ts";

/** A layer that {@link TransformerEncoder} repeats. */
export type EncoderLayer = Module & {
  /** [L, N, E] -> [L, N, E]. */
  forward(src: Tensor, options?: EncoderLayerCallOptions): Tensor;
  /** A layer with weights of its own, equal to these. */
  copy(): EncoderLayer;
};

/** A layer that {@link TransformerDecoder} repeats. */
export type DecoderLayer = Module & {
  /** [T, N, E] and memory [S, N, E] -> [T, N, E]. */
  forward(tgt: Tensor, memory: Tensor, options?: DecoderLayerCallOptions): Tensor;
  /** A layer with weights of its own, equal to these. */
  copy(): DecoderLayer;
};

/** Options of {@link TransformerEncoder} and {@link TransformerDecoder}. */
export interface TransformerStackOptions {
  /** Applied to the last layer's output. */
  readonly norm?: Layer | null | undefined;
}

/** Options of one call of an encoder. */
export interface EncoderCallOptions extends Omit<EncoderLayerCallOptions, "srcMask"> {
  /** Mask of every layer: srcMask of {@link TransformerEncoderLayer}. */
  readonly mask?: Tensor | null | undefined;
}

function copies<L extends { copy(): L }>(layer: L, count: number): L[] {
  return Array.from({ length: count }, () => layer.copy());
}

/**
 * Copies of an encoder layer on top of each other. Keys: layers.0.…, norm.….
 * @example
 * const layer = new nn.TransformerEncoderLayer(16, 4, { batchFirst: true, dimFeedforward: 32 });
 * const encoder = new nn.TransformerEncoder(layer, 2);
 * const y = encoder.forward(randn([2, 5, 16]));
 */
export class TransformerEncoder extends Module {
  layers: ModuleList<EncoderLayer>;
  norm: Layer | null;

  constructor(
    encoderLayer: EncoderLayer,
    numLayers: number,
    { norm = null }: TransformerStackOptions = {},
  ) {
    super();
    this.layers = new ModuleList(copies(encoderLayer, numLayers));
    this.norm = norm;
  }

  /** Shapes: src [L, N, E], [N, L, E] if the layer is batchFirst, or [L, E] -> the same. */
  forward(src: Tensor, { mask, ...options }: EncoderCallOptions = {}): Tensor {
    let x = src;
    for (const layer of this.layers) x = layer.forward(x, { ...options, srcMask: mask });
    return this.norm === null ? x : this.norm.forward(x);
  }
}

/** Copies of a decoder layer on top of each other. Keys: layers.0.…, norm.…. */
export class TransformerDecoder extends Module {
  layers: ModuleList<DecoderLayer>;
  norm: Layer | null;

  constructor(
    decoderLayer: DecoderLayer,
    numLayers: number,
    { norm = null }: TransformerStackOptions = {},
  ) {
    super();
    this.layers = new ModuleList(copies(decoderLayer, numLayers));
    this.norm = norm;
  }

  /** Shapes: tgt [L, N, E], memory [S, N, E], N first if the layer is batchFirst -> as tgt. */
  forward(tgt: Tensor, memory: Tensor, options: DecoderLayerCallOptions = {}): Tensor {
    let x = tgt;
    for (const layer of this.layers) x = layer.forward(x, memory, options);
    return this.norm === null ? x : this.norm.forward(x);
  }
}

/** Options of {@link Transformer}. */
export interface TransformerOptions extends TransformerLayerOptions {
  /** @defaultValue 512 */
  readonly dModel?: number;
  /** @defaultValue 8 */
  readonly nhead?: number;
  /** @defaultValue 6 */
  readonly numEncoderLayers?: number;
  /** @defaultValue 6 */
  readonly numDecoderLayers?: number;
  /** In place of the encoder that the options describe. */
  readonly customEncoder?: TransformerEncoder | undefined;
  /** In place of the decoder that the options describe. */
  readonly customDecoder?: TransformerDecoder | undefined;
}

/** Options of one call of a {@link Transformer}. */
export interface TransformerCallOptions extends DecoderLayerCallOptions {
  readonly srcMask?: Tensor | null | undefined;
  readonly srcKeyPaddingMask?: Tensor | null | undefined;
  readonly srcIsCausal?: boolean | undefined;
}

/** Encoder and decoder of the original transformer. Keys: encoder.…, decoder.…. */
export class Transformer extends Module {
  readonly dModel: number;
  readonly nhead: number;
  encoder: TransformerEncoder;
  decoder: TransformerDecoder;

  constructor(options: TransformerOptions = {}) {
    super();
    const { dModel = 512, nhead = 8, numEncoderLayers = 6, numDecoderLayers = 6 } = options;
    const { customEncoder, customDecoder, ...layer } = options;
    this.dModel = dModel;
    this.nhead = nhead;
    this.encoder =
      customEncoder ??
      new TransformerEncoder(new TransformerEncoderLayer(dModel, nhead, layer), numEncoderLayers, {
        norm: finalNorm(dModel, layer),
      });
    this.decoder =
      customDecoder ??
      new TransformerDecoder(new TransformerDecoderLayer(dModel, nhead, layer), numDecoderLayers, {
        norm: finalNorm(dModel, layer),
      });
    this.resetParameters();
  }

  /** Draws every weight of two dims and more by Xavier's rule. */
  resetParameters(): void {
    for (const parameter of this.parameters()) if (parameter.ndim > 1) xavierUniform(parameter);
  }

  /**
   * The decoder's output. Shapes: src [S, N, E], tgt [L, N, E], N first if batchFirst, or without N
   * -> as tgt.
   */
  forward(src: Tensor, tgt: Tensor, options: TransformerCallOptions = {}): Tensor {
    const { srcMask, srcKeyPaddingMask, srcIsCausal, ...rest } = options;
    const memory = this.encoder.forward(src, {
      mask: srcMask,
      srcKeyPaddingMask,
      isCausal: srcIsCausal,
    });
    return this.decoder.forward(tgt, memory, rest);
  }

  /** Float [size, size] to add to scores: −∞ above the diagonal, 0 elsewhere. */
  static generateSquareSubsequentMask(size: number, options: TensorOptions = {}): Tensor {
    if (!(size >= 0)) {
      throw new ConfigError(`generateSquareSubsequentMask: size must be ≥ 0, got ${size}`);
    }
    const one = full([size, size], 1, { device: options.device });
    const blocked = one.triu({ diagonal: 1 }).bool();
    return full([size, size], 0, options).maskedFill(blocked, -Infinity);
  }
}

function finalNorm(
  dModel: number,
  { layerNormEps = 1e-5, bias = true, dtype, device }: TransformerLayerOptions,
): LayerNorm {
  return new LayerNorm(dModel, { eps: layerNormEps, bias, dtype, device });
}
