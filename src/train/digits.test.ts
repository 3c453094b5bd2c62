import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DigitsOptions } from "./digits.ts";
import { trainDigits } from "./digits.ts";
import type { LogEvent } from "./jsonl-logger.ts";
import { readJsonl } from "./jsonl-logger.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-digits-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** 17 training digits: 4 steps an epoch. */
const tiny = { epochs: 2, batchSize: 4, limit: 20, progress: { mode: "silent" } } as const;

/** A run in a folder of its own that is interrupted after some steps, if that is given. */
function run(name: string, options: DigitsOptions & { stopAt?: number } = {}) {
  const { stopAt, ...rest } = options;
  const controller = new AbortController();
  const onEvent = ({ event, step }: LogEvent): void => {
    if (event === "step-end" && step === stopAt) controller.abort();
  };
  const out = join(folder, name);
  return trainDigits({ ...tiny, ...rest, out, signal: controller.signal, onEvent });
}

const weights = (name: string): Buffer => readFileSync(join(folder, name, "model.safetensors"));

describe("trainDigits", () => {
  it(
    "ends with the same weights, bit for bit, however often it is interrupted",
    { timeout: 90_000 },
    async () => {
      const whole = await run("whole");
      expect(whole.status).toBe("finished");
      for (const stopAt of [2, 4, 7]) {
        const resume = stopAt !== 2;
        const part = await run("parts", { stopAt, resume });
        expect(part).toMatchObject({ status: "interrupted", step: stopAt });
      }
      const rest = await trainDigits({
        progress: { mode: "silent" },
        out: join(folder, "parts"),
        resume: true,
      });
      expect(rest.status).toBe("finished");
      expect(weights("parts").equals(weights("whole"))).toBe(true);

      const losses = (name: string): unknown[] =>
        readJsonl(join(folder, name, "log.jsonl"))
          .filter(({ event }) => event === "step-end" || event === "epoch-end")
          .map(({ step, loss, heldOutLoss }) => [step, loss ?? heldOutLoss]);
      expect(losses("whole")).toHaveLength(10);
      expect(losses("parts")).toEqual(losses("whole"));
      if (whole.status !== "finished" || rest.status !== "finished") return;
      expect(rest.evaluation.probabilities).toEqual(whole.evaluation.probabilities);
      expect(rest.settings).toEqual(whole.settings);
    },
  );

  it("differs by the seed", async () => {
    await run("a", { seed: 1, epochs: 1 });
    await run("b", { seed: 2, epochs: 1 });
    expect(weights("a").equals(weights("b"))).toBe(false);
  });

  it("refuses to resume with other settings, or from nothing", async () => {
    await run("run", { stopAt: 1 });
    await expect(run("run", { resume: true, lr: 1 })).rejects.toThrow(
      "train digits: lr must be as in the run that is resumed, got 1 instead of 0.004",
    );
    await expect(run("none", { resume: true })).rejects.toThrow("got none in");
  });

  it("says that a new run replaces an interrupted one", async () => {
    await run("run", { stopAt: 1 });
    const lines: string[] = [];
    const stream = { write: (text: string) => lines.push(text) };
    await run("run", { epochs: 1, progress: { mode: "lines", stream } });
    expect(lines[0]).toMatch(/^note: .*run holds an interrupted run \(--resume continues it\)/);
    expect(lines.at(-1)).toMatch(/^epoch 1\/1 {2}loss \d/);
  });

  it("stops at a loss that is not finite and names the last checkpoint", async () => {
    const diverging = run("run", { lr: 1e30 });
    await expect(diverging).rejects.toThrow(/loss must stay finite, got (NaN|Infinity) at step \d/);
  });

  it.each<[string, DigitsOptions, string]>([
    ["epochs", { epochs: 0 }, "epochs must be a positive integer, got 0"],
    ["a batch size", { batchSize: 1.5 }, "batchSize must be a positive integer, got 1.5"],
    ["a rate", { lr: -1 }, "lr must be a positive number, got -1"],
    ["a seed", { seed: -1 }, "seed must be 0 or a positive integer, got -1"],
    ["a limit", { limit: 3 }, "limit must be an integer from 20, got 3"],
    ["a batch beyond the data", { batchSize: 18 }, "batchSize must not exceed the training digits"],
  ])("refuses %s out of range", async (_, options, message) => {
    await expect(run("run", options)).rejects.toThrow(message);
  });
});
