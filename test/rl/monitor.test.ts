import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SyncVectorEnv } from "athanor/rl";
import type { AutoresetMode, Step } from "athanor/rl";
import { Monitor, MonitorFile, VectorMonitor } from "athanor/rl/node";
import { readCsv } from "athanor/data/node";
import { Walk } from "./walk.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-monitor-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Header and rows, read as Stable-Baselines3 reads them. */
function load(path: string) {
  const [first, columns, ...rows] = readFileSync(path, "utf8").trim().split("\n");
  expect(first[0]).toBe("#");
  return { header: JSON.parse(first.slice(1)), columns, rows: rows.map((row) => row.split(",")) };
}

/** Runs to the end. @returns sum of rewards and number of steps. */
function episode(env: Monitor<Float32Array, Float32Array>): [number, number] {
  for (let [sum, length] = [0, 1]; ; length++) {
    const step: Step<Float32Array> = env.step(Float32Array.of(0.5));
    sum += step.reward;
    if (step.terminated || step.truncated) return [sum, length];
  }
}

describe("Monitor", () => {
  it("writes episodes as they end", () => {
    const env = new Monitor(new Walk(), join(folder, "deep", "a"));
    expect(env.file.path).toBe(join(folder, "deep", "a.monitor.csv"));
    for (let i = 0; i < 3; i++) {
      env.reset({ seed: i });
      const [r, l] = episode(env);
      const { header, columns, rows } = load(env.file.path);
      expect(header).toEqual({ t_start: expect.any(Number), env_id: "Walk" });
      expect(Math.abs(header.t_start - Date.now() / 1000)).toBeLessThan(60);
      expect(columns).toBe("r,l,t");
      expect(rows).toHaveLength(i + 1);
      expect(Number(rows[i][0])).toBeCloseTo(r, 5);
      expect(Number(rows[i][1])).toBe(l);
      expect(Number(rows[i][2])).toBeGreaterThanOrEqual(0);
    }
    env.close();
    env.close();
    expect(() => env.file.write({ r: 1, l: 1 })).toThrow("it was closed");
  });

  it("adds columns, and rows to an older file", async () => {
    const keywords = { resetKeywords: ["level"], infoKeywords: ["note"] };
    class Noted extends Walk {
      override step(action: Float32Array): Step<Float32Array> {
        return { ...super.step(action), info: { note: 'a "b", c' } };
      }
    }
    const path = join(folder, "b.monitor.csv");
    const first = new Monitor(new Noted(), path, keywords);
    first.reset({ options: { level: 3 } });
    episode(first);
    expect(() => first.reset()).toThrow('must have the option "level", got none');
    first.close();
    const second = new Monitor(new Noted(), path, { ...keywords, override: false });
    second.reset({ options: { level: 4 } });
    episode(second);
    second.close();
    const text = readFileSync(path, "utf8").split("\n").slice(1).join("\n");
    writeFileSync(join(folder, "rows.csv"), text);
    const rows = (await readCsv(join(folder, "rows.csv"))) as unknown as {
      length: number;
      get(i: number): Record<string, unknown>;
    };
    expect(rows.length).toBe(2);
    expect(rows.get(1)).toMatchObject({ note: 'a "b", c' });
    expect(String(rows.get(1)["level"])).toBe("4");
  });

  it("refuses early resets if asked, and missing facts", () => {
    const env = new Monitor(new Walk(), join(folder, "c"), { allowEarlyResets: false });
    env.reset({ seed: 0 });
    env.step(Float32Array.of(0));
    expect(() => env.reset()).toThrow("an episode must end before a reset");
    const bad = new Monitor(new Walk(), join(folder, "d"), { infoKeywords: ["goal"] });
    bad.reset({ seed: 0 });
    expect(() => episode(bad)).toThrow(/every episode must have "goal", got .*episode in its info/);
    expect(() => new MonitorFile(folder, "x", { columns: ["r"] })).toThrow('"r" twice');
    expect(new MonitorFile(folder, "x").path).toBe(join(folder, "monitor.csv"));
  });
});

describe("VectorMonitor", () => {
  it.each<AutoresetMode>(["NextStep", "SameStep"])(
    "writes all episodes in mode %s",
    async (mode) => {
      const walks = new SyncVectorEnv([new Walk(), new Walk()], { autoresetMode: mode });
      await using envs = new VectorMonitor(walks, join(folder, mode), { override: true });
      envs.resetSync?.({ seed: 0 });
      for (let i = 0; i < 30; i++) envs.stepSync?.([0.5, -0.5]);
      const { header, rows } = load(envs.file.path);
      expect(header.env_id).toBe("SyncVectorEnv");
      expect(rows.length).toBe(envs.episodes.count);
      expect(rows.map((row) => Number(row[1]))).toEqual(envs.episodes.lengths);
    },
  );
});
