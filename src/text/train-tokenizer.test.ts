import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ByteTokenizer } from "./byte-tokenizer.ts";
import { loadTokenizer } from "./load-tokenizer.ts";
import { saveTokenizer } from "./save-tokenizer.ts";
import type { TokenizerProgress } from "./train-tokenizer.ts";
import { trainTokenizer } from "./train-tokenizer.ts";

interface Learned {
  readonly corpus: string[];
  readonly cases: {
    readonly preSplit: "gpt2" | "cl100k";
    readonly minFrequency: number;
    readonly vocabSize: number;
    readonly vocab: Record<string, number>;
    readonly merges: [string, string][];
  }[];
}

const file = new URL("../../test/fixtures/text/learned.json", import.meta.url);
const { corpus, cases } = JSON.parse(readFileSync(file, "utf8")) as Learned;
const specialTokens = ["<|endoftext|>", "<|im_end|>"];

describe("trainTokenizer", () => {
  it.each(cases)(
    "learns the reference's merges in order: $preSplit, at least $minFrequency, $vocabSize tokens",
    async ({ preSplit, minFrequency, vocabSize, vocab, merges }) => {
      const options = { preSplit, minFrequency, vocabSize, specialTokens };
      const { json } = (await trainTokenizer(corpus, options)).files;
      expect(json.model.merges).toEqual(merges);
      expect(json.model.vocab).toEqual(vocab);
    },
  );

  it("gives a tokenizer that keeps every text, saves and loads", async () => {
    const seen: TokenizerProgress[] = [];
    const tokenizer = await trainTokenizer(corpus, {
      vocabSize: 400,
      specialTokens,
      eosToken: "<|im_end|>",
      chatTemplate: "{% for m in messages %}{{ m.content + eos_token }}{% endfor %}",
      onProgress: (progress) => seen.push(progress),
    });
    expect(seen.at(-1)).toEqual({ phase: "merge", done: 400, total: 400 });
    const folder = mkdtempSync(join(tmpdir(), "athanor-text-"));
    try {
      await saveTokenizer(folder, tokenizer);
      const loaded = await loadTokenizer(folder);
      expect(loaded.vocabSize).toBe(400);
      expect(loaded.eosToken).toEqual({ text: "<|im_end|>", id: 1 });
      for (const text of ["tokens of 世界 🎉\n\t x", "<|im_end|>", "\u0000\uFEFFé", ...corpus]) {
        expect(loaded.decode(loaded.encode(text))).toBe(text);
        expect(loaded.encode(text)).toEqual(tokenizer.encode(text));
      }
      const { ids } = loaded.applyChatTemplate([{ role: "user", content: "run" }]);
      expect(ids.at(-1)).toBe(1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("refuses what cannot be", async () => {
    await expect(trainTokenizer(corpus, { vocabSize: 256 })).rejects.toThrow(
      "vocabSize must be an integer from 257 (bytes and special tokens)",
    );
    await expect(trainTokenizer([], { vocabSize: 300, eosToken: "</s>" })).rejects.toThrow(
      'eosToken must be a special token, got "</s>"',
    );
    await expect(trainTokenizer([], { vocabSize: 300, minFrequency: -1 })).rejects.toThrow(
      "minFrequency must be a count",
    );
    await expect(saveTokenizer("nowhere", new ByteTokenizer())).rejects.toThrow("got bytes");
  });
});
