import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runProgram } from "../../src/cli/program.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-cli-gpt-"));
  writeFileSync(join(folder, "text"), "round and round it goes, and where it stops\n".repeat(40));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a tiny `train gpt` and gives its exit code and what it printed. */
async function train(...flags: string[]) {
  let [out, error] = ["", ""];
  const size = "--layers 1 --heads 2 --width 8 --context 12 --batch 2 --steps 20".split(" ");
  const place = ["--text", join(folder, "text"), "--out", join(folder, "run")];
  const code = await runProgram(["train", "gpt", ...size, ...place, ...flags], {
    out: (text) => (out += text),
    error: (text) => (error += text),
  });
  return { code, out, error };
}

describe("athanor train gpt", () => {
  it("trains, tells what it came to, and leaves report, weights and log", async () => {
    const { code, out } = await train("--prompt", "round", "--json");
    expect(code).toBe(0);
    const events = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    const kinds = new Set(events.map(({ event }) => event));
    expect([...kinds]).toEqual(
      expect.arrayContaining(["run-start", "evaluation-end", "run-end", "files-written"]),
    );
    expect(kinds.has("step-end")).toBe(false);
    expect(events[0]).toMatchObject({ layers: 1, width: 8, steps: 20, text: "text" });
    expect(readdirSync(join(folder, "run")).toSorted()).toEqual([
      "checkpoints",
      "log.jsonl",
      "model.safetensors",
      "report.html",
    ]);
    expect(readFileSync(join(folder, "run", "report.html"), "utf8")).toContain(
      "A GPT from nothing",
    );
  });

  it("speaks of flags in errors, and gives exit code 1", async () => {
    const { code, error } = await train("--heads", "3");
    expect([code, error]).toEqual([
      1,
      "athanor: train gpt: heads must divide width, got 3 and 8\n",
    ]);
  });
});
