import { ConfigError } from "../../../base/errors.ts";
import { Tensor } from "../../../tensor/tensor.ts";
import { joinSegments } from "./pack-examples.ts";
import type { PackedExample } from "./pack-examples.ts";
import type {
  PreferenceExample,
  PromptExample,
  SequenceExample,
  UnpairedExample,
} from "./tokenize-rows.ts";
import type { TruncationOptions } from "./truncate.ts";
import { keepPart, truncationOf } from "./truncate.ts";

/** How rows of different lengths become a tensor. */
export interface PaddingOptions {
  readonly padTokenId: number;
  /** Where the padding stands. Prompts to go on from need it on the left. @defaultValue "right" */
  readonly paddingSide?: "left" | "right" | undefined;
  /** Rows get a multiple of so many tokens, so that few shapes are compiled. @defaultValue 1 */
  readonly padToMultipleOf?: number | undefined;
  /** Rows get at least so many tokens: one shape for all batches. @defaultValue the longest row */
  readonly length?: number | undefined;
}

/** A batch of tokens as `CausalLM.hidden` takes it, all [B, T]. */
export interface PaddedBatch {
  /** i32. */
  readonly inputIds: Tensor;
  /** bool: false is padding. */
  readonly attentionMask: Tensor;
}

/** A batch for supervised fine-tuning. */
export interface SequenceBatch extends PaddedBatch {
  /** i32: the tokens to learn, −100 elsewhere, and at the first token of each segment. Not shifted. */
  readonly labels: Tensor;
  /** i32, of packed rows only. */
  readonly segmentIds?: Tensor;
  readonly positionIds?: Tensor;
}

/** Answers to learn from: rows of prompt and answer. */
export interface CompletionBatch extends PaddedBatch {
  /** bool: tokens of the answer. */
  readonly completionMask: Tensor;
}

/** Pairs: rows 0 … B − 1 are the chosen answers, rows B … 2B − 1 the rejected ones. */
export interface PreferenceBatch extends CompletionBatch {
  /** f32 [B], if examples have margins; 0 for those without. */
  readonly margins?: Tensor;
}

/** Likes. */
export interface UnpairedBatch extends CompletionBatch {
  /** bool [B]. */
  readonly labels: Tensor;
  /** Each prompt with the answer to another one, for KTO's estimate of the KL divergence. */
  readonly kl: CompletionBatch;
}

/**
 * Sequences, or packed rows, as a batch.
 *
 * @throws {ConfigError} if no token of the batch is learnt, or for padding that makes no sense.
 */
export function collateSequences(
  examples: readonly (SequenceExample | PackedExample)[],
  options: PaddingOptions,
): SequenceBatch {
  const grid = new Grid(
    examples.map(({ inputIds }) => inputIds.length),
    options,
  );
  const isPacked = examples.some((example) => "segmentIds" in example);
  const labels = examples.map(labelsOf);
  if (!labels.some((row) => row.some((label) => label !== ignored))) {
    throw new ConfigError(
      `collateSequences: a batch must have at least one token to learn, got none in ` +
        `${examples.length} rows; look at completion masks and maxLength`,
    );
  }
  return {
    ...padded(grid, examples, options),
    labels: grid.ints(labels, ignored),
    ...(isPacked && {
      // Padding is a segment of its own, which sees no example.
      segmentIds: grid.ints(examples.map(segmentsOf), -1),
      positionIds: grid.ints(examples.map(positionsOf), 0),
    }),
  };
}

/** Sequences as one row without padding (but for `padToMultipleOf`), each a segment: [1, T]. */
export function collatePaddingFree(
  examples: readonly SequenceExample[],
  options: PaddingOptions,
): SequenceBatch {
  return collateSequences([joinSegments(examples)], options);
}

/** Pairs as a batch of twice as many rows; longer ones are truncated as the options say. */
export function collatePreferences(
  examples: readonly PreferenceExample[],
  options: PaddingOptions & TruncationOptions,
): PreferenceBatch {
  const answers = [
    ...examples.map(({ promptIds, chosenIds }) => ({ promptIds, answerIds: chosenIds })),
    ...examples.map(({ promptIds, rejectedIds }) => ({ promptIds, answerIds: rejectedIds })),
  ];
  const batch = collateAnswers(answers, options);
  if (examples.every(({ margin }) => margin === undefined)) return batch;
  const margins = Float32Array.from(examples, ({ margin = 0 }) => margin);
  return { ...batch, margins: Tensor.from(margins, [examples.length]) };
}

/**
 * Likes as a batch, and each prompt with the answer of the example before it.
 *
 * @throws {ConfigError} for fewer than two examples: there would be no other answer.
 */
export function collateUnpaired(
  examples: readonly UnpairedExample[],
  options: PaddingOptions & TruncationOptions,
): UnpairedBatch {
  if (examples.length < 2) {
    throw new ConfigError(
      `collateUnpaired: a batch must have at least 2 examples, got ${examples.length}; ` +
        "the KL estimate needs answers to other prompts",
    );
  }
  const own = examples.map(({ promptIds, completionIds: answerIds }) => ({ promptIds, answerIds }));
  const others = own.map(({ promptIds }, i) => ({
    promptIds,
    answerIds: own[(i + own.length - 1) % own.length].answerIds,
  }));
  const labels = Uint8Array.from(examples, ({ label }) => Number(label));
  return {
    ...collateAnswers(own, options),
    labels: Tensor.from(labels, [examples.length]).ne(0),
    kl: collateAnswers(others, options),
  };
}

/** Prompts to go on from, padded on the left. */
export function collatePrompts(
  examples: readonly PromptExample[],
  options: PaddingOptions,
): PaddedBatch {
  const rows = examples.map(({ promptIds: inputIds }) => ({ inputIds }));
  const left: PaddingOptions = { ...options, paddingSide: options.paddingSide ?? "left" };
  return padded(
    new Grid(
      rows.map(({ inputIds }) => inputIds.length),
      left,
    ),
    rows,
    left,
  );
}

const ignored = -100;

interface Answer {
  readonly promptIds: readonly number[];
  readonly answerIds: readonly number[];
}

function collateAnswers(
  answers: readonly Answer[],
  options: PaddingOptions & TruncationOptions,
): CompletionBatch {
  const { maxLength, mode } = truncationOf({ ...options, maxLength: options.maxLength ?? null });
  const rows = answers.map(({ promptIds, answerIds }) => ({
    inputIds: keepPart([...promptIds, ...answerIds], maxLength, mode),
    mask: keepPart([...promptIds.map(() => 0), ...answerIds.map(() => 1)], maxLength, mode),
  }));
  const grid = new Grid(
    rows.map(({ inputIds }) => inputIds.length),
    options,
  );
  const mask = grid.bools(rows.map((row) => row.mask));
  return { ...padded(grid, rows, options), completionMask: mask };
}

function padded(
  grid: Grid,
  rows: readonly { readonly inputIds: readonly number[] }[],
  { padTokenId }: PaddingOptions,
): PaddedBatch {
  if (!Number.isSafeInteger(padTokenId) || padTokenId < 0) {
    throw new ConfigError(
      `collate: padTokenId must be a token, got ${padTokenId}; pass paddingToken(tokenizer)`,
    );
  }
  return {
    inputIds: grid.ints(
      rows.map(({ inputIds }) => inputIds),
      padTokenId,
    ),
    attentionMask: grid.bools(rows.map(({ inputIds }) => inputIds.map(() => 1))),
  };
}

function segmentsOf(example: SequenceExample | PackedExample): readonly number[] {
  return "segmentIds" in example ? example.segmentIds : example.inputIds.map(() => 0);
}

function positionsOf(example: SequenceExample | PackedExample): readonly number[] {
  return "positionIds" in example ? example.positionIds : example.inputIds.map((_, i) => i);
}

/** What follows the last token of another example is not learnt. */
function labelsOf(example: SequenceExample | PackedExample): number[] {
  const places = positionsOf(example);
  const { inputIds, completionMask } = example;
  return inputIds.map((id, i) => (completionMask[i] === 1 && places[i] > 0 ? id : ignored));
}

/** Rows of one length. */
class Grid {
  private readonly lengths: readonly number[];
  private readonly width: number;
  private readonly isLeft: boolean;

  constructor(lengths: readonly number[], options: PaddingOptions) {
    const { paddingSide = "right", padToMultipleOf: multiple = 1, length = 0 } = options;
    if (!Number.isSafeInteger(multiple) || multiple < 1) {
      throw new ConfigError(
        `collate: padToMultipleOf must be an integer of at least 1, got ${multiple}; write 64`,
      );
    }
    if (lengths.length === 0)
      throw new ConfigError("collate: a batch must have examples, got none");
    const longest = Math.max(1, length, ...lengths);
    this.lengths = lengths;
    this.width = Math.ceil(longest / multiple) * multiple;
    this.isLeft = paddingSide === "left";
  }

  ints(rows: readonly (readonly number[])[], padding: number): Tensor {
    const data = new Int32Array(rows.length * this.width).fill(padding);
    for (const [i, row] of rows.entries()) data.set(row, this.start(i));
    return Tensor.from(data, [rows.length, this.width]);
  }

  bools(rows: readonly (readonly number[])[]): Tensor {
    const data = new Uint8Array(rows.length * this.width);
    for (const [i, row] of rows.entries()) data.set(row, this.start(i));
    return Tensor.from(data, [rows.length, this.width], { dtype: "bool" });
  }

  private start(row: number): number {
    return row * this.width + (this.isLeft ? this.width - this.lengths[row] : 0);
  }
}
