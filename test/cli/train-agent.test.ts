import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { execute, root } from "../package/consumer.ts";

// The program as people start it, in a process of its own that can be interrupted.
const main = join(root, "dist/cli/main.js");
const settings = [
  ..."--env Pendulum-v1 --steps 800 --net 8,8 --batch 16 --learning-starts 100 --buffer 2000".split(
    " ",
  ),
  ..."--eval-every 200 --eval-episodes 1 --keep-going --no-video --threads 1".split(" "),
];

let folder: string;
beforeAll(() => {
  execute(process.execPath, ["tools/build.mjs"], root);
  folder = mkdtempSync(join(tmpdir(), "athanor-cli-agent-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** Runs a command line; `watch` sees every line of standard error. */
function athanor(args: readonly string[], watch?: (line: string, child: ChildProcess) => void) {
  const child = spawn(process.execPath, [main, ...args], { cwd: folder });
  let [out, error] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    error += chunk.toString();
    for (const line of chunk.toString().split("\n")) watch?.(line, child);
  });
  return new Promise<Ended>((resolve) => {
    child.on("close", (code) => resolve({ code, out, error }));
  });
}

/** A table without the columns that a clock fills. */
const curve = (run: string): string[][] => {
  const [header, ...rows] = readFileSync(join(folder, run, "progress.csv"), "utf8").split("\n");
  const isKept = header.split(",").map((name) => !/fps|elapsed/.test(name));
  return [header, ...rows].map((row) => row.split(",").filter((_, i) => isKept[i]));
};

describe("athanor train ddpg", () => {
  it("trains, says what came out, and saves at Ctrl-C so that --resume ends the same", async () => {
    const whole = await athanor(["train", "ddpg", ...settings]);
    expect([whole.code, whole.error]).toEqual([0, expect.stringContaining("100 %")]);
    expect(whole.error).toMatch(/step 200: mean return -\d+\.\d\d ± 0\.00 \(best\)/);
    expect(whole.out).toMatch(
      /best policy: mean return -\d+\.\d\d ± 0\.00 over 1 new episodes, after 800 steps and 700 updates in 0:\d\d/,
    );
    expect(whole.out).toContain("report   runs/ddpg-Pendulum-v1/report.html");
    expect(readdirSync(join(folder, "runs/ddpg-Pendulum-v1")).toSorted()).toEqual(
      "best config.json latest log.jsonl monitor progress.csv report.html tensorboard".split(" "),
    );

    const stopped = await athanor(
      ["train", "ddpg", ...settings, "--out", "stopped"],
      (line, child) => {
        if (line.includes("step 400:")) child.kill("SIGINT");
      },
    );
    expect(stopped.code).toBe(130);
    expect(stopped.out).toMatch(
      /interrupted after step \d+; saved stopped\/latest\/step-\d{8}\.safetensors\ncontinue with: athanor train ddpg --resume --env Pendulum-v1 --out stopped --threads 1/,
    );
    const resumed = await athanor(["train", "ddpg", "--resume", "--out", "stopped", "--no-video"]);
    expect(resumed.code).toBe(0);
    expect(curve("stopped")).toEqual(curve("runs/ddpg-Pendulum-v1"));

    const played = await athanor(["play", "stopped", "--episodes", "2"]);
    expect([played.code, played.error]).toEqual([0, ""]);
    expect(played.out).toMatch(
      /^ddpg on Pendulum-v1, best policy of step \d+\nmean return -\d+\.\d\d ± \d+\.\d\d over 2 episodes of 200\.0 steps\n$/,
    );
  });

  it("talks JSON to machines", async () => {
    const args = ["train", "ddpg", ...settings, "--steps", "300", "--json", "--out", "json"];
    const { code, out, error } = await athanor(args);
    expect([code, error]).toEqual([0, ""]);
    const events = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly event: string });
    const kinds = events
      .map(({ event }) => event)
      .filter((event) => event !== "progress" && event !== "metrics");
    expect(kinds).toEqual(
      "run-start evaluation-end checkpoint-end run-end files-written".split(" "),
    );
  });
});

describe("athanor play and envs", () => {
  it("say in a line what is wrong", async () => {
    const lines = [
      [["play"], 2, "play: a run's folder must be named, got none"],
      [["play", "nowhere"], 1, "run: nowhere must hold a run of athanor train ddpg"],
      [["play", "nowhere", "--episode", "3"], 2, "got --episode; did you mean --episodes?"],
      [["train", "ddpg"], 1, "train ddpg: env must be given"],
      [["train", "ddpg", "--env", "Pendulum"], 1, "did you mean Pendulum-v1?"],
      [["train", "ddpg", "--env", "CartPole-v1"], 1, "DDPG: "],
      [["train", "ddpg", "--env", "Pendulum-v1", "--net", "64,x"], 2, "write --net 64,64"],
      [["train", "ddpg", "--env", "Pendulum-v1", "--tau", "3"], 1, "DDPG: tau must be"],
      [["train", "sac", "--recipe", "lillicrap"], 2, "--recipe must be one of small, wide, sb3"],
    ] as const;
    for (const [args, code, message] of lines) {
      const ended = await athanor(args);
      expect([args, ended.code, ended.out]).toEqual([args, code, ""]);
      expect(ended.error).toMatch(/^athanor: [^\n]+\n$/);
      expect(ended.error).toContain(message);
    }
  });

  it("list what there is", async () => {
    const table = await athanor(["envs"]);
    expect(table.out).toMatch(
      /Pendulum-v1 +Box\(…, \[3\], f32\) +Box\(-2, 2, \[1\], f32\) +200 +–\n/,
    );
    const json = await athanor(["envs", "--json"]);
    expect(JSON.parse(json.out)).toContainEqual({
      id: "MountainCarContinuous-v0",
      maxEpisodeSteps: 999,
      rewardThreshold: 90,
      needs: null,
      observationSpace: expect.stringContaining("[2], f32)") as string,
      actionSpace: "Box(-1, 1, [1], f32)",
    });
    const help = await athanor(["play", "runs/x", "--help"]);
    expect(help.out).toContain("Usage: athanor play [flags] <run>");
  });
});
