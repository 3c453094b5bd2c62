import { afterEach, describe, expect, it } from "vitest";
import {
  CheckpointError,
  ConfigError,
  OutOfMemoryError,
  ShapeError,
  UsageError,
  engineStats,
  jit,
  memoryStats,
  scope,
  setJit,
} from "athanor";
import { Tensor } from "../../tensor/tensor.ts";
import type { Transitions } from "../transitions.ts";
import { ReplayBuffer } from "./replay-buffer.ts";
import type { ReplayBatch } from "./replay.ts";

const sizes = { observationSize: 3, actionSize: 2 };

/** Transitions whose every number tells which one they are. */
function numbered(first: number, count = 1, changes: Partial<Transitions> = {}): Transitions {
  const each = (size: number, offset: number): Float32Array =>
    Float32Array.from({ length: count * size }, (_, i) => {
      return 100 * (first + Math.floor(i / size)) + offset + (i % size);
    });
  return {
    count,
    observations: each(3, 0),
    actions: each(2, 10),
    rewards: each(1, 20),
    nextObservations: each(3, 30),
    terminated: Uint8Array.from({ length: count }, (_, i) => ((first + i) % 5 === 4 ? 1 : 0)),
    truncated: new Uint8Array(count),
    ...changes,
  };
}

/** What a batch should hold for these transitions. */
function expectTransitions(batch: ReplayBatch, numbers: readonly number[]): void {
  const check = (tensor: Tensor, size: number, offset: number): void => {
    const wanted = numbers.flatMap((n) =>
      Array.from({ length: size }, (_, i) => 100 * n + offset + i),
    );
    expect([...tensor.dataSync()]).toEqual(wanted);
  };
  check(batch.observations, 3, 0);
  check(batch.actions, 2, 10);
  check(batch.rewards, 1, 20);
  check(batch.nextObservations, 3, 30);
  expect([...batch.terminated.dataSync()]).toEqual(numbers.map((n) => (n % 5 === 4 ? 1 : 0)));
}

const indices = (...places: number[]): Tensor => Tensor.from(Int32Array.from(places));
/** The numbers of the transitions in a batch. */
const numbersOf = (batch: ReplayBatch): number[] =>
  Array.from(batch.rewards.dataSync(), (reward) => (reward - 20) / 100);

describe("ReplayBuffer", () => {
  const open: ReplayBuffer[] = [];
  const make = (
    options: Partial<ConstructorParameters<typeof ReplayBuffer>[0]> = {},
  ): ReplayBuffer => {
    const buffer = new ReplayBuffer({ capacity: 10, ...sizes, ...options });
    open.push(buffer);
    return buffer;
  };
  afterEach(() => {
    for (const buffer of open.splice(0)) buffer.dispose();
  });

  it("holds transitions by their places, the oldest making room", () => {
    scope(() => {
      const buffer = make();
      buffer.add(numbered(0, 4));
      expect(buffer.size).toBe(4);
      expectTransitions(buffer.gather(indices(3, 0, 1)), [3, 0, 1]);
      buffer.add(numbered(4, 5));
      buffer.add(numbered(9, 3));
      expect(buffer.size).toBe(10);
      const all = buffer.gather(indices(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
      expectTransitions(all, [10, 11, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(all.discounts.dataSync()).toEqual(new Float32Array(10).fill(0.99));
      expect(all.indices.dataSync()).toEqual(Int32Array.from({ length: 10 }, (_, i) => i));
    });
  });

  it.each([1, 2, 3, 7, 300, 1000])("is a ring at any size (%i)", (capacity) => {
    scope(() => {
      const buffer = make({ capacity });
      const model: number[] = [];
      for (let n = 0, step = 1; n < 2500; n += step, step = (step % 700) + 111) {
        buffer.add(numbered(n, step));
        for (let i = n; i < n + step; i++) model[i % capacity] = i;
        expect(buffer.size).toBe(Math.min(n + step, capacity));
        const places = [0, Math.floor(buffer.size / 2), buffer.size - 1];
        expect(numbersOf(buffer.gather(indices(...places)))).toEqual(places.map((at) => model[at]));
      }
    });
  });

  it("copies what it is given", () => {
    scope(() => {
      const buffer = make();
      const given = numbered(0, 2);
      buffer.add(given);
      given.observations.fill(0);
      given.rewards.fill(0);
      expect(numbersOf(buffer.gather(indices(0, 1)))).toEqual([0, 1]);
      expectTransitions(buffer.gather(indices(0, 1)), [0, 1]);
    });
  });

  it("draws among what is stored, each as likely", () => {
    scope(() => {
      const buffer = make({ capacity: 1000, seed: 7 });
      buffer.add(numbered(0, 100));
      const counts = new Float64Array(100);
      for (let i = 0; i < 40; i++) {
        const batch = buffer.sample(100);
        for (const n of numbersOf(batch)) counts[n]++;
        expect(numbersOf(batch)).toEqual([...batch.indices.dataSync()]);
      }
      const chiSquare = counts.reduce((sum, n) => sum + (n - 40) ** 2 / 40, 0);
      // 99 degrees of freedom: 0.1 % lie above 148.2, 0.1 % below 61.1.
      expect(chiSquare).toBeLessThan(148.2);
      expect(chiSquare).toBeGreaterThan(61.1);
    });
  });

  it("draws without correlation between neighbours and between draws", () => {
    scope(() => {
      const buffer = make({ capacity: 64, seed: 1 });
      buffer.add(numbered(0, 64));
      const pairs = new Float64Array(64);
      for (let i = 0; i < 100; i++) {
        const [a, b] = [numbersOf(buffer.sample(64)), numbersOf(buffer.sample(64))];
        a.forEach((n, k) => pairs[(n >> 3) * 8 + (b[k] >> 3)]++);
      }
      const chiSquare = pairs.reduce((sum, n) => sum + (n - 100) ** 2 / 100, 0);
      // 63 degrees of freedom: 0.1 % lie above 103.4.
      expect(chiSquare).toBeLessThan(103.4);
    });
  });

  it("repeats its draws with its seed, and another seed draws otherwise", () => {
    scope(() => {
      const draws = [3, 3, 4, 2 ** 40 + 3].map((seed) => {
        const buffer = make({ seed });
        buffer.add(numbered(0, 10));
        return [buffer.sample(10), buffer.sample(10)].map(numbersOf).join();
      });
      expect(draws[1]).toBe(draws[0]);
      expect(new Set(draws).size).toBe(3);
    });
  });

  it("draws anew in every call of a jitted function, among what was added until then", () => {
    scope(() => {
      const buffer = make({ capacity: 50 });
      buffer.add(numbered(0, 1));
      const draw = jit((scale: Tensor) => {
        const { rewards, indices: places, observations } = buffer.sample(1);
        return { rewards: rewards.mul(scale), places, observations };
      });
      const one = Tensor.from(Float32Array.of(1));
      const seen = new Set<number>();
      const { traces } = engineStats();
      for (let n = 1; n < 50; n++) {
        buffer.add(numbered(n, 1));
        const { rewards, places, observations } = draw(one);
        const number = (rewards.itemSync() - 20) / 100;
        expect(places.itemSync()).toBe(number);
        expect(observations.dataSync()[0]).toBe(100 * number);
        expect(number).toBeLessThanOrEqual(n);
        seen.add(number);
      }
      expect(engineStats().traces).toBe(traces + 1);
      expect(seen.size).toBeGreaterThan(15);
      expect(Math.max(...seen)).toBeGreaterThan(30);
      draw.dispose();
    });
  });

  it("draws the same in jit and outside, and with jit switched off", () => {
    scope(() => {
      const drawn = (kind: "eager" | "jit" | "off"): number[] => {
        const buffer = make({ seed: 5 });
        buffer.add(numbered(0, 10));
        const sample = jit(() => buffer.sample(8));
        const before = kind === "off" ? setJit(false) : undefined;
        try {
          return [1, 2, 3].flatMap(() => {
            const batch = kind === "jit" ? sample() : buffer.sample(8);
            buffer.add(numbered(10, 1));
            return numbersOf(batch);
          });
        } finally {
          if (before !== undefined) setJit(before);
          sample.dispose();
        }
      };
      expect(drawn("jit")).toEqual(drawn("eager"));
      expect(drawn("off")).toEqual(drawn("eager"));
    });
  });

  it("writes a step in place: no program, no new buffer", () => {
    scope(() => {
      const buffer = make({ capacity: 1000 });
      buffer.add(numbered(0, 600));
      buffer.flush();
      const before = [engineStats().runs, memoryStats().liveBuffers];
      for (let n = 600; n < 1500; n++) {
        buffer.add(numbered(n));
        buffer.prepare(256);
      }
      expect([engineStats().runs, memoryStats().liveBuffers]).toEqual(before);
      expect(numbersOf(buffer.gather(indices(499, 500)))).toEqual([1499, 500]);
    });
  });

  it.each([6, 10, 23])("goes on from its state as if it had not stopped (%i added)", (count) => {
    scope(() => {
      const [one, two] = [make({ seed: 1 }), make({ seed: 2 })];
      one.add(numbered(0, count));
      one.sample(4);
      const { tensors, plain } = one.state();
      two.add(numbered(50, 3));
      two.loadState({ tensors, plain: JSON.parse(JSON.stringify(plain)) as typeof plain });
      expect(two.size).toBe(one.size);
      for (let n = count; n < count + 15; n++) {
        for (const buffer of [one, two]) buffer.add(numbered(n));
        const [a, b] = [one, two].map((buffer) => numbersOf(buffer.sample(6)));
        expect(b).toEqual(a);
      }
    });
  });

  it("saves an empty buffer, and loads one over a full one", () => {
    scope(() => {
      const [empty, full] = [make(), make()];
      full.add(numbered(0, 20));
      full.loadState(empty.state());
      expect(full.size).toBe(0);
      full.add(numbered(7));
      expect(numbersOf(full.sample(1))).toEqual([7]);
    });
  });

  it("refuses states of other buffers", () => {
    scope(() => {
      const { tensors, plain } = make().state();
      expect(() => make({ capacity: 11 }).loadState({ tensors, plain })).toThrow(CheckpointError);
      expect(() => make({ observationSize: 4 }).loadState({ tensors, plain })).toThrow(
        /observationSize must be that of the state, got 4 here and 3 there/,
      );
      const wrong = { ...plain, stored: 3 };
      expect(() => make().loadState({ tensors, plain: wrong })).toThrow(/needs rows \[3, 10\]/);
      expect(() => make().loadState({ tensors: {}, plain })).toThrow(/random/);
    });
  });

  it("refuses batches it cannot fill", () => {
    scope(() => {
      const buffer = make();
      expect(() => buffer.sample(1)).toThrow(/got 1 of 0 transitions; take more steps/);
      buffer.add(numbered(0, 3));
      expect(() => buffer.prepare(4)).toThrow(UsageError);
      expect(() => buffer.prepare(11)).toThrow(/more than the capacity of 10/);
      expect(() => buffer.sample(0)).toThrow(ConfigError);
      expect(() => buffer.sample(1.5)).toThrow(/batchSize must be an integer ≥ 1, got 1.5/);
      expect(() => buffer.gather(indices(10)).rewards.dataSync()).toThrow(ShapeError);
    });
  });

  it("refuses rows of other sizes and numbers that are none, and keeps nothing of them", () => {
    const buffer = make();
    expect(() => buffer.add(numbered(0, 2, { actions: new Float32Array(6) }))).toThrow(
      /actions must have 2 rows of 2, got 6 numbers/,
    );
    expect(() => buffer.add(numbered(0, 2, { terminated: new Uint8Array(1) }))).toThrow(ShapeError);
    const broken = numbered(0, 2);
    broken.nextObservations[4] = NaN;
    expect(() => buffer.add(broken)).toThrow(
      /nextObservations must be finite in f32, got NaN at row 1, element 1/,
    );
    const wide = { ...numbered(0), rewards: Float64Array.of(1e300) as unknown as Float32Array };
    expect(() => buffer.add(wide)).toThrow(/rewards must be finite in f32, got 1e\+300/);
    expect(buffer.size).toBe(0);
  });

  it("takes rows of f64", () => {
    scope(() => {
      const buffer = make();
      const rewards = Float64Array.of(0.1) as unknown as Float32Array;
      buffer.add(numbered(0, 1, { rewards }));
      expect(buffer.gather(indices(0)).rewards.itemSync()).toBe(Math.fround(0.1));
    });
  });

  it("refuses options out of range", () => {
    const bad = [
      { capacity: 0 },
      { capacity: 2.5 },
      { observationSize: 0 },
      { actionSize: NaN },
      { nSteps: 0 },
      { gamma: 1.01 },
      { gamma: NaN },
      { seed: -1 },
      { seed: 0.5 },
    ];
    for (const options of bad)
      expect(() => make(options), JSON.stringify(options)).toThrow(ConfigError);
    const { liveBuffers } = memoryStats();
    const large = { capacity: 1e8, observationSize: 376, actionSize: 17 };
    expect(() => new ReplayBuffer(large)).toThrow(OutOfMemoryError);
    expect(() => new ReplayBuffer(large)).toThrow(
      /100000000 transitions of 771 numbers need 287 GiB, which the device does not have/,
    );
    expect(memoryStats().liveBuffers).toBe(liveBuffers);
  });

  it("frees everything", () => {
    const { liveBuffers } = memoryStats();
    scope(() => {
      using buffer = new ReplayBuffer({ capacity: 10, ...sizes });
      buffer.add(numbered(0, 3));
      buffer.sample(2);
    });
    expect(memoryStats().liveBuffers).toBe(liveBuffers);
  });
});
