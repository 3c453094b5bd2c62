import { CheckpointError } from "../base/errors.ts";
import { tokenOfBytes } from "./byte-alphabet.ts";
import { byteLevelSteps, preSplits } from "./pre-split.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";

/** How {@link tokenizerOfRanks} reads a file of ranks. */
export interface RanksOptions {
  /** @defaultValue cl100k's */
  readonly pattern?: string;
  readonly specialTokens?: Readonly<Record<string, number>>;
}

/**
 * A file of tiktoken: on each line a token in base64 and its rank, which is its id and the order of
 * merges. As such a file lists no merges, every way to put a token together of two others is one.
 * @throws {CheckpointError} naming the line that is damaged.
 */
export function tokenizerOfRanks(
  text: string,
  { pattern = preSplits.cl100k, specialTokens = {} }: RanksOptions = {},
): { json: TokenizerJson } {
  const ranks = new Map<string, number>();
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const [token, rank] = readLine(line, at + 1);
    ranks.set(token, rank);
  }
  const added = Object.entries(specialTokens).map(([content, id]) => ({
    id,
    content,
    special: true,
  }));
  const model = {
    type: "BPE",
    vocab: Object.fromEntries(ranks),
    merges: mergesOf(ranks),
    ignore_merges: true,
  };
  return { json: { normalizer: null, ...byteLevelSteps(pattern), model, added_tokens: added } };
}

function readLine(line: string, number: number): [string, number] {
  const [encoded = "", digits = ""] = line.trim().split(" ");
  const bytes = decodeBase64(encoded);
  if (bytes !== undefined && bytes.length > 0 && /^\d+$/.test(digits)) {
    return [tokenOfBytes(bytes), Number(digits)];
  }
  throw new CheckpointError(
    `loadTokenizer: line ${number} of a file of ranks must be a token in base64 and a number, got ` +
      `${JSON.stringify(line.slice(0, 40))}; download it again`,
  );
}

function mergesOf(ranks: ReadonlyMap<string, number>): [string, string][] {
  const byRank = [...ranks].toSorted((a, b) => a[1] - b[1]);
  return byRank.flatMap(([token]) => {
    const halves: [number, number, string, string][] = [];
    for (let cut = 1; cut < token.length; cut++) {
      const left = token.slice(0, cut);
      const right = token.slice(cut);
      const ranksOfHalves = [ranks.get(left), ranks.get(right)] as const;
      if (ranksOfHalves[0] === undefined || ranksOfHalves[1] === undefined) continue;
      halves.push([ranksOfHalves[0], ranksOfHalves[1], left, right]);
    }
    halves.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    return halves.map(([, , left, right]): [string, string] => [left, right]);
  });
}

const digits64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const valueOf64: ReadonlyMap<string, number> = new Map(
  Array.from(digits64, (digit, value) => [digit, value]),
);

/** Not every host of this layer has `atob`. */
function decodeBase64(text: string): number[] | undefined {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const digit of text.replace(/=+$/, "")) {
    const value = valueOf64.get(digit);
    if (value === undefined) return undefined;
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push((bits >> held) & 0xff);
  }
  return bytes;
}
