import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { CudaBackend } from "../../src/backends/cuda/backend.ts";
import { ReferenceBackend } from "../../src/backends/reference/backend.ts";
import * as b from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import { loopOf } from "../contract/cases-loop.ts";
import { runGraph } from "../contract/run.ts";
import type { Scene } from "../contract/scene.ts";
import { buildCase } from "../contract/scene.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { emulatedBackend } from "./emulator/emulated-backend.ts";
import { expectNoDefects } from "./emulator/emulated-device.ts";
import { emulator } from "./emulator/emulator.ts";
import type { Emulator } from "./emulator/emulator.ts";

const small = [1, 2, 0, 3, 1];
type Build = (scene: Scene) => Node[];

/** A running sum of rows, and what is stacked: the sum, or something else. */
function sums(length: number, reverse: boolean, results: readonly number[], columns = 5): Build {
  return ({ input }) => {
    const operands = {
      carries: [input([columns], small)],
      slices: [input([length, columns], small)],
    };
    const all = loopOf(
      length,
      operands,
      ([sum], [x]) => {
        const next = b.add(sum, x);
        return [next, next, b.mul(x, x)];
      },
      { reverse },
    );
    return results.map((i) => all[i]);
  };
}

const conditional =
  (limit: number): Build =>
  ({ input }) => {
    const most = input([], [limit], "i32");
    const start = b.constant(0, "i32");
    const carries = [b.binary("lt", start, most), start, input([3], small)];
    return loopOf(
      9,
      { carries, wholes: [most] },
      ([, count, x], _, [end]) => {
        const next = b.add(count, b.constant(1, "i32"));
        return [b.binary("lt", next, end), next, b.add(x, x)];
      },
      { conditional: true },
    );
  };

/** The loop's result is assigned to the operand that its first trip reads. */
const assigned: Build = ({ input }) => {
  const state = input([4], small);
  const [last] = loopOf(3, { carries: [state], slices: [input([3, 4], small)] }, ([s], [x]) => [
    b.add(s, x),
  ]);
  return [b.assign(state, last), b.reduceSum(state, [0])];
};

describe.skipIf(emulatorObstacle() !== null)("loops on a card", () => {
  let machine: Emulator | undefined;
  let backend: CudaBackend | undefined;
  afterEach(() => expectNoDefects(machine));
  afterAll(() => backend?.dispose());

  /** Four runs of one program: launch by launch, then as a recorded graph. */
  it.each<[string, Build]>([
    ["forwards, an odd number of trips", sums(5, false, [0, 1, 2])],
    ["forwards, an even number of trips", sums(6, false, [0, 2])],
    ["in reverse", sums(5, true, [0, 1, 2])],
    ["a carry that is read where it is stacked", sums(5, false, [1])],
    ["the same in reverse", sums(4, true, [1])],
    ["rows that vectors do not divide", sums(3, false, [0, 1], 7)],
    ["one trip", sums(1, true, [0, 1])],
    ["no trips", sums(0, false, [0])],
    ["a condition that holds for some trips", conditional(4)],
    ["a condition that holds to the end", conditional(50)],
    ["a condition that never holds", conditional(0)],
    ["state that the loop's result is assigned to", assigned],
  ])("%s", (_, build) => {
    machine ??= emulator({ alternating: true });
    backend ??= emulatedBackend(machine, { verify: true });
    const { inputs, outputs, data } = buildCase({ build }, "f32");
    const graph = { inputs, outputs };
    const actual = runGraph(backend, graph, data, 4);
    expect(actual).toEqual(runGraph(new ReferenceBackend(), graph, data, 4));
  });
});
