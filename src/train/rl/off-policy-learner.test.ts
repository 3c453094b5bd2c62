import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Pcg64 } from "../../base/pcg64.ts";
import { memoryStats } from "../../engine/devices.ts";
import { engineStats } from "../../engine/statistics.ts";
import { Box } from "../../rl/box.ts";
import { Dict } from "../../rl/dict.ts";
import { Discrete } from "../../rl/discrete.ts";
import { Env } from "../../rl/env.ts";
import type { Space } from "../../rl/space.ts";
import type { PrioritizedReplay } from "../../rl/replay/prioritized-replay.ts";
import type { Rows, Transitions } from "../../rl/transitions.ts";
import { FlattenObservation } from "../../rl/wrappers/flatten-observation.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { valueOf } from "./actor-critic-nets.ts";
import { DDPG } from "./ddpg.ts";
import type { DdpgSettings } from "./ddpg.ts";
import { DQN } from "./dqn.ts";
import { SAC } from "./sac.ts";
import { TD3 } from "./td3.ts";

/** An environment of which only the spaces count. */
class Spaces extends Env {
  readonly observationSpace: Space<unknown>;
  readonly actionSpace: Space<unknown>;

  constructor(
    actionSpace: Space<unknown>,
    observationSpace: Space<unknown> = new Box(-5, 5, { shape: [3] }),
  ) {
    super();
    this.actionSpace = actionSpace;
    this.observationSpace = observationSpace;
  }

  override reset(): never {
    throw new Error("not played");
  }

  override step(): never {
    throw new Error("not played");
  }
}

const box = new Box([-2, 0], [2, 1]);
const small = { netArch: [8, 8], batchSize: 4, learningStarts: 8, bufferSize: 512, seed: 3 };
const names = ["ddpg", "td3", "sac", "dqn"] as const;
type Name = (typeof names)[number];
type Agent = DDPG | TD3 | SAC | DQN;

function makeAgent(name: Name, options: object = {}): Agent {
  const all = { ...small, ...options };
  switch (name) {
    case "ddpg":
      return new DDPG(new Spaces(box), all);
    case "td3":
      return new TD3(new Spaces(box), all);
    case "sac":
      return new SAC(new Spaces(box), all);
    default:
      return new DQN(new Spaces(new Discrete(4)), all);
  }
}

function randomRows(count: number, random: Pcg64): Rows {
  return Float32Array.from({ length: count }, () => random.uniform(-1, 1));
}

function transitions(agent: Agent, count: number, random: Pcg64): Transitions {
  const isDqn = agent.algorithm === "dqn";
  return {
    count,
    observations: randomRows(3 * count, random),
    actions: isDqn
      ? Float32Array.from({ length: count }, () => random.integers(0, 4))
      : randomRows(2 * count, random).map((value, i) => (i % 2 === 0 ? value : Math.abs(value))),
    rewards: randomRows(count, random),
    nextObservations: randomRows(3 * count, random),
    terminated: Uint8Array.from({ length: count }, () => random.integers(0, 2)),
    truncated: new Uint8Array(count),
  };
}

/** Acts, remembers and updates; the actions it took and the numbers of the last update. */
async function live(agent: Agent, steps: number, random: Pcg64): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < steps; i++) {
    seen.push(...agent.act(randomRows(6, random), 2, true));
    agent.remember(transitions(agent, 2, random));
    if (i % 5 === 4) agent.episodeEnded(i % 2);
    agent.setProgress(i / steps);
    agent.update();
  }
  for (const metric of Object.values(agent.update())) seen.push(await metric.item());
  return seen;
}

describe.each(names)("%s", (name) => {
  it("goes on from a state as if it had not stopped", async () => {
    const options = {
      normalizeObservations: true,
      nSteps: 2,
      ...(name !== "dqn" && { actionNoise: { kind: "ornsteinUhlenbeck", sigma: 0.2 } }),
    };
    using first = makeAgent(name, options);
    using second = makeAgent(name, { ...options, seed: 4 });
    first.remember(transitions(first, 20, new Pcg64(1)));
    await live(first, 7, new Pcg64(2));
    await second.loadState(first.state({ withReplay: true }));
    expect(await live(second, 6, new Pcg64(5))).toEqual(await live(first, 6, new Pcg64(5)));
  });

  it("goes on from a state with priorities", async () => {
    const options = { prioritizedReplay: { alpha: 0.7 } };
    using first = makeAgent(name, options);
    using second = makeAgent(name, options);
    first.remember(transitions(first, 20, new Pcg64(1)));
    await live(first, 7, new Pcg64(2));
    await second.loadState(first.state({ withReplay: true }));
    expect(await live(second, 6, new Pcg64(5))).toEqual(await live(first, 6, new Pcg64(5)));
    const replay = first.replay as PrioritizedReplay;
    const chances = new Set(Array.from({ length: 10 }, (_, i) => replay.probability(i)));
    expect(chances.size).toBeGreaterThan(3);
  });

  it("is the same with the same seed only", async () => {
    const curves: number[][] = [];
    for (const seed of [3, 3, 4]) {
      using agent = makeAgent(name, { seed });
      agent.remember(transitions(agent, 8, new Pcg64(1)));
      curves.push(await live(agent, 5, new Pcg64(2)));
    }
    expect(curves[1]).toEqual(curves[0]);
    expect(curves[2]).not.toEqual(curves[0]);
  });

  it("is one program an update, traced once", async () => {
    using agent = makeAgent(name, { learningRate: { from: 1e-3, to: 1e-4 } });
    agent.remember(transitions(agent, 20, new Pcg64(1)));
    for (let i = 0; i < 4; i++) agent.update();
    const before = engineStats();
    for (let i = 0; i < 6; i++) {
      agent.remember(transitions(agent, 1, new Pcg64(i)));
      agent.setProgress(i / 10);
      agent.update();
    }
    const after = engineStats();
    expect(after.traces).toBe(before.traces);
    expect(after.compiles).toBe(before.compiles);
    expect(after.runs - before.runs).toBe(6);
  });

  it("leaves no memory behind", () => {
    // The default generator stays.
    makeAgent(name).dispose();
    const before = memoryStats().liveBuffers;
    const agent = makeAgent(name, { normalizeObservations: true, prioritizedReplay: {} });
    const random = new Pcg64(1);
    const step = (): void => {
      agent.act(randomRows(6, random), 2, true);
      agent.remember(transitions(agent, 2, random));
      if (agent.steps >= 8) agent.update();
    };
    for (let i = 0; i < 10; i++) step();
    const running = memoryStats().liveBuffers;
    for (let i = 0; i < 300; i++) step();
    expect(memoryStats().liveBuffers).toBe(running);
    agent.dispose();
    expect(memoryStats().liveBuffers).toBe(before);
  });

  it("acts within the space, and without exploring always the same", () => {
    using agent = makeAgent(name, { learningStarts: 12 });
    const random = new Pcg64(1);
    const space = agent.actionSpace;
    const valid = (rows: Rows): boolean =>
      name === "dqn"
        ? rows.every((value) => space.contains(value))
        : space.contains(rows.slice(0, 2)) && space.contains(rows.slice(2));
    const observations = randomRows(6, random);
    const before = agent.state({ withReplay: false }).plain;
    const chosen = agent.act(observations, 2, false);
    expect(agent.act(observations, 2, false)).toEqual(chosen);
    expect(agent.state({ withReplay: false }).plain).toEqual(before);
    expect(valid(chosen)).toBe(true);
    for (let i = 0; i < 20; i++) {
      expect(valid(agent.act(observations, 2, true))).toBe(true);
      agent.remember(transitions(agent, 2, random));
    }
  });

  it("saves and loads", async () => {
    const folder = mkdtempSync(join(tmpdir(), "athanor-learner-"));
    try {
      using agent = makeAgent(name);
      agent.remember(transitions(agent, 20, new Pcg64(1)));
      await live(agent, 5, new Pcg64(2));
      await agent.save(folder);
      const classes = { ddpg: DDPG, td3: TD3, sac: SAC, dqn: DQN };
      using again = await classes[name].load(folder, agent.env);
      const observation = randomRows(3, new Pcg64(9));
      expect(again.act(observation, 1, false)).toEqual(agent.act(observation, 1, false));
      expect(again.updates).toBe(agent.updates);
      const other = name === "td3" ? DDPG : TD3;
      await expect(other.load(folder, new Spaces(box))).rejects.toThrow(name);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("loads all of a state or nothing", async () => {
    using agent = makeAgent(name);
    using other = makeAgent(name, { seed: 9 });
    const { tensors, plain } = other.state({ withReplay: false });
    const [last] = Object.keys(tensors).slice(-1);
    const lacking = Object.fromEntries(Object.entries(tensors).filter(([key]) => key !== last));
    const observation = randomRows(3, new Pcg64(1));
    const before = agent.act(observation, 1, false);
    await expect(agent.loadState({ tensors: lacking, plain })).rejects.toThrow(last);
    expect(agent.act(observation, 1, false)).toEqual(before);
  });

  it("refuses what does not fit", async () => {
    using agent = makeAgent(name);
    expect(() => agent.update()).toThrow(/batch/);
    expect(() => agent.act(new Float32Array(4), 1, false)).toThrow("1 rows of 3, got 4 numbers");
    using wide = makeAgent(name, { netArch: [9, 9] });
    await expect(wide.loadState(agent.state({ withReplay: false }))).rejects.toThrow(/shape/i);
  });
});

describe("actions", () => {
  it.each([DDPG, TD3, SAC])("of %o must be finite", (kind) => {
    using agent = new kind(new Spaces(box), small);
    agent.actor.layers[0].bias?.assign(Tensor.from(new Float32Array(8).fill(Number.NaN)));
    expect(() => agent.act(new Float32Array(3), 1, false)).toThrow("must give finite actions");
  });

  it("are random until learningStarts, then the policy's with noise", () => {
    using agent = new DDPG(new Spaces(box), { ...small, randomSteps: 10, actionNoise: null });
    const observation = randomRows(3, new Pcg64(1));
    const greedy = agent.act(observation, 1, false);
    const early = Array.from({ length: 50 }, () => agent.act(observation, 1, true));
    expect(Math.max(...early.map(([first]) => first))).toBeGreaterThan(1.5);
    expect(Math.min(...early.map(([first]) => first))).toBeLessThan(-1.5);
    expect(Math.min(...early.map(([, second]) => second))).toBeGreaterThanOrEqual(0);
    agent.remember(transitions(agent, 10, new Pcg64(1)));
    expect(agent.act(observation, 1, true)).toEqual(greedy);
    using noisy = new DDPG(new Spaces(box), { ...small, randomSteps: 0 });
    const around = Array.from({ length: 400 }, () => noisy.act(observation, 1, true)[0]);
    const mean = around.reduce((sum, value) => sum + value) / around.length;
    const std = Math.sqrt(around.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 400);
    // 0.1 of half the range, which is 2.
    expect(std).toBeGreaterThan(0.17);
    expect(std).toBeLessThan(0.23);
  });

  it("of DQN are random with a chance that falls", () => {
    using agent = new DQN(new Spaces(new Discrete(4)), {
      ...small,
      explorationFraction: 0.5,
      explorationFinalEps: 0,
    });
    agent.remember(transitions(agent, 10, new Pcg64(1)));
    const observation = randomRows(3, new Pcg64(1));
    const kinds = (): number =>
      new Set(Array.from({ length: 60 }, () => agent.act(observation, 1, true)[0])).size;
    expect(agent.explorationRate).toBe(1);
    expect(kinds()).toBe(4);
    agent.setProgress(0.25);
    expect(agent.explorationRate).toBe(0.5);
    agent.setProgress(0.6);
    expect(agent.explorationRate).toBe(0);
    expect(kinds()).toBe(1);
  });

  it("see observations as the running statistics scale them", async () => {
    using agent = new DDPG(new Spaces(box), { ...small, normalizeObservations: true });
    const rows = transitions(agent, 40, new Pcg64(1));
    const shifted = rows.observations.map((value, i) => 100 * (i % 3) + 10 * value);
    agent.remember({ ...rows, observations: shifted });
    const columns = [0, 1, 2].map((c) => shifted.filter((_, i) => i % 3 === c));
    const scaled = columns.map((column) => {
      const mean = column.reduce((sum, value) => sum + value) / column.length;
      const square = column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / column.length;
      return (column[0] - mean) / Math.sqrt(square);
    });
    const input = Tensor.from(Float32Array.from(scaled), [1, 3]);
    const expected = await agent.actor.forward(input).tanh().data();
    const [first, second] = agent.act(shifted.slice(0, 3), 1, false);
    expect(first / 2).toBeCloseTo(expected[0], 3);
    expect(2 * second - 1).toBeCloseTo(expected[1], 3);
  });
});

describe("nets", () => {
  it.each([DDPG, TD3, SAC])("of %o stay off the bounds with a penalty", async (kind) => {
    const seen: number[] = [];
    for (const preactivationPenalty of [0, 1]) {
      using agent = new kind(new Spaces(box), {
        ...small,
        learningRate: 1e-2,
        layerNorm: true,
        activation: "silu",
        preactivationPenalty,
      });
      const rows = transitions(agent, 40, new Pcg64(1));
      // The larger the action, the better.
      agent.remember({ ...rows, rewards: rows.rewards.map((_, i) => 10 * rows.actions[2 * i]) });
      for (let i = 0; i < 300; i++) agent.update();
      seen.push(agent.act(rows.observations.slice(0, 3), 1, false)[0]);
    }
    expect(seen[0]).toBeGreaterThan(1.7);
    expect(seen[1]).toBeLessThan(seen[0] - 0.1);
  });
});

describe("hindsight", () => {
  const place = new Box(-1, 1, { shape: [1] });

  /** A point that sees where it is and where it should be. */
  class Goals extends Spaces {
    constructor() {
      const parts = { achievedGoal: place, desiredGoal: place, observation: place };
      super(box, new Dict(parts));
    }

    computeReward(achieved: Rows, desired: Rows, count: number): Rows {
      return Float32Array.from({ length: count }, (_, i) => -Math.abs(achieved[i] - desired[i]));
    }
  }

  it("keeps steps for goals that were reached later", () => {
    using agent = new DDPG(new FlattenObservation(new Goals()), {
      ...small,
      hindsightReplay: { nSampledGoal: 2 },
    });
    const rows = transitions(agent, 1, new Pcg64(1));
    for (let i = 0; i < 9; i++) {
      agent.remember({ ...rows, terminated: Uint8Array.of(0), truncated: Uint8Array.of(0) });
    }
    expect(agent.replay.size).toBe(9);
    agent.episodeEnded(0);
    expect(agent.replay.size).toBe(27);
    agent.update();
  });

  it("needs goals and rewards for them", () => {
    const make = (env: Env, options: object) => (): void =>
      void new DDPG(env, { ...small, ...options });
    const hindsightReplay = {};
    expect(make(new Spaces(box), { hindsightReplay })).toThrow("computeReward");
    const flat = new FlattenObservation(new Goals());
    expect(make(flat, { hindsightReplay, prioritizedReplay: {} })).toThrow("exclude each other");
    expect(make(flat, { hindsightReplay: { goals: 4 } })).toThrow("got goals");
    expect(make(flat, { hindsightReplay, nSteps: 2 })).toThrow("nSteps must be 1");
    expect(make(flat, { prioritizedReplay: { alpha: 2 } })).toThrow("alpha must be");
  });
});

describe("rates", () => {
  it("follow their schedules", () => {
    using agent = new DDPG(new Spaces(box), {
      ...small,
      learningRate: { from: 1e-3, to: 0, until: 0.5 },
      actorLearningRate: 1e-4,
    });
    const rates = (): number[] =>
      [agent.actorOptimizer, agent.criticOptimizer].map(({ paramGroups }) => paramGroups[0].lr);
    expect(rates()).toEqual([1e-4, 1e-3]);
    agent.setProgress(0.25);
    expect(rates()).toEqual([1e-4, 5e-4]);
    agent.setProgress(0.9);
    expect(rates()).toEqual([1e-4, 0]);
  });
});

/** Three states in a row; the reward of each step is 1, the discount 0.5. */
const chain = (
  end: Pick<Transitions, "terminated" | "truncated">,
): Omit<Transitions, "actions" | "count"> => ({
  observations: Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1),
  rewards: Float32Array.of(1, 1, 1),
  // What follows the last state is the first one again.
  nextObservations: Float32Array.of(0, 1, 0, 0, 0, 1, 1, 0, 0),
  ...end,
});

describe("a chain of three states", () => {
  const values = async (
    end: Pick<Transitions, "terminated" | "truncated">,
    options: object,
    scale = (state: Rows): ArrayLike<number> => state,
  ) => {
    using agent = new DDPG(new Spaces(box), {
      ...small,
      netArch: [32, 32],
      batchSize: 16,
      learningStarts: 20,
      learningRate: 3e-3,
      // The policy stays as it is: what is asked for is its value.
      actorLearningRate: 1e-9,
      gamma: 0.5,
      tau: 0.1,
      ...options,
    });
    const one = chain(end);
    // Of all kinds, so that no value of the policy's is a guess.
    const random = new Pcg64(1);
    const actions = (count: number): Rows =>
      randomRows(2 * count, random).map((value) => Math.abs(value));
    for (let i = 0; i < 100; i++) {
      // Step by step, as an environment gives them.
      for (let row = 0; row < 3; row++) {
        agent.remember({
          count: 1,
          observations: one.observations.slice(3 * row, 3 * row + 3),
          actions: actions(1),
          rewards: one.rewards.slice(row, row + 1),
          nextObservations: one.nextObservations.slice(3 * row, 3 * row + 3),
          terminated: one.terminated.slice(row, row + 1),
          truncated: one.truncated.slice(row, row + 1),
        });
      }
    }
    for (let i = 0; i < 800; i++) agent.update();
    const rows = [0, 3, 6].flatMap((at) => Array.from(scale(one.observations.slice(at, at + 3))));
    const states = Tensor.from(Float32Array.from(rows), [3, 3]);
    const taken = Tensor.from(new Float32Array(6), [3, 2]);
    return [...(await valueOf(agent.critic, states, taken).data())];
  };
  const none = new Uint8Array(3);
  const last = Uint8Array.of(0, 0, 1);

  it.each([1, 3])("an end has no value after it, %i steps", async (nSteps) => {
    const [a, b, c] = await values({ terminated: last, truncated: none }, { nSteps });
    expect(a).toBeCloseTo(1.75, 1);
    expect(b).toBeCloseTo(1.5, 1);
    expect(c).toBeCloseTo(1, 1);
  });

  it("is seen by both critics through the same statistics", async () => {
    const end = { terminated: none, truncated: last };
    const [a, b, c] = await values(end, { normalizeObservations: true }, (state) => [
      (state[0] - 1 / 3) / Math.sqrt(2 / 9),
      (state[1] - 1 / 3) / Math.sqrt(2 / 9),
      (state[2] - 1 / 3) / Math.sqrt(2 / 9),
    ]);
    for (const value of [a, b, c]) expect(value).toBeCloseTo(2, 1);
  });

  it.each([1, 3])("a time limit has, %i steps", async (nSteps) => {
    for (const value of await values({ terminated: none, truncated: last }, { nSteps })) {
      expect(value).toBeCloseTo(2, 1);
    }
  });
});

describe("options", () => {
  const make =
    (options: object, space: Space<unknown> = box): (() => void) =>
    () =>
      void new DDPG(new Spaces(space), { ...small, ...options });

  it.each<[object, string]>([
    [{ learningrate: 1e-3 }, "got learningrate; did you mean learningRate?"],
    [{ tau: 0 }, "tau must be a number > 0 and ≤ 1, got 0"],
    [{ tau: 1.5 }, "got 1.5"],
    [{ gamma: -0.1 }, "gamma must be a number ≥ 0 and ≤ 1, got -0.1"],
    [{ gamma: Number.NaN }, "got NaN"],
    [{ learningRate: 0 }, "learningRate must be"],
    [{ learningRate: -1 }, "got -1"],
    [{ learningRate: { from: 0, to: 1 } }, "learningRate.from"],
    [{ learningRate: "fast" }, "{ from, to, until }"],
    [{ criticLearningRate: 0 }, "criticLearningRate must be"],
    [{ batchSize: 0 }, "batchSize must be an integer ≥ 1"],
    [{ batchSize: 2.5 }, "got 2.5"],
    [{ bufferSize: 3 }, "bufferSize must be an integer ≥ 4"],
    [{ learningStarts: 3 }, "raise learningStarts"],
    [{ learningStarts: 4, nSteps: 2 }, "raise learningStarts"],
    [{ nSteps: 0 }, "nSteps must be"],
    [{ gradientSteps: -2 }, "gradientSteps must be"],
    [{ trainFrequency: 0 }, "trainFrequency must be"],
    [{ seed: -1 }, "seed must be"],
    [{ seed: 0.5 }, "seed must be"],
    [{ netArch: [64, 0] }, "netArch must be"],
    [{ netArch: { pi: [64] } }, "netArch must be"],
    [{ activation: "swish" }, "activation must be one of relu"],
    [{ actionLayer: 4 }, "actionLayer must be"],
    [{ policyDelay: 0 }, "policyDelay must be"],
    [{ preactivationPenalty: -1 }, "preactivationPenalty must be"],
    [{ maxGradNorm: 0 }, "maxGradNorm must be"],
    [{ actionNoise: { kind: "pink", sigma: 1 } }, "actionNoise.kind must be one of gaussian"],
    [{ actionNoise: { kind: "gaussian", sigma: -1 } }, "actionNoise.sigma must be"],
    [{ actionNoise: "gaussian" }, 'like { kind: "gaussian", sigma: 0.1 }'],
    [{ optimizer: { betas: [0.9, 1] } }, "betas[1]"],
  ])("%j are refused", (options, message) => {
    expect(make(options)).toThrow(message);
  });

  it.each<[string, Partial<DdpgSettings>]>([
    [
      "Lillicrap",
      {
        netArch: [400, 300],
        actionLayer: 2,
        lastLayerInit: 3e-3,
        layerNorm: true,
        actorLearningRate: 1e-4,
        criticLearningRate: 1e-3,
        criticOptimizer: { weightDecay: 1e-2 },
        batchSize: 64,
        tau: 1e-3,
        actionNoise: { kind: "ornsteinUhlenbeck", sigma: 0.2 },
      },
    ],
    ["CleanRL", { learningRate: 3e-4, policyDelay: 2, learningStarts: 25_000 }],
    ["Spinning Up", { batchSize: 100, randomSteps: 10_000, trainFrequency: 50, gradientSteps: 50 }],
    ["Stable-Baselines3", { netArch: [400, 300], learningStarts: 256, actionNoise: null }],
  ])("express the recipe of %s", (_, recipe) => {
    using agent = new DDPG(new Spaces(box), { ...recipe, bufferSize: 1000, seed: 1 });
    agent.remember(transitions(agent, 256, new Pcg64(1)));
    agent.update();
    agent.update();
    const action = agent.act(new Float32Array(3), 1, false);
    expect(agent.actionSpace.contains(action)).toBe(true);
  });

  it("of SAC, TD3 and DQN are checked", () => {
    const sac = (options: object) => (): void => void new SAC(new Spaces(box), options);
    expect(sac({ entCoef: "automatic" })).toThrow('entCoef must be "auto"');
    expect(sac({ entCoef: "auto_0" })).toThrow("got auto_0");
    expect(sac({ entCoef: 0 })).toThrow("got 0");
    expect(sac({ targetEntropy: Number.NaN })).toThrow("targetEntropy must be");
    expect(() => new TD3(new Spaces(box), { targetNoiseClip: -1 })).toThrow("targetNoiseClip");
    const dqn = (options: object) => (): void => void new DQN(new Spaces(new Discrete(2)), options);
    expect(dqn({ explorationFraction: 0 })).toThrow("explorationFraction must be");
    expect(dqn({ explorationInitialEps: 2 })).toThrow("explorationInitialEps must be");
    expect(dqn({ targetUpdateInterval: 0 })).toThrow("targetUpdateInterval must be");
    expect(dqn({ netArch: { pi: [8], qf: [8] } })).toThrow("netArch must be");
  });

  it("spaces must fit the algorithm", () => {
    const { low, high } = { low: -Infinity, high: Infinity };
    expect(make({}, new Discrete(3))).toThrow("use DQN for discrete actions");
    expect(make({}, new Box(low, high, { shape: [2] }))).toThrow("got [-Infinity, Infinity]");
    expect(make({}, new Box([0, 1], [1, 1]))).toThrow("got [1, 1] for action 1");
    expect(() => new DQN(new Spaces(box))).toThrow("DiscretizeAction");
    expect(() => new DDPG(new Spaces(box, new Discrete(5)), small)).toThrow("FlattenObservation");
    expect(() => new DDPG([], small)).toThrow("at least one environment");
  });
});
