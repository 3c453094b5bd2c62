import { ConfigError, ShapeError } from "../../base/errors.ts";
import { ModuleList } from "../../nn/container.ts";
import { Dropout } from "../../nn/dropout.ts";
import { Embedding } from "../../nn/embedding.ts";
import { scaledDotProductAttention } from "../../nn/functional/attention.ts";
import { gelu } from "../../nn/functional/activation.ts";
import { linear } from "../../nn/functional/linear.ts";
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
import type { GenerateOptions } from "./gpt2-generation.ts";
import { generate } from "./gpt2-generation.ts";

/** Sizes and options of a {@link GPT2}, under transformers' names. */
export interface GPT2Config {
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
export type GPT2Options = Partial<GPT2Config> & ModuleOptions;

/** The sizes that OpenAI published. */
export const gpt2Sizes: Readonly<
  Record<"gpt2" | "gpt2-medium" | "gpt2-large" | "gpt2-xl", GPT2Options>
> = {
  gpt2: { nLayer: 12, nHead: 12, nEmbd: 768 },
  "gpt2-medium": { nLayer: 24, nHead: 16, nEmbd: 1024 },
  "gpt2-large": { nLayer: 36, nHead: 20, nEmbd: 1280 },
  "gpt2-xl": { nLayer: 48, nHead: 25, nEmbd: 1600 },
};

/** Keys and values of the tokens before, [B, H, nPositions, nEmbd / nHead] each. */
export interface LayerCache {
  readonly key: Tensor;
  readonly value: Tensor;
}

/** What tokens after the first call need. */
export interface DecodeState {
  /** Position of the token, i32 [1]. */
  readonly position: Tensor;
  /** Which positions may be attended to, bool [1, 1, 1, nPositions]. */
  readonly mask: Tensor;
  readonly caches: readonly LayerCache[];
}

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
class Conv1D extends Module {
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

  /** Queries, keys and values [B, H, T, D], of one product. */
  project(x: Tensor): Tensor[] {
    const [B, T, C] = x.shape;
    const split = (part: Tensor): Tensor =>
      part.reshape([B, T, this.heads, C / this.heads]).transpose(1, 2);
    return this.cAttn.forward(x).chunk(3, { dim: -1 }).map(split);
  }

  forward(x: Tensor): { readonly output: Tensor; readonly cache: LayerCache } {
    const [query, key, value] = this.project(x);
    const dropoutP = this.training ? this.dropout : 0;
    const y = scaledDotProductAttention(query, key, value, { isCausal: true, dropoutP });
    return { output: this.#join(y), cache: { key, value } };
  }

  /** One more token, whose key and value are put into the cache. */
  decode(x: Tensor, { key, value }: LayerCache, { position, mask }: DecodeState): Tensor {
    const [query, ...fresh] = this.project(x);
    [key, value].forEach((held, i) => {
      held.assign(held.indexCopy(2, position, fresh[i].to(held.dtype)));
    });
    return this.#join(
      scaledDotProductAttention(query, key.to(query.dtype), value.to(query.dtype), {
        attnMask: mask,
      }),
    );
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

  forward(x: Tensor): { readonly output: Tensor; readonly cache: LayerCache } {
    const { output, cache } = this.attn.forward(this.ln1.forward(x));
    return { output: this.#finish(x.add(output)), cache };
  }

  decode(x: Tensor, cache: LayerCache, state: DecodeState): Tensor {
    return this.#finish(x.add(this.attn.decode(this.ln1.forward(x), cache, state)));
  }

  #finish(x: Tensor): Tensor {
    return x.add(this.mlp.forward(this.ln2.forward(x)));
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
}

/** The classifier, whose weight is the table of tokens. */
class TiedHead extends Module {
  weight: Parameter;

  constructor(weight: Parameter) {
    super();
    this.weight = weight;
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight);
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
export class GPT2 extends Gpt2Module {
  readonly config: GPT2Config;
  readonly transformer: Transformer;
  readonly lmHead: TiedHead;

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
  forward(tokens: Tensor): Tensor {
    const logits = this.#head(this.#features(tokens).x);
    const { vocabSize, paddedVocabSize } = this.config;
    return vocabSize === paddedVocabSize ? logits : logits.narrow(2, 0, vocabSize);
  }

  /**
   * Mean cross-entropy of the tokens that follow, f32. Shapes: tokens and targets i32 [B, T]; targets
   * of −100 do not count.
   */
  loss(tokens: Tensor, targets: Tensor): Tensor {
    const { vocabSize, paddedVocabSize } = this.config;
    const logits = this.#head(this.#features(tokens).x).reshape([-1, paddedVocabSize]);
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

  /** Logits [B, V] of the token behind place `last` (i32 [1]), and what was computed on the way. @internal */
  prefill(
    tokens: Tensor,
    last: Tensor,
  ): { readonly logits: Tensor; readonly caches: LayerCache[] } {
    const { x, caches } = this.#features(tokens);
    return { logits: this.#lastLogits(x.indexSelect(1, last)), caches };
  }

  /** Logits [B, V] of the token behind `token` [B, 1]; the caches take it in. @internal */
  decode(token: Tensor, state: DecodeState): Tensor {
    const { wte, wpe, h, lnF } = this.transformer;
    let x = wte.forward(token).add(wpe.forward(state.position));
    [...h].forEach((block, i) => {
      x = block.decode(x, state.caches[i], state);
    });
    return this.#lastLogits(lnF.forward(x));
  }

  override loadStateDict(state: StateDict, options?: { readonly strict?: boolean }): LoadReport {
    const report = super.loadStateDict(this.#translate(state), options);
    this.#clearPadding();
    return report;
  }

  protected override extraRepr(): string {
    const { vocabSize, nPositions, nEmbd, nLayer, nHead } = this.config;
    return formatOptions({ vocabSize, nPositions, nEmbd, nLayer, nHead });
  }

  #features(tokens: Tensor): { readonly x: Tensor; readonly caches: LayerCache[] } {
    const { nPositions } = this.config;
    const [, length] = tokens.shape;
    if (tokens.ndim !== 2 || length > nPositions) {
      throw new ShapeError(
        `GPT2: tokens must be [B, T] with T ≤ nPositions ${nPositions}, got [${tokens.shape.join(", ")}]`,
      );
    }
    const { wte, wpe, drop, h, lnF } = this.transformer;
    let x = drop.forward(wte.forward(tokens).add(wpe.weight.narrow(0, 0, length)));
    const caches: LayerCache[] = [];
    for (const block of h) {
      const { output, cache } = block.forward(x);
      x = output;
      caches.push(cache);
    }
    return { x: lnF.forward(x), caches };
  }

  #head(x: Tensor): Tensor {
    return this.lmHead.forward(x);
  }

  #lastLogits(x: Tensor): Tensor {
    return this.#head(x).select(1, 0).narrow(1, 0, this.config.vocabSize);
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

function completeConfig(options: Partial<GPT2Config>): GPT2Config {
  const { vocabSize = 50257, nEmbd = 768 } = options;
  const config: GPT2Config = {
    vocabSize,
    nPositions: options.nPositions ?? 1024,
    nEmbd,
    nLayer: options.nLayer ?? 12,
    nHead: options.nHead ?? 12,
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
