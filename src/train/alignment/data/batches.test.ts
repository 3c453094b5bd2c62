import { describe, expect, it } from "vitest";
import type { ChatTokens } from "../../../text/chat-message.ts";
import type { TextTokenizer } from "../../../text/tokenizer.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import {
  collatePaddingFree,
  collatePreferences,
  collatePrompts,
  collateSequences,
  collateUnpaired,
} from "./collate.ts";
import { packExamples } from "./pack-examples.ts";
import { tokenizeAnswer } from "./row-tokenizer.ts";
import {
  tokenizePreferences,
  tokenizePrompts,
  tokenizeSequences,
  tokenizeSteps,
  tokenizeUnpaired,
} from "./tokenize-rows.ts";

/** Characters are tokens, but "ab" is one (7); 1 begins a text, 2 ends it. */
const tokenizer = {
  name: "letters",
  vocabSize: 256,
  endOfText: 2,
  eosToken: { text: "</s>", id: 2 },
  padToken: null,
  encode(text: string, options: { readonly addSpecialTokens?: boolean } = {}) {
    const ids = Array.from(text.replaceAll("ab", "\x07"), (letter) => letter.charCodeAt(0));
    return Int32Array.from(options.addSpecialTokens === false ? ids : [1, ...ids]);
  },
  applyChatTemplate(
    messages: readonly { readonly role: string; readonly content?: unknown }[],
    { addGenerationPrompt = false }: { readonly addGenerationPrompt?: boolean } = {},
  ): ChatTokens {
    const turns = messages.map(({ role, content }) => `${role[0]}${String(content)};`);
    const text = turns.join("") + (addGenerationPrompt ? "a" : "");
    const mask = messages.flatMap(({ role, content }) =>
      Array.from({ length: String(content).length + 2 }, () => role === "assistant"),
    );
    const ids = Int32Array.from(text, (letter) => letter.charCodeAt(0));
    return { ids, assistantMask: addGenerationPrompt ? null : mask };
  },
} as unknown as TextTokenizer;

const codes = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));

async function rowsOf(tensor: Tensor): Promise<number[][]> {
  const data = Array.from(await tensor.to("i32").data());
  const [rows, length] = tensor.shape;
  return Array.from({ length: rows }, (_, i) => data.slice(i * length, (i + 1) * length));
}

describe("tokenizeAnswer", () => {
  it("ends answers, and masks exactly the prompt", () => {
    const { promptIds, answerIds, isSplit } = tokenizeAnswer(tokenizer, "x", "yz");
    expect([promptIds, answerIds, isSplit]).toEqual([
      [1, ...codes("x")],
      [...codes("yz"), 2],
      false,
    ]);
  });

  it("keeps the prompt's own tokens where a token would reach over the boundary", () => {
    const { promptIds, answerIds, isSplit } = tokenizeAnswer(tokenizer, "xa", "bc");
    expect([promptIds, answerIds, isSplit]).toEqual([
      [1, ...codes("xa")],
      [...codes("bc"), 2],
      true,
    ]);
  });

  it("lets the template end conversations", () => {
    const prompt = [{ role: "user", content: "q" }];
    const answer = [{ role: "assistant", content: "r" }];
    const { promptIds, answerIds } = tokenizeAnswer(tokenizer, prompt, answer);
    expect([promptIds, answerIds]).toEqual([codes("uq;a"), codes("r;")]);
  });
});

describe("tokenizing rows", () => {
  it("learns completions only, unless told otherwise", () => {
    const rows = [{ prompt: "x", completion: "y" }];
    const { examples } = tokenizeSequences(rows, tokenizer);
    expect(examples[0].completionMask).toEqual([0, 0, 1, 1]);
    const all = tokenizeSequences(rows, tokenizer, { completionOnlyLoss: false });
    expect(all.examples[0].completionMask).toEqual([1, 1, 1, 1]);
    const messages = [
      { role: "user", content: "q" },
      { role: "assistant", content: "r" },
    ];
    const said = tokenizeSequences([{ messages }], tokenizer, { assistantOnlyLoss: true });
    expect(said.examples[0].completionMask).toEqual([0, 0, 0, 1, 1, 1]);
  });

  it("cuts, leaves out and counts what is too long", () => {
    const rows = [
      { prompt: "xx", chosen: "y", rejected: "zzzzz" },
      { prompt: "xxxxx", chosen: "y", rejected: "z" },
    ];
    const { examples, counts } = tokenizePreferences(rows, tokenizer, { maxLength: 6 });
    expect(examples).toHaveLength(1);
    expect(counts).toMatchObject({ dropped: 1, truncated: 1, lostTokens: 3 });
    const end = tokenizePreferences(rows, tokenizer, { maxLength: 6, truncationMode: "keep_end" });
    expect(end.examples).toHaveLength(2);
    const prompts = tokenizePrompts(rows, tokenizer, { maxLength: 5 });
    expect([prompts.examples.length, prompts.counts.dropped]).toEqual([1, 1]);
    const lost = tokenizeSequences([{ prompt: "xxxx", completion: "y" }], tokenizer, {
      maxLength: 4,
    });
    expect([lost.examples.length, lost.counts.dropped]).toEqual([0, 1]);
    expect(() => tokenizePrompts(rows, tokenizer, { maxLength: 1 })).toThrow("at least 2");
  });

  it("marks the last token of each step", () => {
    const rows = [{ prompt: "x", completions: ["yy", "z"], labels: [true, false] }];
    const { examples } = tokenizeSteps(rows, tokenizer);
    expect(examples[0].labels).toEqual([-100, -100, -100, -100, 1, -100, 0]);
  });
});

describe("packExamples", () => {
  const example = (...inputIds: number[]) => ({ inputIds, completionMask: inputIds.map(() => 1) });
  const examples = [example(1, 2, 3, 4, 5), example(6, 7), example(8, 9, 10), example(11)];
  const ids = (strategy: "bfd" | "bfd_split" | "wrapped"): (readonly number[])[] =>
    packExamples(examples, { length: 4, strategy }).rows.map(({ inputIds }) => inputIds);

  it("fits the longest first into the least space", () => {
    const { rows, lostTokens, fill } = packExamples(examples, { length: 4 });
    expect(rows.map(({ inputIds }) => inputIds)).toEqual([
      [1, 2, 3, 4],
      [8, 9, 10, 11],
      [6, 7],
    ]);
    expect(rows[1]).toMatchObject({ segmentIds: [0, 0, 0, 1], positionIds: [0, 1, 2, 0] });
    expect([lostTokens, fill]).toEqual([1, 10 / 12]);
  });

  it("splits or wraps", () => {
    expect(ids("bfd_split")).toEqual([
      [1, 2, 3, 4],
      [8, 9, 10, 5],
      [6, 7, 11],
    ]);
    expect(ids("wrapped")).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
      [9, 10, 11],
    ]);
    const wrapped = packExamples(examples, { length: 4, strategy: "wrapped" });
    expect(wrapped.rows[1].segmentIds).toEqual([0, 1, 1, 2]);
  });

  it("refuses what it does not know", () => {
    expect(() => packExamples([], { length: 1 })).toThrow("at least 2, got 1");
    const strategy = "wraped" as "bfd";
    expect(() => packExamples([], { length: 4, strategy })).toThrow('did you mean "wrapped"?');
  });
});

describe("collators", () => {
  const padTokenId = 0;
  const short = { inputIds: [5, 6], completionMask: [0, 1] };
  const long = { inputIds: [7, 8, 9], completionMask: [1, 1, 1] };

  it("pad on either side, to a multiple", async () => {
    const right = collateSequences([short, long], { padTokenId, padToMultipleOf: 4 });
    expect(await rowsOf(right.inputIds)).toEqual([
      [5, 6, 0, 0],
      [7, 8, 9, 0],
    ]);
    expect(await rowsOf(right.attentionMask)).toEqual([
      [1, 1, 0, 0],
      [1, 1, 1, 0],
    ]);
    expect(await rowsOf(right.labels)).toEqual([
      [-100, 6, -100, -100],
      [-100, 8, 9, -100],
    ]);
    const left = collatePrompts([{ promptIds: [1] }, { promptIds: [2, 3] }], { padTokenId });
    expect(await rowsOf(left.inputIds)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(await rowsOf(left.attentionMask)).toEqual([
      [0, 1],
      [1, 1],
    ]);
  });

  it("do not learn the first token of a segment", async () => {
    const batch = collatePaddingFree([long, long], { padTokenId, padToMultipleOf: 8 });
    expect(await rowsOf(batch.labels)).toEqual([[-100, 8, 9, -100, 8, 9, -100, -100]]);
    expect(await rowsOf(batch.segmentIds as Tensor)).toEqual([[0, 0, 0, 1, 1, 1, -1, -1]]);
    expect(await rowsOf(batch.positionIds as Tensor)).toEqual([[0, 1, 2, 0, 1, 2, 0, 0]]);
  });

  it("put chosen answers before rejected ones", async () => {
    const rows = [
      { prompt: "x", chosen: "y", rejected: "zz", margin: 2 },
      { prompt: "v", chosen: "w", rejected: "u" },
    ];
    const { examples } = tokenizePreferences(rows, tokenizer);
    const batch = collatePreferences(examples, { padTokenId, maxLength: 4 });
    expect(await rowsOf(batch.completionMask)).toEqual([
      [0, 0, 1, 1],
      [0, 0, 1, 1],
      [0, 0, 1, 1],
      [0, 0, 1, 1],
    ]);
    expect((await rowsOf(batch.inputIds))[2]).toEqual([1, ...codes("xzz")]);
    expect([...(await (batch.margins as Tensor).data())]).toEqual([2, 0]);
  });

  it("pair prompts with answers to others for KTO", async () => {
    const rows = [
      { prompt: "x", completion: "y", label: true },
      { prompt: "v", completion: "w", label: false },
    ];
    const { examples } = tokenizeUnpaired(rows, tokenizer);
    const batch = collateUnpaired(examples, { padTokenId });
    expect(await rowsOf(batch.kl.inputIds)).toEqual([
      [1, ...codes("xw"), 2],
      [1, ...codes("vy"), 2],
    ]);
    expect([...(await batch.labels.to("i32").data())]).toEqual([1, 0]);
    expect(() => collateUnpaired(examples.slice(1), { padTokenId })).toThrow("at least 2 examples");
  });

  it("refuse batches without anything to learn, and padding that is none", () => {
    const masked = { inputIds: [1, 2], completionMask: [0, 0] };
    expect(() => collateSequences([masked], { padTokenId })).toThrow("at least one token to learn");
    expect(() => collateSequences([long], { padTokenId: -1 })).toThrow(
      "padTokenId must be a token",
    );
    const options = { padTokenId, padToMultipleOf: 0 };
    expect(() => collateSequences([long], options)).toThrow("padToMultipleOf");
    expect(() => collateSequences([], { padTokenId })).toThrow("must have");
  });
});
