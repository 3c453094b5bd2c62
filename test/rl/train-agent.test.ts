import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentOptions, RunState } from "athanor/train";
import { CheckpointFolder, playAgent, readCsv, readJsonl, trainAgent } from "athanor/train";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-agent-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const quick: AgentOptions = {
  algorithm: "ddpg",
  env: "Pendulum-v1",
  totalSteps: 500,
  evalEvery: 250,
  evalEpisodes: 1,
  stopAt: null,
  learner: { netArch: [8, 8], batchSize: 16, learningStarts: 100, bufferSize: 2000 },
  video: false,
  progress: { mode: "silent" },
};

/** Instead of what CartPole's recipe has. */
const everyStep = { trainFrequency: 1, gradientSteps: 1 };

/** Bytes of all tensors of a run's last checkpoint, and the plain rest of the learner. */
async function lastState(out: string): Promise<Record<string, unknown>> {
  const state = await new CheckpointFolder(join(out, "latest")).load<RunState>();
  const tensors = Object.entries(state.learner.tensors).map(
    async ([name, tensor]) => [name, Buffer.from(await tensor.bytes()).toString("base64")] as const,
  );
  return { ...Object.fromEntries(await Promise.all(tensors)), plain: state.learner.plain };
}

const curve = (out: string): object[] =>
  readCsv(join(out, "progress.csv")).map(
    ({ "time/fps": _fps, "time/time_elapsed": _elapsed, ...row }) => row,
  );

describe("trainAgent", () => {
  it.each<[string, Partial<AgentOptions>]>([
    ["ddpg", {}],
    ["ddpg", { numEnvs: 2, learner: { ...quick.learner, gradientSteps: -1, nSteps: 3 } }],
    ["ddpg", { env: "MountainCarContinuous-v0" }],
    ["ddpg", { env: "InvertedPendulum-v5" }],
    ["td3", { learner: { ...quick.learner, normalizeObservations: true } }],
    ["sac", {}],
    ["dqn", { env: "CartPole-v1", learner: { ...quick.learner, ...everyStep } }],
  ])("%s resumes bit for bit with %j", async (algorithm, changes) => {
    const options = { ...quick, algorithm, ...changes } as AgentOptions;
    const [whole, parts] = [join(folder, "whole"), join(folder, "parts")];
    await trainAgent({ ...options, out: whole });

    const controller = new AbortController();
    const first = await trainAgent({
      ...options,
      out: parts,
      signal: controller.signal,
      onEvent: ({ event }) => {
        if (event === "evaluation-end") controller.abort();
      },
    });
    expect(first).toMatchObject({ status: "interrupted", step: 250 });
    const { algorithm: name } = options;
    const second = await trainAgent({
      algorithm: name,
      out: parts,
      resume: true,
      video: false,
      progress: { mode: "silent" },
    });
    expect(second.status).toBe("finished");
    expect(curve(parts)).toEqual(curve(whole));
    expect(await lastState(parts)).toEqual(await lastState(whole));
  });

  it("leaves a folder that says what happened, and a policy that plays", async () => {
    const out = join(folder, "run");
    const result = await trainAgent({
      ...quick,
      algorithm: "dqn",
      env: "CartPole-v1",
      out,
      learner: { ...quick.learner, ...everyStep },
      video: true,
    });
    expect(result).toMatchObject({ status: "finished", learned: { steps: 500, updates: 400 } });
    for (const name of ["config.json", "report.html", "progress.csv", "frames.png"]) {
      expect([name, existsSync(join(out, name))]).toEqual([name, true]);
    }
    const kinds = readJsonl(join(out, "log.jsonl")).map(({ event }) => event);
    expect(new Set(kinds)).toEqual(
      new Set([
        "run-start",
        "episode-end",
        "evaluation-end",
        "metrics",
        "checkpoint-end",
        "run-end",
      ]),
    );
    const config = JSON.parse(readFileSync(join(out, "config.json"), "utf8")) as object;
    expect(config).toMatchObject({
      algorithm: "dqn",
      env: "CartPole-v1",
      totalSteps: 500,
      learner: { netArch: [8, 8], gamma: 0.99, doubleQ: false },
    });
    const report = readFileSync(join(out, "report.html"), "utf8");
    for (const text of [
      "DQN on CartPole-v1",
      "mean target",
      "What it does",
      "explorationFraction",
    ]) {
      expect(report).toContain(text);
    }
    expect(readdirSync(join(out, "best"))).toHaveLength(1);
    const video = join(folder, "play.gif");
    const [played, again] = [
      await playAgent({ run: out, episodes: 2, seed: 3, video }),
      await playAgent({ run: out, episodes: 2, seed: 3 }),
    ];
    expect(played).toMatchObject({ algorithm: "dqn", env: "CartPole-v1" });
    expect(again).toEqual(played);
    expect(readFileSync(video).subarray(0, 6).toString()).toBe("GIF89a");
  });

  it("takes more steps on a finished run", async () => {
    const out = join(folder, "run");
    await trainAgent({ ...quick, out, totalSteps: 250 });
    const more = await trainAgent({ ...quick, out, resume: true });
    expect(more).toMatchObject({ status: "finished", learned: { steps: 500 } });
  });

  it("takes nothing of an earlier run in its folder for its own", async () => {
    const out = join(folder, "run");
    await trainAgent({ ...quick, out });
    const short = { totalSteps: 150, evalEvery: 1000 };
    const again = await trainAgent({ ...quick, ...short, out });
    expect(again).toMatchObject({ weightsPath: join(out, "best", "step-00000150.safetensors") });
    expect(readdirSync(join(out, "latest"))).toEqual(["step-00000150.safetensors"]);
    expect(readdirSync(join(out, "tensorboard"))).toHaveLength(1);
    expect(readJsonl(join(out, "log.jsonl")).at(-1)).toMatchObject({ event: "run-end", step: 150 });
  });

  it("refuses to resume what does not fit", async () => {
    const out = join(folder, "run");
    await trainAgent({ ...quick, out, totalSteps: 120, evalEvery: 120 });
    const resume = { out, resume: true, video: false, progress: { mode: "silent" } } as const;
    await expect(trainAgent({ algorithm: "td3", ...resume })).rejects.toThrow(
      "train td3: the run must be one of td3, got one of ddpg; continue it with athanor train ddpg",
    );
    await expect(trainAgent({ algorithm: "ddpg", env: "Hopper-v5", ...resume })).rejects.toThrow(
      "train ddpg: env must be as in the run that is resumed, got Hopper-v5 instead of Pendulum-v1",
    );
    const learner = { tau: 0.1 };
    await expect(trainAgent({ algorithm: "ddpg", learner, ...resume })).rejects.toThrow(
      "train ddpg: tau must be as in the run that is resumed, got 0.1 instead of 0.005",
    );
    const path = join(out, "latest", readdirSync(join(out, "latest"))[0]);
    writeFileSync(path, readFileSync(path).subarray(0, 5000));
    await expect(trainAgent({ algorithm: "ddpg", ...resume })).rejects.toThrow(/safetensors/);
    await expect(trainAgent({ algorithm: "ddpg", ...resume, out: folder })).rejects.toThrow(
      /must hold a run of athanor train ddpg, td3, sac or dqn, got no such file/,
    );
    await expect(playAgent({ run: folder })).rejects.toThrow(/must hold a run of athanor train/);
  });

  it.each<[Partial<AgentOptions>, string]>([
    [
      { env: "Pendulum-v2" },
      'make: "Pendulum-v2" is no registered environment; did you mean Pendulum-v1?',
    ],
    [{ env: "CartPole-v1" }, "DDPG:"],
    [{ numEnvs: 0 }, "train ddpg: numEnvs must be an integer of at least 1, got 0"],
    [{ totalSteps: 1.5 }, "train ddpg: totalSteps must be an integer of at least 1, got 1.5"],
    [{ seed: -1 }, "train ddpg: seed must be an integer of at least 0, got -1"],
    [{ learner: { ...quick.learner, tau: 2 } }, "DDPG: tau must be"],
    [
      { learner: { ...quick.learner, gama: 0.9 } },
      "DDPG: options must be known, got gama; did you mean gamma?",
    ],
    [
      { algorithm: "sac", recipe: "lillicrap" },
      "train sac: recipe must be one of small, wide, sb3, cleanrl, got lillicrap",
    ],
  ])("refuses %j", async (changes, message) => {
    const out = join(folder, "bad");
    await expect(trainAgent({ ...quick, out, ...changes })).rejects.toThrow(message);
    expect(existsSync(join(out, "latest"))).toBe(false);
  });
});
