import { ShapeError } from "../../base/errors.ts";
import type { Embedding } from "../../nn/embedding.ts";
import type { Layer } from "../../nn/module.ts";
import { Module } from "../../nn/module.ts";
import type { Parameter } from "../../nn/parameter.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { DecodeStep } from "./key-value-cache.ts";
import { KeyValueCache } from "./key-value-cache.ts";

/** Sizes that every decoder has, under transformers' names. */
export interface CausalLmConfig {
  /** Family, as `config.json` calls it: `"llama"`, `"qwen2"`, `"gemma2"`, … */
  readonly modelType: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  /** Heads of keys and values; groups of query heads share one. */
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly maxPositionEmbeddings: number;
  /** Whether the classifier's weight is the table of tokens. */
  readonly tieWordEmbeddings: boolean;
  readonly bosTokenId: number | null;
  /** Tokens that end a text; some models have several. */
  readonly eosTokenId: number | readonly number[] | null;
  readonly padTokenId: number | null;
}

/** A batch of token sequences, B rows of T tokens. */
export interface TokenBatch {
  /** i32 [B, T]. */
  readonly inputIds: Tensor;
  /** bool [B, T]: false is padding, which no token sees. */
  readonly attentionMask?: Tensor | undefined;
  /** i32 [B, T]. @defaultValue the number of real tokens before, in the same segment */
  readonly positionIds?: Tensor | undefined;
  /** i32 [B, T]: tokens see tokens of their own segment only. @defaultValue one segment */
  readonly segmentIds?: Tensor | undefined;
}

/** The layer that turns hidden states into logits: its weight is [V, C]. */
export type LanguageModelHead = Layer & {
  /** [V, C]. */
  weight: Parameter;
};

/**
 * A decoder-only language model: tokens in, logits of the tokens that follow out.
 *
 * `forward` reads whole sequences and is what training differentiates; `decode` reads a few tokens more,
 * with the keys and values of those before in a {@link KeyValueCache}. Both give the same numbers.
 */
export abstract class CausalLM extends Module {
  abstract readonly config: CausalLmConfig;

  /** Hidden states [B, T, C] behind the last norm. @throws {ShapeError} if the batch's tensors do not fit. */
  abstract hidden(batch: TokenBatch): Tensor;

  /** Logits [..., V] of hidden states [..., C], capped where the family caps them. */
  abstract logits(hidden: Tensor): Tensor;

  /**
   * Hidden states [B, S, C] of S tokens more. Writes their keys and values at `step.positions` and lets
   * them see what `step.mask` says. Shapes: inputIds i32 [B, S]. With all tokens of a prompt and a causal
   * mask it fills the cache.
   */
  abstract decode(inputIds: Tensor, cache: KeyValueCache, step: DecodeStep): Tensor;

  /** The table of tokens. */
  abstract getInputEmbeddings(): Embedding;

  /** The classifier. */
  abstract getOutputEmbeddings(): LanguageModelHead;

  /** Logits [B, T, V] of a batch, or of tokens i32 [B, T] alone. @throws {ShapeError} as `hidden`. */
  forward(batch: TokenBatch | Tensor): Tensor {
    return this.logits(this.hidden(batch instanceof Tensor ? { inputIds: batch } : batch));
  }

  /** An empty cache for `length` tokens in each of `batch` rows, in the dtype of the parameters. */
  createCache({
    batch,
    length,
  }: {
    readonly batch: number;
    readonly length: number;
  }): KeyValueCache {
    const { numHiddenLayers, numKeyValueHeads, headDim } = this.config;
    const { dtype, device } = this.getInputEmbeddings().weight;
    return new KeyValueCache({
      layers: numHiddenLayers,
      batch,
      heads: numKeyValueHeads,
      length,
      headDim,
      dtype,
      device,
    });
  }
}

/** Checks the tensors of a batch against inputIds [B, T]. @throws {ShapeError} */
export function checkTokenBatch(owner: string, batch: TokenBatch): void {
  const { inputIds } = batch;
  const shown = ({ shape }: Tensor): string => `[${shape.join(", ")}]`;
  if (inputIds.ndim !== 2 || inputIds.shape[1] === 0) {
    throw new ShapeError(`${owner}: inputIds must be [B, T] with T ≥ 1, got ${shown(inputIds)}`);
  }
  for (const name of ["attentionMask", "positionIds", "segmentIds"] as const) {
    const given = batch[name];
    if (given === undefined || shown(given) === shown(inputIds)) continue;
    throw new ShapeError(
      `${owner}: ${name} must be like inputIds ${shown(inputIds)}, got ${shown(given)}`,
    );
  }
}
