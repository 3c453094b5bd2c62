import { describe, expect, test } from "vitest";
import { ConfigError, UsageError } from "../base/errors.ts";
import { Box } from "./box.ts";
import { Dict } from "./dict.ts";
import { Discrete } from "./discrete.ts";
import { Env } from "./env.ts";
import type { Reset, ResetOptions, Step } from "./env.ts";
import { Pendulum } from "./envs/pendulum.ts";
import type { Space } from "./space.ts";
import { envIds, make, register, registrations } from "./registry.ts";

/** Counts steps; what it returns can be made wrong. */
class Counting extends Env<Float32Array, Float32Array> {
  readonly observationSpace: Box = new Box(0, 100);
  readonly actionSpace: Box = new Box(-1, 1, { shape: [2] });
  readonly #wrong: Partial<Step<unknown>>;
  readonly #end: number;
  steps = 0;

  constructor(wrong: Partial<Step<unknown>> = {}, end = Infinity) {
    super();
    this.#wrong = wrong;
    this.#end = end;
  }

  reset(options?: ResetOptions): Reset<Float32Array> {
    this.begin(options);
    this.steps = 0;
    return { observation: Float32Array.of(0), info: {} };
  }

  step(): Step<Float32Array> {
    this.steps++;
    const observation = Float32Array.of(this.steps);
    const terminated = this.steps >= this.#end;
    const step = { observation, reward: 1, terminated, truncated: false, info: {} };
    return { ...step, ...this.#wrong } as Step<Float32Array>;
  }
}

const action = Float32Array.of(0, 0);

function makeCounting(wrong: Partial<Step<unknown>> = {}, end?: number): Promise<Env> {
  register({ id: "Counting-v0", create: () => new Counting(wrong, end), maxEpisodeSteps: 3 });
  return make("Counting-v0");
}

test("an environment is cut after its limit, which is not an end", async () => {
  const env = await makeCounting();
  env.reset();
  const steps = [1, 2, 3].map(() => env.step(action));
  expect(steps.map(({ truncated }) => truncated)).toEqual([false, false, true]);
  expect(steps.map(({ terminated }) => terminated)).toEqual([false, false, false]);
  expect(() => env.step(action)).toThrow("was truncated after 3 steps; call reset()");
  env.reset();
  expect(env.step(action).truncated).toBe(false);
  expect(env.spec).toEqual({
    id: "Counting-v0",
    maxEpisodeSteps: 3,
    rewardThreshold: null,
    options: {},
  });
});

test("the end of the task and the limit may come together", async () => {
  const env = await makeCounting({}, 3);
  env.reset();
  env.step(action);
  env.step(action);
  expect(env.step(action)).toMatchObject({ terminated: true, truncated: true });
});

test("steps and pictures in the wrong order are refused", async () => {
  const env = await makeCounting({}, 2);
  expect(() => env.step(action)).toThrow(UsageError);
  expect(() => env.step(action)).toThrow("Counting-v0.step: the episode has not begun");
  expect(() => env.render()).toThrow("Counting-v0.render: the episode has not begun");
  env.reset();
  env.step(action);
  env.step(action);
  expect(() => env.step(action)).toThrow("Counting-v0.step: the episode has ended; call reset()");
});

describe("what goes in and comes out is checked", () => {
  test.each<[string, unknown, string]>([
    ["a short action", Float32Array.of(0), "must be 2 numbers as a Float32Array, got [0]"],
    ["NaN in an action", Float32Array.of(0, Number.NaN), "got NaN at element 1 of [0, NaN]"],
    ["an infinite action", Float32Array.of(Infinity, 0), "got Infinity at element 0"],
    ["no action", undefined, "must be 2 numbers as a Float32Array, got undefined"],
  ])("%s", async (_, wrong, message) => {
    const env = await makeCounting();
    env.reset();
    expect(() => env.step(wrong)).toThrow(ConfigError);
    expect(() => env.step(wrong)).toThrow(message);
  });

  test.each<[Partial<Step<unknown>>, string]>([
    [{ reward: Number.NaN }, "reward must be a finite number, got NaN at step 1 after the action"],
    [{ observation: Float32Array.of(Number.NaN) }, "it must be in [0, 100] at element 0, got NaN"],
    [{ observation: Float32Array.of(1, 2) }, "it must have 1 elements, got 2: [1, 2]"],
    [{ observation: [1] }, "write Float32Array.from(values); correct the space"],
    [{ terminated: 1 as unknown as boolean }, "terminated: number"],
    [{ info: undefined as unknown as Record<string, unknown> }, "info: undefined"],
  ])("%o", async (wrong, message) => {
    const env = await makeCounting(wrong);
    env.reset();
    expect(() => env.step(action)).toThrow(ConfigError);
    env.reset();
    expect(() => env.step(action)).toThrow(message);
  });

  test("a later NaN is met too", async () => {
    const observation = Float32Array.of(1);
    const env = await makeCounting({ observation });
    env.reset();
    env.step(action);
    observation[0] = Number.NaN;
    expect(() => env.step(action)).toThrow("observation must be finite at element 0, got NaN");
  });

  test("NaN in a part of an observation is met too", async () => {
    const parts = { a: Float32Array.of(1), b: Float32Array.of(0, 2) };
    class Parts extends Env {
      readonly observationSpace: Space<unknown> = new Dict({
        a: new Box(0, 9),
        b: new Box(0, 9, { shape: [2] }),
      });
      readonly actionSpace: Discrete = new Discrete(2);
      reset(): Reset<unknown> {
        return { observation: parts, info: {} };
      }
      step(): Step<unknown> {
        const info = {};
        return { observation: parts, reward: 0, terminated: false, truncated: false, info };
      }
    }
    register({ id: "Parts-v0", create: () => new Parts() });
    const env = await make("Parts-v0");
    env.reset();
    env.step(1);
    parts.b[1] = Infinity;
    expect(() => env.step(0)).toThrow("finite at element 1 of b, got Infinity at step 2 after the");
  });

  test("not with disableEnvChecker", async () => {
    await makeCounting({ reward: Number.NaN });
    const env = await make("Counting-v0", { disableEnvChecker: true });
    env.reset();
    expect(env.step(action).reward).toBeNaN();
  });
});

test("limits can be given and taken away", async () => {
  expect((await make("Pendulum-v1", { maxEpisodeSteps: 7 })).spec?.maxEpisodeSteps).toBe(7);
  const endless = await make("Pendulum-v1", { maxEpisodeSteps: null });
  endless.reset();
  for (let i = 0; i < 300; i++) {
    expect(endless.step(Float32Array.of(0)).truncated).toBe(false);
  }
  for (const maxEpisodeSteps of [0, 1.5, -1]) {
    await expect(make("Pendulum-v1", { maxEpisodeSteps })).rejects.toThrow(
      `got ${maxEpisodeSteps}`,
    );
  }
});

test("options reach the environment; unknown ones are refused", async () => {
  const env = await make("Pendulum-v1", { g: 9.81, renderMode: "ansi" });
  env.reset({ seed: 0 });
  expect(env.spec?.options).toEqual({ g: 9.81, renderMode: "ansi" });
  expect(typeof env.render()).toBe("string");
  expect(env.unwrapped).toBeInstanceOf(Pendulum);
  await expect(make("Pendulum-v1", { gg: 9 })).rejects.toThrow("got gg; did you mean g?");
  await expect(make("Pendulum-v1", { g: "9" })).rejects.toThrow("g must be a finite number");
  await expect(make("Pendulum-v1", { renderMode: "human" })).rejects.toThrow(
    "has the render modes",
  );
});

test("unknown ids say what was meant", async () => {
  await expect(make("Pendulum-v0")).rejects.toThrow("did you mean Pendulum-v1?");
  await expect(make("pendulm-v1")).rejects.toThrow("did you mean Pendulum-v1?");
  for (const id of ["Twin-v1", "Twin-v2"]) register({ id, create: () => new Counting() });
  await expect(make("twin-v9")).rejects.toThrow("did you mean Twin-v1 or Twin-v2?");
  await expect(make("Chess-v12345678")).rejects.toThrow("there are CartPole-v1");
});

test("registering", async () => {
  const create = (): Env => new Counting();
  expect(() => register({ id: "Counting", create })).toThrow("must be a name and a version");
  expect(() => register({ id: "A-v0", create, maxEpisodeSteps: 0 })).toThrow("got 0");
  expect(() => register({ id: "A-v0", create, maxSteps: 3 } as never)).toThrow(
    "got maxSteps; known",
  );
  register({ id: "mine/Counting-v1", create, rewardThreshold: 5 });
  expect(envIds()).toContain("mine/Counting-v1");
  expect(registrations().find(({ id }) => id === "mine/Counting-v1")?.rewardThreshold).toBe(5);
  expect((await make("mine/Counting-v1")).spec?.maxEpisodeSteps).toBeNull();
});
