import { ModuleList } from "../../nn/container.ts";
import { Embedding } from "../../nn/embedding.ts";
import { rmsNorm } from "../../nn/functional/normalization.ts";
import * as init from "../../nn/init.ts";
import type { ModuleOptions } from "../../nn/linear.ts";
import { Linear } from "../../nn/linear.ts";
import { Module, formatOptions } from "../../nn/module.ts";
import { Parameter } from "../../nn/parameter.ts";
import { zeros } from "../../tensor/factories.ts";
import { skipInit } from "../../nn/skip-init.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { softCap } from "./capped-attention.ts";
import type { LanguageModelHead, TokenBatch } from "./causal-lm.ts";
import { CausalLM } from "./causal-lm.ts";
import { DecoderAttention } from "./decoder-attention.ts";
import { windowOf } from "./decoder-config.ts";
import { DecoderModule } from "./decoder-module.ts";
import { GatedMlp } from "./gated-mlp.ts";
import type { GemmaConfig, GemmaOptions } from "./gemma-config.ts";
import { completeGemmaConfig } from "./gemma-config.ts";
import type { DecodeStep, KeyValueCache } from "./key-value-cache.ts";
import type { RotaryAngles } from "./rotary-embedding.ts";
import { RotaryEmbedding } from "./rotary-embedding.ts";
import { TiedHead } from "./tied-head.ts";
import type { TokenView } from "./token-view.ts";
import { viewBatch, viewStep } from "./token-view.ts";

/** RMS norm with scales 1 + weight, so that weights of 0 change nothing; in f32 until the end. */
class GemmaNorm extends Module {
  readonly eps: number;
  weight: Parameter;

  constructor(size: number, eps: number, place: ModuleOptions) {
    super();
    this.eps = eps;
    this.weight = new Parameter(zeros([size], place));
  }

  forward(x: Tensor): Tensor {
    const exact = x.dtype === "f64" ? x : x.float();
    const weight = this.weight.to(exact.dtype).add(1);
    return rmsNorm(exact, this.weight.shape, { weight, eps: this.eps }).to(x.dtype);
  }

  protected override extraRepr(): string {
    return formatOptions({ size: this.weight.shape[0], eps: this.eps });
  }
}

/** A block of the first generation, with a norm before each part. */
class GemmaLayer extends DecoderModule {
  readonly selfAttn: DecoderAttention;
  readonly mlp: GatedMlp;
  readonly inputLayernorm: GemmaNorm;
  readonly postAttentionLayernorm: GemmaNorm;
  /** Before the MLP; the first generation has postAttentionLayernorm there. */
  readonly preFeedforwardLayernorm: GemmaNorm | null;
  readonly postFeedforwardLayernorm: GemmaNorm | null;

  constructor(config: GemmaConfig, layer: number, place: ModuleOptions) {
    super();
    const norm = (size: number): GemmaNorm => new GemmaNorm(size, config.rmsNormEps, place);
    const { modelType, hiddenSize, attentionBias, headDim } = config;
    const attention = {
      ...config,
      bias: attentionBias,
      outputBias: attentionBias,
      scale: config.queryPreAttnScalar ** -0.5,
      cap: config.attnLogitSoftcapping,
      dropout: config.attentionDropout,
      window: windowOf(config, layer),
      headNorm: modelType === "gemma3_text" ? () => norm(headDim) : undefined,
    };
    this.selfAttn = new DecoderAttention(attention, layer, place);
    this.mlp = new GatedMlp({ ...config, bias: false }, place);
    this.inputLayernorm = norm(hiddenSize);
    this.postAttentionLayernorm = norm(hiddenSize);
    const isFirst = modelType === "gemma";
    this.preFeedforwardLayernorm = isFirst ? null : norm(hiddenSize);
    this.postFeedforwardLayernorm = isFirst ? null : norm(hiddenSize);
  }

  forward(x: Tensor, angles: RotaryAngles, view: TokenView): Tensor {
    const attended = this.selfAttn.forward(this.inputLayernorm.forward(x), angles, view);
    const [before, after] = [this.preFeedforwardLayernorm, this.postFeedforwardLayernorm];
    if (before === null || after === null) {
      const seen = x.add(attended);
      return seen.add(this.mlp.forward(this.postAttentionLayernorm.forward(seen)));
    }
    const seen = x.add(this.postAttentionLayernorm.forward(attended));
    return seen.add(after.forward(this.mlp.forward(before.forward(seen))));
  }
}

class GemmaModel extends DecoderModule {
  readonly embedTokens: Embedding;
  readonly layers: ModuleList<GemmaLayer>;
  readonly norm: GemmaNorm;
  readonly config: GemmaConfig;
  readonly rotary: RotaryEmbedding;
  readonly localRotary: RotaryEmbedding;

  constructor(config: GemmaConfig, place: ModuleOptions) {
    super();
    const { vocabSize, hiddenSize, numHiddenLayers, rmsNormEps } = config;
    this.embedTokens = new Embedding(vocabSize, hiddenSize, place);
    this.layers = new ModuleList(
      Array.from({ length: numHiddenLayers }, (_, i) => new GemmaLayer(config, i, place)),
    );
    this.norm = new GemmaNorm(hiddenSize, rmsNormEps, place);
    this.config = config;
    this.rotary = new RotaryEmbedding(config.ropeParameters, config);
    this.localRotary = new RotaryEmbedding(config.localRopeParameters, config);
  }

  forward(inputIds: Tensor, view: TokenView): Tensor {
    const { layerTypes, hiddenSize } = this.config;
    const angles = {
      full_attention: this.rotary.angles(view.positionIds),
      sliding_attention: this.localRotary.angles(view.positionIds),
    };
    // The factor is rounded to the dtype of the table, as it was in training.
    let x = this.embedTokens.forward(inputIds).mul(Math.sqrt(hiddenSize));
    for (const [i, layer] of [...this.layers].entries()) {
      x = layer.forward(x, angles[layerTypes[i]], view);
    }
    return this.norm.forward(x);
  }
}

/**
 * Gemma 1, 2 and 3 (text), told apart by `modelType`: GeGLU, norms with scales 1 + w, embeddings times √C,
 * layers that alternate between windows and everything; the second caps scores and logits, the third
 * normalises queries and keys. State-dict keys and layouts are those of transformers.
 *
 * Shapes: inputIds i32 [B, T] → logits [B, T, vocabSize]. Computes in the dtype of the parameters;
 * softmax, norms and angles in f32.
 * @see Gemma Team 2024, "Gemma 2", https://arxiv.org/abs/2408.00118
 */
export class Gemma extends CausalLM {
  readonly config: GemmaConfig;
  readonly model: GemmaModel;
  lmHead: LanguageModelHead;

  /** @throws {ConfigError} if the sizes do not go together. */
  constructor({ dtype, device, ...options }: GemmaOptions & ModuleOptions) {
    super();
    const place = { dtype, device };
    this.config = completeGemmaConfig(options);
    const { hiddenSize, vocabSize, tieWordEmbeddings } = this.config;
    // They draw their weights below, once.
    this.model = skipInit(() => new GemmaModel(this.config, place));
    this.lmHead = skipInit(() =>
      tieWordEmbeddings
        ? new TiedHead(this.model.embedTokens.weight)
        : new Linear(hiddenSize, vocabSize, { bias: false, ...place }),
    );
    this.resetParameters();
  }

  /** Draws new weights from a normal distribution; biases and norms become 0. */
  resetParameters(): void {
    for (const parameter of this.parameters()) {
      if (parameter.ndim === 2) init.normal(parameter, { std: this.config.initializerRange });
      else init.zeros(parameter);
    }
  }

  hidden(batch: TokenBatch): Tensor {
    return this.model.forward(batch.inputIds, viewBatch("Gemma", batch));
  }

  logits(hidden: Tensor): Tensor {
    const { finalLogitSoftcapping } = this.config;
    const logits = this.lmHead.forward(hidden);
    return finalLogitSoftcapping === null ? logits : softCap(logits, finalLogitSoftcapping);
  }

  decode(inputIds: Tensor, cache: KeyValueCache, step: DecodeStep): Tensor {
    return this.model.forward(inputIds, viewStep(cache, step));
  }

  getInputEmbeddings(): Embedding {
    return this.model.embedTokens;
  }

  getOutputEmbeddings(): LanguageModelHead {
    return this.lmHead;
  }

  protected override stateKey(field: string): string {
    return field === "lmHead" ? "lm_head" : field;
  }

  protected override extraRepr(): string {
    const { modelType, vocabSize, hiddenSize, numHiddenLayers, numAttentionHeads } = this.config;
    return formatOptions({ modelType, vocabSize, hiddenSize, numHiddenLayers, numAttentionHeads });
  }
}
