/** Expressions that split a text into words before bytes are merged, as models were trained with. */
export const preSplits: Readonly<Record<"gpt2" | "cl100k" | "qwen2", string>> = {
  /** GPT-2's. */
  gpt2: String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  /** Of cl100k and Llama 3: words with the mark before them, digits by three. */
  cl100k: String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  /** Of Qwen: like cl100k's, digits one by one. */
  qwen2: String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
};

/** The steps of a `tokenizer.json` around byte-level merges. */
export function byteLevelSteps(pattern: string): {
  pre_tokenizer: object;
  post_processor: null;
  decoder: { type: string };
} {
  const split = { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false };
  return {
    pre_tokenizer: { type: "Sequence", pretokenizers: [split, byteLevel(false)] },
    post_processor: null,
    decoder: byteLevel(true),
  };
}

/** The step that turns bytes into characters of their alphabet. */
export function byteLevel(useRegex: boolean): { type: string } & Record<string, unknown> {
  return { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: useRegex };
}
