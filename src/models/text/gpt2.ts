import { ConfigError, ShapeError } from "../../base/errors.ts";
import { ModuleList } from "../../nn/container.ts";
import { Dropout } from "../../nn/dropout.ts";
import { Embedding } from "../../nn/embedding.ts";
import { scaledDotProductAttention } from "../../nn/functional/attention.ts";
import { gelu } from "../../nn/functional/activation.ts";
import { crossEntropy } from "../../nn/functional/loss.ts";
import * as init from "../../nn/init.ts";
import { LayerNorm } from "../../nn/layer-norm.ts";
import type { ModuleOptions } from "../../nn/linear.ts";
import { Module, formatOptions } from "../../nn/module.ts";
import { Parameter } from "../../nn/parameter.ts";
import type { LoadReport, StateDict } from "../../nn/state-dict.ts";
import { checkpoint } from "../../tensor/checkpoint.ts";
import { arange, zeros } from "../../tensor/factories.ts";
import { cat } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { CausalLmConfig, LanguageModelHead, TokenBatch } from "./causal-lm.ts";
import { CausalLM } from "./causal-lm.ts";
import type { GenerateOptions } from "./gpt2-generation.ts";
import { generate } from "./gpt2-generation.ts";
import type { DecodeStep, KeyValueCache } from "./key-value-cache.ts";
import { TiedHead } from "./tied-head.ts";
import type { TokenView } from "./token-view.ts";
import { viewBatch, viewStep } from "./token-view.ts";

/** Sizes and options of a {@link GPT2}, under transformers' names. */
export interface GPT2Config extends CausalLmConfig {
  readonly modelType: "gpt2";
  /** @defaultValue 50257 */
  readonly vocabSize: number;
  /** Longest sequence. @defaultValue 1024 */
  readonly nPositions: number;
  /** Width. @defaultValue 768 */
  readonly nEmbd: number;
  /** @defaultValue 12 */
  readonly nLayer: number;
  /** @defaultValue 12 */
  readonly nHead: number;
  /** Width inside of the MLPs. @defaultValue 4 · nEmbd */
  readonly nInner: number;
  /** Added to the variance of layer norms. @defaultValue 1e-5 */
  readonly layerNormEpsilon: number;
  /** Deviation of new weights. @defaultValue 0.02 */
  readonly initializerRange: number;
  /** Dropout of embeddings, attention weights and what blocks add. @defaultValue 0 */
  readonly dropout: number;
  /**
   * Rows of the table of tokens, at least vocabSize: products of multiples of 64 or 128 are faster on
   * GPUs (50304 for GPT-2). The rows behind the vocabulary are never likely. @defaultValue vocabSize
   */
  readonly paddedVocabSize: number;
}

/** Options of {@link GPT2}. */
export type GPT2Options = Partial<
  Omit<GPT2Config, Exclude<keyof CausalLmConfig, "vocabSize" | SpecialTokens>>
> &
  ModuleOptions;

type SpecialTokens = "bosTokenId" | "eosTokenId" | "padTokenId";

/** The sizes that OpenAI published. */
export const gpt2Sizes: Readonly<
  Record<"gpt2" | "gpt2-medium" | "gpt2-large" | "gpt2-xl", GPT2Options>
> = {
  gpt2: { nLayer: 12, nHead: 12, nEmbd: 768 },
  "gpt2-medium": { nLayer: 24, nHead: 16, nEmbd: 1024 },
  "gpt2-large": { nLayer: 36, nHead: 20, nEmbd: 1280 },
  "gpt2-xl": { nLayer: 48, nHead: 25, nEmbd: 1600 },
};

const keys: Readonly<Record<string, string>> = {
  ln1: "ln_1",
  ln2: "ln_2",
  lnF: "ln_f",
  cAttn: "c_attn",
  cProj: "c_proj",
  cFc: "c_fc",
  lmHead: "lm_head",
};

abstract class Gpt2Module extends Module {
  protected override stateKey(field: string): string {
    return keys[field] ?? field;
  }
}

/** x · weight + bias with weight [in, out]: a linear layer as GPT-2's checkpoints store it. */
export class Conv1D extends Module {
  weight: Parameter;
  bias: Parameter;

  constructor(nx: number, nf: number, place: ModuleOptions) {
    super();
    this.weight = new Parameter(zeros([nx, nf], place));
    this.bias = new Parameter(zeros([nf], place));
  }

  forward(x: Tensor): Tensor {
    const [nx, nf] = this.weight.shape;
    const rows = this.bias.addmm(x.reshape([-1, nx]), this.weight);
    return rows.reshape([...x.shape.slice(0, -1), nf]);
  }

  protected override extraRepr(): string {
    const [nx, nf] = this.weight.shape;
    return formatOptions({ nx, nf });
  }
}

// B batch, T tokens, C width, H heads, D = C / H

class Attention extends Gpt2Module {
  readonly cAttn: Conv1D;
  readonly cProj: Conv1D;
  readonly residDropout: Dropout;
  readonly heads: number;
  readonly dropout: number;

  constructor({ nEmbd, nHead, dropout }: GPT2Config, place: ModuleOptions) {
    super();
    this.heads = nHead;
    this.dropout = dropout;
    this.cAttn = new Conv1D(nEmbd, 3 * nEmbd, place);
    this.cProj = new Conv1D(nEmbd, nEmbd, place);
    this.residDropout = new Dropout(dropout);
  }

  forward(x: Tensor, layer: number, view: TokenView): Tensor {
    const [B, T, C] = x.shape;
    const split = (part: Tensor): Tensor =>
      part.reshape([B, T, this.heads, C / this.heads]).transpose(1, 2);
    // One product for all three.
    const [query, ...fresh] = this.cAttn.forward(x).chunk(3, { dim: -1 }).map(split);
    const { key, value } = view.keysAndValues(layer, { key: fresh[0], value: fresh[1] });
    const dropoutP = this.training ? this.dropout : 0;
    const options = { ...view.visible(null), dropoutP };
    return this.#join(scaledDotProductAttention(query, key, value, options));
  }

  #join(y: Tensor): Tensor {
    const [B, H, T, D] = y.shape;
    const joined = y.transpose(1, 2).reshape([B, T, H * D]);
    return this.residDropout.forward(this.cProj.forward(joined));
  }
}

/** Its tanh is computed again for the gradient: kept in f32, it would be the largest value of all. */
const activate = checkpoint((x: Tensor): Tensor => gelu(x, { approximate: "tanh" }));

class Mlp extends Gpt2Module {
  readonly cFc: Conv1D;
  readonly cProj: Conv1D;
  readonly dropout: Dropout;

  constructor({ nEmbd, nInner, dropout }: GPT2Config, place: ModuleOptions) {
    super();
    this.cFc = new Conv1D(nEmbd, nInner, place);
    this.cProj = new Conv1D(nInner, nEmbd, place);
    this.dropout = new Dropout(dropout);
  }

  forward(x: Tensor): Tensor {
    const hidden = activate(this.cFc.forward(x));
    return this.dropout.forward(this.cProj.forward(hidden));
  }
}

class Block extends Gpt2Module {
  readonly ln1: LayerNorm;
  readonly attn: Attention;
  readonly ln2: LayerNorm;
  readonly mlp: Mlp;

  constructor(config: GPT2Config, place: ModuleOptions) {
    super();
    const norm = { eps: config.layerNormEpsilon, ...place };
    this.ln1 = new LayerNorm(config.nEmbd, norm);
    this.attn = new Attention(config, place);
    this.ln2 = new LayerNorm(config.nEmbd, norm);
    this.mlp = new Mlp(config, place);
  }

  forward(x: Tensor, layer: number, view: TokenView): Tensor {
    const seen = x.add(this.attn.forward(this.ln1.forward(x), layer, view));
    return seen.add(this.mlp.forward(this.ln2.forward(seen)));
  }
}

class Transformer extends Gpt2Module {
  readonly wte: Embedding;
  readonly wpe: Embedding;
  readonly drop: Dropout;
  readonly h: ModuleList<Block>;
  readonly lnF: LayerNorm;

  constructor(config: GPT2Config, place: ModuleOptions) {
    super();
    const { paddedVocabSize, nPositions, nEmbd, nLayer, layerNormEpsilon } = config;
    this.wte = new Embedding(paddedVocabSize, nEmbd, place);
    this.wpe = new Embedding(nPositions, nEmbd, place);
    this.drop = new Dropout(config.dropout);
    this.h = new ModuleList(Array.from({ length: nLayer }, () => new Block(config, place)));
    this.lnF = new LayerNorm(nEmbd, { eps: layerNormEpsilon, ...place });
  }

  forward(tokens: Tensor, view: TokenView): Tensor {
    const { positionIds, isPlain } = view;
    // Hooks, such as those of adapters, must see the look-up.
    const isHooked = Object.hasOwn(this.wpe, "forward");
    const places =
      isPlain && !isHooked
        ? this.wpe.weight.narrow(0, 0, tokens.shape[1])
        : this.wpe.forward(positionIds);
    let x = this.drop.forward(this.wte.forward(tokens).add(places));
    for (const [i, block] of [...this.h].entries()) x = block.forward(x, i, view);
    return this.lnF.forward(x);
  }
}

/**
 * GPT-2, a decoder-only transformer over tokens. State-dict keys and layouts as transformers'
 * GPT2LMHeadModel has them (`transformer.h.0.attn.c_attn.weight` [nEmbd, 3 · nEmbd]), so that its
 * checkpoints load; so do those without the prefix `transformer.`, as OpenAI's weights are published.
 *
 * Shapes: tokens i32 [B, T] with T ≤ nPositions -> logits [B, T, vocabSize]. Computes in the dtype of
 * the parameters; softmax, norms and the loss in f32.
 * @see Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"
 * @example
 * const model = new GPT2(gpt2Sizes["gpt2"]);
 * model.loadStateDict(await load("gpt2/model.safetensors"));
 * const tokens = tensor([[15496, 11, 995]], { dtype: "i32" });
 * const longer = await model.generate(tokens, { maxNewTokens: 20, topK: 50 });
 */
export class GPT2 extends CausalLM {
  readonly config: GPT2Config;
  readonly transformer: Transformer;
  lmHead: LanguageModelHead;

  /** @throws {ConfigError} if the sizes do not go together. */
  constructor({ dtype, device, ...options }: GPT2Options = {}) {
    super();
    this.config = completeConfig(options);
    this.transformer = new Transformer(this.config, { dtype, device });
    this.lmHead = new TiedHead(this.transformer.wte.weight);
    this.resetParameters();
  }

  /** Draws new weights: normal ones, smaller where blocks add to the stream; biases 0, scales 1. */
  resetParameters(): void {
    const { initializerRange: std, nLayer } = this.config;
    for (const [key, parameter] of this.namedParameters()) {
      if (parameter.ndim < 2) continue;
      const isAdded = key.endsWith("c_proj.weight");
      init.normal(parameter, { std: isAdded ? std / Math.sqrt(2 * nLayer) : std });
    }
    this.#clearPadding();
  }

  /** @throws {ShapeError} if tokens are no [B, T] or longer than nPositions. */
  hidden(batch: TokenBatch): Tensor {
    this.#checkLength(batch.inputIds);
    return this.transformer.forward(batch.inputIds, viewBatch("GPT2", batch));
  }

  logits(hidden: Tensor): Tensor {
    const logits = this.lmHead.forward(hidden);
    const { vocabSize, paddedVocabSize } = this.config;
    return vocabSize === paddedVocabSize ? logits : logits.narrow(logits.ndim - 1, 0, vocabSize);
  }

  decode(inputIds: Tensor, cache: KeyValueCache, step: DecodeStep): Tensor {
    return this.transformer.forward(inputIds, viewStep(cache, step));
  }

  getInputEmbeddings(): Embedding {
    return this.transformer.wte;
  }

  getOutputEmbeddings(): LanguageModelHead {
    return this.lmHead;
  }

  /**
   * Mean cross-entropy of the tokens that follow, f32. Shapes: tokens and targets i32 [B, T]; targets
   * of −100 do not count.
   */
  loss(tokens: Tensor, targets: Tensor): Tensor {
    const { vocabSize, paddedVocabSize } = this.config;
    const hidden = this.hidden({ inputIds: tokens });
    const logits = this.lmHead.forward(hidden).reshape([-1, paddedVocabSize]);
    const isToken = arange(paddedVocabSize, { device: logits.device }).lt(vocabSize);
    const known = vocabSize === paddedVocabSize ? logits : logits.where(isToken, -Infinity);
    // A loss in bf16 would have three digits.
    const exact = known.dtype === "f64" ? known : known.float();
    return crossEntropy(exact, targets.reshape([-1])).float();
  }

  /**
   * Continues sequences token by token, reusing keys and values of the tokens before. The mode should
   * be `eval()`.
   * Shapes: tokens i32 [B, T] -> i32 [B, T + n] with n ≤ maxNewTokens.
   * @throws {ConfigError} if an option is out of range, or the result would exceed nPositions.
   */
  generate(tokens: Tensor, options: GenerateOptions = {}): Promise<Tensor> {
    return generate(this, tokens, options);
  }

  override loadStateDict(state: StateDict, options?: { readonly strict?: boolean }): LoadReport {
    const report = super.loadStateDict(this.#translate(state), options);
    this.#clearPadding();
    return report;
  }

  protected override stateKey(field: string): string {
    return keys[field] ?? field;
  }

  protected override extraRepr(): string {
    const { vocabSize, nPositions, nEmbd, nLayer, nHead } = this.config;
    return formatOptions({ vocabSize, nPositions, nEmbd, nLayer, nHead });
  }

  #checkLength(tokens: Tensor): void {
    const { nPositions } = this.config;
    if (tokens.ndim === 2 && tokens.shape[1] <= nPositions) return;
    throw new ShapeError(
      `GPT2: tokens must be [B, T] with T ≤ nPositions ${nPositions}, got [${tokens.shape.join(", ")}]`,
    );
  }

  /** The state under this module's keys, with rows for the padding. */
  #translate(state: StateDict): StateDict {
    const table = "transformer.wte.weight";
    const found: Record<string, Tensor> = {};
    for (const [key, value] of Object.entries(state)) {
      // Constant masks that older checkpoints carry.
      if (/\.attn\.(masked_)?bias$/.test(key)) continue;
      const isBare = !key.startsWith("transformer.") && key !== "lm_head.weight";
      found[isBare ? `transformer.${key}` : key] = value;
    }
    if (found[table] !== undefined) found["lm_head.weight"] ??= found[table];
    for (const key of [table, "lm_head.weight"]) {
      const value = found[key] as Tensor | undefined;
      if (value !== undefined) found[key] = this.#padded(value);
    }
    return found;
  }

  #padded(table: Tensor): Tensor {
    const { vocabSize, paddedVocabSize } = this.config;
    const missing = paddedVocabSize - vocabSize;
    if (missing === 0 || table.ndim !== 2 || table.shape[0] !== vocabSize) return table;
    const { dtype, device } = table;
    return cat([table, zeros([missing, table.shape[1]], { dtype, device })]);
  }

  /** Rows behind the vocabulary are 0, and stay it: no gradient reaches them. */
  #clearPadding(): void {
    const { vocabSize, paddedVocabSize } = this.config;
    if (vocabSize === paddedVocabSize) return;
    const { weight } = this.transformer.wte;
    weight.assign(this.#padded(weight.narrow(0, 0, vocabSize)));
  }
}

function completeConfig(options: GPT2Options): GPT2Config {
  const { vocabSize = 50257, nEmbd = 768, nPositions = 1024, nLayer = 12, nHead = 12 } = options;
  const config: GPT2Config = {
    modelType: "gpt2",
    vocabSize,
    nPositions,
    nEmbd,
    nLayer,
    nHead,
    hiddenSize: nEmbd,
    numHiddenLayers: nLayer,
    numAttentionHeads: nHead,
    numKeyValueHeads: nHead,
    headDim: nEmbd / nHead,
    maxPositionEmbeddings: nPositions,
    tieWordEmbeddings: true,
    bosTokenId: options.bosTokenId ?? null,
    eosTokenId: options.eosTokenId ?? null,
    padTokenId: options.padTokenId ?? null,
    nInner: options.nInner ?? 4 * nEmbd,
    layerNormEpsilon: options.layerNormEpsilon ?? 1e-5,
    initializerRange: options.initializerRange ?? 0.02,
    dropout: options.dropout ?? 0,
    paddedVocabSize: options.paddedVocabSize ?? vocabSize,
  };
  for (const name of ["vocabSize", "nPositions", "nEmbd", "nLayer", "nHead", "nInner"] as const) {
    if (Number.isSafeInteger(config[name]) && config[name] >= 1) continue;
    throw new ConfigError(`GPT2: ${name} must be a positive integer, got ${config[name]}`);
  }
  if (nEmbd % config.nHead !== 0) {
    throw new ConfigError(
      `GPT2: nHead must divide nEmbd, got ${config.nHead} and ${nEmbd}; a head of 64 is usual`,
    );
  }
  if (!Number.isSafeInteger(config.paddedVocabSize) || config.paddedVocabSize < vocabSize) {
    throw new ConfigError(
      `GPT2: paddedVocabSize must be an integer of at least vocabSize ${vocabSize}, got ` +
        `${config.paddedVocabSize}`,
    );
  }
  return config;
}
