import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { learningPictures } from "../../bench/rl/learning-charts.ts";
import { curveOf, groupRuns, reachedBy, stepMilliseconds } from "../../bench/rl/learning-groups.ts";
import { LearningPlan } from "../../bench/rl/learning-plan.ts";
import { argumentTable, learningTable } from "../../bench/rl/learning-table.ts";
import type { Algorithm } from "../../bench/rl/protocol.ts";
import { quartiles } from "../../bench/rl/quartiles.ts";
import type { RunRecord, Side } from "../../bench/rl/run-process.ts";
import { RunStore } from "../../bench/rl/run-store.ts";
import { recipeOf, tasksNamed } from "../../bench/rl/tasks.ts";

interface Made {
  readonly task?: string;
  readonly side?: Side;
  readonly algorithm?: Algorithm;
  readonly seed?: number;
  /** Mean returns at 1000, 2000, … steps. */
  readonly returns?: readonly number[];
  /** CPU seconds of 1000 steps. */
  readonly pace?: number;
  readonly optimum?: number;
}

/** A run whose evaluations take a second each. */
function made(options: Made = {}): RunRecord {
  const { task = "pendulum", side = "athanor", algorithm = "ddpg", seed = 1 } = options;
  const { returns = [-1000, -150, -140], pace = 1, optimum } = options;
  const [{ name, ...rest }] = tasksNamed([task]);
  const choice = { algorithm, seed, threads: 1, stopAtGate: false };
  const evaluations = returns.map((value, i) => ({
    kind: "evaluation" as const,
    step: 1000 * (i + 1),
    returns: [value - 1, value + 1],
    wall: pace * (i + 1) + i,
    cpu: pace * (i + 1) + i,
    evaluationWall: i,
    evaluationCpu: i,
  }));
  const spent = { wall: 9, cpu: 9, evaluationWall: 3, evaluationCpu: 3 };
  return {
    task: name,
    side,
    recipe: recipeOf({ name, ...rest }, choice),
    date: "2026-01-01T00:00:00Z",
    machine: "M",
    load: 0,
    processSeconds: 10,
    ready: {
      kind: "ready",
      versions: "V",
      physics: 5000,
      ...(optimum !== undefined && { optimum }),
    },
    evaluations,
    done: { kind: "done", steps: 10_000, updates: 9000, ...spent },
  };
}

describe("quartiles", () => {
  it("lie between values, and are infinite where half of the runs never arrived", () => {
    expect(quartiles([4, 1, 3, 2])).toEqual({ low: 1.75, median: 2.5, high: 3.25 });
    expect(quartiles([1, Infinity, NaN, 2])).toEqual({ low: 1.5, median: 2, high: Infinity });
    expect(quartiles([Infinity, Infinity, 1]).median).toBe(Infinity);
  });
});

describe("groups of runs", () => {
  it("say when the goal was reached, without the time of evaluations", () => {
    expect(reachedBy(made({ pace: 0.5 }))).toEqual({ step: 2000, cpu: 1, wall: 1 });
    expect(reachedBy(made({ returns: [-900, -201] })).step).toBe(Infinity);
    const tracking = made({ task: "lqr-8", returns: [-300, -109], optimum: -100 });
    expect(reachedBy(tracking).step).toBe(2000);
  });

  it("have the median over the seeds where half of them still run", () => {
    const runs = [made({ returns: [1, 5, 7] }), made({ seed: 2, returns: [3] })];
    const [group] = groupRuns(runs);
    expect(curveOf(group).map(({ step, returns }) => [step, returns.median])).toEqual([
      [1000, 2],
      [2000, 5],
      [3000, 7],
    ]);
    expect(stepMilliseconds(made({ pace: 2 }))).toBeCloseTo(2);
  });

  it("are compared with ours of the same task and algorithm", () => {
    const peer = made({ side: "torch", pace: 4 });
    const table = learningTable(groupRuns([peer, made(), made({ algorithm: "sac", pace: 9 })]));
    const row = table.split("\n").find((line) => line.includes("PyTorch"));
    expect(row?.split("|").map((cell) => cell.trim())).toEqual([
      "",
      "Pendulum-v1, 10k steps",
      "DDPG",
      "PyTorch",
      "1 of 1",
      "2k",
      "8",
      "8",
      "4×",
      "4",
      "4×",
      "-140",
      "5k",
      "",
    ]);
  });

  it("show what cannot be written down", () => {
    const tracking = made({ task: "lqr-64", returns: [-120], optimum: -100 });
    const table = argumentTable(groupRuns([tracking]));
    expect(table).toContain("3^64 = 3.4e30");
    expect(table).toContain("1.2 ×, 6 s");
    expect(table).toContain("cannot be written down");
    expect(argumentTable(groupRuns([made()]))).toBeUndefined();
  });

  it("become pictures with a band, the goal and published results", () => {
    const runs = [made(), made({ seed: 2 }), made({ side: "torch" }), made({ algorithm: "sac" })];
    const pictures = learningPictures(groupRuns(runs));
    expect(pictures.map(({ name }) => name)).toEqual([
      "pendulum-ddpg-10000-steps",
      "pendulum-ddpg-10000-seconds",
      "pendulum-10000-algorithms",
    ]);
    for (const { svg } of pictures) expect(svg).toMatch(/class="band band-0"[^]*>goal</);
    const long = { ...made({ task: "hopper" }) };
    const [picture] = learningPictures(
      groupRuns([{ ...long, recipe: { ...long.recipe, steps: 1_000_000 } }]),
    );
    expect(picture.svg).toContain("CleanRL DDPG 1577");
    expect(picture.svg).not.toContain("TD3");
  });
});

describe("LearningPlan", () => {
  const options = {
    algorithms: ["ddpg", "dqn"],
    sides: ["athanor", "torch", "sb3-zoo"],
    seeds: [1, 2],
    threads: 1,
    stopAtGate: false,
  } as const;

  it("interleaves contenders, leaves out what cannot run, and goes on where it stopped", () => {
    const folder = mkdtempSync(join(tmpdir(), "athanor-rl-"));
    try {
      const store = new RunStore(folder);
      const plan = new LearningPlan({ ...options, tasks: tasksNamed(["pendulum", "lqr-64"]) });
      const names = plan
        .missing(store)
        .map(({ task, side, recipe }) => `${task.name} ${recipe.algorithm} ${side} ${recipe.seed}`);
      expect(names.slice(0, 6)).toEqual([
        "pendulum ddpg athanor 1",
        "pendulum ddpg torch 1",
        "pendulum ddpg sb3-zoo 1",
        "pendulum dqn athanor 1",
        "pendulum dqn torch 1",
        "lqr-64 ddpg athanor 1",
      ]);
      expect(names[6]).toBe("pendulum ddpg torch 2");
      expect(names).toHaveLength(12);
      store.save(made());
      expect(plan.missing(store)).toHaveLength(11);
      expect(store.all()).toEqual([made()]);
      const [first, second] = plan.missing(store).filter(({ side }) => side === "athanor");
      expect(plan.secondsOf(first, store)).toBe(0);
      expect([second.recipe.algorithm, plan.secondsOf(second, store)]).toEqual(["ddpg", 0]);
      const longer = new LearningPlan({
        ...options,
        steps: 20_000,
        tasks: tasksNamed(["pendulum"]),
      });
      expect(longer.missing(store)).toHaveLength(10);
      expect(longer.secondsOf(longer.missing(store)[0], store)).toBe(20);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("refuses tasks that do not exist", () => {
    expect(() => tasksNamed(["cheetah"])).toThrow('no task is called "cheetah"; known: pendulum');
    expect(tasksNamed(["argument", "pendulum"])).toHaveLength(6);
  });
});

describe("the peers", () => {
  it("read nothing from the recipe that is not there", () => {
    const folder = new URL("../../bench/rl/peers/", import.meta.url);
    const choice = { algorithm: "ddpg", seed: 1, threads: 1, stopAtGate: false } as const;
    const known = Object.keys(recipeOf(tasksNamed(["pendulum"])[0], choice));
    // The peer of the update alone is told other things.
    const files = readdirSync(folder)
      .filter((name) => name.endsWith(".py"))
      .filter((name) => !name.startsWith("update"));
    const used = files.flatMap((name) => [
      ...readFileSync(new URL(name, folder), "utf8").matchAll(/RECIPE\["(\w+)"\]/g),
    ]);
    expect(used.length).toBeGreaterThan(20);
    for (const [, name] of used) expect(known).toContain(name);
  });
});
