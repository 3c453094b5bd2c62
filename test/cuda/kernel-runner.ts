import { Driver, readText } from "../../src/backends/cuda/driver.ts";
import { FunctionTable } from "../../src/backends/cuda/function-table.ts";
import { nvrtcPrototypes } from "../../src/backends/cuda/prototypes.ts";
import { ReferenceBackend } from "../../src/backends/reference/backend.ts";
import { attentionKernel } from "../../src/compiler/cuda/attention-kernel.ts";
import { entryText } from "../../src/compiler/cuda/entry-text.ts";
import type {
  CudaTarget,
  KernelArgument,
  RenderedStep,
} from "../../src/compiler/cuda/kernel-code.ts";
import { renderKernel } from "../../src/compiler/cuda/kernel-renderer.ts";
import { cudaPrelude } from "../../src/compiler/cuda/prelude.ts";
import { cudaTraits } from "../../src/compiler/cuda/traits.ts";
import { planProgram } from "../../src/compiler/plan-program.ts";
import type { Location, Schedule, Step } from "../../src/compiler/schedule.ts";
import type { DType, HostArray } from "../../src/ir/dtype.ts";
import { dtypeBytes, hostView } from "../../src/ir/dtype.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { Node } from "../../src/ir/node.ts";
import { formatShape, numel } from "../../src/ir/shape.ts";
import { runGraph } from "../contract/run.ts";
import type { BuiltCase, Case } from "../contract/scene.ts";
import { toNumbers } from "../contract/scene.ts";
import { differenceOf } from "../contract/tolerance.ts";
import { emulator } from "./emulator/emulator.ts";
import type { EmulatedMachine, Emulator } from "./emulator/emulator.ts";

/** The card that tests render for. */
export const testTarget: CudaTarget = {
  capability: 90,
  multiprocessors: 4,
  sharedBytesPerBlock: 232_448,
  cacheBytes: 50 << 20,
};

/** How a kernel test runs. */
export interface RunnerOptions {
  readonly target?: CudaTarget;
  readonly machine?: EmulatedMachine;
}

/** A launched function of a rendered step, for assertions about geometry. */
export interface Rendered {
  readonly steps: readonly RenderedStep[];
  readonly plan: Schedule;
}

const placeText = (location: Location): string =>
  location.kind === "temporary" ? `t${location.offset}` : `${location.kind}${location.index}`;

function locate(plan: Schedule, value: Node): Location {
  const location = plan.locations.get(value);
  if (location === undefined) throw new Error(`${value.op} has no place`);
  return location;
}

/** Plans a graph for CUDA and renders the kernels among its steps. */
export function renderGraph(graph: Graph, target: CudaTarget = testTarget): Rendered {
  const plan = planProgram(graph, { traits: cudaTraits(target), verify: true });
  const steps = plan.steps.flatMap((step) => {
    if (step.kind === "attention") return [attentionKernel(step, target)];
    if (step.kind !== "kernel") return [];
    return [renderStep(plan, step, target)];
  });
  return { steps, plan };
}

function renderStep(
  plan: Schedule,
  step: Extract<Step, { kind: "kernel" }>,
  target: CudaTarget,
): RenderedStep {
  const placeOf = (value: Node): string => placeText(locate(plan, value));
  const writesState = step.writes.some((node) => locate(plan, node).kind === "input");
  return renderKernel(step.kernel, { target, placeOf, writesState });
}

/** Whether every step of the graph is a generated kernel or a copy. */
export function isOnlyKernels(graph: Graph, target: CudaTarget = testTarget): boolean {
  const plan = planProgram(graph, { traits: cudaTraits(target) });
  return plan.steps.every(({ kind }) => ["kernel", "attention", "copy"].includes(kind));
}

/** Runs the kernels of one graph on the emulated device. */
class Runner {
  private readonly machine: Emulator;
  private readonly driver: Driver;
  private readonly stream: number;
  private readonly addresses: Map<string, number> = new Map();

  constructor(options: RunnerOptions) {
    this.machine = emulator(options.machine);
    this.driver = new Driver(this.machine.ffi, this.machine.ffi.open("libcuda.so.1"));
    this.driver.makeCurrent(this.driver.retainContext(this.driver.device(0)));
    this.stream = this.driver.createStream();
  }

  run(graph: Graph, data: readonly HostArray[], target: CudaTarget): RunResult {
    const { plan, steps } = renderGraph(graph, target);
    graph.inputs.forEach((_, i) => this.write(`input${i}`, this.upload(data[i])));
    graph.outputs.forEach((node, i) => this.write(`output${i}`, this.allocate(bytesOf(node))));
    this.write("arena", this.allocate(plan.temporaryBytes));
    this.write("errors", this.upload(new Int32Array(4)));
    this.write("scratch", this.allocate(Math.max(16, ...steps.map((step) => step.scratchBytes))));
    const module = this.compile(steps);
    const rest = [...steps];
    let entry = 0;
    for (const step of plan.steps) {
      if (step.kind === "copy") {
        const [to, from] = [this.address(step.to), this.address(step.from)];
        this.driver.copyOnDevice(to, from, step.bytes, this.stream);
      } else {
        const rendered = rest.shift();
        for (const made of rendered?.functions ?? []) {
          const words = made.arguments.map((part) => this.word(part, plan));
          const { blocks, threads, sharedBytes } = made;
          const kernel = this.driver.kernel(module, `e${entry++}`, sharedBytes);
          const block = BigUint64Array.from(words.length === 0 ? [0n] : words, BigInt);
          const table = new BigUint64Array([BigInt(this.machine.ffi.address(block))]);
          const shape = { blocks, threads, sharedBytes };
          this.driver.launch(kernel, shape, this.machine.ffi.address(table), this.stream);
        }
      }
    }
    const errors = this.read("errors", "i32", 4);
    const isAssigned = (i: number): boolean => graph.outputs[i].op === "assign";
    const targetOf = (i: number): number =>
      graph.inputs.findIndex((input) => input === graph.outputs[i].src[0]);
    return {
      outputs: graph.outputs.map((node, i) =>
        this.read(
          isAssigned(i) ? `input${targetOf(i)}` : `output${i}`,
          node.dtype,
          numel(node.shape),
        ),
      ),
      inputs: graph.inputs.map((node, i) => this.read(`input${i}`, node.dtype, numel(node.shape))),
      error: [errors[0], errors[1]],
    };
  }

  dispose(): void {
    for (const address of this.addresses.values()) this.driver.free(address);
    const problems = this.machine.takeProblems();
    if (problems.length > 0) throw new Error(problems.join("\n"));
  }

  private write(name: string, address: number): void {
    this.addresses.set(name, address);
  }

  private allocate(bytes: number): number {
    const address = this.driver.tryAllocate(Math.max(bytes, 1));
    if (address === null) throw new Error("the emulated device is full");
    return address;
  }

  private upload(values: HostArray): number {
    const address = this.allocate(values.byteLength);
    if (values.byteLength === 0) return address;
    const host = this.driver.allocateHost(values.byteLength);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    new Uint8Array(this.machine.ffi.view(host, values.byteLength)).set(bytes);
    this.driver.copyToDevice(address, host, values.byteLength, this.stream);
    this.driver.synchronize(this.stream);
    this.driver.freeHost(host);
    return address;
  }

  private read(name: string, dtype: DType, elements: number): HostArray {
    const bytes = elements * dtypeBytes(dtype);
    if (bytes === 0) return hostView(dtype, new ArrayBuffer(0));
    const host = this.driver.allocateHost(bytes);
    this.driver.copyToHost(host, this.addresses.get(name) ?? 0, bytes, this.stream);
    this.driver.synchronize(this.stream);
    const values = hostView(dtype, this.machine.ffi.view(host, bytes).slice(0));
    this.driver.freeHost(host);
    return values;
  }

  private address(location: Location): number {
    if (location.kind !== "temporary") return this.addresses.get(placeText(location)) ?? 0;
    return (this.addresses.get("arena") ?? 0) + location.offset;
  }

  private word(argument: KernelArgument, plan: Schedule): number {
    switch (argument.kind) {
      case "value":
        return this.address(locate(plan, argument.value)) + (argument.offset ?? 0);
      case "scratch":
        return (this.addresses.get("scratch") ?? 0) + argument.offset;
      case "errors":
        return this.addresses.get("errors") ?? 0;
      case "int":
        return argument.value;
      default:
        return argument satisfies never;
    }
  }

  private compile(steps: readonly RenderedStep[]): number {
    const functions = steps.flatMap((step) => step.functions);
    const text = functions.map((made, i) => {
      const entry = entryText(`e${i}`, [{ name: `f${i}`, function: made }]);
      return `static __device__ void f${i}${made.text}\n${entry}`;
    });
    const nvrtc = new FunctionTable(this.machine.ffi.open("libnvrtc.so.13"), nvrtcPrototypes);
    const wide = new BigUint64Array(1);
    const head = cudaPrelude.includes("char shared[]") ? "" : sharedMemory;
    const source = `${cudaPrelude}${head}${text.join("\n")}`;
    nvrtc.get("nvrtcCreateProgram")(wide, source, "program", 0, null, null);
    const program = Number(wide[0]);
    const option = new TextEncoder().encode("--gpu-architecture=sm_90\0");
    const options = new BigUint64Array([BigInt(this.machine.ffi.address(option))]);
    const code = nvrtc.get("nvrtcCompileProgram")(program, 1, options);
    nvrtc.get("nvrtcGetProgramLogSize")(program, wide);
    const log = new Uint8Array(Number(wide[0]));
    nvrtc.get("nvrtcGetProgramLog")(program, log);
    if (code !== 0) throw new Error(`${readText(log)}\n${text.join("\n")}`);
    nvrtc.get("nvrtcGetCUBINSize")(program, wide);
    const image = new Uint8Array(Number(wide[0]));
    nvrtc.get("nvrtcGetCUBIN")(program, image);
    return this.driver.loadModule(image, "test");
  }
}

const sharedMemory = "extern __shared__ __align__(16) char shared[];\n";
const bytesOf = (node: Node): number => numel(node.shape) * dtypeBytes(node.dtype);

/** What a run left, and the error words. */
export interface RunResult {
  readonly outputs: readonly HostArray[];
  readonly inputs: readonly HostArray[];
  readonly error: readonly number[];
}

/** Runs a graph of kernels and copies on the emulated device. */
export function runKernels(
  graph: Graph,
  data: readonly HostArray[],
  options: RunnerOptions = {},
): RunResult {
  const runner = new Runner(options);
  const result = runner.run(graph, data, options.target ?? testTarget);
  runner.dispose();
  return result;
}

/** Compares a graph's results, and its inputs afterwards, with the reference. */
export function expectKernelsAgree(
  built: BuiltCase,
  spec: Partial<Case> = {},
  options: RunnerOptions = {},
): void {
  const graph: Graph = { inputs: built.inputs, outputs: built.outputs };
  const actual = runKernels(graph, built.data, options);
  const expected = runGraph(new ReferenceBackend(), graph, built.data);
  if (actual.error[0] !== 0) throw new Error(`an index was reported: ${actual.error.join()}`);
  const compare = (role: "outputs" | "inputs", node: Node, i: number): void => {
    const { dtype, shape } = node;
    const own = spec.tolerance?.[dtype];
    const difference = differenceOf(
      toNumbers(dtype, actual[role][i]),
      toNumbers(dtype, expected[role][i]),
      {
        dtype,
        shape,
        exact: spec.exact ?? false,
        ...(own && { tolerance: own, reason: spec.reason ?? "no reason given" }),
        ...(spec.reason !== undefined && { reason: spec.reason }),
      },
    );
    if (difference === undefined) return;
    const texts = renderGraph(graph, options.target).steps.flatMap((step) =>
      step.functions.map((made) => made.text),
    );
    throw new Error(
      `${role} ${i}: ${node.op} ${dtype}${formatShape(shape)} ${difference}\n${texts.join("\n")}`,
    );
  };
  graph.outputs.forEach((node, i) => compare("outputs", node, i));
  graph.inputs.forEach((node, i) => compare("inputs", node, i));
}
