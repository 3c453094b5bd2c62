import type { Tensor } from "athanor";
import { Box, Discrete, Env } from "athanor/rl";
import type { Reset, Step } from "athanor/rl";
import { DDPG, DQN, SAC, TD3 } from "athanor/train";
import { afterEach, describe, expect, it } from "vitest";
import { fromFixture, relativeError, useTestDevice } from "../device.ts";
import { loadFixture } from "../reference/fixture.ts";
import type { RlCase } from "../reference/fixture.ts";

useTestDevice();
const fixture = loadFixture("rl");
const stored = fixture.tensor("rewards").shape[0];
const numbers = (name: string): Float32Array => fixture.tensor(name).data as Float32Array;

/** Only its spaces are used. */
class Spaces extends Env {
  readonly observationSpace = new Box(-10, 10, { shape: [3] });
  readonly actionSpace;

  constructor(actionSpace: Box | Discrete) {
    super();
    this.actionSpace = actionSpace;
  }

  override reset(): Reset<unknown> {
    throw new Error("not played");
  }

  override step(): Step<unknown> {
    throw new Error("not played");
  }
}

type Agent = DDPG | TD3 | SAC | DQN;
let agent: Agent | undefined;
afterEach(() => {
  agent?.dispose();
  agent = undefined;
});

function makeAgent({ op, args }: RlCase): Agent {
  const box = new Spaces(new Box(-2, 2, { shape: [2] }));
  const options = { netArch: [16, 16], bufferSize: 1000, learningStarts: 8, seed: 1, ...args };
  switch (op) {
    case "ddpg":
      return new DDPG(box, options);
    case "td3":
      return new TD3(box, options);
    case "sac":
      return new SAC(box, options);
    default:
      return new DQN(new Spaces(new Discrete(4)), options);
  }
}

/** Gives the learner the fixture's transitions from row `from` on. */
function remember(learner: Agent, from: number, count: number): void {
  const rows = (name: string, width: number): Float32Array =>
    numbers(name).slice(from * width, (from + count) * width);
  const actions =
    learner.algorithm === "dqn" ? rows("choices", 1) : rows("actions", 2).map((a) => 2 * a);
  learner.remember({
    count,
    observations: rows("observations", 3),
    actions,
    rewards: rows("rewards", 1),
    nextObservations: rows("nextObservations", 3),
    terminated: Uint8Array.from(rows("terminated", 1)),
    truncated: new Uint8Array(count),
  });
}

/** Largest difference, in parts of the largest expected number. */
function scaledError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const scale = Math.max(1e-6, ...Array.from(expected, Math.abs));
  return relativeError(
    Array.from(actual, (value) => value / scale),
    Array.from(expected, (value) => value / scale),
  );
}

const live = (learner: Agent): Record<string, Tensor> =>
  learner.state({ withReplay: false }).tensors;

describe("updates", () => {
  it.each(fixture.cases)("$name as PyTorch", async (one) => {
    agent = makeAgent(one);
    const tensors = live(agent);
    for (const key of one.start) {
      tensors[key].assign(fromFixture(fixture.tensor(`${one.name}/0/${key}`)));
    }
    remember(agent, 0, stored);
    const [indices, noise, nextNoise] = ["indices", "noise", "nextNoise"].map((name) =>
      fromFixture(fixture.tensor(name)),
    );
    for (let i = 0; i < 100; i++) {
      // One more step each time, for the target of DQN; what is drawn stays the same.
      if (i > 0) remember(agent, 0, 1);
      const draws = {
        indices: indices.select(0, i),
        ...(one.op === "td3" && { noise: noise.select(0, i) }),
        ...(one.op === "sac" && { noise: noise.select(0, i), nextNoise: nextNoise.select(0, i) }),
      };
      agent.update(draws);
      if (!one.snapshots.includes(i + 1)) continue;
      const after = live(agent);
      for (const key of one.keys) {
        const expected = fixture.tensor(`${one.name}/${i + 1}/${key}`).data;
        const error = scaledError(await after[key].data(), expected);
        expect.soft(error, `${key} after ${i + 1}`).toBeLessThan(i === 0 ? 1e-5 : 1e-4);
      }
    }
  });
});
