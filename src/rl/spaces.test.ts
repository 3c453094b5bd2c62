import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { Box } from "./box.ts";
import { Dict } from "./dict.ts";
import { Discrete } from "./discrete.ts";
import { flatDim, flatten, flattenInto, flattenSpace, unflatten } from "./flatten.ts";
import { MultiBinary } from "./multi-binary.ts";
import { MultiDiscrete } from "./multi-discrete.ts";
import type { Space } from "./space.ts";
import { Text } from "./text.ts";
import { Tuple } from "./tuple.ts";

interface Case {
  readonly samples: unknown[];
  readonly flat: number[][];
}

/** Written by tools/fixtures/rl_spaces.py from Gymnasium. */
const fixture = JSON.parse(
  readFileSync(new URL("../../test/fixtures/rl-spaces.json", import.meta.url), "utf8"),
) as Record<string, Case>;

const inf = Infinity;

const spaces: Record<string, Space<unknown>> = {
  box: new Box(-2, 2, { shape: [3] }),
  "box-mixed": new Box([-inf, 0, -inf, -0.6, -inf, 3], [inf, inf, 1.5, 0.4, inf, inf]),
  "box-f64": new Box(-inf, inf, { shape: [4], dtype: "f64" }),
  "box-u8": new Box(0, 255, { shape: [2, 3], dtype: "u8" }),
  "box-i32": new Box(-5, 9, { shape: [4], dtype: "i32" }),
  discrete: new Discrete(7, { start: -2 }),
  "multi-discrete": new MultiDiscrete([3, 5, 2], { start: [0, 1, -1] }),
  "multi-binary": new MultiBinary(11),
  text: new Text(9, { minLength: 2, charset: "abcdefgh" }),
  dict: new Dict({ b: new Box(-1, 1, { shape: [2] }), a: new Discrete(5) }),
  tuple: new Tuple([new Discrete(4), new Tuple([new Box(0, 1, { shape: [2] })])]),
};

/** Typed arrays as plain ones. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

/** Numbers to twelve digits after the point: normal draws differ in the last bit. */
const rounded = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_, x) => (typeof x === "number" ? Number(x.toFixed(12)) : x));

describe.each(Object.keys(fixture))("%s", (name) => {
  const space = spaces[name];

  test("samples are Gymnasium's", () => {
    space.seed(1);
    const samples = fixture[name].samples.map(() => plain(space.sample()));
    expect(rounded(samples)).toEqual(rounded(fixture[name].samples));
  });

  test("flat rows are Gymnasium's and come back", () => {
    space.seed(1);
    const samples = [0, 1, 2, 3].map(() => space.sample());
    const rows = samples.map((value) => flatten(space, value));
    expect(rounded(rows.map(plain))).toEqual(rounded(fixture[name].flat));
    expect(rows.map((row) => unflatten(space, row))).toEqual(samples);
    expect(rows[0].length).toBe(flatDim(space));
    expect(flattenSpace(space).contains(rows[0])).toBe(true);
    const wide = new Float64Array(flatDim(space) + 3).fill(9);
    expect(flattenInto(space, samples[1], wide, 2)).toBe(wide.length - 1);
    expect([...wide]).toEqual([9, 9, ...rows[1], 9]);
  });

  test("samples belong to the space, and a state goes on", () => {
    const next = (): unknown[] => [0, 1, 2, 3, 4].map(() => space.sample());
    space.seed(3);
    space.sample();
    const state = JSON.parse(JSON.stringify(space.randomState()));
    const values = next();
    expect(values.map((value) => space.whyNot(value))).toEqual(values.map(() => null));
    space.setRandomState(state);
    expect(next()).toEqual(values);
  });

  test("equals itself only", () => {
    expect(Object.keys(spaces).filter((other) => space.equals(spaces[other]))).toEqual([name]);
  });
});

test("what does not belong says why", () => {
  const box = new Box([-1, 0], [1, 5]);
  expect(box.whyNot(Float32Array.of(0, 6))).toBe("must be in [0, 5] at element 1, got 6");
  expect(box.whyNot(Float32Array.of(Number.NaN, 0))).toBe(
    "must be in [-1, 1] at element 0, got NaN",
  );
  expect(box.whyNot([0, 0])).toBe(
    "must be a Float32Array, got [0, 0]; write Float32Array.from(values)",
  );
  expect(box.whyNot(Float64Array.of(0, 0))).toContain("whose values it cannot all hold");
  expect(box.whyNot(Int8Array.of(0, 0))).toBeNull();
  expect(box.whyNot(Float32Array.of(0))).toBe("must have 2 elements, got 1: [0]");
  expect(new Discrete(3).whyNot(3)).toBe("must be a whole number in [0, 2], got 3");
  expect(new Discrete(3).whyNot(Number.NaN)).toContain("got NaN");
  expect(new MultiBinary(2).whyNot(Int8Array.of(0, 2))).toBe("must be 0 or 1 at element 1, got 2");
  expect(new MultiDiscrete([2, 2]).whyNot(Int32Array.of(0, -1))).toContain("[0, 1] at element 1");
  const { dict, tuple, text } = spaces;
  expect(dict.whyNot({ a: 9, b: Float32Array.of(0, 0) })).toBe(
    "a must be a whole number in [0, 4], got 9",
  );
  expect(dict.whyNot({ a: 1 })).toBe("must have the keys a, b, got a");
  expect(tuple.whyNot([1, [Float32Array.of(0, 2)]])).toContain("[1] [0] must be in [0, 1]");
  expect(text.whyNot("ax")).toBe('must not contain "x"');
  expect(text.whyNot("a")).toContain("2 to 9 characters, got 1");
});

test("wrong bounds and sizes are refused with the values", () => {
  const refused: [() => unknown, string][] = [
    [() => new Box([0, 3], [1, 2]), "got low 3 and high 2 at element 1"],
    [() => new Box(Number.NaN, 1), "low must not be NaN"],
    [() => new Box([0, 0], [1, 1, 1]), "high must be one number or one for each of the 2"],
    [() => new Box(0, 1, { shape: [1.5] }), "non-negative integers, got [1.5]"],
    [() => new Box(-1, 1, { dtype: "u8" }), "must be a whole number in [0, 255] for u8, got -1"],
    [() => new Box(0, inf, { dtype: "u8" }), "got Infinity"],
    [() => new Box(0, 1, { dtype: "f16" as "f32" }), "dtype must be one of f32, f64"],
    [() => new Discrete(0), "n must be a positive integer, got 0"],
    [() => new MultiDiscrete([2, 0]), "got [2, 0]"],
    [() => new MultiBinary(1.5), "got [1.5]"],
    [() => new Dict({}), "at least one space"],
    [() => new Text(3, { minLength: 4 }), "got 4 and 3"],
  ];
  for (const [build, message] of refused) {
    expect(build).toThrow(ConfigError);
    expect(build).toThrow(message);
  }
});

test("spaces print themselves", () => {
  expect(String(new Box(-2, 2))).toBe("Box(-2, 2, [1], f32)");
  expect(String(spaces.dict)).toBe("Dict(a: Discrete(5), b: Box(-1, 1, [2], f32))");
  expect(String(spaces.tuple)).toBe("Tuple(Discrete(4), Tuple(Box(0, 1, [2], f32)))");
});
