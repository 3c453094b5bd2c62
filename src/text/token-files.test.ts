import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { bytesOfToken } from "./byte-alphabet.ts";
import { tokenizerOfGguf } from "./gguf-tokenizer.ts";
import { loadTokenizer, makeJsonTokenizer } from "./load-tokenizer.ts";
import { tokenizerOfRanks } from "./tiktoken-file.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";
import type { TextTokenizer } from "./tokenizer.ts";

interface Fixture {
  readonly tokenizer: TokenizerJson;
  readonly cases: { readonly text: string; readonly plain: number[] }[];
}

function read(name: string): Fixture {
  const file = new URL(`../../test/fixtures/text/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as Fixture;
}

function tokensOf(json: TokenizerJson): string[] {
  const tokens: string[] = [];
  const entries = Object.entries(json.model.vocab as Record<string, number>);
  for (const [token, id] of entries) tokens[id] = token;
  for (const { id, content } of json.added_tokens ?? []) tokens[id] = content;
  return tokens;
}

describe("files of ranks", () => {
  it("give the tokens of cl100k", async () => {
    const { default: ranks } = await import("gpt-tokenizer/bpeRanks/cl100k_base");
    const reference = await import("gpt-tokenizer/encoding/cl100k_base");
    const lines = ranks.map((token: string | readonly number[], rank: number) => {
      const bytes = typeof token === "string" ? Buffer.from(token) : Buffer.from(token);
      return `${bytes.toString("base64")} ${rank}`;
    });
    const specialTokens = { "<|endoftext|>": 100_257 };
    const { json } = tokenizerOfRanks(lines.join("\n"), { specialTokens });
    const config = { eos_token: "<|endoftext|>" };
    const tokenizer = await makeJsonTokenizer({ name: "cl100k", json, config });
    expect(tokenizer.endOfText).toBe(100_257);
    for (const { text } of read("chat").cases) {
      if (/[\uFEFF]/.test(text)) continue;
      const asText = { disallowedSpecial: new Set<string>() };
      expect([text, ...tokenizer.encode(text)]).toEqual([text, ...reference.encode(text, asText)]);
    }
  });

  it("name the line that is damaged", () => {
    expect(() => tokenizerOfRanks("YQ== 0\nYg==\n")).toThrow(
      'line 2 of a file of ranks must be a token in base64 and a number, got "Yg=="',
    );
    expect(() => tokenizerOfRanks("Y* 0")).toThrow("line 1");
  });
});

describe("tokenizers in GGUF files", () => {
  const kinds = { normal: 1, control: 3, userDefined: 4 };

  async function load(name: string, more: Record<string, unknown>): Promise<TextTokenizer> {
    const { tokenizer } = read(name);
    const tokens = tokensOf(tokenizer);
    const added = new Map((tokenizer.added_tokens ?? []).map((token) => [token.id, token]));
    const types = tokens.map((_, id) => {
      const token = added.get(id);
      if (token === undefined) return kinds.normal;
      return token.special === true ? kinds.control : kinds.userDefined;
    });
    const metadata = {
      "tokenizer.ggml.tokens": tokens,
      "tokenizer.ggml.token_type": types,
      ...more,
    };
    return makeJsonTokenizer({ name, ...tokenizerOfGguf(metadata, "x.gguf") });
  }

  it("give the tokens of byte-level merges", async () => {
    const { tokenizer: json, cases } = read("chat");
    const merges = (json.model.merges ?? []).map((merge) =>
      typeof merge === "string" ? merge : merge.join(" "),
    );
    const tokenizer = await load("chat", {
      "tokenizer.ggml.model": "gpt2",
      "tokenizer.ggml.pre": "llama-bpe",
      "tokenizer.ggml.merges": merges,
      "tokenizer.ggml.eos_token_id": 2,
    });
    expect(tokenizer.eosToken?.text).toBe("<|im_end|>");
    for (const { text, plain } of cases) {
      if (text !== text.normalize("NFC")) continue;
      expect([text, ...tokenizer.encode(text)]).toEqual([text, ...plain]);
    }
  });

  it("give the tokens of pieces with scores", async () => {
    const { tokenizer: json, cases } = read("pieces");
    const made = new Map(
      (json.model.merges ?? []).map((m, i) => [
        (typeof m === "string" ? m : m.join(" ")).replace(" ", ""),
        i,
      ]),
    );
    const tokenizer = await load("pieces", {
      "tokenizer.ggml.model": "llama",
      "tokenizer.ggml.scores": tokensOf(json).map((token) => -(made.get(token) ?? 0)),
      "tokenizer.ggml.bos_token_id": 1,
      "tokenizer.ggml.add_bos_token": true,
      "tokenizer.ggml.unknown_token_id": 0,
    });
    expect(tokenizer.encode("a")[0]).toBe(1);
    for (const { text, plain } of cases) {
      const ids = tokenizer.encode(text, { addSpecialTokens: false });
      expect([text, ...ids]).toEqual([text, ...plain]);
    }
  });

  it("say what is missing or unknown", () => {
    const tokens = { "tokenizer.ggml.tokens": ["a"] };
    const model = { "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "new" };
    expect(() => tokenizerOfGguf({}, "x.gguf")).toThrow(
      "must hold tokenizer.ggml.tokens, got none in x.gguf",
    );
    expect(() => tokenizerOfGguf({ ...tokens, ...model }, "x.gguf")).toThrow('got "new" in x.gguf');
    expect(() => tokenizerOfGguf({ ...tokens, "tokenizer.ggml.model": "bert" }, "x")).toThrow(
      'must be "gpt2" or "llama", got "bert"',
    );
  });
});

describe("loadTokenizer", () => {
  it("says which file is missing", async () => {
    await expect(loadTokenizer("/no/such/folder")).rejects.toThrow(
      "must be a tokenizer.json, got none at /no/such/folder/tokenizer.json",
    );
    await expect(loadTokenizer("x.json", { pattern: "a" })).rejects.toThrow("for files of ranks");
  });
});

describe("bytesOfToken", () => {
  it("knows its alphabet only", () => {
    expect(bytesOfToken("Ġa")).toEqual(Uint8Array.of(32, 97));
    expect(bytesOfToken("世")).toBeUndefined();
  });
});
