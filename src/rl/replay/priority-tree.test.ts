import { describe, expect, it } from "vitest";
import { Pcg64 } from "../../base/pcg64.ts";
import { PriorityTree } from "./priority-tree.ts";

describe("PriorityTree", () => {
  it.each([1, 2, 3, 8, 13, 100])("is a search over all places, of %i", (capacity) => {
    const random = new Pcg64(capacity);
    const tree = new PriorityTree(capacity);
    const model = new Float64Array(capacity);
    for (let round = 0; round < 300; round++) {
      const place = random.integers(0, capacity);
      model[place] = random.exponential(1) ** 3 + 1e-9;
      tree.set(place, model[place]);
      const total = model.reduce((a, b) => a + b, 0);
      expect(tree.total).toBeCloseTo(total, 9);
      expect(tree.least).toBe(Math.min(...model.filter((p) => p > 0)));
      const mark = random.uniform(0, tree.total * 0.999999);
      let [at, below] = [0, model[0]];
      while (below <= mark) below += model[++at];
      expect(tree.find(mark)).toBe(at);
      expect(tree.at(place)).toBe(model[place]);
    }
    expect(tree.values(capacity)).toEqual(model);
  });

  it("takes no place without a priority, wherever rounding puts the mark", () => {
    const tree = new PriorityTree(8);
    for (const place of [0, 1, 2]) tree.set(place, 0.1);
    for (const mark of [0, 0.1, 0.29999, tree.total, 1, Infinity]) {
      expect(tree.find(mark)).toBeLessThanOrEqual(2);
    }
    expect(tree.find(tree.total)).toBe(2);
  });

  it("keeps no error of rounding", () => {
    const tree = new PriorityTree(4);
    tree.set(0, 1e-9);
    for (let i = 0; i < 1000; i++) tree.set(1, 1e9 / (i + 1));
    tree.set(1, 1e-9);
    expect(tree.total).toBe(2e-9);
  });

  it.each([1, 5, 64, 100])("sets many places as one after the other, of %i", (capacity) => {
    const random = new Pcg64(capacity);
    const [one, two] = [new PriorityTree(capacity), new PriorityTree(capacity)];
    for (let round = 0; round < 50; round++) {
      const places = Int32Array.from({ length: 1 + (round % 20) }, () =>
        random.integers(0, capacity),
      );
      if (round % 2 === 0) places.sort();
      const priorities = Array.from(places, () => random.random() + 0.01);
      places.forEach((place, i) => one.set(place, priorities[i]));
      two.setAll(places, priorities);
      expect(two.values(capacity)).toEqual(one.values(capacity));
      expect([two.total, two.least]).toEqual([one.total, one.least]);
    }
  });

  it("loads what it gave", () => {
    const [one, two] = [new PriorityTree(11), new PriorityTree(11)];
    for (let i = 0; i < 7; i++) one.set(i, 1 / (i + 3));
    two.set(10, 99);
    two.load(one.values(7));
    expect([two.total, two.least, two.at(10)]).toEqual([one.total, one.least, 0]);
    for (const mark of [0, 0.4, 0.9]) expect(two.find(mark)).toBe(one.find(mark));
  });
});
