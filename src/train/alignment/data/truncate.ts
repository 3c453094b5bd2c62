import { ConfigError } from "../../../base/errors.ts";
import { requireOneOf } from "../losses/option-checks.ts";

/** Which end of a sequence stays when it is too long. */
export type TruncationMode = "keep_start" | "keep_end";

/** Options of truncation, as TRL has them. */
export interface TruncationOptions {
  /** Most tokens of prompt and answer together, or null for no limit. @defaultValue 1024 */
  readonly maxLength?: number | null | undefined;
  /** @defaultValue "keep_start" */
  readonly truncationMode?: TruncationMode | undefined;
}

/** What truncation did to a dataset. */
export interface TruncationCounts {
  /** Sequences that lost tokens. */
  truncated: number;
  /** Tokens that were lost. */
  lostTokens: number;
  /** Rows left out because nothing to learn from would remain. */
  dropped: number;
  /** Answers without any token but the one that ends them. */
  emptyAnswers: number;
  /** Answers that were tokenized apart from their prompt: see `tokenizeAnswer`. */
  splitBoundaries: number;
}

/** Counts of nothing yet. */
export function noTruncation(): TruncationCounts {
  return { truncated: 0, lostTokens: 0, dropped: 0, emptyAnswers: 0, splitBoundaries: 0 };
}

/** The options with their defaults. @throws {ConfigError} for a length below 2 or an unknown mode. */
export function truncationOf(options: TruncationOptions): {
  readonly maxLength: number;
  readonly mode: TruncationMode;
} {
  const { maxLength = 1024, truncationMode: mode = "keep_start" } = options;
  requireOneOf("truncate", "truncationMode", mode, ["keep_start", "keep_end"]);
  if (maxLength !== null && (!Number.isSafeInteger(maxLength) || maxLength < 2)) {
    throw new ConfigError(
      `truncate: maxLength must be an integer of at least 2 or null, got ${maxLength}; write 1024`,
    );
  }
  return { maxLength: maxLength ?? Infinity, mode };
}

/** The part of a list that stays, by {@link TruncationMode}. */
export function keepPart<T>(list: readonly T[], length: number, mode: TruncationMode): T[] {
  if (list.length <= length) return [...list];
  return mode === "keep_start" ? list.slice(0, length) : list.slice(list.length - length);
}
