import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Dict, Discrete, Env, infoOf, SyncVectorEnv, transitionsOf } from "athanor/rl";
import type { AutoresetMode, Reset, ResetOptions, Step, VectorReset, VectorStep } from "athanor/rl";
import { actionStream, flat, Walk } from "./walk.ts";

const fixture = JSON.parse(
  readFileSync(new URL("../fixtures/rl-vector.json", import.meta.url), "utf8"),
);
const modes: readonly AutoresetMode[] = ["NextStep", "SameStep", "Disabled"];

function walks(count: number, autoresetMode: AutoresetMode = "NextStep") {
  const envs = Array.from({ length: count }, () => new Walk());
  return new SyncVectorEnv(envs, { autoresetMode });
}

function endedMask(step: VectorStep): Uint8Array {
  return step.terminated.map((ended, i) => ended | step.truncated[i]);
}

/** Steps until the mask of ends is as asked, at most a hundred times. */
function stepUntil(
  envs: SyncVectorEnv<Float32Array, Float32Array>,
  actions: readonly number[],
  isDone: (mask: Uint8Array) => boolean,
): VectorStep<Float32Array> {
  for (let i = 0; i < 100; i++) {
    const step = envs.stepSync(actions);
    if (isDone(endedMask(step))) return step;
  }
  throw new Error("no such step among a hundred");
}

describe.each(modes)("mode %s", (mode) => {
  it("gives what Gymnasium gives", () => {
    const envs = walks(3, mode);
    const log: unknown[] = [envs.resetSync({ seed: 5 })];
    const source = actionStream(3);
    for (let i = 0; i < 40; i++) {
      const step = envs.stepSync(source.next().value);
      log.push(step);
      const resetMask = endedMask(step);
      if (mode === "Disabled" && resetMask.includes(1)) log.push(envs.resetSync({ resetMask }));
    }
    const expected: object[] = fixture.modes[mode];
    expect(log.length).toBe(expected.length);
    log.forEach((entry, i) => expect(flat(entry), `call ${i}`).toEqual(flat(expected[i])));
  });

  it("does not write into arrays it gave before", () => {
    const envs = walks(2, mode);
    const before = envs.resetSync({ seed: 1 });
    const kept = before.observations.slice();
    const step = envs.stepSync([1, -1]);
    const copies = structuredClone(step);
    envs.resetSync();
    envs.stepSync([0, 0]);
    expect(before.observations).toEqual(kept);
    expect(step).toEqual(copies);
  });
});

/** One environment's stored transitions, as lists. */
type Story = number[][];

/** The transitions of each environment while a policy of the observation acts. */
function stories(count: number, seed: number, mode: AutoresetMode, steps: number): Story[] {
  const envs = walks(count, mode);
  let before: VectorReset | VectorStep = envs.resetSync({ seed });
  const result: Story[] = Array.from({ length: count }, () => []);
  for (let i = 0; i < steps; i++) {
    const rows = before.observations as Float32Array;
    const actions = Float32Array.from({ length: count }, (_, e) => Math.sin(9 * rows[2 * e]));
    const ended = "rewards" in before ? endedMask(before as VectorStep) : new Uint8Array(count);
    const step = envs.stepSync(actions);
    const stored = transitionsOf(envs, before, actions, step);
    const owners = [...ended.keys()].filter((e) => mode !== "NextStep" || ended[e] === 0);
    expect(stored.count).toBe(owners.length);
    owners.forEach((owner, row) => {
      const two = (values: Float32Array) => [...values.subarray(2 * row, 2 * row + 2)];
      const { observations, nextObservations, actions: acts, rewards } = stored;
      const ends = [stored.terminated[row], stored.truncated[row]];
      result[owner].push([
        ...two(observations),
        ...two(nextObservations),
        acts[row],
        rewards[row],
        ...ends,
      ]);
    });
    const resetMask = endedMask(step);
    before = mode === "Disabled" && resetMask.includes(1) ? envs.resetSync({ resetMask }) : step;
  }
  return result;
}

describe("transitionsOf", () => {
  it("stores the same in every mode and for any number of environments", () => {
    for (const seed of [0, 1, 17]) {
      for (const count of [1, 2, 5]) {
        const [next, same, disabled] = modes.map((mode) => stories(count, seed, mode, 60));
        expect(disabled).toEqual(same);
        next.forEach((story, i) => {
          expect(story.length).toBeLessThan(60);
          expect(story).toEqual(same[i].slice(0, story.length));
          // Alone, with the seed it had among the others.
          expect(stories(1, seed + i, "SameStep", 60)[0]).toEqual(same[i]);
        });
      }
    }
  });

  it("has both kinds of ends, and never the observation of a reset after one", () => {
    const all = stories(8, 3, "NextStep", 100).flat();
    const ended = all.filter((row) => row[6] + row[7] > 0);
    expect(new Set(ended.map((row) => row[6]))).toEqual(new Set([0, 1]));
    // The second number counts the steps of the episode.
    for (const row of all) expect(row[3]).toBe(row[1] + 1);
  });

  it("wants the reset of an ended environment as the state before", () => {
    const envs = walks(1, "Disabled");
    envs.resetSync({ seed: 0 });
    const ended = stepUntil(envs, [0], (mask) => mask.includes(1));
    envs.resetSync();
    expect(() => transitionsOf(envs, ended, [0], envs.stepSync([0]))).toThrow(
      "environment 0 ended and must be reset",
    );
  });
});

/** Observes a structure, acts with numbers from -1. */
class Structured extends Env<{ a: number; b: Float32Array }, number> {
  readonly observationSpace = new Dict({ a: new Discrete(4), b: new Walk().observationSpace });
  readonly actionSpace = new Discrete(3, { start: -1 });
  readonly seen: number[] = [];
  failure: Error | null = null;

  override reset(options?: ResetOptions): Reset<{ a: number; b: Float32Array }> {
    this.begin(options);
    if (options?.options?.["bad"] !== undefined) throw new RangeError("no such option");
    return { observation: { a: 1, b: Float32Array.of(1, 2) }, info: { list: [1] } };
  }

  override step(action: number): Step<{ a: number; b: Float32Array }> {
    if (this.failure !== null) throw this.failure;
    this.seen.push(action);
    const observation = { a: 2, b: Float32Array.of(action, 0) };
    return { observation, reward: 1, terminated: false, truncated: false, info: { word: "w" } };
  }

  override close(): void {
    this.seen.push(99);
  }
}

describe("SyncVectorEnv", () => {
  it("batches structures and numbers, and tells one environment's facts", () => {
    const list = [new Structured(), new Structured()];
    const envs = new SyncVectorEnv(list);
    const { observations, infos } = envs.resetSync();
    expect(observations).toEqual({ a: Int32Array.of(1, 1), b: Float32Array.of(1, 2, 1, 2) });
    expect(infos).toEqual({ list: [[1], [1]], _list: Uint8Array.of(1, 1) });
    const step = envs.stepSync(Int32Array.of(-1, 1));
    expect(step.observations).toEqual({ a: Int32Array.of(2, 2), b: Float32Array.of(-1, 0, 1, 0) });
    expect(infoOf(step.infos, 1)).toEqual({ word: "w" });
    expect(list.map(({ seen }) => seen)).toEqual([[-1], [1]]);
  });

  it("seeds with a list, null going on, and beyond 2^53", async () => {
    const envs = walks(2);
    const start = (seed: bigint | number) => walks(1).resetSync({ seed }).observations[0];
    const big = envs.resetSync({ seed: 2 ** 53 - 1 }).observations;
    expect([big[0], big[2]]).toEqual([start(2 ** 53 - 1), start(2n ** 53n)]);
    const { observations } = await envs.reset({ seed: [4, null] });
    expect(observations[0]).toBe(start(4));
    expect(observations[2]).not.toBe(big[2]);
  });

  it("refuses what cannot be", async () => {
    expect(() => new SyncVectorEnv([])).toThrow("numEnvs must be a positive integer, got 0");
    const walk = new Walk();
    expect(() => new SyncVectorEnv([walk, walk])).toThrow("got one twice");
    expect(() => new SyncVectorEnv<unknown, unknown>([walk, new Structured()])).toThrow(
      /same observationSpace, got Box.* in environment 0 and Dict.* in environment 1/,
    );
    const mode = "next" as AutoresetMode;
    expect(() => new SyncVectorEnv([walk], { autoresetMode: mode })).toThrow('got "next"');
    const envs = walks(2);
    expect(() => envs.stepSync([0, 0])).toThrow("environment 0 must be reset before it steps");
    expect(() => envs.resetSync({ resetMask: [1, 0] })).toThrow("environment 1 must be reset too");
    expect(() => envs.resetSync({ resetMask: [0, 0] })).toThrow("got none");
    for (const seed of [-1, 0.5, NaN, -1n]) {
      expect(() => envs.resetSync({ seed })).toThrow(`got ${seed}`);
    }
    expect(() => envs.resetSync({ seed: [1] })).toThrow("got 1; give one number");
    expect(() => envs.resetSync({ seed: [1, -2] })).toThrow("got -2 for environment 1");
    envs.resetSync({ seed: 0 });
    expect(() => envs.stepSync([0, 0, 0])).toThrow("need 2 numbers, got 3");
    expect(() => envs.stepSync([0, NaN])).toThrow("got NaN as number 0 of environment 1");
    await expect(envs.step([Infinity, 0])).rejects.toThrow("got Infinity");
    // None of these touched an environment.
    expect(flat(envs.stepSync([0, 0]).observations)).toHaveLength(4);
    await envs.close();
    await envs.close();
    expect(() => envs.stepSync([0, 0])).toThrow("it was closed");
  });

  it("in mode Disabled does not step an ended environment", () => {
    const envs = walks(2, "Disabled");
    envs.resetSync({ seed: 0 });
    stepUntil(envs, [0, 0], (mask) => mask.includes(1));
    expect(() => envs.stepSync([0, 0])).toThrow(/must be reset .* with a resetMask/);
  });

  it("in mode NextStep does not reset some and leave ended ones", () => {
    const envs = walks(3);
    envs.resetSync({ seed: 1 });
    const step = stepUntil(envs, [1, 0, 0], (mask) => mask.includes(1) && mask.includes(0));
    const resetMask = endedMask(step).map((ended) => 1 - ended);
    expect(() => envs.resetSync({ resetMask })).toThrow("must be reset too");
  });

  it("tells which environment threw, and closes all", async () => {
    const list = [new Structured(), new Structured(), new Structured()];
    const envs = new SyncVectorEnv(list);
    envs.resetSync();
    list[1].failure = new TypeError("torn cable");
    await expect(envs.step([0, 0, 0])).rejects.toMatchObject({
      code: "ENVIRONMENT",
      message:
        "SyncVectorEnv: environment 1 must step, got TypeError: torn cable; " +
        "all environments were closed",
      details: { index: 1 },
    });
    expect(list.map(({ seen }) => seen.at(-1))).toEqual([99, 99, 99]);
    expect(() => envs.resetSync()).toThrow("it was closed");
  });

  it("calls methods by name, also through wrappers", async () => {
    const envs = walks(2);
    expect(await envs.call("double", 4)).toEqual([8, 8]);
    await expect(envs.call("halve")).rejects.toThrow('the method "halve", got undefined in Walk');
    await expect(envs.call("step")).rejects.toThrow("on the vector environment itself");
  });

  it("closes what it made, ten thousand times", () => {
    const run = (cycles: number): number => {
      for (let i = 0; i < cycles; i++) {
        using envs = walks(2);
        envs.resetSync({ seed: i });
      }
      return process.memoryUsage().rss;
    };
    run(2_000);
    const before = process.memoryUsage().rss;
    expect(run(10_000) - before).toBeLessThan(96 * 2 ** 20);
  });
});
