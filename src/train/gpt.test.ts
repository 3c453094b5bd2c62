import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadSafetensors, openSafetensors } from "../io/load-safetensors.ts";
import { GPT2 } from "../models/text/gpt2.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ByteTokenizer } from "../text/byte-tokenizer.ts";
import { flopsPerToken, peakFlops } from "./device-peaks.ts";
import { loadCorpus } from "./gpt-corpus.ts";
import { gptRate, resolveGptSettings } from "./gpt-settings.ts";
import type { GptOptions } from "./gpt.ts";
import { trainGpt } from "./gpt.ts";
import type { LogEvent } from "./jsonl-logger.ts";
import { readJsonl } from "./jsonl-logger.ts";

let folder: string;
let text: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-gpt-"));
  text = join(folder, "text.txt");
  writeFileSync(text, "she sells sea shells by the sea shore. ".repeat(60));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const tiny = {
  layers: 1,
  heads: 2,
  width: 16,
  context: 16,
  batch: 4,
  steps: 8,
  lr: 0.01,
  progress: { mode: "silent" },
} as const;

/** A run in a folder of its own that is interrupted after some steps, if that is given. */
function run(name: string, options: GptOptions & { stopAt?: number } = {}) {
  const { stopAt, ...rest } = options;
  const controller = new AbortController();
  const onEvent = ({ event, step }: LogEvent): void => {
    if (event === "step-end" && step === stopAt) controller.abort();
  };
  const out = join(folder, name);
  return trainGpt({ ...tiny, text, ...rest, out, signal: controller.signal, onEvent });
}

const weights = (name: string): Buffer => readFileSync(join(folder, name, "model.safetensors"));
const eventsOf = (name: string, kind: string): LogEvent[] =>
  readJsonl(join(folder, name, "log.jsonl")).filter(({ event }) => event === kind);

describe("trainGpt", () => {
  it("learns, and leaves report, weights that load, and a log", async () => {
    const result = await run("run", { steps: 60, prompt: "she" });
    expect(result.status).toBe("finished");
    if (result.status !== "finished") return;
    const losses = eventsOf("run", "step-end").map(({ loss }) => Number(loss));
    expect(losses).toHaveLength(60);
    expect(losses[0]).toBeCloseTo(Math.log(257), 0);
    expect(result.heldOutLoss).toBeLessThan(2.6);
    expect(result.bitsPerByte).toBeCloseTo(result.heldOutLoss / Math.LN2, 1);
    expect(eventsOf("run", "evaluation-end")).toHaveLength(10);
    expect(result.sample.startsWith("she")).toBe(true);
    expect(result.tokens).toBe(60 * 4 * 16);
    expect(result.tokensPerSecond).toBeGreaterThan(0);
    expect(result.mfu).toBeUndefined();
    const report = readFileSync(result.reportPath, "utf8");
    for (const part of ["Held-out loss", "Tokens per second", '<pre class="sample">she']) {
      expect(report).toContain(part);
    }

    await using file = await openSafetensors(result.weightsPath);
    const model = new GPT2(JSON.parse(file.metadata["config"]) as object);
    model.loadStateDict(await loadSafetensors(result.weightsPath));
    const stream = new ByteTokenizer().encode("she sells sea shells");
    const tokens = Tensor.from(stream.subarray(0, 17), [1, 17], { dtype: "i32" });
    const loss = model.loss(tokens.narrow(1, 0, 16), tokens.narrow(1, 1, 16));
    expect(await loss.item()).toBeLessThan(2.6);
  });

  it("ends with the same weights, bit for bit, however often it is interrupted", async () => {
    await run("whole");
    for (const stopAt of [2, 5]) {
      const part = await run("parts", { stopAt, resume: stopAt !== 2 });
      // The loss of a step is known while the next one runs.
      expect(part).toMatchObject({ status: "interrupted" });
    }
    const rest = await trainGpt({
      text,
      progress: { mode: "silent" },
      out: join(folder, "parts"),
      resume: true,
    });
    expect(rest.status).toBe("finished");
    expect(weights("parts").equals(weights("whole"))).toBe(true);
    const losses = (name: string): unknown[] =>
      eventsOf(name, "step-end").map(({ step, loss }) => [step, loss]);
    expect(losses("parts")).toEqual(losses("whole"));
    expect(losses("whole")).toHaveLength(8);
  });

  it("adds the gradients of batches up", async () => {
    const parts = await run("parts", { accumulate: 3, steps: 6 });
    const [first] = eventsOf("parts", "step-end");
    expect(Number(first["loss"])).toBeCloseTo(Math.log(257), 0);
    const last = eventsOf("parts", "step-end").at(-1);
    expect(Number(last?.["loss"])).toBeLessThan(Number(first["loss"]) - 0.5);
    expect(parts.status === "finished" && parts.tokens).toBe(6 * 3 * 4 * 16);
  });

  it("trains in bf16, by minutes, and with GPT-2's tokens", async () => {
    const half = await run("half", { precision: "bf16", steps: 20 });
    expect(half.status === "finished" && half.heldOutLoss).toBeLessThan(5);
    const stored = await loadSafetensors(join(folder, "half", "model.safetensors"));
    expect(stored["transformer.wte.weight"].dtype).toBe("bf16");
    const timed = await run("timed", { steps: 0, minutes: 0.002, tokenizer: "gpt2" });
    expect(timed.status === "finished" && timed.step).toBeGreaterThan(0);
    expect(timed.status === "finished" && timed.seconds).toBeGreaterThanOrEqual(0.12);
  });

  it("refuses to resume with other settings or another text", async () => {
    await run("run", { stopAt: 1 });
    expect(existsSync(join(folder, "run", "checkpoints"))).toBe(true);
    await expect(run("run", { resume: true, width: 32 })).rejects.toThrow(
      "train gpt: width must be as in the run that is resumed, got 32 instead of 16",
    );
    writeFileSync(text, "another text ".repeat(100));
    await expect(run("run", { resume: true })).rejects.toThrow(
      "text must be that of the run that is resumed",
    );
  });

  it("refuses texts that are too short or not there", async () => {
    writeFileSync(text, "short");
    await expect(run("run")).rejects.toThrow(
      "must have more tokens in either part than context 16",
    );
    const missing = join(folder, "missing.txt");
    await expect(run("run", { text: missing })).rejects.toThrow("must be a readable file");
    writeFileSync(text, "long enough ".repeat(30));
    await expect(run("run", { prompt: "p".repeat(16) })).rejects.toThrow("prompt must be shorter");
  });

  it.each<[string, GptOptions, string]>([
    ["layers", { layers: 0 }, "layers must be a positive integer, got 0"],
    ["heads", { heads: 3 }, "heads must divide width, got 3 and 16"],
    ["a rate", { lr: -1 }, "lr must be a positive number, got -1"],
    ["steps", { steps: 0 }, "steps or minutes must be given"],
    ["a dropout", { dropout: 1 }, "dropout must be a number in [0, 1), got 1"],
    ["a precision", { precision: "f16" as "f32" }, "precision must be one of f32, tf32, bf16"],
  ])("refuses %s out of range", async (_, options, message) => {
    await expect(run("run", options)).rejects.toThrow(message);
  });
});

describe("parts of trainGpt", () => {
  it("warms up and decays to a tenth, by steps or by time", () => {
    const bySteps = resolveGptSettings({ steps: 100, lr: 1, warmup: 10 });
    const rates = [0, 9, 10, 55, 100].map((step) => gptRate(bySteps, step, 0));
    expect(rates.map((rate) => Number(rate.toFixed(6)))).toEqual([0.1, 1, 1, 0.55, 0.1]);
    const byTime = resolveGptSettings({ minutes: 1, lr: 1, warmup: 10 });
    expect(gptRate(byTime, 500, 30)).toBeCloseTo(0.55);
    expect(byTime.steps).toBe(0);
  });

  it("holds out every tenth of many documents, and the end of a few", async () => {
    const settings = resolveGptSettings({ context: 4 });
    const many = Array.from({ length: 20 }, (_, i) => String.fromCharCode(97 + i).repeat(5));
    writeFileSync(text, many.join("<|endoftext|>"));
    const corpus = await loadCorpus(text, settings);
    expect(corpus.tokenizer.decode(corpus.heldOut)).toBe("jjjjjttttt");
    expect([corpus.train.length, corpus.heldOut.length]).toEqual([18 * 6, 12]);
    writeFileSync(text, "0123456789".repeat(10));
    const one = await loadCorpus(text, settings);
    expect(one.tokenizer.decode(one.heldOut)).toBe("0123456789");
  });

  it("knows peaks by name and what a token costs", () => {
    expect(peakFlops("NVIDIA H100 80GB HBM3", "bf16")).toBe(989e12);
    expect(peakFlops("NVIDIA H100 PCIe", "bf16")).toBe(756e12);
    expect(peakFlops("NVIDIA A100-SXM4-80GB", "tf32")).toBe(156e12);
    expect(peakFlops("NVIDIA L40S", "f32")).toBe(91.6e12);
    expect(peakFlops("wasm", "f32")).toBeUndefined();
    const gpt2 = { parameters: 124_439_808 - 786_432, layers: 12, width: 768, context: 1024 };
    expect(flopsPerToken(gpt2)).toBe(855_166_464);
  });
});
