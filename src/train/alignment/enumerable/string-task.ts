import type { CausalLM } from "../../../models/text/causal-lm.ts";
import { Llama } from "../../../models/text/llama.ts";
import type { DeviceName } from "../../../engine/devices.ts";
import { persistent } from "../../../tensor/memory.ts";
import { Tensor } from "../../../tensor/tensor.ts";
import { maskedRowSum } from "../losses/masked.ts";

/** Letters a string may have. */
const letterCount = 6;
/** Most letters of a string. */
const longest = 3;
/** Token behind the last letter of a string of one or two letters. */
const endToken = letterCount;
/** Token before the first letter, which no policy may say. */
const beginToken = letterCount + 1;
/** Tokens a policy chooses from: the letters and the end. */
const actionCount = letterCount + 1;
const letters = Array.from({ length: letterCount }, (_, i) => i);
/** Stands for the logits of tokens that may not come. */
const forbidden = -1e9;

/** Log-probabilities of a policy over all strings of a {@link StringTask}. */
export interface StringPolicy {
  /** Of each token a string took, 0 behind its end: [258, 3]. */
  readonly tokens: Tensor;
  /** Of each string: [258]. */
  readonly strings: Tensor;
  /** Hidden states of the contexts in which tokens are chosen: [43, C]. */
  readonly hidden: Tensor;
}

/**
 * A language so small that all of it can be written down: strings of one to three letters a … f, 258 in
 * all. A policy says letter after letter; from the second place on it may say `end` instead, it must say
 * something first, and behind the third letter the string ends by itself. So each string has one way to
 * be said, in 43 contexts, and what theory says of the best policy can be computed to the last digit.
 */
export class StringTask {
  /** All strings as letters 0 … 5: by length, then by alphabet. */
  readonly strings: readonly (readonly number[])[];
  /** The same as text. */
  readonly texts: readonly string[];
  /** bool [258, 3]: tokens that a policy chose; the end counts, unless it came by itself. */
  readonly mask: Tensor;
  /** i32 [258, 3]: number of the context of each of these tokens, 0 behind them. */
  readonly contexts: Tensor;
  /** i32 [36, 3]: the begin token and two letters, in whose hidden states all contexts occur. */
  readonly #inputs: Tensor;
  /** i32 [43]: where contexts occur in those rows. */
  readonly #contextRows: Tensor;
  /** i32 [774]: where the tokens of strings are in a table [43, 7]. */
  readonly #tokenPlaces: Tensor;
  /** bool [43, 7]: an end before the first letter. */
  readonly #isForbidden: Tensor;
  /** i32 [216, 4] with all strings as beginnings of rows, and i32 [258] their last letters' places. */
  readonly #texts: Tensor;
  readonly #lastRows: Tensor;

  constructor({ device }: { readonly device?: DeviceName } = {}) {
    const [ones, twos, threes] = [stringsOf(1), stringsOf(2), stringsOf(longest)];
    this.strings = [...ones, ...twos, ...threes];
    this.texts = this.strings.map((string) => string.map((i) => "abcdef"[i]).join(""));
    const contexts = [[], ...ones, ...twos];
    const numbers = new Map(contexts.map((context, i) => [context.join(), i]));
    const steps = this.strings.map((string) => stepsOf(string, numbers));
    const rows = (of: (step: Step) => number): number[] =>
      steps.flatMap((all) =>
        Array.from({ length: longest }, (_, t) => (t < all.length ? of(all[t]) : 0)),
      );
    const places = this.strings.length * longest;
    const whole = (values: readonly number[], shape: readonly number[]): Tensor =>
      persistent(() => Tensor.from(Int32Array.from(values), [...shape], { device }));
    const flags = (values: readonly number[], shape: readonly number[]): Tensor =>
      persistent(() => Tensor.from(Int32Array.from(values), [...shape], { device }).ne(0));
    this.mask = flags(
      rows(() => 1),
      [this.strings.length, longest],
    );
    this.contexts = whole(
      rows(({ context }) => context),
      [this.strings.length, longest],
    );
    this.#tokenPlaces = whole(
      rows(({ context, token }) => context * actionCount + token),
      [places],
    );
    this.#inputs = whole(
      twos.flatMap((two) => [beginToken, ...two]),
      [twos.length, longest],
    );
    this.#contextRows = whole(
      contexts.map((context) => firstPlace(context, longest)),
      [contexts.length],
    );
    this.#isForbidden = flags(
      contexts.flatMap(({ length }) =>
        Array.from({ length: actionCount }, (_, token) =>
          length === 0 && token === endToken ? 1 : 0,
        ),
      ),
      [contexts.length, actionCount],
    );
    const width = longest + 1;
    this.#texts = whole(
      threes.flatMap((three) => [beginToken, ...three]),
      [threes.length, width],
    );
    this.#lastRows = whole(
      this.strings.map((string) => firstPlace(string, width)),
      [this.strings.length],
    );
  }

  /** Log-probabilities of all strings under a model with the tokens of {@link stringModel}. */
  policy(model: CausalLM): StringPolicy {
    const hidden = pick(model.hidden({ inputIds: this.#inputs }), this.#contextRows);
    const logits = model.logits(hidden).narrow(1, 0, actionCount).float();
    const table = logits.maskedFill(this.#isForbidden, forbidden).logSoftmax(-1);
    const taken = table.flatten().indexSelect(0, this.#tokenPlaces).reshape(this.mask.shape);
    const tokens = taken.maskedFill(this.mask.logicalNot(), 0);
    return { tokens, strings: maskedRowSum(tokens, this.mask), hidden };
  }

  /** Hidden states [258, C] at the last letter of each string, where reward models read. */
  lastHidden(model: CausalLM): Tensor {
    return pick(model.hidden({ inputIds: this.#texts }), this.#lastRows);
  }
}

/** Sizes of {@link stringModel}. */
export interface StringModelOptions {
  /** @defaultValue 64 */
  readonly hiddenSize?: number;
  /** @defaultValue 2 */
  readonly numHiddenLayers?: number;
  /** Spread of its weights: more than usual, so that an untrained model has opinions. @defaultValue 0.25 */
  readonly initializerRange?: number;
  readonly device?: DeviceName;
}

/** A small Llama over the letters, `end` and `begin`: tokens 0 … 5, 6 and 7. */
export function stringModel({
  hiddenSize = 64,
  numHiddenLayers = 2,
  initializerRange = 0.25,
  device,
}: StringModelOptions = {}): Llama {
  return new Llama({
    vocabSize: beginToken + 1,
    hiddenSize,
    intermediateSize: 2 * hiddenSize,
    numHiddenLayers,
    numAttentionHeads: 4,
    maxPositionEmbeddings: 16,
    initializerRange,
    bosTokenId: beginToken,
    eosTokenId: endToken,
    device,
  });
}

interface Step {
  readonly context: number;
  readonly token: number;
}

/** All strings of a length, by alphabet. */
function stringsOf(length: number): readonly (readonly number[])[] {
  if (length === 0) return [[]];
  return stringsOf(length - 1).flatMap((start) => letters.map((letter) => [...start, letter]));
}

/** The choices that lead to a string. */
function stepsOf(string: readonly number[], numbers: ReadonlyMap<string, number>): Step[] {
  const tokens = string.length < longest ? [...string, endToken] : string;
  return tokens.map((token, t) => ({
    context: numbers.get(string.slice(0, t).join()) as number,
    token,
  }));
}

/**
 * Where, in flattened rows of a begin token and `width` − 1 letters by alphabet, a start of rows first
 * occurs.
 */
function firstPlace(start: readonly number[], width: number): number {
  const row = start.reduce((sum, letter, t) => sum + letter * letterCount ** (width - 2 - t), 0);
  return row * width + start.length;
}

/** Rows of hidden states [B, T, C] by their places: [N, C]. */
function pick(hidden: Tensor, places: Tensor): Tensor {
  return hidden.flatten({ endDim: 1 }).indexSelect(0, places);
}
