import { ConfigError, ShapeError } from "../../base/errors.ts";
import { arange, full, zeros } from "../../tensor/factories.ts";
import { cat } from "../../tensor/functions.ts";
import { jit } from "../../tensor/jit.ts";
import { scope } from "../../tensor/memory.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { DecodeState, GPT2, LayerCache } from "./gpt2.ts";
import type { SamplingOptions } from "./sampling.ts";
import { checkSampling, sampleToken } from "./sampling.ts";

/** Options of {@link GPT2.generate}. */
export interface GenerateOptions extends SamplingOptions {
  /** @defaultValue 20 */
  readonly maxNewTokens?: number;
  /** A token that ends a sequence; generation ends when all have. */
  readonly eosTokenId?: number | undefined;
  /** Receives the tokens of every step, one per sequence. */
  readonly onTokens?: (tokens: readonly number[]) => void;
}

/** Prompts are lengthened to multiples of this, so that few lengths need a program of their own. */
const promptStep = 64;

/** Continues sequences of one length; see {@link GPT2.generate}. @internal */
export async function generate(
  model: GPT2,
  tokens: Tensor,
  options: GenerateOptions,
): Promise<Tensor> {
  const { maxNewTokens = 20, eosTokenId, onTokens } = options;
  checkRequest(model, tokens, options);
  return scope(async () => {
    using decoder = new Decoder(model, tokens, options);
    const [batch] = tokens.shape;
    const ended = new Set<number>();
    const columns: Tensor[] = [tokens.to("i32")];
    for (let i = 0; i < maxNewTokens; i++) {
      const drawn = i === 0 ? decoder.first() : decoder.next(columns[columns.length - 1]);
      const next = eosTokenId === undefined ? drawn : await holdEnded(drawn, ended, eosTokenId);
      columns.push(next);
      if (onTokens !== undefined) onTokens([...(await next.data())]);
      if (ended.size === batch) break;
    }
    const whole = cat(columns, { dim: 1 });
    await whole.realize();
    return whole;
  });
}

/** Sequences that ended go on with the token that ends. */
async function holdEnded(drawn: Tensor, ended: Set<number>, eosTokenId: number): Promise<Tensor> {
  const values = [...(await drawn.data())];
  const held = [...ended].some((row) => values[row] !== eosTokenId);
  for (const [row, value] of values.entries()) {
    if (ended.has(row)) values[row] = eosTokenId;
    else if (value === eosTokenId) ended.add(row);
  }
  if (!held) return drawn;
  const { device } = drawn;
  return cat(
    values.map((value) => full([1, 1], value, { dtype: "i32", device })),
    { dim: 0 },
  );
}

function checkRequest(model: GPT2, tokens: Tensor, options: GenerateOptions): void {
  const { maxNewTokens = 20 } = options;
  const { nPositions } = model.config;
  checkSampling("GPT2.generate", options);
  if (tokens.ndim !== 2 || tokens.shape[1] === 0) {
    throw new ShapeError(
      `GPT2.generate: tokens must be [B, T] with T ≥ 1, got [${tokens.shape.join(", ")}]`,
    );
  }
  if (!Number.isSafeInteger(maxNewTokens) || maxNewTokens < 1) {
    throw new ConfigError(
      `GPT2.generate: maxNewTokens must be an integer ≥ 1, got ${maxNewTokens}`,
    );
  }
  // The last token is returned, not read.
  const needed = tokens.shape[1] + maxNewTokens - 1;
  if (needed > nPositions) {
    throw new ConfigError(
      `GPT2.generate: the model sees ${nPositions} tokens, got ${tokens.shape[1]} and ` +
        `maxNewTokens ${maxNewTokens}; shorten the prompt or ask for fewer`,
    );
  }
}

/** A model that has read a prompt, and the compiled function that reads one token more. */
class Decoder implements Disposable {
  readonly #first: Tensor;
  readonly #position: Tensor;
  readonly #caches: readonly LayerCache[];
  readonly #step: ReturnType<typeof jit<[Tensor], Tensor>>;

  constructor(model: GPT2, tokens: Tensor, options: GenerateOptions) {
    const { nPositions, nHead, nEmbd, nLayer } = model.config;
    const [batch, length] = tokens.shape;
    const { device } = tokens;
    const { dtype } = model.transformer.wte.weight;
    const shape = [batch, nHead, nPositions, nEmbd / nHead];
    this.#caches = Array.from({ length: nLayer }, () => ({
      key: zeros(shape, { dtype, device }),
      value: zeros(shape, { dtype, device }),
    }));
    this.#position = full([1], length - 1, { dtype: "i32", device });
    const padded = Math.min(nPositions, Math.ceil(length / promptStep) * promptStep);
    const read = jit((prompt: Tensor) => {
      const { logits, caches } = model.prefill(prompt, this.#position);
      caches.forEach(({ key, value }, i) => this.#fill(i, { key, value }, padded));
      return sampleToken(logits, options);
    });
    // Causal attention does not let earlier tokens see the padding, and its keys are overwritten.
    this.#first = read(tokens.to("i32").pad([0, padded - length]));
    read.dispose();
    this.#step = jit((token: Tensor) => {
      const position = this.#position.add(1);
      this.#position.assign(position);
      const places = arange(nPositions, { device });
      const mask = places.le(position).reshape([1, 1, 1, nPositions]);
      const state: DecodeState = { position, mask, caches: this.#caches };
      return sampleToken(model.decode(token, state), options);
    });
  }

  /** The token behind the prompt, i32 [B, 1]. */
  first(): Tensor {
    return this.#first;
  }

  /** The token behind another, which is read. */
  next(token: Tensor): Tensor {
    return this.#step(token);
  }

  #fill(layer: number, fresh: LayerCache, length: number): void {
    const held = this.#caches[layer];
    const missing = held.key.shape[2] - length;
    held.key.assign(fresh.key.to(held.key.dtype).pad([0, 0, 0, missing]));
    held.value.assign(fresh.value.to(held.value.dtype).pad([0, 0, 0, missing]));
  }

  [Symbol.dispose](): void {
    this.#step.dispose();
    for (const { key, value } of this.#caches) {
      key.dispose();
      value.dispose();
    }
    this.#position.dispose();
  }
}
