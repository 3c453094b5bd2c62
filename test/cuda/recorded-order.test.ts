import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CudaBackend } from "../../src/backends/cuda/backend.ts";
import type { CudaProgram } from "../../src/backends/cuda/program.ts";
import type { CopyLaunch, CudaProgramCode, Operand } from "../../src/compiler/cuda/program-code.ts";
import * as b from "../../src/ir/build.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { NodeOf } from "../../src/ir/node.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { emulatedBackend } from "./emulator/emulated-backend.ts";
import { emulator } from "./emulator/emulator.ts";
import type { EmulatedMachine, Emulator } from "./emulator/emulator.ts";

const bytes = 16;
const x = b.input([4], "f32") as NodeOf<"input">;
const negation: Graph = { inputs: [x], outputs: [b.neg(x)] };
const source: Operand = { place: { kind: "input", index: 0 }, offset: 0 };
const result: Operand = { place: { kind: "output", index: 0 }, offset: 0 };
const temporary = (index: number): Operand => ({
  place: { kind: "temporary", offset: 64 * index },
  offset: 0,
});

/** The input goes to two places, then from one of them to the result. */
function copies(dependencies: readonly (readonly number[])[] | undefined): CudaProgramCode {
  const copy = (from: Operand, to: Operand): CopyLaunch => {
    return { kind: "copy", from, to, bytes, facts: { name: "copy", bytes: 2 * bytes, flops: 0 } };
  };
  return {
    source: "",
    launches: [
      copy(source, temporary(0)),
      copy(source, temporary(1)),
      copy(temporary(0), temporary(2)),
      copy(temporary(2), result),
    ],
    ...(dependencies === undefined ? {} : { dependencies }),
    temporaryBytes: 256,
    scratchBytes: 0,
    isCapturable: true,
    checksIndices: false,
  };
}

const needed = [[], [], [0], [2]];

describe.skipIf(emulatorObstacle() !== null)("recorded steps", () => {
  let machine: Emulator;
  let backend: CudaBackend;
  afterEach(() => {
    backend.dispose();
    vi.unstubAllEnvs();
  });

  /** Runs a program of copies once, recorded; returns the result and the length of its path. */
  function run(
    code: CudaProgramCode,
    { refused, ...options }: EmulatedMachine & { readonly refused?: string } = {},
  ): number {
    machine = emulator(options);
    if (refused !== undefined) machine.fail(refused, 1);
    const settings = { ffi: machine.ffi, cache: null, recordsAtOnce: true };
    backend = new CudaBackend(settings, () => code);
    const program = backend.compile(negation);
    const [from, to] = [backend.allocate(bytes), backend.allocate(bytes)];
    backend.write(from, Float32Array.of(1, 2, 3, 4));
    for (let i = 0; i < 4; i++) program.run([from], [to]);
    expect(backend.readSync(to, "f32")).toEqual(Float32Array.of(1, 2, 3, 4));
    expect((program as CudaProgram).replay?.counts).toMatchObject({ recorded: 1, replayed: 3 });
    return machine.count("graphDepth");
  }

  const problems = (): string[] => machine.takeProblems();

  it("have the edges the data needs", () => {
    expect(run(copies(needed))).toBe(3);
    expect(problems()).toEqual([]);
  });

  it("are chains where nothing is known, and where ATHANOR_CUDA_CHAIN says so", () => {
    expect(run(copies(undefined))).toBe(4);
    backend.dispose();
    vi.stubEnv("ATHANOR_CUDA_CHAIN", "1");
    expect(run(copies(needed))).toBe(4);
    expect(problems()).toEqual([]);
  });

  it("have the same edges through the driver's functions before CUDA 12.3", () => {
    const without = ["cuStreamGetCaptureInfo_v3", "cuStreamUpdateCaptureDependencies_v2"];
    expect(run(copies(needed), { without })).toBe(3);
    expect(problems()).toEqual([]);
  });

  it("are chains where the driver lacks the functions", () => {
    const without = ["cuStreamGetCaptureInfo_v3", "cuStreamGetCaptureInfo_v2"];
    expect(run(copies(needed), { without })).toBe(4);
    expect(problems()).toEqual([]);
  });

  it("are chains where the driver refuses what they need", () => {
    expect(run(copies(needed), { refused: "cuStreamUpdateCaptureDependencies_v2" })).toBe(4);
    expect(problems()).toEqual([]);
  });

  it("are found out by the emulated card if an edge is missing", () => {
    machine = emulator();
    const code = copies([[], [], [], [2]]);
    backend = new CudaBackend({ ffi: machine.ffi, cache: null, recordsAtOnce: true }, () => code);
    const [from, to] = [backend.allocate(bytes), backend.allocate(bytes)];
    backend.write(from, Float32Array.of(1, 2, 3, 4));
    backend.compile(negation).run([from], [to]);
    backend.readSync(to, "f32");
    expect(problems()).toEqual([expect.stringMatching(/graph of 4 nodes lacks an edge/)]);
  });
});

describe.skipIf(emulatorObstacle() !== null)("recorded products", () => {
  let machine: Emulator;
  let backend: CudaBackend;
  beforeEach(() => vi.stubEnv("ATHANOR_CUDA_AUTOTUNE", "0"));
  afterEach(() => {
    backend.dispose();
    vi.unstubAllEnvs();
  });

  function depthOf(graph: Graph): number {
    machine = emulator();
    backend = emulatedBackend(machine, { recordsAtOnce: true });
    const program = backend.compile(graph);
    const sizes = (nodes: Graph["inputs"] | Graph["outputs"]): ReturnType<typeof buffers> =>
      buffers(nodes.map(({ shape }) => 4 * shape.reduce((all, size) => all * size, 1)));
    const buffers = (all: readonly number[]): ReturnType<CudaBackend["allocate"]>[] =>
      all.map((size) => backend.allocate(size));
    program.run(sizes(graph.inputs), sizes(graph.outputs));
    backend.readSync(sizes(graph.outputs)[0], "f32");
    expect(program.kernels.length).toBeGreaterThan(2);
    expect(machine.takeProblems()).toEqual([]);
    return machine.count("graphDepth");
  }

  const square = (): NodeOf<"input"> => b.input([16, 16], "f32") as NodeOf<"input">;

  it("run at once if neither needs the other", () => {
    const [a, c, d] = [square(), square(), square()];
    const independent = [b.dot(a, c), b.dot(a, d), b.dot(c, d), b.dot(d, c)];
    expect(depthOf({ inputs: [a, c, d], outputs: independent })).toBe(1);
    backend.dispose();
    expect(depthOf({ inputs: [a, c, d], outputs: [b.dot(b.dot(b.dot(a, c), d), a)] })).toBe(3);
  });

  it("run the parts of a batch at once that need calls of their own", () => {
    const input = (): NodeOf<"input"> => b.input([2, 8, 3, 4], "f32") as NodeOf<"input">;
    const [a, c, d] = [input(), input(), input()];
    const swap = (node: Graph["outputs"][0]): Graph["outputs"][0] => b.permute(node, [0, 2, 1, 3]);
    const product = (left: Graph["outputs"][0], right: Graph["outputs"][0]): Graph["outputs"][0] =>
      b.dot(swap(left), b.permute(right, [0, 2, 3, 1]));
    const graph = { inputs: [a, c, d], outputs: [product(a, c), product(a, d), product(c, d)] };
    expect(depthOf(graph)).toBe(1);
  });
});
