import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  batchSpace,
  Box,
  Dict,
  Discrete,
  infoOf,
  makeVec,
  MultiBinary,
  MultiDiscrete,
  NormalizeObservation,
  NormalizeReward,
  RecordEpisodeStatistics,
  SyncVectorEnv,
  Tuple,
  VectorCheckNan,
  VectorClipAction,
  VectorFrameStack,
  VectorNormalizeObservation,
  VectorNormalizeReward,
  VectorRecordEpisodeStatistics,
  VectorRescaleAction,
} from "athanor/rl";
import type { AutoresetMode, Env, Space, Step, VectorEnv, VectorStep } from "athanor/rl";
import * as node from "athanor/rl/node";
import { allowConsole } from "../console.ts";
import { actionStream, flat, Walk } from "./walk.ts";

const fixture = JSON.parse(
  readFileSync(new URL("../fixtures/rl-vector.json", import.meta.url), "utf8"),
);
type WalkVector = VectorEnv<Float32Array, Float32Array>;

function walks(count: number, autoresetMode: AutoresetMode = "NextStep") {
  const envs = Array.from({ length: count }, () => new Walk());
  return new SyncVectorEnv(envs, { autoresetMode });
}

function ended(step: VectorStep): Uint8Array {
  return step.terminated.map((isEnd, i) => isEnd | step.truncated[i]);
}

/** The methods without a promise, which wrappers of environments of this thread have. */
function syncMethods(envs: VectorEnv<Float32Array, Float32Array>) {
  const resetSync = envs.resetSync?.bind(envs);
  const stepSync = envs.stepSync?.bind(envs);
  if (resetSync === undefined || stepSync === undefined) throw new Error("no sync methods");
  return { resetSync, stepSync };
}

/** The fixture's 40 steps; without a promise where that is possible. */
async function record(envs: WalkVector, isSync: boolean) {
  const { resetSync, stepSync } = syncMethods(envs);
  const source = actionStream(3);
  const log: object[] = [isSync ? resetSync({ seed: 5 }) : await envs.reset({ seed: 5 })];
  for (let i = 0; i < 40; i++) {
    const actions = source.next().value;
    log.push(isSync ? stepSync(actions) : await envs.step(actions));
  }
  return log as VectorStep<Float32Array>[];
}

/** Largest difference, relative to what was expected; NaN if there are not as many numbers. */
function difference(actual: unknown, expected: unknown): number {
  const [a, b] = [flat(actual), flat(expected)] as [number[], number[]];
  if (a.length !== b.length) return NaN;
  return Math.max(...b.map((value, i) => Math.abs(a[i] - value) / (1 + Math.abs(value))));
}

describe.each([true, false])("vector wrappers give what Gymnasium gives (sync: %s)", (isSync) => {
  it("VectorNormalizeObservation", async () => {
    const log = await record(new VectorNormalizeObservation(walks(3)), isSync);
    log.forEach((entry, i) => {
      expect(
        difference(entry.observations, fixture.VectorNormalizeObservation[i].observations),
      ).toBeLessThan(2e-5);
    });
  });

  it("VectorNormalizeReward", async () => {
    const log = await record(new VectorNormalizeReward(walks(3)), isSync);
    log.slice(1).forEach((entry, i) => {
      expect(difference(entry.rewards, fixture.VectorNormalizeReward[i + 1].rewards)).toBeLessThan(
        2e-5,
      );
    });
  });

  it("VectorRecordEpisodeStatistics", async () => {
    const envs = new VectorRecordEpisodeStatistics(walks(3));
    const log = await record(envs, isSync);
    let count = 0;
    log.forEach(({ infos }, i) => {
      const { episode, _episode } = fixture.VectorRecordEpisodeStatistics[i].infos;
      expect(flat(infos["_episode"])).toEqual(flat(_episode));
      if (episode === undefined) return;
      count += episode.l.filter((length: number) => length > 0).length;
      const { r, l } = infos["episode"] as Record<string, Float64Array>;
      expect(difference(r, episode.r)).toBeLessThan(2e-5);
      expect(flat(l)).toEqual(episode.l);
    });
    expect(count).toBeGreaterThan(5);
    expect(envs.episodes.count).toBe(count);
  });
});

describe("single wrappers give what Gymnasium gives", () => {
  function recordSingle(env: Env<Float32Array, Float32Array>) {
    const observations = [env.reset({ seed: 5 }).observation];
    const rewards: number[] = [];
    const source = actionStream(3);
    for (let i = 0; i < 40; i++) {
      const step = env.step(source.next().value.slice(0, 1));
      observations.push(step.observation);
      rewards.push(step.reward);
      if (step.terminated || step.truncated) observations.push(env.reset().observation);
    }
    return { observations, rewards };
  }

  it("NormalizeObservation", () => {
    const { observations } = recordSingle(new NormalizeObservation(new Walk()));
    expect(difference(observations, fixture.NormalizeObservation.observations)).toBeLessThan(2e-5);
  });

  it("NormalizeReward", () => {
    const { rewards } = recordSingle(new NormalizeReward(new Walk()));
    expect(difference(rewards, fixture.NormalizeReward.rewards)).toBeLessThan(2e-5);
  });
});

/** The returns and lengths of an environment's episodes, by hand. */
function episodesByHand(mode: AutoresetMode, wrap: (envs: WalkVector) => WalkVector) {
  const envs = wrap(walks(2, mode));
  const { resetSync, stepSync } = syncMethods(envs);
  resetSync({ seed: 2 });
  const sums = [0, 0];
  const lengths = [0, 0];
  let isFirst = new Uint8Array(2);
  const list: [number, number, unknown][] = [];
  for (let i = 0; i < 60; i++) {
    const step = stepSync(Float32Array.of(0.5, -0.5));
    const mask = ended(step);
    for (const e of [0, 1]) {
      if (mode === "NextStep" && isFirst[e] === 1) continue;
      sums[e] += step.rewards[e];
      lengths[e]++;
      if (mask[e] === 0) continue;
      const facts = mode === "SameStep" ? step.infos["finalInfo"] : step.infos;
      list.push([sums[e], lengths[e], infoOf(facts, e)["episode"]]);
      sums[e] = lengths[e] = 0;
    }
    isFirst = Uint8Array.from(mask);
    if (mode === "Disabled" && mask.includes(1)) resetSync({ resetMask: mask });
  }
  return list;
}

describe("episode statistics", () => {
  it.each<AutoresetMode>(["NextStep", "SameStep", "Disabled"])("count in mode %s", (mode) => {
    const list = episodesByHand(mode, (envs) => new VectorRecordEpisodeStatistics(envs));
    expect(list.length).toBeGreaterThan(10);
    for (const [r, l, episode] of list) expect(episode).toMatchObject({ r, l });
  });

  it("of one environment, in its info", () => {
    const env = new RecordEpisodeStatistics(new Walk(), { bufferLength: 2, statsKey: "stats" });
    for (let i = 0; i < 3; i++) {
      env.reset({ seed: i });
      let step: Step<Float32Array>;
      let sum = 0;
      let length = 0;
      do {
        step = env.step(Float32Array.of(0));
        sum += step.reward;
        length++;
      } while (!step.terminated && !step.truncated);
      expect(step.info["stats"]).toMatchObject({ r: sum, l: length, t: expect.any(Number) });
    }
    expect([env.episodes.count, env.episodes.returns.length]).toEqual([3, 2]);
    const twice = new RecordEpisodeStatistics(new RecordEpisodeStatistics(new Walk()));
    twice.reset({ seed: 0 });
    const run = () => {
      for (let i = 0; i < 7; i++) twice.step(Float32Array.of(0));
    };
    expect(run).toThrow('must not have the key "episode" already');
    expect(() => new RecordEpisodeStatistics(new Walk(), { bufferLength: 0 })).toThrow("got 0");
  });
});

describe("normalizers", () => {
  it("know the same after the same transitions in every mode", () => {
    const counts = (["NextStep", "SameStep"] as const).map((mode) => {
      const envs = new VectorNormalizeObservation(walks(1, mode));
      const { resetSync, stepSync } = syncMethods(envs);
      resetSync({ seed: 4 });
      let steps = 0;
      for (let episodes = 0; episodes < 5 && steps < 100; steps++)
        episodes += ended(stepSync([0]))[0];
      return { envs, steps };
    });
    const [next, same] = counts.map(({ envs }) => envs.statistics);
    // In mode SameStep the reset after the fifth episode has come already.
    expect(same.count - next.count).toBeCloseTo(1, 9);
    expect(counts[0].steps - counts[1].steps).toBe(4);
  });

  it("normalize last observations, keep the original ones, and are frozen", async () => {
    const envs = new VectorNormalizeObservation(walks(2, "SameStep"), { clip: 0.5 });
    const plain = walks(2, "SameStep");
    await envs.reset({ seed: 1 });
    plain.resetSync({ seed: 1 });
    for (let i = 0; i < 20; i++) await envs.step([0, 0]);
    envs.statistics.freeze();
    const state = JSON.parse(JSON.stringify(envs.state()));
    for (let i = 0; i < 20; i++) plain.stepSync([0, 0]);
    for (let i = 0; i < 20; i++) {
      const [step, original] = [await envs.step([0, 0]), plain.stepSync([0, 0])];
      expect(envs.originalObservations).toEqual(original.observations);
      expect(Math.max(...step.observations)).toBeLessThanOrEqual(0.5);
      const finals = original.infos["finalObservation"] as (Float32Array | null)[] | undefined;
      const expected = finals?.map((row) => row && envs.statistics.normalize(row, 0.5));
      expect(step.infos["finalObservation"]).toEqual(expected);
    }
    expect(envs.state()).toEqual(state);
    const other = new VectorNormalizeObservation(walks(1));
    other.loadState(state);
    expect(other.state()).toEqual(state);
  });

  it("go on from their states", () => {
    const run = (envs: VectorNormalizeReward<Float32Array, Float32Array>, from: number) =>
      Array.from({ length: 10 }, (_, i) => [...(envs.stepSync?.([from + i, 1]).rewards ?? [])]);
    const [a, b] = [0, 1].map(() => new VectorNormalizeReward(walks(2), { gamma: 0.9, clip: 1 }));
    a.resetSync?.({ seed: 3 });
    b.resetSync?.({ seed: 3 });
    run(a, 0);
    run(b, 0);
    const fresh = new VectorNormalizeReward(walks(2), { gamma: 0.9, clip: 1 });
    fresh.loadState(JSON.parse(JSON.stringify(a.state())));
    expect(fresh.state()).toEqual(b.state());
    expect(() => new VectorNormalizeReward(walks(3)).loadState(a.state())).toThrow("got 2");
    expect(Math.max(...run(a, 1).flat().map(Math.abs))).toBeLessThanOrEqual(1);
    expect(a.originalRewards).not.toEqual(new Float64Array(2));
  });

  it("refuse settings that cannot be", () => {
    expect(() => new VectorNormalizeReward(walks(1), { gamma: 1.5 })).toThrow("gamma must be in");
    expect(() => new NormalizeReward(new Walk(), { clip: 0 })).toThrow("clip must be positive");
    expect(() => new NormalizeObservation(new Walk(), { epsilon: -1 })).toThrow("got -1");
  });
});

describe("action wrappers", () => {
  const bounds = new Box([-2, 0], [4, 1]);
  /** Returns its action as observation. */
  class Echo extends Walk {
    override readonly actionSpace = bounds;
    override step(action: Float32Array): Step<Float32Array> {
      return { ...super.step(Float32Array.of(0)), observation: action };
    }
  }
  const echo = () => new SyncVectorEnv<Float32Array, Float32Array>([new Echo(), new Echo()]);

  it("clip and stretch", async () => {
    const clipped = new VectorClipAction(echo());
    expect(String(clipped.singleActionSpace)).toBe("Box(-Infinity, Infinity, [2], f32)");
    await clipped.reset();
    expect([...(await clipped.step([-9, 9, 3, 0.5])).observations]).toEqual([-2, 1, 3, 0.5]);
    await expect(clipped.step([NaN, 0, 0, 0])).rejects.toThrow("got NaN");
    const stretched = new VectorRescaleAction(echo());
    await stretched.reset();
    expect([...(await stretched.step([-1, 1, 0, 0])).observations]).toEqual([-2, 1, 1, 0.5]);
    const other = new VectorRescaleAction(echo(), { minAction: [0, 0], maxAction: 2 });
    await other.reset();
    expect([...(await other.step([0, 2, 1, 1])).observations]).toEqual([-2, 1, 1, 0.5]);
    expect(() => new VectorRescaleAction(clipped)).toThrow(/finite and apart, got \[-Inf/);
    expect(() => new VectorRescaleAction(echo(), { minAction: 1 })).toThrow("minAction");
  });
});

describe("VectorCheckNan", () => {
  class Bad extends Walk {
    override step(action: Float32Array): Step<Float32Array> {
      const step = super.step(action);
      if (action[0] > 0.8) return { ...step, reward: NaN };
      return action[0] < -0.8 ? { ...step, observation: Float32Array.of(1, Infinity) } : step;
    }
  }
  const bad = () => new SyncVectorEnv([new Bad(), new Bad()]);

  it("names the environment, the step and the action", async () => {
    const envs = new VectorCheckNan(bad());
    await envs.reset({ seed: 0 });
    await envs.step([0.5, 0.5]);
    await expect(envs.step([0, 0.875])).rejects.toThrow(
      "got NaN as number 0 of the reward of environment 1 in step 2, last action [0.875]",
    );
    await expect(envs.step([-0.875, 0])).rejects.toThrow(
      "got Infinity as number 1 of the observation of environment 0 in step 3",
    );
    await expect(envs.step([0, NaN])).rejects.toThrow("of the action of environment 1 in step 4");
  });

  it("warns once if asked, and leaves infinite numbers alone if asked", async () => {
    const printed = allowConsole(/VectorCheckNan/);
    const envs = new VectorCheckNan(bad(), { onFind: "warn", checkInf: false });
    await envs.reset({ seed: 0 });
    await envs.step([-0.875, 0]);
    expect(printed()).toEqual([]);
    for (let i = 0; i < 3; i++) await envs.step([0.875, 0]);
    expect(printed()).toHaveLength(1);
  });
});

describe("VectorFrameStack", () => {
  it.each<AutoresetMode>(["NextStep", "SameStep", "Disabled"])(
    "begins episodes anew in mode %s",
    async (mode) => {
      const envs = new VectorFrameStack(walks(2, mode), 3);
      expect(envs.singleObservationSpace.shape).toEqual([3, 2]);
      let { observations } = await envs.reset({ seed: 7 });
      for (let i = 0; i < 40; i++) {
        const step = await envs.step([1, -1]);
        ({ observations } = step);
        const finals = (step.infos["finalObservation"] ?? []) as (Float32Array | null)[];
        for (const final of finals.filter((each) => each !== null)) {
          // The second number of a frame counts the steps.
          expect([final[1], final[3]]).toEqual([Math.max(final[5] - 2, 0), final[5] - 1]);
        }
        const resetMask = ended(step);
        if (mode === "Disabled" && resetMask.includes(1)) {
          ({ observations } = await envs.reset({ resetMask }));
        }
        for (const e of [0, 1]) {
          const [a, , b, , c] = Array.from(observations.subarray(6 * e + 1, 6 * e + 6));
          expect([a, b]).toEqual([Math.max(c - 2, 0), Math.max(c - 1, 0)]);
        }
      }
    },
  );

  it("refuses sizes that are none", () => {
    expect(() => new VectorFrameStack(walks(1), 0)).toThrow("got 0");
  });
});

describe("batchSpace", () => {
  it("has a row for each environment", () => {
    const box = new Box([-1, 0], [1, 2]);
    const spaces: [Space<unknown>, string][] = [
      [box, "Box([-1, 0, -1, 0], [1, 2, 1, 2], [2, 2], f32)"],
      [new Discrete(3, { start: -1 }), String(new MultiDiscrete([3, 3], { start: [-1, -1] }))],
      [new MultiDiscrete([2, 3]), String(new MultiDiscrete([2, 3, 2, 3]))],
      [new MultiBinary(3), String(new MultiBinary([2, 3]))],
      [new Dict({ a: new Discrete(2) }), String(new Dict({ a: new MultiDiscrete([2, 2]) }))],
      [new Tuple([box]), String(new Tuple([batchSpace(box, 2)]))],
    ];
    for (const [space, text] of spaces) expect(String(batchSpace(space, 2))).toBe(text);
    const envs = walks(3);
    envs.resetSync({ seed: 0 });
    const { observations } = envs.stepSync(envs.actionSpace.sample());
    expect(envs.observationSpace.contains(observations)).toBe(true);
  });
});

describe("makeVec", () => {
  it("makes registered environments, with wrappers", async () => {
    const envs = await makeVec("Pendulum-v1", {
      numEnvs: 2,
      autoresetMode: "SameStep",
      maxEpisodeSteps: 3,
      wrappers: [(env) => new RecordEpisodeStatistics(env)],
    });
    envs.resetSync({ seed: 0 });
    for (let i = 0; i < 2; i++) envs.stepSync([1, 1]);
    const { infos, truncated } = envs.stepSync([1, 1]);
    expect([...truncated]).toEqual([1, 1]);
    expect(infoOf(infos["finalInfo"], 1)["episode"]).toMatchObject({ l: 3 });
    expect(envs.spec?.id).toBe("Pendulum-v1");
  });

  it("refuses what cannot be", async () => {
    await expect(makeVec("Pendulum-v1", { numEnvs: 0 })).rejects.toThrow("got 0");
    await expect(makeVec("Pendulun-v1")).rejects.toThrow("did you mean Pendulum-v1?");
    await expect(makeVec("Pendulum-v1", { mode: "async" })).rejects.toThrow("athanor/rl/node");
    await expect(node.makeVec("Pendulum-v1", { timeout: 3 })).rejects.toThrow(
      'timeout must be left out in mode "sync"',
    );
    const wrapped = { mode: "async", wrappers: [(env: Env) => env] } as const;
    await expect(node.makeVec("Pendulum-v1", wrapped)).rejects.toThrow(/functions cannot go/);
  });
});
