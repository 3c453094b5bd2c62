import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ByteTokenizer } from "../../../text/byte-tokenizer.ts";
import { checkDataset } from "./check-dataset.ts";
import {
  convertRows,
  extractPrompt,
  toConversational,
  withImplicitPrompt,
} from "./convert-rows.ts";
import type { DatasetRow, DatasetType } from "./dataset-row.ts";
import { summarizeLengths } from "./length-summary.ts";
import { parseRow } from "./parse-row.ts";
import { readDatasetRows } from "./read-rows.ts";

const folder = mkdtempSync(join(tmpdir(), "athanor-rows-"));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });

describe("parseRow", () => {
  it("knows the types by their columns", () => {
    const types: readonly (readonly [object, DatasetType])[] = [
      [{ text: "a" }, "language_modeling"],
      [{ messages: [user("a")] }, "language_modeling"],
      [{ conversations: [{ from: "human", value: "a" }] }, "language_modeling"],
      [{ prompt: "a" }, "prompt_only"],
      [{ prompt: "a", completion: "b", id: 7 }, "prompt_completion"],
      [{ prompt: "a", completion: "b", label: 1 }, "unpaired_preference"],
      [{ chosen: "a", rejected: "b" }, "preference"],
      [{ prompt: "a", completions: ["b"], labels: [true] }, "stepwise_supervision"],
    ];
    for (const [record, type] of types) expect(parseRow(record, "row 1").type).toBe(type);
  });

  it("reads ShareGPT's chats, CSV's labels, and tools as JSON", () => {
    const { row } = parseRow(
      { conversations: [{ from: "gpt", value: "hi" }], tools: '[{"name":"f"}]' },
      "row 1",
    );
    expect(row).toEqual({ messages: [assistant("hi")], tools: [{ name: "f" }] });
    const liked = { prompt: "a", completion: "b", label: "False" };
    expect(parseRow(liked, "row 1").row).toEqual({ prompt: "a", completion: "b", label: false });
  });

  it("names row and column of what is wrong, in one line", () => {
    const problems: readonly (readonly [unknown, string])[] = [
      [["a"], 'row 3 of x: must be an object, got ["a"]'],
      [{ promt: "a" }, 'did you mean "prompt" by "promt"?'],
      [{ prompt: 5 }, 'row 3 of x, column "prompt": must be a string or a list of messages, got 5'],
      [{ prompt: "a", completion: [user("b")] }, 'column "completion": must be as the columns'],
      [{ chosen: "a", rejected: [] }, 'column "rejected": must be as the columns before (strings)'],
      [{ prompt: "a", completion: "b", label: 2 }, 'column "label": must be true or false, got 2'],
      [{ messages: [{ content: "a" }] }, 'column "messages": message 0 must have a role'],
      [{ prompt: "a", completions: ["b"], labels: [] }, "one label per step, got 0 for 1"],
      [{ chosen: "a", rejected: "b", margin: "x" }, 'column "margin": must be a finite number'],
      [{ prompt: "a", tools: "{" }, 'column "tools": must be a list'],
    ];
    for (const [record, message] of problems) {
      expect(() => parseRow(record, "row 3 of x")).toThrow(message);
    }
    expect(() => parseRow({ text: "a" }, "row 3", "preference")).toThrow(
      "must be of type preference as before, got language_modeling",
    );
  });
});

describe("convertRows", () => {
  const pair = { prompt: "The sky is", chosen: " blue.", rejected: " green." };

  it("takes the common beginning as the prompt, without the space before the answers", () => {
    const implicit = { chosen: "The sky is blue.", rejected: "The sky is green." };
    expect(extractPrompt(implicit)).toEqual(pair);
    expect(withImplicitPrompt(pair)).toEqual(implicit);
    const chats = {
      chosen: [user("q"), assistant("a")],
      rejected: [user("q"), assistant("b")],
    };
    expect(extractPrompt(chats)).toEqual({
      prompt: [user("q")],
      chosen: [assistant("a")],
      rejected: [assistant("b")],
    });
    // Equal answers have no difference: all of them is the prompt.
    expect(extractPrompt({ chosen: "a b", rejected: "a b" }).prompt).toBe("a b");
  });

  it("converts each type into what it holds", () => {
    const convert = (row: DatasetRow, to: DatasetType): unknown => convertRows([row], to);
    const blue = { prompt: "The sky is", completion: " blue." };
    expect(convert(pair, "unpaired_preference")).toEqual([
      { ...blue, label: true },
      { prompt: "The sky is", completion: " green.", label: false },
    ]);
    expect(convert(pair, "prompt_completion")).toEqual([blue]);
    expect(convert(pair, "prompt_only")).toEqual([{ prompt: "The sky is" }]);
    expect(convert(pair, "language_modeling")).toEqual([{ text: "The sky is blue." }]);
    expect(convert({ ...blue, label: false }, "prompt_completion")).toEqual([]);
    expect(convert({ ...blue, label: true }, "language_modeling")).toHaveLength(1);
    const steps = { prompt: "1+1", completions: ["=", "2"], labels: [true, true] };
    expect(convert(steps, "unpaired_preference")).toEqual([
      { prompt: "1+1", completion: "=2", label: true },
    ]);
    expect(convert({ ...steps, labels: [true, false] }, "language_modeling")).toEqual([]);
    const chat = { prompt: [user("q")], completion: [assistant("a")], tools: [{ name: "f" }] };
    expect(convert(chat, "language_modeling")).toEqual([
      { messages: [user("q"), assistant("a")], tools: [{ name: "f" }] },
    ]);
    expect(() => convert({ text: "a" }, "preference")).toThrow("must become one of nothing else");
  });

  it("pairs likes with dislikes of the same prompt", () => {
    const like = (prompt: string, completion: string, label: boolean) => ({
      prompt,
      completion,
      label,
    });
    const rows = [like("p", "a", true), like("q", "x", true), like("p", "b", false)];
    const found = convertRows([...rows, like("p", "c", false)], "preference");
    expect(found).toEqual([
      { prompt: "p", chosen: "a", rejected: "b" },
      { prompt: "p", chosen: "a", rejected: "c" },
    ]);
  });

  it("turns strings into messages", () => {
    expect(toConversational(pair)).toEqual({
      prompt: [user("The sky is")],
      chosen: [assistant(" blue.")],
      rejected: [assistant(" green.")],
    });
  });
});

describe("files", () => {
  it("are read by their ending", async () => {
    const row = { prompt: "a", completion: "b", label: true };
    const jsonl = fileOf("a.jsonl", `${JSON.stringify(row)}\n`);
    const json = fileOf("a.json", JSON.stringify([row]));
    const csv = fileOf("a.csv", "prompt,completion,label\na,b,1\n");
    for (const path of [jsonl, json, csv]) {
      expect(await readDatasetRows(path)).toEqual({ type: "unpaired_preference", rows: [row] });
    }
    await expect(readDatasetRows(fileOf("a.txt", ""))).rejects.toThrow("must end in .jsonl");
    await expect(readDatasetRows(fileOf("b.jsonl", ""))).rejects.toThrow("at least one row");
    await expect(readDatasetRows(fileOf("b.json", "{}"))).rejects.toThrow("must be a JSON list");
  });

  it("are looked through by the doctor", async () => {
    const rows = [
      { prompt: "hello", chosen: "good", rejected: "bad" },
      { prompt: "hello", chosen: "same", rejected: "same" },
      { prompt: "hello", chosen: "good", rejected: "bad" },
      { prompt: "hello", chosen: "", rejected: "bad" },
      { prompt: "hello", chosen: 3, rejected: "bad" },
      { prompt: "p".repeat(20), chosen: "a", rejected: "b" },
    ];
    const path = fileOf("pairs.jsonl", rows.map((row) => JSON.stringify(row)).join("\n"));
    const report = await checkDataset(path, { tokenizer: new ByteTokenizer(), maxLength: 9 });
    expect(report).toMatchObject({
      rows: 6,
      type: "preference",
      format: "standard",
      isUsable: false,
      duplicates: { count: 1, rows: [3] },
      identicalPairs: { count: 1, rows: [2] },
      emptyAnswers: { count: 1, rows: [4] },
      unit: "tokens",
      // "hello" and "good" and the token that ends it are 10.
      truncation: { maxLength: 9, truncated: 3, dropped: 1 },
    });
    expect(report.problems).toEqual({
      count: 1,
      first: [{ row: 5, column: "chosen", message: expect.stringContaining("got 3") as string }],
    });
    expect(report.lengths["prompt"]).toMatchObject({ min: 5, max: 20 });
    const characters = await checkDataset(path);
    expect(characters.unit).toBe("characters");
    expect(characters.truncation).toBeNull();
  });

  it("have lengths in few bins of round numbers", () => {
    const { histogram, median, p95 } = summarizeLengths([3, 14, 15, 92, 65, 35]);
    expect(histogram[0]).toEqual({ from: 0, to: 10, count: 1 });
    expect(histogram).toHaveLength(10);
    expect([median, p95]).toEqual([15, 92]);
    expect(summarizeLengths([4]).histogram).toEqual([{ from: 4, to: 5, count: 1 }]);
  });
});
