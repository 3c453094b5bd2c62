import { ConfigError, ShapeError } from "../../base/errors.ts";
import { arange, full } from "../../tensor/factories.ts";
import { cat } from "../../tensor/functions.ts";
import { jit } from "../../tensor/jit.ts";
import { scope } from "../../tensor/memory.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { GPT2 } from "./gpt2.ts";
import type { KeyValueCache } from "./key-value-cache.ts";
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
  readonly #cache: KeyValueCache;
  readonly #step: ReturnType<typeof jit<[Tensor], Tensor>>;

  constructor(model: GPT2, tokens: Tensor, options: GenerateOptions) {
    const { nPositions } = model.config;
    const [batch, length] = tokens.shape;
    const { device } = tokens;
    this.#cache = model.createCache({ batch, length: nPositions });
    this.#position = full([1], length - 1, { dtype: "i32", device });
    const padded = Math.min(nPositions, Math.ceil(length / promptStep) * promptStep);
    /** Logits [B, V] behind the tokens that stand at `positions` [S]; `last` says behind which of them. */
    const read = (inputIds: Tensor, positions: Tensor, last: Tensor): Tensor => {
      const mask = arange(nPositions, { device }).le(positions.unsqueeze(1)).unsqueeze(0);
      const positionIds = positions.unsqueeze(0);
      const hidden = model.decode(inputIds, this.#cache, { positions, positionIds, mask });
      return model.logits(hidden.indexSelect(1, last)).select(1, 0);
    };
    const start = jit((prompt: Tensor) =>
      sampleToken(read(prompt, arange(padded, { device }), this.#position), options),
    );
    // Causal attention does not let earlier tokens see the padding, and its keys are overwritten.
    this.#first = start(tokens.to("i32").pad([0, padded - length]));
    start.dispose();
    this.#step = jit((token: Tensor) => {
      const position = this.#position.add(1);
      this.#position.assign(position);
      return sampleToken(read(token, position, full([1], 0, { dtype: "i32", device })), options);
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

  [Symbol.dispose](): void {
    this.#step.dispose();
    this.#cache.dispose();
    this.#position.dispose();
  }
}
