import type { PairCandidate } from "./merge-queue.ts";
import { MergeQueue } from "./merge-queue.ts";

/** A word as tokens, of which merges leave ever fewer. */
interface Word {
  readonly tokens: Int32Array;
  length: number;
  readonly count: number;
}

/** A pair as one number: ids stay below 2^24, so that it is exact. */
const shift = 2 ** 24;

/**
 * Learns merges: again and again the pair of neighbouring tokens that is most frequent becomes a token
 * (Sennrich, Haddow and Birch 2016). Words are counted once each, and a merge touches only the words that
 * hold its pair, whose counts it corrects. Ties go to the pair of lower ids, as in Hugging Face's
 * `BpeTrainer`, whose merges these are.
 */
export class BytePairTrainer {
  /** Texts of tokens by id; merges append. */
  readonly vocab: string[];
  readonly merges: [string, string][] = [];
  readonly #ids: Map<string, number>;
  readonly #words: Word[];
  readonly #counts: Map<number, number> = new Map();
  readonly #queue: MergeQueue = new MergeQueue();
  /** Words of the pairs that the merge at work makes. */
  #made: Map<number, number[]> = new Map();

  /**
   * @param vocab - the tokens to begin with; every character of a word must be one.
   * @param words - how often each word occurs, in characters of the alphabet.
   */
  constructor(vocab: readonly string[], words: Iterable<readonly [string, number]>) {
    this.vocab = [...vocab];
    this.#ids = new Map(vocab.map((token, id) => [token, id]));
    this.#words = Array.from(words, ([word, count]) => {
      const tokens = Int32Array.from(word.split(""), (character) => this.#ids.get(character) ?? 0);
      return { tokens, length: tokens.length, count };
    });
    this.#countPairs();
  }

  /** Makes the next token; false when no pair occurs `minFrequency` times. */
  step(minFrequency: number): boolean {
    const best = this.#best();
    if (best === undefined || best.count < Math.max(1, minFrequency)) return false;
    const [left, right] = [this.vocab[best.left] ?? "", this.vocab[best.right] ?? ""];
    this.merges.push([left, right]);
    this.#merge(best, this.#tokenOf(left + right));
    return true;
  }

  #countPairs(): void {
    for (const [at, word] of this.#words.entries()) {
      for (let i = 0; i + 1 < word.length; i++) {
        this.#add(word.tokens[i] ?? 0, word.tokens[i + 1] ?? 0, word.count, at);
      }
    }
    this.#enqueue();
  }

  /** The candidate on top whose count is not out of date. */
  #best(): PairCandidate | undefined {
    for (;;) {
      const top = this.#queue.pop();
      if (top === undefined) return undefined;
      const count = this.#counts.get(top.left * shift + top.right) ?? 0;
      if (count === top.count) return top;
      top.count = count;
      this.#queue.push(top);
    }
  }

  #tokenOf(text: string): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    this.#ids.set(text, this.vocab.length);
    return this.vocab.push(text) - 1;
  }

  #merge({ left, right, words }: PairCandidate, token: number): void {
    for (const at of words) {
      const word = this.#words[at];
      if (word !== undefined) this.#mergeIn(word, at, left, right, token);
    }
    this.#enqueue();
  }

  #mergeIn(word: Word, at: number, left: number, right: number, token: number): void {
    const { tokens, count } = word;
    let kept = 0;
    for (let i = 0; i < word.length; i++) {
      const here = tokens[i] ?? 0;
      if (here !== left || i + 1 >= word.length || tokens[i + 1] !== right) {
        tokens[kept++] = here;
        continue;
      }
      if (kept > 0) {
        const before = tokens[kept - 1] ?? 0;
        this.#add(before, left, -count, at);
        this.#add(before, token, count, at);
      }
      if (i + 2 < word.length) {
        const after = tokens[i + 2] ?? 0;
        this.#add(right, after, -count, at);
        this.#add(token, after, count, at);
      }
      tokens[kept++] = token;
      i++;
    }
    word.length = kept;
  }

  #add(left: number, right: number, count: number, word: number): void {
    const pair = left * shift + right;
    this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + count);
    if (count <= 0) return;
    const words = this.#made.get(pair);
    if (words === undefined) this.#made.set(pair, [word]);
    else if (words.at(-1) !== word) words.push(word);
  }

  #enqueue(): void {
    for (const [pair, words] of this.#made) {
      const count = this.#counts.get(pair) ?? 0;
      if (count <= 0) continue;
      const left = Math.floor(pair / shift);
      this.#queue.push({ left, right: pair - left * shift, count, words });
    }
    this.#made = new Map();
  }
}
