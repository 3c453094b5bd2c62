import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Env } from "../env.ts";
import type { Frame } from "../frame.ts";
import { make } from "../registry.ts";
import { halfCheetahMjcf } from "./mjcf/half-cheetah.ts";
import { hopperMjcf } from "./mjcf/hopper.ts";
import { invertedDoublePendulumMjcf, invertedPendulumMjcf } from "./mjcf/inverted-pendulum.ts";
import { reacherMjcf } from "./mjcf/reacher.ts";
import { swimmerMjcf } from "./mjcf/swimmer.ts";
import { walker2dMjcf } from "./mjcf/walker2d.ts";
import { mujocoEnvs } from "./mujoco-envs.ts";
import { loadMujoco } from "./mujoco-module.ts";
import { Simulation } from "./simulation.ts";

interface Episode {
  readonly id: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly observationSize: number;
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly fps: number;
  readonly maxEpisodeSteps: number;
  readonly rewardThreshold: number | null;
  readonly reset: readonly number[];
  readonly resetInfo: Readonly<Record<string, number>>;
  readonly rewards: readonly number[];
  readonly observations: Readonly<Record<string, readonly number[]>>;
  readonly info: Readonly<Record<string, number>>;
  readonly terminated: boolean;
  readonly truncated: boolean;
}

interface Trajectory {
  readonly id: string;
  readonly timestep: number;
  readonly states: Readonly<Record<string, readonly number[]>>;
}

// Written by tools/fixtures/mujoco_episodes.py with Gymnasium and the same MuJoCo in Python.
const fixture: {
  readonly seed: number;
  readonly episodes: readonly Episode[];
  readonly variants: readonly Episode[];
  readonly trajectories: readonly Trajectory[];
} = JSON.parse(readFileSync("test/fixtures/mujoco.json", "utf8"));

const models: Readonly<Record<string, () => string>> = {
  "InvertedPendulum-v5": invertedPendulumMjcf,
  "InvertedDoublePendulum-v5": invertedDoublePendulumMjcf,
  "HalfCheetah-v5": halfCheetahMjcf,
  "Hopper-v5": hopperMjcf,
  "Walker2d-v5": walker2dMjcf,
  "Reacher-v5": reacherMjcf,
  "Swimmer-v5": swimmerMjcf,
};

const hasMujoco = await loadMujoco().then(
  () => true,
  () => false,
);
const reason = hasMujoco ? "" : " (skipped: the optional package @mujoco/mujoco is missing)";

type MujocoTaskEnv = Env<Float64Array, Float32Array>;

/** Numbers in [-1, 1) that every language can draw. */
function congruential(): () => number {
  let state = 7;
  return () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return Math.max(...Array.from(actual, (value, i) => Math.abs(value - expected[i])));
}

function expectInfo(actual: Record<string, unknown>, expected: Record<string, number>): void {
  expect(Object.keys(actual).toSorted()).toEqual(Object.keys(expected).toSorted());
  const keys = Object.keys(expected);
  const pick = (info: Record<string, unknown>): number[] => keys.map((key) => Number(info[key]));
  expect(largestDifference([0, ...pick(actual)], [0, ...pick(expected)])).toBeLessThan(1e-6);
}

async function expectEpisode(episode: Episode): Promise<void> {
  const { id, options, high } = episode;
  using env: MujocoTaskEnv = await make(id, options);
  const reset = env.reset({ seed: fixture.seed });
  expect(largestDifference(reset.observation, episode.reset)).toBeLessThan(1e-12);
  expectInfo(reset.info, episode.resetInfo);
  const draw = congruential();
  for (const [i, reward] of episode.rewards.entries()) {
    const action = Float32Array.from(high, (limit) => Math.fround(draw()) * limit);
    const step = env.step(action);
    expect(Math.abs(step.reward - reward)).toBeLessThan(1e-6);
    const expected = episode.observations[i + 1] ?? step.observation;
    expect(largestDifference(step.observation, expected)).toBeLessThan(1e-6);
    const isLast = i === episode.rewards.length - 1;
    expect(step.terminated).toBe(isLast && episode.terminated);
    expect(step.truncated).toBe(isLast && episode.truncated);
    if (isLast) expectInfo(step.info, episode.info);
  }
}

describe.skipIf(!hasMujoco)(`MuJoCo environments${reason}`, () => {
  it.each(fixture.episodes)("$id plays Gymnasium's episode", async (episode) => {
    await expectEpisode(episode);
    using env: MujocoTaskEnv = await make(episode.id);
    expect(env.observationSpace.shape).toEqual([episode.observationSize]);
    expect(env.renderFps).toBe(episode.fps);
    const space = env.actionSpace as unknown as { low: Float64Array; high: Float64Array };
    expect([...space.low]).toEqual(episode.low);
    expect([...space.high]).toEqual(episode.high);
    const registration = mujocoEnvs.find(({ id }) => id === episode.id);
    expect(registration?.maxEpisodeSteps).toBe(episode.maxEpisodeSteps);
    expect(registration?.rewardThreshold ?? null).toBe(episode.rewardThreshold);
  });

  it.each(fixture.variants)("$id with $options plays Gymnasium's episode", expectEpisode);

  it.each(fixture.trajectories)("$id's model moves as upstream's", async ({ id, ...expected }) => {
    using simulation = await Simulation.create(models[id]());
    expect(simulation.timestep).toBe(expected.timestep);
    for (let step = 1; step <= 200; step++) {
      for (let i = 0; i < simulation.nu; i++) simulation.ctrl[i] = Math.sin(0.05 * step + i) * 0.7;
      simulation.step();
      const state = expected.states[step];
      if (state === undefined) continue;
      const actual = [...simulation.qpos, ...simulation.qvel];
      expect(largestDifference(actual, state)).toBeLessThan(1e-9);
    }
  });

  it("repeats an episode bit by bit from its seed, and goes on without one", async () => {
    using first: MujocoTaskEnv = await make("Hopper-v5");
    using second: MujocoTaskEnv = await make("Hopper-v5");
    const play = (env: MujocoTaskEnv, seed?: number): number[] => {
      const states = [...env.reset(seed === undefined ? {} : { seed }).observation];
      for (let i = 0; i < 10; i++) {
        states.push(...env.step(Float32Array.of(0.5, -0.5, 0.1 * i)).observation);
      }
      return states;
    };
    const once = play(first, 5);
    expect(play(second, 5)).toEqual(once);
    const next = play(first);
    expect(next).not.toEqual(once);
    expect(play(second)).toEqual(next);
  });

  it("returns observations that later steps leave alone", async () => {
    using env: MujocoTaskEnv = await make("HalfCheetah-v5");
    const { observation } = env.reset({ seed: 1 });
    const copy = observation.slice();
    env.step(new Float32Array(6).fill(1));
    expect(observation).toEqual(copy);
  });

  it.each([
    ["HalfCheetah-v5", { resetNoiseScale: -1 }, /resetNoiseScale must not be negative, got -1/],
    ["HalfCheetah-v5", { ctrlCostWeigth: 1 }, /ctrlCostWeigth; did you mean ctrlCostWeight/],
    ["Hopper-v5", { healthyZRange: [2, 1] }, /healthyZRange must be a pair .* got \[2,1\]/],
    ["Hopper-v5", { terminateWhenUnhealthy: 1 }, /must be true or false, got 1/],
    ["Walker2d-v5", { healthyStateRange: [0, 1] }, /healthyStateRange/],
    ["Swimmer-v5", { forwardRewardWeight: Number.NaN }, /must be a finite number/],
    ["Reacher-v5", { frameSkip: 0 }, /frameSkip must be a positive integer, got 0/],
    ["Reacher-v5", { width: 1.5 }, /width must be a positive integer, got 1.5/],
    ["Hopper-v5", { camera: { distanec: 3 } }, /distanec; did you mean distance/],
    ["Hopper-v5", { camera: { distance: -3 } }, /distance must be positive, got -3/],
    ["Hopper-v5", { camera: { lookat: [0, 0] } }, /lookat must be three numbers/],
    ["Hopper-v5", { camera: { trackBody: "head" } }, /body named "head", got: world, torso/],
    ["InvertedDoublePendulum-v5", { mjcf: invertedPendulumMjcf() }, /site named "tip", got/],
  ])("%s refuses %o", async (id, options, message) => {
    await expect(make(id, options)).rejects.toThrow(message);
  });

  it("draws text for terminals, and follows the body", async () => {
    using text: MujocoTaskEnv = await make("HalfCheetah-v5", { renderMode: "ansi" });
    text.reset({ seed: 0 });
    expect((text.render() as string).split("\n").length).toBe(24);
    const options = { renderMode: "rgb_array", width: 48, height: 48 } as const;
    using env: MujocoTaskEnv = await make("HalfCheetah-v5", options);
    env.reset({ seed: 0 });
    const { simulation } = env.unwrapped as unknown as { simulation: Simulation };
    const skin = (): number => {
      const { data } = env.render() as Frame;
      let count = 0;
      for (let i = 0; i < data.length; i += 3) if (data[i] > data[i + 2] + 50) count++;
      return count;
    };
    const near = skin();
    expect(near).toBeGreaterThan(40);
    simulation.setState(
      simulation.qpos.map((value, i) => (i === 0 ? 200 : value)),
      simulation.qvel.slice(),
    );
    expect(Math.abs(skin() - near)).toBeLessThan(15);
  });

  it("refuses actions of wrong length or not finite before the physics sees them", async () => {
    using env: MujocoTaskEnv = await make("Hopper-v5", { disableEnvChecker: true });
    env.reset({ seed: 0 });
    expect(() => env.step(new Float32Array(2))).toThrow(/Hopper: an action must be 3 numbers/);
    const { time } = (env.unwrapped as unknown as { simulation: Simulation }).simulation;
    expect(() => env.step(Float32Array.of(0, Number.NaN, 0))).toThrow(/finite, got NaN/);
    expect(() => env.step(Float32Array.of(0, 0, Infinity))).toThrow(/finite, got Infinity/);
    const { simulation } = env.unwrapped as unknown as { simulation: Simulation };
    expect(simulation.time).toBe(time);
  });
});
