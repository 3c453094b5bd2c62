import { afterEach, describe, expect, it } from "vitest";
import { CheckpointError, ConfigError, ShapeError, scope } from "athanor";
import { Tensor } from "../../tensor/tensor.ts";
import { Box } from "../box.ts";
import { Dict } from "../dict.ts";
import { Discrete } from "../discrete.ts";
import type { Transitions } from "../transitions.ts";
import { goalLayout } from "./goal-layout.ts";
import { HindsightReplay } from "./hindsight-replay.ts";
import type { GoalFunction, HindsightReplayOptions } from "./hindsight-replay.ts";

/** A point of a line: the goal reached is the place, alone in its episode by its number. */
interface Step {
  readonly environment: number;
  readonly episode: number;
  readonly step: number;
  readonly terminated?: boolean;
  readonly truncated?: boolean;
}

const space = new Dict({
  observation: new Box(-1e6, 1e6, { shape: [1] }),
  achievedGoal: new Box(-1e6, 1e6, { shape: [2] }),
  desiredGoal: new Box(-1e6, 1e6, { shape: [2] }),
});

const soughtGoal = [-1, -1];
/** The goal an episode has reached before a step. */
const reached = (episode: number, step: number): number[] => [episode, step];

/** A flattened observation: achievedGoal, desiredGoal, observation. */
const observed = ({ episode }: Step, step: number): number[] => [
  ...reached(episode, step),
  ...soughtGoal,
  100 * episode + step,
];

const transitions = (steps: readonly Step[]): Transitions => ({
  count: steps.length,
  observations: Float32Array.from(steps.flatMap((each) => observed(each, each.step))),
  actions: Float32Array.from(steps, ({ step }) => step),
  rewards: Float32Array.from(steps, () => -1),
  nextObservations: Float32Array.from(steps.flatMap((each) => observed(each, each.step + 1))),
  terminated: Uint8Array.from(steps, ({ terminated }) => Number(terminated ?? false)),
  truncated: Uint8Array.from(steps, ({ truncated }) => Number(truncated ?? false)),
  environments: Int32Array.from(steps, ({ environment }) => environment),
});

/** 0 where the goal was reached, −1 elsewhere. */
const sparse: GoalFunction = (achieved, desired, count) =>
  Array.from({ length: count }, (_, i) =>
    achieved[2 * i] === desired[2 * i] && achieved[2 * i + 1] === desired[2 * i + 1] ? 0 : -1,
  );

/** What is stored, a plain row each. */
interface Stored {
  readonly observation: number;
  readonly next: number;
  readonly episode: number;
  readonly step: number;
  readonly action: number;
  readonly goal: readonly number[];
  readonly nextGoal: readonly number[];
  readonly reward: number;
  readonly terminated: number;
}

function contents(replay: HindsightReplay): Stored[] {
  return scope(() => {
    const places = Tensor.from(Int32Array.from({ length: replay.size }, (_, i) => i));
    const batch = replay.gather(places);
    const [o, n, a, r, t] = [
      batch.observations,
      batch.nextObservations,
      batch.actions,
      batch.rewards,
      batch.terminated,
    ].map((tensor) => [...tensor.dataSync()]);
    return Array.from({ length: replay.size }, (_, i) => ({
      observation: o[5 * i + 4],
      next: n[5 * i + 4],
      episode: o[5 * i],
      step: o[5 * i + 1],
      action: a[i],
      goal: o.slice(5 * i + 2, 5 * i + 4),
      nextGoal: n.slice(5 * i + 2, 5 * i + 4),
      reward: r[i],
      terminated: t[i],
    }));
  });
}

/** The stored rows whose goal is not the one that was sought. */
const copiesOf = (replay: HindsightReplay): Stored[] =>
  contents(replay).filter(({ goal }) => goal[0] !== -1);

describe("HindsightReplay", () => {
  const open: HindsightReplay[] = [];
  const make = (options: Partial<HindsightReplayOptions> = {}): HindsightReplay => {
    const replay = new HindsightReplay({
      capacity: 3000,
      actionSize: 1,
      layout: goalLayout(space),
      computeReward: sparse,
      ...options,
    });
    open.push(replay);
    return replay;
  };
  afterEach(() => {
    for (const replay of open.splice(0)) replay.dispose();
  });

  /** Two environments whose episodes, of different lengths, run at the same time. */
  const play = (replay: HindsightReplay, rounds: number, first = 0): void => {
    for (let round = first; round < first + rounds; round++) {
      const steps = [11, 7].map((length, environment) => {
        const step = round % length;
        const episode = 1000 * (environment + 1) + Math.floor(round / length);
        return { environment, episode, step, truncated: step === length - 1 };
      });
      replay.add(transitions(steps));
    }
  };

  it.each(["future", "final", "episode"] as const)(
    "gives goals of the same episode (%s)",
    (strategy) => {
      const replay = make({ strategy, seed: 5 });
      play(replay, 77);
      const rows = contents(replay);
      expect(rows).toHaveLength(2 * 77 * 5);
      const copies = copiesOf(replay);
      expect(copies).toHaveLength(2 * 77 * 4);
      for (const row of copies) {
        const length = row.episode < 2000 ? 11 : 7;
        const [episode, goalStep] = row.goal;
        expect(episode).toBe(row.episode);
        const least = { future: row.step + 1, final: length, episode: 1 }[strategy];
        expect(goalStep).toBeGreaterThanOrEqual(least);
        expect(goalStep).toBeLessThanOrEqual(length);
        expect(row.nextGoal).toEqual(row.goal);
        expect(row.reward).toBe(goalStep === row.step + 1 ? 0 : -1);
        expect(row).toMatchObject({
          action: row.step,
          observation: 100 * row.episode + row.step,
          next: 100 * row.episode + row.step + 1,
          terminated: 0,
        });
      }
      const earlier = copies.filter(({ goal, step }) => goal[1] <= step);
      expect(earlier.length > 0).toBe(strategy === "episode");
    },
  );

  it("draws goals of the future evenly", () => {
    const replay = make({ seed: 2, nSampledGoal: 500 });
    for (let step = 0; step < 4; step++) {
      replay.add(transitions([{ environment: 0, episode: 1, step, truncated: step === 3 }]));
    }
    const goals = contents(replay).filter(({ step, goal }) => step === 0 && goal[0] === 1);
    const counts = [1, 2, 3, 4].map((n) => goals.filter(({ goal }) => goal[1] === n).length);
    const chiSquare = counts.reduce((sum, n) => sum + (n - 125) ** 2 / 125, 0);
    // 3 degrees of freedom: 0.1 % lie above 16.3.
    expect(chiSquare).toBeLessThan(16.3);
  });

  it("keeps steps as they were at once, and copies when the episode is over", () => {
    const replay = make();
    const step = { environment: 0, episode: 1 };
    replay.add(transitions([{ ...step, step: 0 }]));
    expect(contents(replay)).toMatchObject([{ goal: soughtGoal, reward: -1 }]);
    replay.add(transitions([{ ...step, step: 1, terminated: true }]));
    const rows = contents(replay);
    expect(rows).toHaveLength(10);
    expect(rows.filter(({ terminated }) => terminated === 1)).toHaveLength(5);
  });

  it("asks for rewards once an episode, with all pairs", () => {
    const calls: number[] = [];
    const computeReward: GoalFunction = (achieved, desired, count) => {
      calls.push(count);
      expect([achieved.length, desired.length]).toEqual([2 * count, 2 * count]);
      return new Float64Array(count).fill(0.5);
    };
    const computeTerminated: GoalFunction = (achieved, desired, count) =>
      Array.from(sparse(achieved, desired, count), (reward) => (reward === 0 ? 1 : 0));
    const replay = make({ computeReward, computeTerminated, nSampledGoal: 3 });
    play(replay, 11);
    expect(calls).toEqual([21, 33]);
    for (const { goal, step, terminated, reward } of copiesOf(replay)) {
      expect([reward, terminated]).toEqual([0.5, goal[1] === step + 1 ? 1 : 0]);
    }
  });

  it("ends episodes that were cut without a word", () => {
    const replay = make();
    play(replay, 3);
    expect(replay.size).toBe(6);
    replay.endEpisode(0);
    expect(replay.size).toBe(6 + 12);
    replay.endEpisode();
    replay.endEpisode();
    expect(replay.size).toBe(6 + 24);
    for (const { goal, step } of copiesOf(replay)) expect(goal[1]).toBeGreaterThan(step);
  });

  it("goes on from a state in the middle of episodes", () => {
    scope(() => {
      const [one, two] = [make({ seed: 1 }), make({ seed: 9 })];
      play(one, 80);
      play(two, 5);
      const { tensors, plain } = one.state();
      two.loadState({ tensors, plain: JSON.parse(JSON.stringify(plain)) as typeof plain });
      for (const replay of [one, two]) play(replay, 30, 80);
      expect(contents(two)).toEqual(contents(one));
      expect([...two.sample(50).indices.dataSync()]).toEqual([
        ...one.sample(50).indices.dataSync(),
      ]);
    });
  });

  it("takes episodes of any length", () => {
    const replay = make({ nSampledGoal: 1 });
    for (let step = 0; step < 300; step++) {
      replay.add(transitions([{ environment: 0, episode: 1, step, truncated: step === 299 }]));
    }
    const copies = contents(replay).slice(300);
    expect(copies.map(({ step }) => step)).toEqual(Array.from({ length: 300 }, (_, i) => i));
  });

  it("finds goals in a Dict, whatever the order of its parts", () => {
    expect(goalLayout(space)).toEqual({
      observationSize: 5,
      goalSize: 2,
      achievedGoal: 0,
      desiredGoal: 2,
    });
    const box = new Box(-1, 1, { shape: [3] });
    expect(() => goalLayout(box)).toThrow(/must be a Dict with observation, achievedGoal and/);
    const parts = { observation: box, achievedGoal: box, desiredGoal: new Discrete(4) };
    expect(() => goalLayout(new Dict(parts))).toThrow(/equal sizes, got 3 and 4/);
    const { desiredGoal: _, ...missing } = parts;
    expect(() => goalLayout(new Dict(missing))).toThrow(ConfigError);
  });

  it("refuses wrong options, rewards and states", () => {
    scope(() => {
      const layout = goalLayout(space);
      const bad: object[] = [
        { strategy: "past" },
        { nSampledGoal: 0 },
        { nSteps: 3 },
        { layout: { ...layout, desiredGoal: 4 } },
        { layout: { ...layout, goalSize: 1.5 } },
      ];
      for (const options of bad) {
        expect(() => make(options), JSON.stringify(options)).toThrow(ConfigError);
      }
      const short = make({ computeReward: () => [1, 2] });
      expect(() => play(short, 7)).toThrow(ShapeError);
      const nan = make({ computeReward: (_a, _d, count) => new Float32Array(count).fill(NaN) });
      expect(() => play(nan, 7)).toThrow(
        /computeReward must return finite numbers, got NaN for pair 0/,
      );
      const replay = make();
      play(replay, 3);
      const state = replay.state();
      expect(() => make({ strategy: "final" }).loadState(state)).toThrow(CheckpointError);
      const { "episode.0": _, ...tensors } = state.tensors;
      expect(() => make().loadState({ ...state, tensors })).toThrow(/needs the tensor episode.0/);
    });
  });
});
