import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Env } from "../env.ts";
import { make } from "../registry.ts";

interface Episode {
  readonly task: string;
  readonly first: number[];
  readonly observations: number[][];
  readonly rewards: number[];
  readonly end?: "terminated" | "truncated";
}

/** Written by tools/fixtures/rl_episodes.py from Gymnasium. */
const episodes = JSON.parse(
  readFileSync(new URL("../../../test/fixtures/rl-episodes.json", import.meta.url), "utf8"),
) as Episode[];

type Numbers = Env<Float32Array, Float32Array | number>;

/** The actions of the fixture: a linear congruential generator of numbers in [-1, 1). */
function* fixtureActions(env: Numbers): Generator<Float32Array | number> {
  const space = env.actionSpace as unknown as { n?: number; high: Float64Array };
  for (let state = 7; ;) {
    state = Number((1664525n * BigInt(state) + 1013904223n) % 2n ** 32n);
    const u = Math.fround(state / 2 ** 31 - 1);
    yield space.n === undefined
      ? Float32Array.of(u * space.high[0])
      : Math.floor(((u + 1) / 2) * space.n);
  }
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));
}

describe.each(episodes)("$task", (episode) => {
  test("gives Gymnasium's episode", async () => {
    const env = await make<Float32Array, Float32Array | number>(episode.task);
    const { observation } = env.reset({ seed: 42 });
    expect([...observation]).toEqual(episode.first);
    const actions = fixtureActions(env);
    const steps = episode.rewards.map(() =>
      env.step(actions.next().value as Float32Array | number),
    );
    const rewards = steps.map(({ reward }) => reward);
    expect(largestDifference(rewards, episode.rewards)).toBeLessThan(1e-12);
    const errors = steps.map((step, i) =>
      largestDifference(step.observation, episode.observations[i]),
    );
    expect(Math.max(...errors)).toBeLessThan(1e-6);
    const last = steps[steps.length - 1];
    expect(last.terminated).toBe(episode.end === "terminated");
    expect(last.truncated).toBe(episode.end === "truncated");
  });

  test("observations are values of their own, inside the space", async () => {
    const env = await make<Float32Array, unknown>(episode.task);
    const first = env.reset({ seed: 1 }).observation;
    const copy = first.slice();
    env.actionSpace.seed(5);
    const step = env.step(env.actionSpace.sample());
    expect(first).toEqual(copy);
    expect(env.observationSpace.whyNot(step.observation)).toBeNull();
  });

  test("goes on with its generator without a seed, and repeats with one", async () => {
    const env = await make<Float32Array, unknown>(episode.task);
    const [a, b] = [env.reset({ seed: 3 }), env.reset()].map(({ observation }) => observation);
    expect(b).not.toEqual(a);
    expect(env.reset({ seed: 3 }).observation).toEqual(a);
    expect(env.reset().observation).toEqual(b);
  });
});

test("returns of the 60 steps are those of the research notes", async () => {
  const returns = episodes.map(({ rewards }) => rewards.reduce((a, b) => a + b, 0));
  expect(returns[0]).toBeCloseTo(-356.082361, 5);
  expect(returns[1]).toBeCloseTo(-2.03759006, 7);
});

test("random policies return what Gymnasium's do", async () => {
  const env = await make<Float32Array, unknown>("Pendulum-v1");
  env.reset({ seed: 0 });
  env.actionSpace.seed(0);
  const returns = Array.from({ length: 30 }, () => {
    env.reset();
    let sum = 0;
    for (let i = 0; i < 200; i++) sum += env.step(env.actionSpace.sample()).reward;
    return sum;
  });
  const mean = returns.reduce((a, b) => a + b, 0) / 30;
  // -1257 ± 284 over 30 episodes: two standard errors of the difference of two such means.
  expect(Math.abs(mean + 1257)).toBeLessThan(2 * Math.SQRT2 * (284 / Math.sqrt(30)));
});

test("the car terminates at the goal with its reward, and pays for the unclipped force", async () => {
  const env = await make<Float32Array, Float32Array>("MountainCarContinuous-v0");
  env.reset({ seed: 0 });
  let velocity = 0;
  let last = env.step(Float32Array.of(2));
  expect(last.reward).toBeCloseTo(-0.4, 12);
  while (!last.terminated && !last.truncated) {
    velocity = last.observation[1];
    last = env.step(Float32Array.of(velocity >= 0 ? 1 : -1));
  }
  expect(last.terminated).toBe(true);
  expect(last.reward).toBeCloseTo(99.9, 12);
  expect(last.observation[0]).toBeGreaterThanOrEqual(0.45);
});

test("reset options bound the start; wrong ones are refused", async () => {
  const car = await make<Float32Array, Float32Array>("MountainCarContinuous-v0");
  const { observation } = car.reset({ options: { low: 0.1, high: 0.1 } });
  expect(observation[0]).toBe(Math.fround(0.1));
  expect(() => car.reset({ options: { low: 1, high: 0 } })).toThrow("got 1 and 0");
  const pendulum = await make<Float32Array, Float32Array>("Pendulum-v1");
  expect(pendulum.reset({ options: { xInit: 0, yInit: 0 } }).observation[0]).toBe(1);
  expect(() => pendulum.reset({ options: { xinit: 0 } })).toThrow("did you mean xInit?");
  expect(() => pendulum.reset({ options: { xInit: "a" } })).toThrow("must be a finite number");
});

test("discrete actions outside are refused", async () => {
  const env = await make<Float32Array, number>("CartPole-v1");
  env.reset();
  expect(() => env.step(2)).toThrow("must be a whole number in [0, 1], got 2");
  expect(() => env.step(Number.NaN)).toThrow("got NaN");
});

test("seeds that are none are refused", async () => {
  const env = await make("Pendulum-v1");
  for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) {
    expect(() => env.reset({ seed })).toThrow(`must be a non-negative integer, got ${seed}`);
  }
  expect(() => env.reset({ seed: 2n ** 70n })).not.toThrow();
});
