import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { CudaBackend } from "../../src/backends/cuda/backend.ts";
import { cudaTraits } from "../../src/compiler/cuda/traits.ts";
import { writeProgram } from "../../src/compiler/cuda/program-writer.ts";
import { planProgram } from "../../src/compiler/plan-program.ts";
import * as b from "../../src/ir/build.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { buildProgram, programArbitrary } from "../compiler/random-programs.ts";
import { runGraph } from "../contract/run.ts";
import type { RunResult } from "../contract/run.ts";
import type { BuiltCase, Scene } from "../contract/scene.ts";
import { buildCase } from "../contract/scene.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { expectNoDefects } from "./emulator/emulated-device.ts";
import { emulator } from "./emulator/emulator.ts";
import type { Emulator } from "./emulator/emulator.ts";

const seed = Number(process.env["ATHANOR_SEED"] ?? 20_265);
const runs = Number(process.env["ATHANOR_RUNS"] ?? 20);

/** Runs programs with or without shared launches; every second launch runs backwards. */
class Machine {
  readonly emulated: Emulator = emulator({
    alternating: true,
    multiprocessors: 4,
    missing: ["cublasLt", "cudnn"],
  });
  private readonly backends: readonly CudaBackend[];

  constructor() {
    const options = { ffi: this.emulated.ffi, cache: null };
    this.backends = [false, true].map(
      (merges) =>
        new CudaBackend(options, (graph, target) => {
          const plan = planProgram(graph, { traits: cudaTraits(target) });
          return writeProgram(plan, target, { merges, allowTf32: false });
        }),
    );
  }

  /** Results without and with shared launches, and how many kernels each took. */
  run({ inputs, outputs, data }: BuiltCase): { results: RunResult[]; kernels: number[] } {
    const graph: Graph = { inputs, outputs };
    const kernels: number[] = [];
    const results = this.backends.map((backend) => {
      const before = this.emulated.count("kernels");
      const result = runGraph(backend, graph, data);
      kernels.push(this.emulated.count("kernels") - before);
      return result;
    });
    return { results, kernels };
  }

  dispose(): void {
    for (const backend of this.backends) backend.dispose();
  }
}

describe.skipIf(emulatorObstacle() !== null)("launches that several steps share", () => {
  let machine: Machine | undefined;
  const run = (built: BuiltCase): ReturnType<Machine["run"]> => {
    machine ??= new Machine();
    return machine.run(built);
  };
  afterEach(() => {
    expectNoDefects(machine?.emulated);
    machine?.dispose();
    machine = undefined;
  });

  it("compute what steps compute one by one (random programs)", () => {
    const everyProgram = fc.property(
      programArbitrary(fc.integer({ min: 1, max: 40 }), 14),
      (program) => {
        const { results, kernels } = run(buildProgram(program, "f32"));
        expect(results[1]).toEqual(results[0]);
        expect(kernels[1]).toBeLessThanOrEqual(kernels[0]);
      },
    );
    fc.assert(everyProgram, { numRuns: runs, seed });
  });

  it("are one for a hundred parameters of different sizes, found by bisection", () => {
    const build = ({ input }: Scene): ReturnType<typeof b.assign>[] =>
      Array.from({ length: 100 }, (_, i) => {
        const shape = [1 + ((37 * i) % 700)];
        const [weight, gradient] = [input(shape), input(shape)];
        return b.assign(weight, b.sub(weight, b.mul(gradient, b.full(shape, 0.5, "f32"))));
      });
    const { results, kernels } = run(buildCase({ build }, "f32"));
    expect(results[1]).toEqual(results[0]);
    expect(kernels[0]).toBe(100);
    expect(kernels[1]).toBeLessThanOrEqual(4);
  });

  it("hold reductions of different rows, sorts and lookups side by side", () => {
    const build = ({ input }: Scene): ReturnType<typeof b.add>[] => {
      const rows = [3, 33, 130].map((size) => b.reduceSum(input([7, size]), [1]));
      const orders = [5, 64].map((size) => b.argsort(input([3, size]), 1, false));
      const table = input([50, 8]);
      const index = b.expand(input([9, 1], [3, 49, 0], "i32"), [9, 8]);
      return [...rows, ...orders, b.gather(table, index, 0), b.scan(input([2, 40]), 1, "sum")];
    };
    const { results, kernels } = run(buildCase({ build }, "f32"));
    expect(results[1]).toEqual(results[0]);
    expect(kernels[1]).toBeLessThan(kernels[0]);
  });
});
