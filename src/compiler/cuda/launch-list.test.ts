import { describe, expect, it } from "vitest";
import { input } from "../../ir/build.ts";
import { LaunchList, UnitText } from "./launch-list.ts";
import type { Work } from "./launch-list.ts";
import { rangeOf } from "./memory-ranges.ts";
import type { KernelLaunch, Launch, Operand } from "./program-code.ts";

const at = (offset: number): Operand => ({ place: { kind: "temporary", offset }, offset: 0 });
const bytes = 64;

/** How a work differs from the usual one. */
interface Variant {
  readonly text?: string;
  readonly name?: string;
  readonly blocks?: number;
  readonly threads?: number;
  readonly sharedBytes?: number;
  readonly moved?: number;
  readonly family?: Work["family"];
  readonly words?: number;
  readonly reports?: boolean;
  readonly heeds?: boolean;
}

/** Reads 64 bytes at `from` and writes 64 at `to`. */
function work(from: number, to: number, variant: Variant = {}): Work {
  const { text = "copy", name = text, family = null, moved = 128, words = 2 } = variant;
  const { blocks = 2, threads = 128, sharedBytes = 0, reports = false, heeds = false } = variant;
  const types = Array.from({ length: words }, (_, i) => `float *p${i}`).join(", ");
  const extra = Array.from({ length: words - 2 }, (_, int) => ({ int }));
  return {
    function: {
      text: `(${types}, unsigned block) { ${text} }`,
      arguments: [],
      blocks,
      threads,
      sharedBytes,
      residentBlocks: 0,
    },
    arguments: [at(from), at(to), ...extra],
    touches: {
      reads: [rangeOf(at(from), bytes)],
      writes: [rangeOf(at(to), bytes)],
      reports,
      heeds,
    },
    family,
    facts: { name, bytes: moved, flops: 1 },
  };
}

function listed(merges: boolean, ...works: readonly Work[]): Launch[] {
  const list = new LaunchList(merges);
  for (const one of works) list.addWork(one);
  return list.finish(new UnitText());
}

const names = (launches: readonly Launch[]): string[] => launches.map(({ facts }) => facts.name);

describe("a list of launches", () => {
  it("puts works that do not depend on each other into one launch", () => {
    const launches = listed(true, work(0, 1024), work(64, 1088), work(128, 1152, { blocks: 5 }));
    expect(launches).toHaveLength(1);
    const [launch] = launches as KernelLaunch[];
    expect(launch.blocks).toBe(9);
    expect(launch.facts).toEqual({ name: "3×copy", bytes: 384, flops: 3 });
    const starts = launch.arguments.slice(6).map((word) => "int" in word && word.int);
    expect(starts).toEqual([0, 2, 4]);
  });

  it("gives each its own launch if it is told to", () => {
    const launches = listed(false, work(0, 1024), work(64, 1088));
    expect(names(launches)).toEqual(["copy", "copy"]);
    expect(launches).toMatchObject([{ entry: "k0" }, { entry: "k0" }]);
  });

  it("keeps the order of what depends on each other", () => {
    const chain = [work(0, 1024), work(1024, 2048, { text: "b" }), work(2048, 0, { text: "c" })];
    expect(names(listed(true, ...chain))).toEqual(["copy", "b", "c"]);
  });

  it("moves a work back to the first launch it may join, and no further", () => {
    const works = [
      work(0, 1024),
      work(1024, 2048, { text: "b" }),
      work(2048, 3072, { text: "c" }),
      work(1024, 4096, { text: "d" }),
      work(64, 5120, { text: "e" }),
    ];
    expect(names(listed(true, ...works))).toEqual(["copy + e", "b + d", "c"]);
  });

  it("does not move a write before a read of what it overwrites", () => {
    const works = [work(0, 1024), work(512, 2048, { text: "b" }), work(64, 0, { text: "c" })];
    expect(names(listed(true, ...works))).toEqual(["copy + b", "c"]);
  });

  it("joins parts of one value, whose ranges overlap", () => {
    const family = input([4], "f32");
    const parts = [work(0, 1024, { family }), work(64, 1024, { family })];
    expect(names(listed(true, ...parts))).toEqual(["2×copy"]);
    const others = [work(0, 1024, { family }), work(64, 1024)];
    expect(names(listed(true, ...others))).toEqual(["copy", "copy"]);
  });

  it("does not join blocks of different sizes", () => {
    const works = [work(0, 1024), work(64, 1088, { threads: 256 })];
    expect(names(listed(true, ...works))).toEqual(["copy", "copy"]);
  });

  it("joins long works only with their like", () => {
    const long = { moved: 8 << 20 };
    const alike = [work(0, 1024, long), work(64, 1088, long)];
    expect(names(listed(true, ...alike))).toEqual(["2×copy"]);
    const unlike = [work(0, 1024, long), work(64, 1088, { text: "b" })];
    expect(names(listed(true, ...unlike))).toEqual(["copy", "b"]);
  });

  it("has at most eight different functions in a launch", () => {
    const works = Array.from({ length: 9 }, (_, i) =>
      work(64 * i, 4096 + 64 * i, { text: `t${i}` }),
    );
    expect(listed(true, ...works)).toHaveLength(2);
  });

  it("has at most 4000 words of parameters in a launch", () => {
    const wide = Array.from({ length: 5 }, (_, i) => work(64 * i, 4096 + 64 * i, { words: 999 }));
    const launches = listed(true, ...wide) as KernelLaunch[];
    expect(launches.map((launch) => launch.arguments.length)).toEqual([4000, 999]);
  });

  it("orders the works of a launch by function and gives it the most shared memory", () => {
    const works = [
      work(0, 1024, { text: "a", sharedBytes: 16 }),
      work(64, 1088, { text: "b", sharedBytes: 64 }),
      work(128, 1152, { text: "a", sharedBytes: 16 }),
    ];
    const [launch] = listed(true, ...works) as KernelLaunch[];
    expect(launch.sharedBytes).toBe(64);
    expect(launch.facts.name).toBe("2×a + b");
    const places = launch.arguments.slice(0, 6).map((word) => "place" in word && word.place);
    expect(places).toEqual(
      [0, 1024, 128, 1152, 64, 1088].map((offset) => ({ kind: "temporary", offset })),
    );
  });

  it("keeps state behind the reports that were due", () => {
    const update = { text: "update", heeds: true };
    const works = [
      work(0, 1024, update),
      work(64, 1088, { text: "look up", reports: true }),
      work(128, 1152, update),
    ];
    expect(names(listed(true, ...works))).toEqual(["update", "look up", "update"]);
  });

  it("lets nothing pass a copy or a library's call it depends on", () => {
    const list = new LaunchList(true);
    const facts = { name: "copy by the driver", bytes: 128, flops: 0 };
    list.addWork(work(0, 1024));
    list.addFixed(
      { kind: "copy", from: at(1024), to: at(2048), bytes, facts },
      { reads: [rangeOf(at(1024), bytes)], writes: [rangeOf(at(2048), bytes)] },
    );
    list.addWork(work(2048, 3072, { text: "after" }));
    list.addWork(work(64, 4096, { text: "free" }));
    expect(names(list.finish(new UnitText()))).toEqual(["copy + free", facts.name, "after"]);
  });
});

describe("functions that take turns", () => {
  it("become one run each, which blocks look through by bisection", () => {
    const unit = new UnitText();
    const list = new LaunchList(true);
    for (let i = 0; i < 6; i++) {
      list.addWork(work(64 * i, 4096 + 64 * i, { text: i % 2 === 0 ? "a" : "b" }));
    }
    expect(names(list.finish(unit))).toEqual(["3×a + 3×b"]);
    expect(unit.finish().match(/while \(high - low > 1\)/g)).toHaveLength(2);
  });
});

describe("the text of a unit", () => {
  it("has each function and each entry once", () => {
    const unit = new UnitText();
    const list = new LaunchList(false);
    for (const to of [1024, 2048, 3072]) list.addWork(work(0, to));
    list.finish(unit);
    const text = unit.finish();
    expect(text.match(/static __device__/g)).toHaveLength(1);
    expect(text.match(/__global__/g)).toHaveLength(1);
    expect(text.match(/char shared\[\]/g)).toHaveLength(1);
  });

  it("is empty where nothing is generated", () => {
    expect(new UnitText().finish()).toBe("");
  });
});
