import { afterAll, describe, expect, it } from "vitest";
import type { CudaBackend } from "../../src/backends/cuda/backend.ts";
import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import { contractionRows } from "../contract/cases-contraction.ts";
import { expectSameAsReference } from "../contract/run.ts";
import { buildCase } from "../contract/scene.ts";
import type { Case } from "../contract/scene.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { emulatedBackend } from "./emulator/emulated-backend.ts";
import { emulator } from "./emulator/emulator.ts";
import type { EmulatedLibrary, Emulator } from "./emulator/emulator.ts";

interface Machine {
  readonly name: string;
  readonly missing: readonly EmulatedLibrary[];
  readonly capability: number;
  readonly multiprocessors: number;
}

const machines: readonly Machine[] = [
  { name: "cuBLASLt and cuDNN", missing: [], capability: 90, multiprocessors: 132 },
  {
    name: "no libraries",
    missing: ["cublasLt", "cudnn"],
    capability: 90,
    multiprocessors: 132,
  },
  // One multiprocessor is busy with one block: large tiles are taken early.
  { name: "large tiles", missing: ["cublasLt"], capability: 75, multiprocessors: 1 },
];

/** Larger than one tile of any kernel and a multiple of none; rows that vectors fit and do not. */
const large: Case = {
  name: "products larger than a tile",
  dtypes: ["f32", "bf16", "f16", "i32"],
  tolerance: {
    f32: { rtol: 1.3e-6, atol: 4e-5 },
    f16: { rtol: 2e-3, atol: 2e-3 },
    bf16: { rtol: 1.6e-2, atol: 1e-2 },
  },
  reason: "terms of both signs cancel, and backends sum f32 in another order",
  build: ({ input }) => {
    const turned = (x: Node): Node => b.transpose(x, x.shape.length - 2, x.shape.length - 1);
    const cut = b.slice(input([2, 134, 75]), [0, 1, 3], [2, 130, 72]);
    return [
      b.dot(input([130, 72]), input([72, 136])),
      b.dot(turned(input([72, 136])), turned(input([136, 72]))),
      b.dot(cut, turned(input([2, 129, 72]))),
      b.dot(input([3, 130, 37]), b.expand(input([1, 37, 131]), [3, 37, 131])),
      b.dot(input([2, 300]), input([300, 133])),
      b.dot(input([131, 64]), turned(input([3, 64]))),
    ];
  },
};

/** Rows added to products, alone and with what reads the sums. */
const biased: Case = {
  name: "products with a bias",
  dtypes: ["f64", "f32", "bf16", "f16", "i32"],
  tolerance: large.tolerance ?? {},
  reason: "terms of both signs cancel, and libraries round the sum with the bias once",
  build: ({ input, dtype }) => {
    const layer = (rows: number, inner: number, columns: number): Node => {
      const x = b.reshape(input([2, rows, inner]), [2 * rows, inner]);
      const y = b.dot(x, b.transpose(input([columns, inner]), 0, 1));
      const shape = [2, rows, columns];
      return b.add(b.broadcastTo(input([columns]), shape), b.reshape(y, shape));
    };
    const sum = layer(5, 4, 6);
    const batched = b.dot(input([3, 4, 5]), input([3, 5, 7]));
    return [
      layer(3, 9, 7),
      layer(1, 3, 1),
      b.mul(b.permute(sum, [1, 0, 2]), b.full([5, 2, 6], 2, dtype)),
      b.reduceSum(sum, [2]),
      b.add(batched, b.broadcastTo(input([7]), batched.shape)),
    ];
  },
};

/** Beside the contract suite, which runs with and without libraries but on large cards only. */
const dots = contractionRows.dot.map((row) => [`dot: ${row.name}`, row] as const);
const everyRow = [...dots, ...[large, biased].map((row) => [row.name, row] as const)];

describe.skipIf(emulatorObstacle() !== null).each(machines)(
  "contractions with $name",
  ({ missing, capability, multiprocessors }) => {
    let machine: Emulator | null = null;
    let backend: CudaBackend | null = null;
    afterAll(() => backend?.dispose());

    const check = (row: Case, dtype: DType): number => {
      machine ??= emulator({ missing, capability, multiprocessors });
      backend ??= emulatedBackend(machine);
      const count = expectSameAsReference(backend, buildCase(row, dtype), row);
      expect(machine.takeProblems()).toEqual([]);
      return count;
    };

    it.each(everyRow)("%s", (_name, row) => {
      for (const dtype of row.dtypes) expect(check(row, dtype)).toBeGreaterThan(0);
    });
  },
);
