import { describe, expect, it } from "vitest";
import type { Frame } from "../frame.ts";
import { TimeLimit } from "../wrappers/time-limit.ts";
import { mujocoEnv } from "./custom-env.ts";
import type { MujocoTask } from "./custom-env.ts";
import { loadMujoco } from "./mujoco-module.ts";

const hasMujoco = await loadMujoco().then(
  () => true,
  () => false,
);
const reason = hasMujoco ? "" : " (skipped: the optional package @mujoco/mujoco is missing)";

/** A block on a rail that a motor pushes. */
function block(motor = 'ctrlrange="-2 2" ctrllimited="true"', damping = 1): string {
  return `<mujoco><size memory="200K"/><option timestep="0.01" gravity="0 0 0"/><worldbody>
    <body name="block"><joint name="rail" type="slide" axis="1 0 0" damping="${damping}"/>
      <geom type="box" size=".1 .1 .1" mass="1" rgba="1 0 0 1"/></body></worldbody>
    <actuator><motor joint="rail" ${motor}/></actuator></mujoco>`;
}

const task: MujocoTask = {
  mjcf: block(),
  frameSkip: 5,
  reward: ({ simulation, positionBefore, dt }) => (simulation.qpos[0] - positionBefore[0]) / dt,
  terminated: ({ simulation }) => simulation.qpos[0] > 0.1,
};

describe.skipIf(!hasMujoco)(`mujocoEnv${reason}`, () => {
  it("makes a task of a model, a reward and an end", async () => {
    using env = await mujocoEnv(task);
    expect(env.observationSpace.shape).toEqual([2]);
    expect(env.actionSpace.toString()).toContain("Box(-2, 2, [1], f32)");
    expect(env.dt).toBeCloseTo(0.05, 12);
    expect(env.renderFps).toBe(20);
    const { observation } = env.reset({ seed: 3 });
    expect(env.observationSpace.contains(observation)).toBe(true);
    expect(Math.abs(observation[0])).toBeLessThan(0.01);
    let step = env.step(Float32Array.of(2));
    expect(step.reward).toBeCloseTo((step.observation[0] - observation[0]) / env.dt, 12);
    for (let i = 0; i < 20 && !step.terminated; i++) step = env.step(Float32Array.of(2));
    expect(step.terminated).toBe(true);
    expect(step.truncated).toBe(false);
    expect(step.observation[0]).toBeGreaterThan(0.1);
  });

  it("takes an observation, a start and info of one's own", async () => {
    using env = await mujocoEnv({
      ...task,
      observation: ({ qpos, time }) => [qpos[0] * 10, time, 1],
      start: (_, random) => ({ qpos: [-random.uniform(1, 2)], qvel: [0] }),
      info: ({ action }) => ({ force: action[0] }),
    });
    const { observation } = env.reset({ seed: 0 });
    expect(observation[0]).toBeLessThan(-10);
    expect(observation.slice(1)).toEqual(Float64Array.of(0, 1));
    const { info, observation: next } = env.step(Float32Array.of(0.5));
    expect(info).toEqual({ force: 0.5 });
    expect(next[1]).toBeCloseTo(0.05, 12);
  });

  it("goes into a time limit, and draws", async () => {
    using env = new TimeLimit(
      await mujocoEnv({
        ...task,
        renderMode: "rgb_array",
        width: 64,
        height: 48,
        camera: { distance: 1, lookat: [0, 0, 0] },
      }),
      2,
    );
    env.reset({ seed: 0 });
    expect(env.step(Float32Array.of(0)).truncated).toBe(false);
    expect(env.step(Float32Array.of(0)).truncated).toBe(true);
    const frame = env.render() as Frame;
    expect([frame.width, frame.height, frame.data.length]).toEqual([64, 48, 64 * 48 * 3]);
    const middle = 3 * (24 * 64 + 32);
    const [red, green, blue] = frame.data.subarray(middle, middle + 3);
    expect(red).toBeGreaterThan(2 * green);
    expect(red).toBeGreaterThan(2 * blue);
  });

  it("cuts an episode whose physics explodes", async () => {
    const stiff = block('ctrlrange="-2 2" ctrllimited="true"', -1e6);
    using env = await mujocoEnv({ ...task, mjcf: stiff, reward: () => 0 });
    env.reset({ seed: 0 });
    let step = env.step(Float32Array.of(1));
    for (let i = 0; i < 200 && !step.truncated; i++) step = env.step(Float32Array.of(1));
    expect(step.truncated).toBe(true);
    expect(step.info).toEqual({ diverged: true });
    expect(step.observation.every(Number.isFinite)).toBe(true);
  });

  it.each<[Partial<MujocoTask>, RegExp]>([
    [{ mjcf: block().replace(/<motor[^>]*>/, "") }, /must have actuators, got none; add/],
    [{ mjcf: block("") }, /must have a ctrlrange, got \[0, 0\] for number 0/],
    [{ mjcf: "<mujoco" }, /must compile/],
    [{ frameSkip: 2.5 }, /frameSkip must be a positive integer, got 2.5/],
    [{ frameskip: 2 } as Partial<MujocoTask>, /frameskip; did you mean frameSkip/],
    [{ renderMode: "human" }, /renderMode must be one of rgb_array, ansi or null, got human/],
    [{ reward: 1 as never }, /reward must be a function, got number/],
    [{ mjcf: undefined as never }, /mjcf must be XML text .* got undefined/],
    [{ resetNoiseScale: -0.1 }, /resetNoiseScale must not be negative/],
  ])("refuses %o", async (wrong, message) => {
    await expect(mujocoEnv({ ...task, ...wrong })).rejects.toThrow(message);
  });

  it("names the step and the action of a reward that is no number", async () => {
    using env = await mujocoEnv({ ...task, name: "Push", reward: () => Number.NaN });
    env.reset({ seed: 0 });
    expect(() => env.step(Float32Array.of(0.25))).toThrow(
      /Push: the reward must be a finite number, got NaN at step 1 after action \[0.25\]/,
    );
  });

  it("refuses observations that change their length", async () => {
    let length = 2;
    using env = await mujocoEnv({ ...task, observation: () => new Array<number>(length).fill(0) });
    length = 3;
    expect(() => env.reset()).toThrow(/observations must keep their length of 2, got 3 at step 0/);
  });
});
