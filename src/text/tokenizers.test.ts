import { describe, expect, it } from "vitest";
import { ByteTokenizer } from "./byte-tokenizer.ts";
import { loadGpt2Tokenizer } from "./gpt2-tokenizer.ts";

const texts = ["Hello, world", "naïve café – 東京 🎉\n\n\tend ", "", "<|endoftext|> is text"];

describe("ByteTokenizer", () => {
  const tokenizer = new ByteTokenizer();

  it.each(texts)("gives %j back", (text) => {
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it("has one token per byte, and marks that leave no trace", () => {
    expect([...tokenizer.encode("aé")]).toEqual([97, 195, 169]);
    expect(tokenizer.decode([97, tokenizer.endOfText, 98])).toBe("ab");
    expect(tokenizer.decode([97, 195])).toBe("a�");
    expect(() => tokenizer.decode([257])).toThrow(
      "bytes: a token must be an integer in 0 … 256, got 257",
    );
  });
});

describe("loadGpt2Tokenizer", () => {
  it.each(texts)("gives %j back", async (text) => {
    const tokenizer = await loadGpt2Tokenizer();
    const tokens = tokenizer.encode(text);
    expect(tokenizer.decode(tokens)).toBe(text);
    expect([...tokens].every((token) => token < tokenizer.endOfText)).toBe(true);
  });

  it("has GPT-2's tokens", async () => {
    const tokenizer = await loadGpt2Tokenizer();
    expect([...tokenizer.encode("Hello, world")]).toEqual([15496, 11, 995]);
    expect([tokenizer.vocabSize, tokenizer.endOfText]).toEqual([50257, 50256]);
    expect(tokenizer.decode([15496, tokenizer.endOfText, 995])).toBe("Hello world");
    expect(() => tokenizer.decode([-1])).toThrow("gpt2: a token must be");
  });
});
