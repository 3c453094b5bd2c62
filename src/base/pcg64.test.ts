import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ConfigError } from "./errors.ts";
import { Pcg64 } from "./pcg64.ts";

interface Stream {
  readonly seed: string;
  readonly state: string;
  readonly increment: string;
  readonly random: number[];
  readonly uniform: number[];
  readonly normal: number[];
  readonly exponential: number[];
  readonly integers: number[];
  readonly wide: number[];
  readonly word: number[];
  readonly rejecting: number[];
  readonly permutation: number[];
  readonly mixed: number[];
}

/** Written by tools/fixtures/rl_random.py from NumPy. */
const fixture = JSON.parse(
  readFileSync(new URL("../../test/fixtures/rl-random.json", import.meta.url), "utf8"),
) as {
  readonly streams: Stream[];
  readonly list: number[];
  readonly tails: {
    readonly seed: number;
    readonly count: number;
    readonly normal: [number, number][];
    readonly exponential: [number, number][];
    readonly next: number;
  };
};

const draws = (count: number, draw: () => number): number[] => Array.from({ length: count }, draw);

function largestError(actual: readonly number[], expected: readonly number[]): number {
  return Math.max(
    ...expected.map((value, i) => Math.abs(value - actual[i]) / Math.max(1, Math.abs(value))),
  );
}

describe.each(fixture.streams)("seed $seed", (stream) => {
  const fresh = (): Pcg64 => new Pcg64(BigInt(stream.seed));

  test("bits are NumPy's", () => {
    const { state, increment } = fresh().state();
    expect({ state, increment }).toEqual({ state: stream.state, increment: stream.increment });
    let random = fresh();
    expect(draws(8, () => random.random())).toEqual(stream.random);
    random = fresh();
    expect(draws(8, () => random.uniform(-0.6, 0.4))).toEqual(stream.uniform);
  });

  test("integers are NumPy's", () => {
    const integers = (low: number, high: number, count: number): number[] => {
      const random = fresh();
      return draws(count, () => random.integers(low, high));
    };
    expect(integers(-3, 14, 20)).toEqual(stream.integers);
    expect(integers(0, 2 ** 52 + 1, 20)).toEqual(stream.wide);
    expect(integers(0, 2 ** 32, 9)).toEqual(stream.word);
    expect(integers(0, 3 * 2 ** 30 + 1, 50)).toEqual(stream.rejecting);
    expect([...fresh().permutation(40)]).toEqual(stream.permutation);
    const mixed = fresh();
    expect([mixed.integers(0, 10), mixed.random(), mixed.integers(0, 10), mixed.random()]).toEqual(
      stream.mixed,
    );
  });

  test("normal and exponential numbers are NumPy's to the last digits", () => {
    const normal = fresh();
    const count = stream.normal.length;
    expect(
      largestError(
        draws(count, () => normal.standardNormal()),
        stream.normal,
      ),
    ).toBeLessThan(4e-15);
    const exponential = fresh();
    expect(
      largestError(
        draws(count, () => exponential.exponential(2.5)),
        stream.exponential,
      ),
    ).toBeLessThan(4e-15);
  });
});

test("tails of the normal and the exponential distribution", () => {
  const { tails } = fixture;
  const random = new Pcg64(tails.seed);
  const normal = draws(tails.count, () => random.standardNormal());
  const exponential = draws(tails.count, () => random.exponential(1));
  expect(tails.normal.length).toBeGreaterThan(2);
  expect(
    largestError(
      tails.normal.map(([i]) => normal[i]),
      tails.normal.map(([, value]) => value),
    ),
  ).toBeLessThan(4e-15);
  expect(
    largestError(
      tails.exponential.map(([i]) => exponential[i]),
      tails.exponential.map(([, value]) => value),
    ),
  ).toBeLessThan(4e-15);
  expect(random.random()).toBe(tails.next);
});

test("a list of seeds", () => {
  const random = new Pcg64([1, 2, 2 ** 40]);
  expect(draws(3, () => random.random())).toEqual(fixture.list);
});

test("a state as JSON goes on where it was", () => {
  const random = new Pcg64(3);
  random.integers(0, 10);
  const copy = Pcg64.fromState(JSON.parse(JSON.stringify(random.state())));
  const next = (from: Pcg64): number[] => [from.integers(0, 1000), from.random(), from.uint32()];
  expect(next(copy)).toEqual(next(random));
});

test("without a seed, generators differ", () => {
  expect(new Pcg64().random()).not.toBe(new Pcg64().random());
});

test("wrong seeds, ranges and states say what is wrong", () => {
  for (const seed of [-1, 1.5, Number.NaN, 2 ** 53, -1n]) {
    expect(() => new Pcg64(seed)).toThrow(ConfigError);
  }
  expect(() => new Pcg64(2 ** 53)).toThrow("got 9007199254740992; write seeds above 2^53 - 1 as");
  const random = new Pcg64(0);
  expect(() => random.integers(3, 3)).toThrow("low must be less than high");
  expect(() => random.permutation(-1)).toThrow("got -1");
  const state = random.state();
  expect(() => Pcg64.fromState({ ...state, state: "1e3" })).toThrow('got "1e3"');
  expect(() => Pcg64.fromState({ ...state, increment: (1n << 128n).toString() })).toThrow("2^128");
});
