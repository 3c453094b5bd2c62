import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LaunchDependencies } from "./launch-dependencies.ts";
import { mustKeepOrder } from "./memory-ranges.ts";
import type { Range, Touches } from "./memory-ranges.ts";

const range = (place: string, start = 0, end = start + 64): Range => ({ place, start, end });

const launch = (
  reads: readonly Range[],
  writes: readonly Range[],
  rest: Partial<Touches> = {},
): Touches => ({ reads, writes, ...rest });

function dependencies(...launches: readonly Touches[]): number[][] {
  const found = new LaunchDependencies();
  return launches.map((touches) => found.add([touches]));
}

describe("dependencies of launches", () => {
  it("are the writers of what is read, and nobody else", () => {
    const [x, y, z, w] = ["input 0", "a", "b", "c"].map((place) => range(place));
    const diamond = [launch([x], [y]), launch([y], [z]), launch([y], [w]), launch([z, w], [x])];
    expect(dependencies(...diamond)).toEqual([[], [0], [0], [0, 1, 2]]);
  });

  it("are the readers of what is overwritten", () => {
    const [x, y, z] = ["x", "y", "z"].map((place) => range(place));
    expect(dependencies(launch([x], [y]), launch([x], [z]), launch([], [x]))).toEqual([
      [],
      [],
      [0, 1],
    ]);
  });

  it("go by bytes: parts, gaps and what was touched before", () => {
    const at = (start: number, end: number): Range => range("temporary", start, end);
    const launches = [
      launch([], [at(0, 100)]),
      launch([], [at(200, 300)]),
      launch([at(50, 250)], []),
      launch([], [at(60, 70)]),
      launch([at(0, 60)], []),
      launch([at(60, 65)], []),
      launch([], [at(100, 200)]),
      launch([], [at(0, 300)]),
    ];
    expect(dependencies(...launches)).toEqual([
      [],
      [],
      [0, 1],
      [0, 2],
      [0],
      [3],
      [2],
      [0, 1, 2, 3, 4, 5, 6],
    ]);
  });

  it("ignore ranges without bytes", () => {
    expect(dependencies(launch([], [range("x", 8, 8)]), launch([range("x")], []))).toEqual([
      [],
      [],
    ]);
  });

  it("let reports of wrong indices pass each other, and updates of state", () => {
    const report = launch([], [], { reports: true });
    const update = launch([], [], { heeds: true });
    expect(dependencies(report, report, update, update, report)).toEqual([
      [],
      [],
      [0, 1],
      [0, 1],
      [2, 3],
    ]);
    const both = launch([], [], { reports: true, heeds: true });
    expect(dependencies(report, both, both, update)).toEqual([[], [0], [1], [2]]);
  });

  it("join what the works of one launch need", () => {
    const found = new LaunchDependencies();
    found.add([launch([], [range("a")])]);
    found.add([launch([], [range("b")])]);
    expect(found.add([launch([range("a")], [range("c")]), launch([range("b")], [])])).toEqual([
      0, 1,
    ]);
  });

  it("order exactly the pairs that must keep their order", () => {
    const part = fc
      .tuple(fc.constantFrom("t", "s"), fc.nat(12), fc.integer({ min: 1, max: 6 }))
      .map(([place, start, length]) => range(place, start, start + length));
    const some = fc.array(part, { maxLength: 2 });
    const any = fc.record({
      reads: some,
      writes: some,
      reports: fc.boolean(),
      heeds: fc.boolean(),
    });
    const everyProgram = fc.property(fc.array(any, { maxLength: 14 }), (launches) => {
      const paths = closure(dependencies(...launches));
      const pairs = launches.map((b, i) =>
        launches.slice(0, i).flatMap((a, j) => (mustKeepOrder(a, b) ? [j] : [])),
      );
      expect(paths).toEqual(closure(pairs));
    });
    fc.assert(everyProgram, { numRuns: 500, seed: 4 });
  });
});

/** For each launch, all that come before it. */
function closure(after: readonly (readonly number[])[]): number[][] {
  const sets: Set<number>[] = [];
  for (const direct of after) {
    sets.push(new Set(direct.flatMap((other) => [other, ...sets[other]])));
  }
  return sets.map((set) => [...set].toSorted((a, b) => a - b));
}
