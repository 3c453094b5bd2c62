import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { execute, root } from "../package/consumer.ts";

// The program as people start it, in a process of its own that can be interrupted and killed.
const main = join(root, "dist/cli/main.js");
const settings = ["--limit", "400", "--batch-size", "10", "--epochs", "3", "--threads", "1"];

let folder: string;
let wholeWeights: Buffer;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** Starts a run; `watch` sees every line it prints. */
function train(args: readonly string[], watch?: (line: string, child: ChildProcess) => void) {
  const child = spawn(process.execPath, [main, "train", "digits", ...args], { cwd: folder });
  let [out, error] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
    for (const line of chunk.toString().split("\n")) watch?.(line, child);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    error += chunk.toString();
    for (const line of chunk.toString().split("\n")) watch?.(line, child);
  });
  return new Promise<Ended>((resolve) => {
    child.on("close", (code) => resolve({ code, out, error }));
  });
}

const weights = (name: string): Buffer => readFileSync(join(folder, name, "model.safetensors"));

beforeAll(async () => {
  execute(process.execPath, ["tools/build.mjs"], root);
  folder = mkdtempSync(join(tmpdir(), "athanor-cli-"));
  await train([...settings, "--out", "whole"]);
  wholeWeights = weights("whole");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("athanor train digits", () => {
  it("leaves report, weights, log and checkpoints, and says where", async () => {
    const { out, error } = await train([...settings, "--out", "again"]);
    expect(error).toMatch(/training {3}10 % {2}\d+\/102 .*ETA \d+:\d\d {2}epoch 1\/3 {2}loss \d/);
    expect(error).toMatch(/epoch 3\/3 {2}loss \d.* held-out loss \d.* accuracy \d+\.\d\d %/);
    expect(out).toMatch(/held-out accuracy \d+\.\d\d % \(\d+ of 60 wrong\) after 3 epochs in \d+:/);
    expect(out).toContain("report   again/report.html");
    expect(readdirSync(join(folder, "again")).toSorted()).toEqual([
      "checkpoints",
      "log.jsonl",
      "model.safetensors",
      "report.html",
    ]);
    expect(readdirSync(join(folder, "again", "checkpoints"))).toHaveLength(2);
    expect(weights("again").equals(wholeWeights)).toBe(true);
  });

  it("saves at Ctrl-C, says how to go on, and ends with the same weights", async () => {
    const first = await train([...settings, "--out", "stopped"], (line, child) => {
      if (line.includes(" 40 %")) child.kill("SIGINT");
    });
    expect(first.code).toBe(130);
    const saved = /after step (\d+); saved (stopped\/checkpoints\/step-\d{8}\.safetensors)/;
    expect(first.out).toMatch(saved);
    expect(first.out).toContain("continue with: athanor train digits --resume --out stopped");
    const second = await train(["--resume", "--out", "stopped", "--threads", "1"]);
    expect(second.code).toBe(0);
    expect(weights("stopped").equals(wholeWeights)).toBe(true);
  });

  it("continues after kill -9 with the same weights", async () => {
    const first = await train([...settings, "--out", "killed"], (line, child) => {
      if (line.includes(" 50 %")) child.kill("SIGKILL");
    });
    expect(first.code).toBeNull();
    const second = await train(["--resume", "--out", "killed", "--threads", "1"]);
    expect([second.code, second.error]).toEqual([0, expect.stringContaining("100 %")]);
    expect(weights("killed").equals(wholeWeights)).toBe(true);
  });

  it("talks JSON to machines", async () => {
    const args = ["--limit", "100", "--batch-size", "10", "--epochs", "1", "--json"];
    const { code, out, error } = await train([...args, "--out", "json"]);
    expect([code, error]).toEqual([0, ""]);
    const events = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly event: string });
    expect(events.map(({ event }) => event).filter((event) => event !== "progress")).toEqual(
      "run-start epoch-end checkpoint-end run-end files-written".split(" "),
    );
  });
});
