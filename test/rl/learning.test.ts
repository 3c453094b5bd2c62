import { Box, Discrete, Env } from "athanor/rl";
import type { Reset, ResetOptions, Step } from "athanor/rl";
import { DDPG, DQN, SAC, TD3, evaluatePolicy } from "athanor/train";
import { afterEach, describe, expect, it } from "vitest";
import { useTestDevice } from "../device.ts";

useTestDevice();

const steps = 5;
const noInfo = {};

/** Says where to go: the reward of each step is lost by the square of the distance. */
abstract class Reach<A> extends Env<Float32Array, A> {
  readonly observationSpace: Box = new Box(-1, 1, { shape: [2] });
  #wanted = 0;
  #taken = 0;

  reset(options?: ResetOptions): Reset<Float32Array> {
    this.begin(options);
    this.#wanted = this.random.uniform(-1, 1);
    this.#taken = 0;
    return { observation: this.#observation(), info: noInfo };
  }

  step(action: A): Step<Float32Array> {
    const reward = -((this.positionOf(action) - this.#wanted) ** 2);
    this.#taken++;
    this.#wanted = this.random.uniform(-1, 1);
    const truncated = this.#taken === steps;
    return { observation: this.#observation(), reward, terminated: false, truncated, info: noInfo };
  }

  protected abstract positionOf(action: A): number;

  #observation(): Float32Array {
    return Float32Array.of(this.#wanted, this.#taken / steps);
  }
}

class ReachFreely extends Reach<Float32Array> {
  readonly actionSpace: Box = new Box(-3, 3, { shape: [1] });

  protected override positionOf([action]: Float32Array): number {
    return action / 3;
  }
}

class ReachInSteps extends Reach<number> {
  readonly actionSpace: Discrete = new Discrete(5);

  protected override positionOf(action: number): number {
    return (action - 2) / 2;
  }
}

const options = {
  netArch: [32, 32],
  batchSize: 32,
  learningStarts: 100,
  learningRate: 3e-3,
  gamma: 0.5,
  bufferSize: 5000,
  seed: 1,
};

describe("learns to reach", () => {
  const open: (DDPG | TD3 | SAC | DQN)[] = [];
  afterEach(() => {
    for (const agent of open.splice(0)) agent.dispose();
  });

  // The optimum is 0, that of five even steps -5 · (1/4)²/3 = -0.1; random actions lose 3.3.
  it.each([
    ["DDPG", () => new DDPG(new ReachFreely(), options), -0.1],
    ["TD3", () => new TD3(new ReachFreely(), options), -0.1],
    ["SAC", () => new SAC(new ReachFreely(), options), -0.1],
    [
      "DQN",
      () =>
        new DQN(new ReachInSteps(), { ...options, trainFrequency: 1, targetUpdateInterval: 50 }),
      -0.2,
    ],
  ] as const)("%s", async (_, make, gate) => {
    const agent = make();
    open.push(agent);
    const env = agent instanceof DQN ? new ReachInSteps() : new ReachFreely();
    const { updates } = await agent.learn({ totalSteps: 1500, seed: 1 });
    expect(updates).toBeGreaterThan(1300);
    const { meanReturn } = await evaluatePolicy(agent, env, { episodes: 40, seed: 100 });
    expect(meanReturn).toBeGreaterThan(gate);
  });
});
