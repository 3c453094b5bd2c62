import { ModuleList } from "../../nn/container.ts";
import { Embedding } from "../../nn/embedding.ts";
import * as init from "../../nn/init.ts";
import { RMSNorm } from "../../nn/layer-norm.ts";
import type { ModuleOptions } from "../../nn/linear.ts";
import { Linear } from "../../nn/linear.ts";
import { formatOptions } from "../../nn/module.ts";
import { skipInit } from "../../nn/skip-init.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { LanguageModelHead, TokenBatch } from "./causal-lm.ts";
import { CausalLM } from "./causal-lm.ts";
import { DecoderAttention } from "./decoder-attention.ts";
import { windowOf } from "./decoder-config.ts";
import { DecoderModule } from "./decoder-module.ts";
import { GatedMlp } from "./gated-mlp.ts";
import type { DecodeStep, KeyValueCache } from "./key-value-cache.ts";
import type { LlamaConfig, LlamaOptions } from "./llama-config.ts";
import { completeLlamaConfig } from "./llama-config.ts";
import type { RotaryAngles } from "./rotary-embedding.ts";
import { RotaryEmbedding } from "./rotary-embedding.ts";
import { TiedHead } from "./tied-head.ts";
import type { TokenView } from "./token-view.ts";
import { viewBatch, viewStep } from "./token-view.ts";

class LlamaLayer extends DecoderModule {
  readonly selfAttn: DecoderAttention;
  readonly mlp: GatedMlp;
  readonly inputLayernorm: RMSNorm;
  readonly postAttentionLayernorm: RMSNorm;

  constructor(config: LlamaConfig, layer: number, place: ModuleOptions) {
    super();
    const norm = (size: number): RMSNorm => new RMSNorm(size, { eps: config.rmsNormEps, ...place });
    const { attentionBias, attentionOutputBias, attentionDropout, qkNorm, headDim } = config;
    const attention = {
      ...config,
      bias: attentionBias,
      outputBias: attentionOutputBias,
      dropout: attentionDropout,
      window: windowOf(config, layer),
      headNorm: qkNorm ? () => norm(headDim) : undefined,
    };
    this.selfAttn = new DecoderAttention(attention, layer, place);
    this.mlp = new GatedMlp({ ...config, bias: config.mlpBias }, place);
    this.inputLayernorm = norm(config.hiddenSize);
    this.postAttentionLayernorm = norm(config.hiddenSize);
  }

  forward(x: Tensor, angles: RotaryAngles, view: TokenView): Tensor {
    const seen = x.add(this.selfAttn.forward(this.inputLayernorm.forward(x), angles, view));
    return seen.add(this.mlp.forward(this.postAttentionLayernorm.forward(seen)));
  }
}

class LlamaModel extends DecoderModule {
  readonly embedTokens: Embedding;
  readonly layers: ModuleList<LlamaLayer>;
  readonly norm: RMSNorm;
  readonly rotary: RotaryEmbedding;

  constructor(config: LlamaConfig, place: ModuleOptions) {
    super();
    const { vocabSize, hiddenSize, numHiddenLayers, rmsNormEps } = config;
    this.embedTokens = new Embedding(vocabSize, hiddenSize, place);
    this.layers = new ModuleList(
      Array.from({ length: numHiddenLayers }, (_, i) => new LlamaLayer(config, i, place)),
    );
    this.norm = new RMSNorm(hiddenSize, { eps: rmsNormEps, ...place });
    this.rotary = new RotaryEmbedding(config.ropeParameters, config);
  }

  forward(inputIds: Tensor, view: TokenView): Tensor {
    const angles = this.rotary.angles(view.positionIds);
    let x = this.embedTokens.forward(inputIds);
    for (const layer of this.layers) x = layer.forward(x, angles, view);
    return this.norm.forward(x);
  }
}

/**
 * The Llama family: Llama 1 to 3, SmolLM2, Mistral, Qwen2 and Qwen3, told apart by their
 * {@link LlamaConfig}. State-dict keys and layouts are those of transformers' `LlamaForCausalLM` and its
 * kin (`model.layers.0.self_attn.q_proj.weight`).
 *
 * Shapes: inputIds i32 [B, T] → logits [B, T, vocabSize]. Computes in the dtype of the parameters;
 * softmax, norms and angles in f32.
 * @see Touvron et al. 2023, "LLaMA", https://arxiv.org/abs/2302.13971
 * @example
 * const model = new Llama({ vocabSize: 512, hiddenSize: 64, intermediateSize: 128, numHiddenLayers: 2, numAttentionHeads: 4 });
 * const logits = model.forward({ inputIds: tensor([[1, 2, 3]], { dtype: "i32" }) });
 */
export class Llama extends CausalLM {
  readonly config: LlamaConfig;
  readonly model: LlamaModel;
  lmHead: LanguageModelHead;

  /** @throws {ConfigError} if the sizes do not go together. */
  constructor({ dtype, device, ...options }: LlamaOptions & ModuleOptions) {
    super();
    const place = { dtype, device };
    this.config = completeLlamaConfig(options);
    const { hiddenSize, vocabSize, tieWordEmbeddings } = this.config;
    // They draw their weights below, once.
    this.model = skipInit(() => new LlamaModel(this.config, place));
    this.lmHead = skipInit(() =>
      tieWordEmbeddings
        ? new TiedHead(this.model.embedTokens.weight)
        : new Linear(hiddenSize, vocabSize, { bias: false, ...place }),
    );
    this.resetParameters();
  }

  /** Draws new weights from a normal distribution; biases become 0, scales 1. */
  resetParameters(): void {
    for (const [key, parameter] of this.namedParameters()) {
      if (parameter.ndim === 2) init.normal(parameter, { std: this.config.initializerRange });
      else if (key.endsWith(".bias")) init.zeros(parameter);
      else init.ones(parameter);
    }
  }

  hidden(batch: TokenBatch): Tensor {
    return this.model.forward(batch.inputIds, viewBatch("Llama", batch));
  }

  logits(hidden: Tensor): Tensor {
    return this.lmHead.forward(hidden);
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
