import { describe, expect, it } from "vitest";
import { Pcg64 } from "../base/pcg64.ts";
import { GaussianNoise, OrnsteinUhlenbeckNoise, ScheduledNoise, VectorNoise } from "./noise.ts";
import type { ActionNoise } from "./noise.ts";

const makers: Record<string, () => ActionNoise> = {
  gaussian: () => new GaussianNoise({ size: 2, sigma: [0.1, 0.5], random: new Pcg64(3) }),
  ou: () => new OrnsteinUhlenbeckNoise({ size: 2, sigma: 0.2, random: new Pcg64(3) }),
  scheduled: () =>
    new ScheduledNoise(new GaussianNoise({ size: 2, sigma: 1, random: new Pcg64(3) }), {
      steps: 10,
    }),
};

function samples(noise: ActionNoise, count: number): number[][] {
  return Array.from({ length: count }, () => [...noise.sample()]);
}

describe.each(Object.entries(makers))("%s noise", (_, make) => {
  it("goes on from a saved state, through JSON", () => {
    const noise = make();
    samples(noise, 5);
    const state = JSON.parse(JSON.stringify(noise.state()));
    const expected = samples(noise, 7);
    const again = make();
    again.loadState(state);
    expect(samples(again, 7)).toEqual(expected);
    expect(() => again.loadState({ ...state, kind: "PinkNoise" })).toThrow('got "PinkNoise"');
  });
});

describe("noises", () => {
  it("are the streams of the generator", () => {
    const random = new Pcg64(3);
    const noise = new GaussianNoise({ size: 2, sigma: [0.1, 0.5], mean: 1, random: new Pcg64(3) });
    const expected = [1 + 0.1 * random.standardNormal(), 1 + 0.5 * random.standardNormal()];
    expect([...noise.sample()]).toEqual(expected.map(Math.fround));
  });

  it("Ornstein-Uhlenbeck follows its equation with its dt, and starts anew", () => {
    for (const dt of [1, 0.01]) {
      const random = new Pcg64(9);
      const options = { size: 1, sigma: 0.3, theta: 0.2, mean: 0.5, initial: -1, dt };
      const noise = new OrnsteinUhlenbeckNoise({ ...options, random: new Pcg64(9) });
      let x = -1;
      for (let step = 0; step < 20; step++) {
        x += 0.2 * (0.5 - x) * dt + 0.3 * Math.sqrt(dt) * random.standardNormal();
        expect(noise.sample()[0]).toBeCloseTo(x, 6);
      }
      noise.reset();
      expect(noise.sample()[0]).toBeCloseTo(
        -1 + 0.2 * 1.5 * dt + 0.3 * Math.sqrt(dt) * random.standardNormal(),
        6,
      );
    }
  });

  it("scheduled noise falls linearly and stays", () => {
    const ones: ActionNoise = {
      size: 1,
      sample: () => Float32Array.of(1),
      reset() {},
      state: () => ({}),
      loadState() {},
    };
    const noise = new ScheduledNoise(ones, { initial: 1, final: 0.5, steps: 4 });
    const factors = samples(noise, 6).map(([factor]) => factor);
    expect(factors).toEqual([1, 0.875, 0.75, 0.625, 0.5, 0.5]);
  });

  it("of several environments restart alone", () => {
    const noise = new VectorNoise(
      2,
      (index) => new OrnsteinUhlenbeckNoise({ size: 1, sigma: 0, initial: 1 + index, theta: 0.5 }),
    );
    expect([...noise.sample(), ...noise.sample()]).toEqual([0.5, 1, 0.25, 0.5]);
    noise.reset(1);
    expect([...noise.sample()]).toEqual([0.125, 1]);
    const state = noise.state();
    expect(() => new VectorNoise(3, makers.ou).loadState(state)).toThrow(
      "must be of 3 environments, got 2",
    );
  });

  it("that share a generator share it after loading too", () => {
    const pair = () => {
      const random = new Pcg64(5);
      return [0, 1].map(() => new GaussianNoise({ size: 1, sigma: 1, random }));
    };
    const [a, b] = pair();
    samples(a, 3);
    const states = [a.state(), b.state()];
    const expected = [...samples(a, 2), ...samples(b, 2)];
    const again = pair();
    again.forEach((noise, i) => noise.loadState(states[i]));
    expect(again.flatMap((noise) => samples(noise, 2))).toEqual(expected);
  });

  it("refuse what is no noise", () => {
    const gaussian = (options: object) => () => {
      return new GaussianNoise({ size: 2, sigma: 1, ...options });
    };
    expect(gaussian({ size: 0 })).toThrow("size must be a positive integer, got 0");
    expect(gaussian({ sigma: -1 })).toThrow("sigma must be finite and at least 0, got -1");
    expect(gaussian({ sigma: NaN })).toThrow("got NaN");
    expect(gaussian({ sigma: [1] })).toThrow("sigma must have 2 numbers, got 1");
    const ou = (options: object) => () => {
      return new OrnsteinUhlenbeckNoise({ size: 2, sigma: 1, ...options });
    };
    expect(ou({ dt: 0 })).toThrow("dt must be positive");
    expect(ou({ theta: 3 })).toThrow("got theta 3 and dt 1");
    expect(() => new ScheduledNoise(makers.ou(), { steps: 0 })).toThrow("got 0");
    const one = makers.ou();
    expect(() => new VectorNoise(2, () => one)).toThrow("got one twice");
  });
});
