import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { CudaBackend } from "../../src/backends/cuda/backend.ts";
import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import { expectSameAsReference } from "../contract/run.ts";
import { buildCase, everyDType } from "../contract/scene.ts";
import type { Scene } from "../contract/scene.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { emulatedBackend } from "./emulator/emulated-backend.ts";
import { expectNoDefects } from "./emulator/emulated-device.ts";
import { emulator } from "./emulator/emulator.ts";
import type { Emulator } from "./emulator/emulator.ts";

const obstacle = emulatorObstacle();
let machine: Emulator | undefined;
let backend: CudaBackend | undefined;

function current(): CudaBackend {
  machine ??= emulator({ alternating: true, multiprocessors: 4 });
  backend ??= emulatedBackend(machine, { verify: true, checksAtOnce: true });
  return backend;
}

/** Compares with the reference, bit for bit; the number of tensors compared. */
function compare(dtype: DType, build: (scene: Scene) => Node | Node[]): number {
  return expectSameAsReference(current(), buildCase({ build }, dtype), { exact: true });
}

afterEach(() => expectNoDefects(machine));
afterAll(() => backend?.dispose());

/** Numbers that are small and repeat, so that sums are exact and sorts have ties. */
const few = [3, 1, 2, 0, 3, 7, 5, 1, 4, 6, 2];
const special = [NaN, 1, -0, 0, Infinity, -Infinity, -1, 1e-40, -1e-40, NaN, 0.5];
const both = [false, true];

describe.skipIf(obstacle !== null)("sorts on a card", () => {
  // Chunks of 2048 elements are sorted in shared memory, then merged in pairs.
  it.each([1, 2, 3, 2047, 2048, 2049, 4096, 5000, 8193])("of rows of %i", (size) => {
    expect(
      compare("f32", ({ input }) => {
        const x = input([size === 8193 ? 1 : 3, size], size % 2 === 0 ? "mixed" : few);
        return both.map((descending) => b.argsort(x, 1, descending));
      }),
    ).toBeGreaterThan(0);
  });

  it("of a row of 70,000, with ties", () => {
    expect(
      compare("f32", ({ input }) => b.argsort(input([70_000], few), 0, false)),
    ).toBeGreaterThan(0);
  });

  it.each(everyDType)("keep the order of equal elements (%s)", (dtype) => {
    expect(
      compare(dtype, ({ input }) =>
        both.flatMap((descending) => [
          b.argsort(input([2, 300], few), 1, descending),
          b.argsort(input([2100], "edge"), 0, descending),
        ]),
      ),
    ).toBeGreaterThan(0);
  });

  it.each<DType>(["f64", "f32", "f16", "bf16"])(
    "put NaN last, and take both zeros for one (%s)",
    (dtype) => {
      expect(
        compare(dtype, ({ input }) =>
          both.map((descending) => b.argsort(input([2500], special), 0, descending)),
        ),
      ).toBeGreaterThan(0);
    },
  );
});

/** Scatters of whole rows, which the card sorts first: more than 64 of them. */
function rows(
  { input }: Scene,
  mode: "add" | "set",
  [into, from, columns]: readonly [number, number, number],
  index: readonly number[],
  base = true,
): Node {
  const target = [into, columns];
  const x = base ? input(target, few) : b.fullLike(b.reshape(input(target, few), target), 0);
  const at = b.expand(input([from, 1], index, "i32"), [from, columns]);
  return b.scatter(x, at, input([from, columns], few), 0, mode);
}

describe.skipIf(obstacle !== null).each(["add", "set"] as const)(
  "scatters of rows on a card (%s)",
  (mode) => {
    it.each(everyDType)("with rows that repeat and rows without any (%s)", (dtype) => {
      expect(
        compare(dtype, (scene) => [
          rows(scene, mode, [40, 70, 5], [0, 39, 7, 7, 21]),
          rows(scene, mode, [3, 200, 33], [2, 0]),
          rows(scene, mode, [100, 64, 1], [99]),
        ]),
      ).toBeGreaterThan(0);
    });

    it.each<DType>(["f32", "bf16", "i32"])("onto zeros (%s)", (dtype) => {
      expect(
        compare(dtype, (scene) => rows(scene, mode, [40, 70, 5], [0, 39, 7, 7], false)),
      ).toBeGreaterThan(0);
    });

    it("of single elements, and of rows that are matrices", () => {
      expect(
        compare("f32", ({ input }) => {
          const at = input([300], [0, 9, 3, 3, 8], "i32");
          const wide = b.expand(b.reshape(input([80], [4, 0, 0], "i32"), [80, 1, 1]), [80, 3, 4]);
          return [
            b.scatter(input([10], few), at, input([300], few), 0, mode),
            b.scatter(input([5, 3, 4], few), wide, input([80, 3, 4], few), 0, mode),
          ];
        }),
      ).toBeGreaterThan(0);
    });

    it("of more rows than a chunk of the sort has", () => {
      expect(
        compare("f32", (scene) => rows(scene, mode, [1000, 5000, 2], [999, 0, 500, 31, 31, 7])),
      ).toBeGreaterThan(0);
    });

    it.each([-1, 40, 2 ** 31 - 1, -(2 ** 31)])("names a row that is not there: %i", (wrong) => {
      const index = [0, 1, 2, wrong];
      const build = (scene: Scene): Node => rows(scene, mode, [40, 70, 5], index);
      const { inputs, outputs, data } = buildCase({ build }, "f32");
      const program = current().compile({ inputs, outputs });
      const given = data.map((values) => {
        const buffer = current().allocate(values.byteLength);
        current().write(buffer, values);
        return buffer;
      });
      const result = current().allocate(40 * 5 * 4);
      expect(() => program.run(given, [result])).toThrow(`0 … 39, got ${wrong}`);
      for (const buffer of [...given, result]) current().free(buffer);
      program.dispose();
    });
  },
);

describe.skipIf(obstacle !== null)("scatters of rows run twice", () => {
  it("have the same bits", () => {
    const build = (scene: Scene): Node => {
      const at = b.expand(scene.input([500, 1], [3, 1, 3, 0], "i32"), [500, 7]);
      return b.scatter(scene.input([4, 7]), at, scene.input([500, 7]), 0, "add");
    };
    const { inputs, outputs, data } = buildCase({ build }, "f32");
    const program = current().compile({ inputs, outputs });
    const given = data.map((values) => {
      const buffer = current().allocate(values.byteLength);
      current().write(buffer, values);
      return buffer;
    });
    const result = current().allocate(4 * 7 * 4);
    const texts = [0, 1, 2, 3].map(() => {
      program.run(given, [result]);
      return String(current().readSync(result, "f32"));
    });
    expect(new Set(texts).size).toBe(1);
    for (const buffer of [...given, result]) current().free(buffer);
    program.dispose();
  });
});
