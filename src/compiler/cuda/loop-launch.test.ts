import { describe, expect, it } from "vitest";
import * as b from "../../ir/build.ts";
import { LoopBody } from "../../ir/loop.ts";
import type { Node, NodeOf } from "../../ir/node.ts";
import { compileCuda } from "../compile-cuda.ts";
import type { LoopLaunch, Operand } from "./program-code.ts";

const target = {
  capability: 90,
  multiprocessors: 4,
  sharedBytesPerBlock: 232_448,
  cacheBytes: 50 << 20,
};
const vector = (size: number): NodeOf<"input"> => b.input([size], "f32") as NodeOf<"input">;
const row = 8 * 4;

/** How a loop runs, and which of its results are read: [carry, stacked]. */
interface Wanted {
  readonly length?: number;
  readonly reverse?: boolean;
  readonly results?: readonly (0 | 1)[];
  /** Whether trips stack the carry itself, not something else. */
  readonly stacksCarry?: boolean;
}

/** A loop over a carry [8] and rows of [length, 8]. */
function launchOf(wanted: Wanted = {}): LoopLaunch {
  const { length = 5, reverse = false, results = [0, 1], stacksCarry = false } = wanted;
  const [carry, rows] = [vector(8), b.input([length, 8], "f32") as NodeOf<"input">];
  const [sum, x] = [vector(8), vector(8)];
  const next = b.add(sum, x);
  const body = new LoopBody([sum, x], [next, stacksCarry ? next : b.mul(x, x)]);
  const attrs = { body, carries: 1, slices: 1, length, reverse, conditional: false };
  const loop = b.loop([carry, rows], attrs);
  const outputs = results.map((i) => b.part(loop, i));
  return only(compileCuda({ inputs: [carry, rows], outputs }, target).launches);
}

function only(launches: readonly { readonly kind: string }[]): LoopLaunch {
  const [launch] = launches.filter((one): one is LoopLaunch => one.kind === "loop");
  return launch;
}

const input = (index: number, offset = 0): Operand => ({ place: { kind: "input", index }, offset });
const output = (index: number, offset = 0): Operand => ({
  place: { kind: "output", index },
  offset,
});

describe("where a loop's values lie", () => {
  it("takes the carry where the trip before wrote it; the last trip writes the result", () => {
    const { inputs, outputs, trips } = launchOf({ length: 5 });
    expect(trips).toBe(5);
    expect(inputs[0].first).toEqual(input(0));
    expect(inputs[0].odd).toEqual(outputs[0].even);
    expect(inputs[0].even).toEqual(outputs[0].odd);
    // Trip 4, the last one, is an even one.
    expect(outputs[0]).toMatchObject({ first: null, even: output(0), stride: 0 });
    expect(outputs[0].odd.place.kind).toBe("temporary");
    expect(launchOf({ length: 4 }).outputs[0].odd).toEqual(output(0));
  });

  it("moves on by a row per trip, from the last one down in reverse", () => {
    const forward = launchOf();
    expect(forward.inputs[1]).toEqual({
      first: null,
      even: input(1),
      odd: input(1),
      stride: row,
    });
    expect(forward.outputs[1].even).toEqual(output(1));
    const backward = launchOf({ reverse: true });
    const last = input(1, 4 * row);
    expect(backward.inputs[1]).toEqual({ first: null, even: last, odd: last, stride: -row });
    expect(backward.outputs[1]).toMatchObject({ even: output(1, 4 * row), stride: -row });
  });

  it("reads a carry that is stacked where the trip before stacked it", () => {
    const { inputs, outputs } = launchOf({ results: [1], stacksCarry: true });
    expect(outputs).toHaveLength(1);
    expect(outputs[0]).toMatchObject({ even: output(0), stride: row });
    const before = output(0, -row);
    expect(inputs[0]).toEqual({ first: input(0), even: before, odd: before, stride: row });
    const reversed = launchOf({ results: [1], stacksCarry: true, reverse: true });
    expect(reversed.inputs[0]).toMatchObject({ even: output(0, 5 * row), stride: -row });
  });

  it("keeps stacked results nobody reads in one place", () => {
    const { outputs } = launchOf({ results: [0] });
    for (const place of outputs.slice(1)) {
      expect(place).toMatchObject({ stride: 0, even: { place: { kind: "temporary" } } });
    }
  });

  it("counts what all trips cost", () => {
    const { body, facts } = launchOf();
    expect(facts.bytes).toBe(5 * body.reduce((sum, launch) => sum + launch.facts.bytes, 0));
  });
});

describe("a loop that ends by a condition", () => {
  const build = (): LoopLaunch => {
    const goes = b.input([], "bool") as NodeOf<"input">;
    const start = vector(8);
    const [going, x] = [b.input([], "bool"), vector(8)];
    const sum: Node = b.reshape(b.reduceSum(x, [0]), []);
    const next = b.binary("and", b.binary("lt", sum, b.constant(100, "f32")), going);
    const body = new LoopBody([going, x], [next, b.add(x, x)]);
    const attrs = { carries: 2, slices: 0, length: 20, reverse: false, conditional: true };
    const loop = b.loop([goes, start], { body, ...attrs });
    return only(
      compileCuda({ inputs: [goes, start], outputs: [b.part(loop, 1)] }, target).launches,
    );
  };

  it("looks at its first carry, and copies the others from where the next trip would read", () => {
    const { condition, inputs, results } = build();
    expect(condition).toEqual(inputs[0]);
    expect(results).toEqual([{ from: inputs[1], to: output(0), bytes: row }]);
  });
});
