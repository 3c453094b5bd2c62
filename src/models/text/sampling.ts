import { ConfigError } from "../../base/errors.ts";
import type { Generator } from "../../tensor/generator.ts";
import { multinomial } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** How the next token is chosen from logits. */
export interface SamplingOptions {
  /** Divides the logits: below 1 likely tokens become likelier. 0 takes the likeliest. @defaultValue 1 */
  readonly temperature?: number;
  /** Only so many of the likeliest tokens may be drawn. @defaultValue all */
  readonly topK?: number | undefined;
  /** Only the likeliest tokens that together have this probability may be drawn. @defaultValue 1 */
  readonly topP?: number;
  /** Source of the draws. @defaultValue the default generator of the device */
  readonly generator?: Generator | undefined;
}

/** @throws {ConfigError} if an option is out of range. */
export function checkSampling(owner: string, options: SamplingOptions): void {
  const { temperature = 1, topK, topP = 1 } = options;
  const refuse = (name: string, range: string, value: number): never => {
    throw new ConfigError(`${owner}: ${name} must be ${range}, got ${value}`);
  };
  if (!(temperature >= 0 && temperature < Infinity)) {
    refuse("temperature", "a number ≥ 0", temperature);
  }
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 1)) {
    refuse("topK", "an integer ≥ 1", topK);
  }
  if (!(topP > 0 && topP <= 1)) refuse("topP", "a number in (0, 1]", topP);
}

/**
 * Logits [B, V] with −∞ for tokens that topK and topP leave out, in that order, as in transformers.
 * Tokens as likely as the last one that topK lets in stay too.
 */
export function filterLogits(logits: Tensor, { topK, topP = 1 }: SamplingOptions): Tensor {
  const size = logits.shape[1];
  let kept = logits;
  if (topK !== undefined && topK < size) {
    const least = kept.topk(topK).values.narrow(1, topK - 1, 1);
    kept = kept.where(kept.ge(least), -Infinity);
  }
  if (topP >= 1) return kept;
  const { values, indices } = kept.sort({ dim: 1, descending: true });
  const chances = values.softmax(1);
  // A token stays if those before it fall short of topP; the first one always does.
  const before = chances.cumsum(1).sub(chances);
  const dropped = values.where(before.lt(topP), -Infinity);
  return kept.scatter(1, indices, dropped);
}

/** Draws a token of each row of logits [B, V] → i32 [B, 1]. */
export function sampleToken(logits: Tensor, options: SamplingOptions = {}): Tensor {
  const { temperature = 1, generator } = options;
  const wide = logits.float();
  if (temperature === 0) return wide.argmax({ dim: 1, keepdim: true });
  const scaled = temperature === 1 ? wide : wide.div(temperature);
  return multinomial(filterLogits(scaled, options).softmax(1), 1, { generator });
}
