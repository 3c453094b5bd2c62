import { afterEach, describe, expect, it } from "vitest";
import {
  CheckpointError,
  ConfigError,
  ShapeError,
  UsageError,
  engineStats,
  jit,
  scope,
  tensor,
} from "athanor";
import { guard } from "../../tensor/jit.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Transitions } from "../transitions.ts";
import { PrioritizedReplay } from "./prioritized-replay.ts";
import type { PrioritizedReplayOptions } from "./prioritized-replay.ts";
import type { ReplayBatch } from "./replay.ts";

/** Transitions whose observation, action and reward are their number. */
function numbered(first: number, count: number): Transitions {
  const rows = Float32Array.from({ length: count }, (_, i) => first + i);
  return {
    count,
    observations: rows,
    actions: rows,
    rewards: rows,
    nextObservations: rows,
    terminated: new Uint8Array(count),
    truncated: new Uint8Array(count),
  };
}

const places = (batch: ReplayBatch): number[] => [...batch.indices.dataSync()];

/** Absolute errors that say nothing but differ by orders of magnitude. */
const errorOf = (place: number): number => ((place * 7919) % 13) ** 2 / 10;

describe("PrioritizedReplay", () => {
  const open: PrioritizedReplay[] = [];
  const make = (options: Partial<PrioritizedReplayOptions> = {}): PrioritizedReplay => {
    const sizes = { capacity: 50, observationSize: 1, actionSize: 1 };
    const replay = new PrioritizedReplay({ ...sizes, ...options });
    open.push(replay);
    return replay;
  };
  afterEach(() => {
    for (const replay of open.splice(0)) replay.dispose();
  });
  /** Draws until each of the first `count` places has the priority of its error. */
  const prioritize = (replay: PrioritizedReplay, count: number): void => {
    const left = new Set(Array.from({ length: count }, (_, i) => i));
    while (left.size > 0) {
      replay.prepare(20);
      const drawn = places(replay.sample(20));
      replay.updatePriorities(drawn.map(errorOf));
      for (const place of drawn) left.delete(place);
    }
  };

  it("draws in proportion to (|error| + ε)^α", () => {
    scope(() => {
      const [alpha, epsilon] = [0.7, 0.01];
      const replay = make({ alpha, epsilon, seed: 3 });
      replay.add(numbered(0, 30));
      prioritize(replay, 30);
      const raw = Array.from({ length: 30 }, (_, i) => (errorOf(i) + epsilon) ** alpha);
      const total = raw.reduce((a, b) => a + b, 0);
      raw.forEach((p, i) => expect(replay.probability(i)).toBeCloseTo(p / total, 12));
      expect(replay.probability(30)).toBe(0);
      const counts = new Float64Array(30);
      for (let i = 0; i < 500; i++) {
        replay.prepare(20);
        for (const place of places(replay.sample(20))) counts[place]++;
      }
      const chiSquare = counts.reduce((sum, n, i) => {
        const wanted = (10_000 * raw[i]) / total;
        return sum + (n - wanted) ** 2 / wanted;
      }, 0);
      // 29 degrees of freedom: 0.1 % lie above 58.3; drawing from shares varies less.
      expect(chiSquare).toBeLessThan(58.3);
    });
  });

  it.each([0, 0.4, 1])("weighs by (N p)^-β over the largest (β %f)", (beta) => {
    scope(() => {
      const replay = make({ beta, seed: 4 });
      replay.add(numbered(0, 40));
      prioritize(replay, 40);
      replay.prepare(25);
      const batch = replay.sample(25);
      const weightOf = (i: number): number => (40 * replay.probability(i)) ** -beta;
      const largest = Math.max(...Array.from({ length: 40 }, (_, i) => weightOf(i)));
      const weights = (batch.weights as Tensor).dataSync();
      places(batch).forEach((place, i) => {
        expect(weights[i]).toBeCloseTo(weightOf(place) / largest, 6);
        expect(batch.rewards.dataSync()[i]).toBe(place);
      });
    });
  });

  it("draws one from each share of the sum", () => {
    scope(() => {
      const replay = make({ capacity: 16 });
      replay.add(numbered(0, 16));
      for (let i = 0; i < 20; i++) {
        replay.prepare(16);
        expect(places(replay.sample(16))).toEqual(Array.from({ length: 16 }, (_, k) => k));
      }
    });
  });

  it("moves β over the draws", () => {
    scope(() => {
      const replay = make({ beta: { from: 0.2, to: 0.8, draws: 3 } });
      replay.add(numbered(0, 5));
      const seen = [0, 1, 2, 3, 4].map(() => {
        const { beta } = replay;
        replay.prepare(5);
        return beta;
      });
      [0.2, 0.4, 0.6, 0.8, 0.8].forEach((beta, i) => expect(seen[i]).toBeCloseTo(beta, 12));
    });
  });

  it("gives new transitions the largest priority there was, also those that replace others", () => {
    scope(() => {
      const replay = make({ alpha: 1, epsilon: 1e-9 });
      replay.add(numbered(0, 50));
      for (const error of [8, 2]) {
        replay.prepare(50);
        replay.updatePriorities(new Float32Array(50).fill(error));
      }
      replay.add(numbered(50, 1));
      expect(replay.probability(0) / replay.probability(1)).toBeCloseTo(4, 6);
      replay.prepare(1);
      expect(places(replay.sample(1))).toHaveLength(1);
    });
  });

  it("is drawn by the host and looked up in jit, a program for all draws", () => {
    scope(() => {
      const replay = make({ seed: 1 });
      replay.add(numbered(0, 50));
      const update = jit(() => {
        const batch = replay.sample(8);
        const errors = batch.rewards.mul(batch.weights as Tensor).sub(3);
        return { errors, rewards: batch.rewards, indices: batch.indices };
      });

      const kept: ReturnType<typeof update>[] = [];
      const { traces } = engineStats();
      for (let i = 0; i < 10; i++) {
        replay.prepare(8);
        const { errors, rewards, indices } = update();
        kept.push({ errors, rewards, indices });
        expect([...rewards.dataSync()]).toEqual([...indices.dataSync()]);
        replay.updatePriorities(errors);
      }
      expect(engineStats().traces).toBe(traces + 1);
      // Batches that are kept do not change with later draws.
      for (const { rewards, indices } of kept) {
        expect([...rewards.dataSync()]).toEqual([...indices.dataSync()]);
      }
      expect(new Set(kept.map(({ indices }) => indices.dataSync().join())).size).toBeGreaterThan(1);
      expect(replay.probability(0)).toBeGreaterThan(0);
      expect(() => update()).toThrow(/sample: needs prepare\(8\) before each draw, got none/);
      update.dispose();
    });
  });

  it("takes errors inside the update's program as it does outside", () => {
    scope(() => {
      const [inside, outside] = [make({ seed: 1 }), make({ seed: 1 })];
      for (const replay of [inside, outside]) replay.add(numbered(0, 50));
      const errorsOf = (batch: ReplayBatch): Tensor => batch.rewards.sub(20).square();
      const update = jit((_isOdd: boolean) => {
        const batch = inside.sample(8);
        inside.updatePriorities(errorsOf(batch));
        return batch.indices;
      });
      const chances = (replay: PrioritizedReplay): number[] =>
        Array.from({ length: 50 }, (_, place) => replay.probability(place));
      for (let i = 0; i < 12; i++) {
        for (const replay of [inside, outside]) replay.prepare(8);
        const seen = update(i % 2 === 1).dataSync();
        const batch = outside.sample(8);
        expect(places(batch)).toEqual([...seen]);
        outside.updatePriorities(errorsOf(batch).dataSync());
        if (i % 3 === 0) for (const replay of [inside, outside]) replay.add(numbered(i, 1));
      }
      expect(chances(inside)).toEqual(chances(outside));
      expect(() => update(true)).toThrow(/needs prepare\(8\) before each draw, got none/);
      update.dispose();
    });
  });

  it("refuses to repeat a draw whose errors were given", () => {
    scope(() => {
      const replay = make();
      replay.add(numbered(0, 50));
      const body = (_how: number): Tensor => {
        const { indices, rewards } = replay.sample(8);
        replay.updatePriorities(rewards);
        return indices;
      };
      const update = jit(body);
      // One that is known, one that is not traced yet, and one that is not traced at all.
      for (const second of [() => update(0), () => update(1), () => body(2)]) {
        replay.prepare(8);
        update(0);
        expect(second).toThrow(/sample: needs prepare\(8\) before each draw, got none/);
      }
      update.dispose();
    });
  });

  it("takes no errors of an update that failed", () => {
    scope(() => {
      const replay = make({ alpha: 1 });
      replay.add(numbered(0, 50));
      let mode = 0;
      const update = jit(() => {
        const { rewards } = replay.sample(8);
        replay.updatePriorities(rewards.mul(0).add(5));
        if (guard(() => mode) === 1) throw new Error("failed");
        return rewards;
      });
      const chances = (): number[] => Array.from({ length: 50 }, (_, i) => replay.probability(i));
      replay.prepare(8);
      update();
      const before = chances();
      expect(new Set(before).size).toBe(2);
      replay.prepare(8);
      mode = 1;
      expect(() => update()).toThrow("failed");
      expect(chances()).toEqual(before);
      // The draw was not used: it is there for another try, which a program that fits only takes.
      mode = 2;
      update();
      expect(chances()).not.toEqual(before);
      update.dispose();
    });
  });

  it("takes n-step returns", () => {
    scope(() => {
      const replay = make({ nSteps: 2, gamma: 0.5 });
      for (let n = 0; n < 4; n++) replay.add(numbered(n, 1));
      replay.prepare(3);
      const { rewards, discounts, indices } = replay.sample(3);
      expect([...discounts.dataSync()]).toEqual([0.25, 0.25, 0.25]);
      expect([...rewards.dataSync()]).toEqual([...indices.dataSync()].map((n) => n + (n + 1) / 2));
    });
  });

  it("goes on from its state as if it had not stopped", () => {
    scope(() => {
      const [one, two] = [make({ seed: 1 }), make({ seed: 2 })];
      one.add(numbered(0, 33));
      prioritize(one, 33);
      const { tensors, plain } = one.state();
      two.loadState({ tensors, plain: JSON.parse(JSON.stringify(plain)) as typeof plain });
      expect(two.beta).toBe(one.beta);
      for (let i = 0; i < 10; i++) {
        const [a, b] = [one, two].map((replay) => {
          replay.add(numbered(33 + i, 1));
          replay.prepare(10);
          const batch = replay.sample(10);
          replay.updatePriorities(batch.rewards);
          return [places(batch), [...(batch.weights as Tensor).dataSync()]];
        });
        expect(b).toEqual(a);
      }
    });
  });

  it("refuses what is out of order or out of range", () => {
    scope(() => {
      const replay = make();
      expect(() => replay.prepare(1)).toThrow(/got 1 of 0 transitions/);
      replay.add(numbered(0, 20));
      expect(() => replay.sample(4)).toThrow(UsageError);
      expect(() => replay.updatePriorities([1])).toThrow(/updatePriorities: needs prepare\(1\)/);
      replay.prepare(4);
      expect(() => replay.sample(5)).toThrow(
        /needs prepare\(5\) before each draw, got prepare\(4\)/,
      );
      expect(() => replay.updatePriorities([1, 2, 3])).toThrow(
        /needs prepare\(3\) before each draw, got/,
      );
      expect(() => replay.updatePriorities(tensor([[1, 2, 3, 4]]))).toThrow(ShapeError);
      expect(() => replay.updatePriorities([1, 2, NaN, 3])).toThrow(/finite, got NaN at 2/);
      replay.updatePriorities([1, 2, -4, 3]);
      const bad: Partial<PrioritizedReplayOptions>[] = [
        { alpha: -0.1 },
        { alpha: 1.1 },
        { beta: 2 },
        { beta: { from: 0, to: NaN, draws: 5 } },
        { beta: { from: 0, to: 1, draws: 0 } },
        { epsilon: 0 },
      ];
      for (const options of bad) expect(() => make(options)).toThrow(ConfigError);
      const state = replay.state();
      expect(() => make({ alpha: 0.5 }).loadState(state)).toThrow(CheckpointError);
      expect(() => make().loadState({ ...state, tensors: {} })).toThrow(/needs 20 priorities/);
    });
  });
});
