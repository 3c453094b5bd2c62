import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RunningStatistics } from "./running-statistics.ts";

const { statistics } = JSON.parse(
  readFileSync(new URL("../../test/fixtures/rl-vector.json", import.meta.url), "utf8"),
) as { statistics: { values: number[][]; mean: number[]; variance: number[]; count: number } };

/** The fixture's rows, in batches that end at the given rows. */
function fed(ends: readonly number[]): RunningStatistics {
  const running = new RunningStatistics([3]);
  ends.forEach((end, i) => {
    const rows = statistics.values.slice(ends[i - 1] ?? 0, end);
    running.update(Float64Array.from(rows.flat()), rows.length);
  });
  return running;
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, digits = 12): void {
  Array.from(expected).forEach((value, i) => expect(actual[i]).toBeCloseTo(value, digits));
}

describe("RunningStatistics", () => {
  it("merges batches as Gymnasium does, however they are split", () => {
    for (const ends of [[1, 5, 7, 23], [23], [2, 2, 20, 23]]) {
      const running = fed(ends);
      expectClose(running.mean, statistics.mean);
      expectClose(running.variance, statistics.variance);
      expect(running.count).toBeCloseTo(statistics.count, 10);
    }
  });

  it("keeps its digits far from zero", () => {
    const running = new RunningStatistics(1);
    for (let i = 0; i < 1000; i++) running.update([1e9 + (i % 2)]);
    expect(running.variance[0] / (0.25 + 1e-4 * 1e15)).toBeCloseTo(1, 3);
    const second = new RunningStatistics(1);
    second.update(Float64Array.from({ length: 1000 }, (_, i) => 1e9 + (i % 2)));
    expect(second.variance[0] / running.variance[0]).toBeCloseTo(1, 9);
  });

  it("normalizes, with limits", () => {
    const running = fed([23]);
    const row = [0.3, 105, -4.95];
    const expected = row.map(
      (x, i) => (x - statistics.mean[i]) / Math.sqrt(statistics.variance[i] + 1e-8),
    );
    expectClose(running.normalize(row), expected, 5);
    expect([...running.normalize([1e6, -1e6, running.mean[2]], 10)]).toEqual([10, -10, 0]);
  });

  it("does not change while frozen, and goes on from a state", () => {
    const running = fed([7]);
    const state = JSON.parse(JSON.stringify(running.state()));
    running.freeze();
    running.update([1, 2, 3]);
    expect([running.isFrozen, running.state()]).toEqual([true, state]);
    running.unfreeze();
    const other = new RunningStatistics(3);
    other.loadState(state);
    for (const each of [running, other]) each.update([1, 2, 3]);
    expect(other.state()).toEqual(running.state());
    expect(other.count).toBeCloseTo(8.0001, 10);
  });

  it("refuses rows that would spoil it", () => {
    const running = fed([7]);
    const state = running.state();
    expect(() => running.update([1, NaN, 2])).toThrow("got a number in column 1 that is not");
    expect(() => running.update([1, 2, Infinity])).toThrow("column 2");
    expect(() => running.update([1, 2])).toThrow("rows of 3 numbers");
    expect(() => running.normalize([1, 2, 3, 4])).toThrow("got 4 numbers");
    expect(() => running.loadState({ mean: [1], variance: [1], count: 1 })).toThrow("got 1");
    expect(() => new RunningStatistics([0])).toThrow("got shape [0]");
    expect(running.state()).toEqual(state);
  });
});
