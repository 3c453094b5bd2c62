import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runProgram } from "../../src/cli/program.ts";

const folder = mkdtempSync(join(tmpdir(), "athanor-check-"));
const file = join(folder, "likes.jsonl");
const rows = [
  { prompt: "a", completion: "b", label: true },
  { prompt: "a", completion: "b", label: true },
  { prompt: "a", completion: "c", label: false },
];
writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
afterAll(() => rmSync(folder, { recursive: true }));

async function run(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  let [out, error] = ["", ""];
  const code = await runProgram(args, {
    out: (text) => void (out += text),
    error: (text) => void (error += text),
  });
  return { code, out, error };
}

describe("athanor data check", () => {
  it("tells what is in a file", async () => {
    const { code, out } = await run("data", "check", file);
    expect(code).toBe(0);
    expect(out).toContain("3 rows, unpaired_preference, standard");
    expect(out).toContain("duplicates        1 (row 2)");
    expect(out).toContain("2 liked, 1 disliked");
    expect(out).toContain("completion (characters): 1 … 1");
  });

  it("takes flags before and behind the file", async () => {
    const { out } = await run("data", "check", "--tokenizer", "bytes", file, "--json");
    const report = JSON.parse(out) as Record<string, unknown>;
    expect(report).toMatchObject({
      unit: "tokens",
      truncation: { maxLength: 1024, truncated: 0, dropped: 0 },
    });
  });

  it("ends with 1 for wrong rows, with 2 for a wrong command line", async () => {
    const wrong = join(folder, "wrong.jsonl");
    writeFileSync(wrong, `${JSON.stringify({ prompt: "a", completion: 5 })}\n`);
    const found = await run("data", "check", wrong);
    expect(found.code).toBe(1);
    expect(found.out).toContain("row 1 of " + wrong + ', column "completion"');
    const missing = await run("data", "check");
    expect([missing.code, missing.error.includes("a file must be named")]).toEqual([2, true]);
    const unknown = await run("data", "check", file, "--jsn");
    expect([unknown.code, unknown.error.includes("did you mean --json?")]).toEqual([2, true]);
  });
});
