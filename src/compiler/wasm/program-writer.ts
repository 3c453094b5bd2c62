import { invariant } from "../../base/errors.ts";
import { roundUp } from "../../base/integers.ts";
import type { Graph } from "../../ir/graph.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import { leafAxes } from "../affine.ts";
import type { Kernel } from "../kernel.ts";
import { epilogueShape } from "../loop-group.ts";
import { kernelForms, planLoops } from "../loops.ts";
import type { Loop, LoopNest } from "../loops.ts";
import type { Location, Schedule, Step } from "../schedule.ts";
import type { FunctionBuilder, FunctionRef } from "./assembler-function.ts";
import { ModuleBuilder } from "./assembler.ts";
import { defineBarrier } from "./barrier.ts";
import { controlBlock } from "./control-block.ts";
import { contractionCall, hasSimpleBatch } from "./contraction-call.ts";
import { planKernel } from "./kernel-plan.ts";
import { scratchBytes, writeKernel } from "./kernel-renderer.ts";
import type { LoopRange } from "./kernel-renderer.ts";
import type {
  HostCall,
  HostOperand,
  StepFacts,
  WasmProgramCode,
  WasmTarget,
} from "./program-code.ts";
import { ScalarMath } from "./program-math.ts";
import { ScalarLanes } from "./scalar-lanes.ts";
import { defineSort } from "./sort-kernel.ts";
import { isWorthSplitting, kernelCost } from "./step-cost.ts";
import type { StepCost } from "./step-cost.ts";
import { SyncPlan } from "./sync-plan.ts";
import { VectorLanes } from "./vector-lanes.ts";
import { VectorMath } from "./vector-math.ts";

const MAXIMUM_PAGES = 65536;
const libraryFunctions = ["gemm_thread", "conv_thread", "conv_weight_gradient_thread"] as const;
const epilogueParams = ["i32", "i32", "i32", "i32", "i32", "i32"] as const;
/** Local of the argument table in kernels and epilogues. */
const ARGS = 0;

interface CompiledStep {
  readonly facts: StepFacts;
  readonly parallel: boolean;
  /** Writes the call; locals 0-2 are thread, threads, args. */
  readonly write: (f: FunctionBuilder) => void;
  /** A second part, after all threads have done the first. */
  readonly finish?: (f: FunctionBuilder) => void;
}

/** Writes one program module. */
class ProgramWriter {
  private readonly module: ModuleBuilder = new ModuleBuilder();
  private readonly graph: Graph;
  private readonly plan: Schedule;
  private readonly target: WasmTarget;
  private readonly library: ReadonlyMap<string, FunctionRef>;
  private readonly host: FunctionRef;
  private readonly scalar: ScalarLanes;
  private readonly vector: VectorLanes;
  private readonly barrier: FunctionRef;
  private readonly constants: number[] = [];
  private readonly epilogues: FunctionRef[] = [];
  private readonly hostCalls: HostCall[] = [];
  private workspaceBytes: number = 0;

  constructor(graph: Graph, plan: Schedule, target: WasmTarget) {
    this.graph = graph;
    this.plan = plan;
    this.target = target;
    const { module } = this;
    const { shared } = target;
    module.importMemory(
      "env",
      "memory",
      shared ? { initial: 1, maximum: MAXIMUM_PAGES, shared } : { initial: 1 },
    );
    module.importTable("env", "table", { initial: 0 });
    this.host = module.importFunction("env", "host", ["i32", "i32"], []);
    const params = new Array<"i32">(7).fill("i32");
    this.library = new Map(
      libraryFunctions.map((name) => [name, module.importFunction("lib", name, params, [])]),
    );
    const scalarMath = new ScalarMath(module);
    this.vector = new VectorLanes(module, new VectorMath(module, { fma: target.fma }), scalarMath);
    this.scalar = new ScalarLanes(scalarMath, this.vector);
    this.barrier = defineBarrier(module, shared);
  }

  write(): WasmProgramCode {
    const { steps } = this.plan;
    const compiled = steps.map((step, i) => this.step(step, i));
    const sync = new SyncPlan(
      this.plan,
      compiled.map((step) => step.parallel),
    );
    const functions = compiled.map((step, i) => {
      const waits = sync.waitsBefore(i);
      return this.module.function(`step${i}_${step.facts.name}`, ["i32", "i32", "i32"], [], (f) => {
        if (waits) f.get(1).call(this.barrier);
        this.guarded(f, steps[i], () => step.write(f));
        if (step.finish === undefined) return;
        f.get(1).call(this.barrier);
        this.guarded(f, steps[i], () => step.finish?.(f));
      });
    });
    this.writeRun();
    this.module.element(0, [...functions, ...this.epilogues]);
    return {
      bytes: this.module.build({ names: true }),
      kernels: compiled.map((step) => step.facts),
      stepCount: steps.length,
      temporaryBytes: this.plan.temporaryBytes,
      workspaceBytesPerThread: this.workspaceBytes,
      constants: new Uint8Array(Int32Array.from(this.constants).buffer),
      hostCalls: this.hostCalls,
      tableSize: functions.length + this.epilogues.length,
    };
  }

  /** State is updated in place only while no index was out of range: a failed run changes none. */
  private guarded(f: FunctionBuilder, step: Step, body: () => void): void {
    const writes =
      step.kind === "copy" ? [step.to] : step.writes.map((node) => this.locationOf(node));
    if (!writes.some((location) => location.kind === "input")) {
      body();
      return;
    }
    f.i32(0).load("i32.load", controlBlock.badIndexSize).emit("i32.eqz");
    f.if(body);
  }

  /** run(thread, threads, args, from, to): steps live in the table from index 0 on. */
  private writeRun(): void {
    const [thread, threads, args, from, to] = [0, 1, 2, 3, 4];
    const ref = this.module.function("run", ["i32", "i32", "i32", "i32", "i32"], [], (f) => {
      f.get(from).get(to).emit("i32.lt_s");
      f.if(() => {
        f.loop((again) => {
          f.get(thread).get(threads).get(args).get(from);
          f.callIndirect(["i32", "i32", "i32"], []);
          f.get(from).i32(1).emit("i32.add").tee(from).get(to).emit("i32.lt_s").brIf(again);
        });
      });
    });
    this.module.export(ref, "run");
  }

  private get argumentCount(): number {
    return this.graph.inputs.length + this.graph.outputs.length;
  }

  /** Pushes an entry of the argument table. */
  private pushArgument(f: FunctionBuilder, args: number, index: number): void {
    f.get(args).load("i32.load", 4 * index);
  }

  private pushLocation(f: FunctionBuilder, args: number, location: Location): void {
    if (location.kind === "input") this.pushArgument(f, args, location.index);
    else if (location.kind === "output") {
      this.pushArgument(f, args, this.graph.inputs.length + location.index);
    } else {
      this.pushArgument(f, args, this.argumentCount);
      if (location.offset !== 0) f.i32(location.offset).emit("i32.add");
    }
  }

  private locationOf(node: Node): Location {
    const location = this.plan.locations.get(node);
    invariant(location !== undefined, `${node.op} has no place in memory`);
    return location;
  }

  private pushBase(f: FunctionBuilder, args: number, node: Node): void {
    this.pushLocation(f, args, this.locationOf(node));
  }

  /** Pushes the address of this thread's workspace. */
  private pushWorkspace(f: FunctionBuilder): void {
    this.pushArgument(f, 2, this.argumentCount + 1);
    f.get(0);
    // Sizes are known only when all steps are: the stride sits at the start of the constants.
    this.pushArgument(f, 2, this.argumentCount + 2);
    f.load("i32.load", 0).emit("i32.mul", "i32.add");
  }

  private needWorkspace(bytes: number): void {
    this.workspaceBytes = Math.max(this.workspaceBytes, roundUp(bytes, 64));
    if (this.constants.length === 0) this.constants.push(...new Array<number>(16).fill(0));
    this.constants[0] = this.workspaceBytes;
  }

  private step(step: Step, index: number): CompiledStep {
    switch (step.kind) {
      case "kernel":
        return this.kernelStep(step.kernel);
      case "contraction":
        return this.contractionStep(step);
      case "sort":
        return this.sortStep(step.node);
      case "custom":
        return this.customStep(step.node, index);
      case "copy":
        return this.copyStep(step);
      default:
        return step satisfies never;
    }
  }

  private facts(name: string, cost: StepCost, parallel: boolean, isLibraryCall = false): StepFacts {
    return { name, ...cost, threads: parallel ? this.target.threads : 1, isLibraryCall };
  }

  private kernelStep(kernel: Kernel): CompiledStep {
    const plan = planKernel(kernel);
    const cost = kernelCost(kernel);
    const parallel = this.target.threads > 1 && plan.parallel !== null && isWorthSplitting(cost);
    const scratch = scratchBytes(kernel, plan);
    if (scratch > 0) this.needWorkspace(scratch);
    const ranges = new Map<Loop, LoopRange>();
    if (parallel && plan.parallel !== null) {
      ranges.set(plan.parallel, { start: (f) => f.get(1), end: (f) => f.get(2) });
    }
    const ref = this.module.function(kernel.name, ["i32", "i32", "i32", "i32"], [], (f) => {
      writeKernel(
        f,
        kernel,
        {
          lanes: { vector: this.vector, scalar: this.scalar },
          pushBase: (g, value) => this.pushBase(g, ARGS, value),
          pushScratch: (g) => g.get(3),
          ranges,
        },
        undefined,
        plan,
      );
    });
    const size = plan.parallel?.size ?? 1;
    const grain = plan.parallel === plan.vector ? Math.max(16, 4 * plan.units) : 1;
    return {
      facts: this.facts(kernel.name, cost, parallel),
      parallel,
      write: (f) => {
        const call = (push: () => void): void => {
          f.get(2);
          push();
          if (scratch > 0) this.pushWorkspace(f);
          else f.i32(0);
          f.call(ref);
        };
        if (parallel)
          this.writeSplit(f, size, grain, (start, end) => call(() => f.get(start).get(end)));
        else this.onFirstThread(f, () => call(() => f.i32(0).i32(size)));
      },
    };
  }

  private onFirstThread(f: FunctionBuilder, body: () => void): void {
    f.get(0).emit("i32.eqz");
    f.if(body);
  }

  /** This thread's share [start, end) of `size` items, in multiples of `grain`. */
  private writeSplit(
    f: FunctionBuilder,
    size: number,
    grain: number,
    body: (start: number, end: number) => void,
  ): void {
    const [start, end, chunk] = f.locals("i32", 3);
    f.i32(size - 1)
      .get(1)
      .i32(grain)
      .emit("i32.mul", "i32.div_u")
      .i32(1)
      .emit("i32.add");
    f.i32(grain).emit("i32.mul").set(chunk);
    f.get(0).get(chunk).emit("i32.mul").set(start);
    f.get(start).get(chunk).emit("i32.add").set(end);
    f.get(end).i32(size).get(end).i32(size).emit("i32.lt_s", "select").set(end);
    f.get(start).get(end).emit("i32.lt_s");
    f.if(() => body(start, end));
    f.release(start, end, chunk);
  }

  private contractionStep(step: Extract<Step, { kind: "contraction" }>): CompiledStep {
    const { node, operands, epilogue } = step;
    const nest = epilogue === null ? null : epilogueNest(node, epilogue);
    const fused = epilogue !== null && nest !== null && hasSimpleBatch(node, operands);
    const index = fused ? this.plan.steps.length + this.epilogues.length : -1;
    if (fused) this.epilogues.push(this.defineEpilogue(epilogue, nest));
    const options = { fma: this.target.fma, shared: this.target.shared, epilogue: index };
    const call = contractionCall(node, operands, options);
    this.needWorkspace(call.workspaceBytes);
    const descriptor = 4 * this.constants.length;
    this.constants.push(...call.descriptor);
    const library = this.library.get(call.function);
    invariant(library !== undefined, `no library function ${call.function}`);
    const bytes = [node, ...operands.map((view) => view.value)].reduce(
      (sum, n) => sum + 4 * numel(n.shape),
      0,
    );
    const cost = { bytes, flops: call.flops };
    const later = epilogue !== null && !fused ? this.kernelStep(epilogue) : null;
    const parallel = this.target.threads > 1 && numel(node.shape) > 0;
    const pushOperand = (f: FunctionBuilder, i: number, extra: number): void => {
      this.pushBase(f, 2, operands[i].value);
      const offset = 4 * (operands[i].offset + extra);
      if (offset !== 0) f.i32(offset).emit("i32.add");
    };
    return {
      facts: this.facts(
        epilogue === null ? node.op : `${node.op}+${epilogue.name}`,
        cost,
        parallel,
        true,
      ),
      parallel,
      write: (f) => {
        const desc = f.local("i32");
        this.pushArgument(f, 2, this.argumentCount + 2);
        f.i32(descriptor).emit("i32.add").set(desc);
        f.get(desc).get(2).store("i32.store", call.epilogueArgsOffset);
        for (const [a, b, c] of call.repeats) {
          f.get(desc);
          pushOperand(f, 0, a);
          pushOperand(f, 1, b);
          this.pushBase(f, 2, node);
          if (c !== 0) f.i32(4 * c).emit("i32.add");
          this.pushWorkspace(f);
          f.get(0).get(1).call(library);
        }
      },
      ...(later === null ? {} : { finish: later.write }),
    };
  }

  private defineEpilogue(kernel: Kernel, nest: EpilogueNest): FunctionRef {
    const ranges = new Map<Loop, LoopRange>();
    const between = (loop: Loop | null, start: number, end: number): void => {
      if (loop !== null) ranges.set(loop, { start: (f) => f.get(start), end: (f) => f.get(end) });
    };
    if (nest.batch !== null) {
      ranges.set(nest.batch, {
        start: (f) => f.get(1),
        end: (f) => f.get(1).i32(1).emit("i32.add"),
      });
    }
    between(nest.rows, 2, 3);
    between(nest.columns, 4, 5);
    return this.module.function(`epilogue_${kernel.name}`, epilogueParams, [], (f) => {
      writeKernel(
        f,
        kernel,
        {
          lanes: { vector: this.vector, scalar: this.scalar },
          pushBase: (g, value) => this.pushBase(g, ARGS, value),
          pushScratch: (g) => g.i32(0),
          ranges,
        },
        nest.loops,
      );
    });
  }

  private sortStep(node: Node): CompiledStep {
    invariant(node.op === "argsort", "sort steps hold argsort");
    const source = node.src[0];
    const [rows, n] = source.shape;
    const sort = defineSort(this.module, source.dtype, node.attrs.descending, this.scalar);
    this.needWorkspace(4 * n);
    const cost = {
      bytes: numel(node.shape) * 8,
      flops: numel(node.shape) * 8 * Math.ceil(Math.log2(n + 1)),
    };
    const parallel = this.target.threads > 1 && rows > 1 && isWorthSplitting(cost);
    const value = this.valueUnder(source);
    const body = (f: FunctionBuilder, start: () => void, end: () => void): void => {
      const [row, last] = f.locals("i32", 2);
      start();
      f.set(row);
      end();
      f.set(last);
      f.get(row).get(last).emit("i32.lt_s");
      f.if(() => {
        f.loop((again) => {
          this.pushBase(f, 2, value);
          f.get(row)
            .i32(n * dtypeBytes(source.dtype))
            .emit("i32.mul", "i32.add");
          this.pushBase(f, 2, node);
          f.get(row)
            .i32(4 * n)
            .emit("i32.mul", "i32.add")
            .i32(n);
          this.pushWorkspace(f);
          f.call(sort);
          f.get(row).i32(1).emit("i32.add").tee(row).get(last).emit("i32.lt_s").brIf(again);
        });
      });
    };
    return {
      facts: this.facts("argsort", cost, parallel),
      parallel,
      write: (f) => {
        if (parallel)
          this.writeSplit(f, rows, 1, (start, end) =>
            body(
              f,
              () => f.get(start),
              () => f.get(end),
            ),
          );
        else
          this.onFirstThread(f, () =>
            body(
              f,
              () => f.i32(0),
              () => f.i32(rows),
            ),
          );
      },
    };
  }

  /** The buffer a contiguous view shows. */
  private valueUnder(node: Node): Node {
    let base = node;
    while (!this.plan.locations.has(base)) {
      invariant(base.src.length > 0, "a whole-buffer operand has a buffer");
      base = base.src[0];
    }
    return base;
  }

  private customStep(node: Node, step: number): CompiledStep {
    invariant(node.op === "custom", "custom steps hold custom ops");
    const operand = (part: Node): HostOperand => {
      const location = this.locationOf(this.valueUnder(part));
      const place = { dtype: part.dtype, elements: numel(part.shape), byteOffset: 0 };
      if (location.kind === "input") return { ...place, argument: location.index };
      if (location.kind === "output") {
        return { ...place, argument: this.graph.inputs.length + location.index };
      }
      return { ...place, argument: this.argumentCount, byteOffset: location.offset };
    };
    this.hostCalls.push({
      step,
      kernel: node.attrs.name,
      inputs: node.src.map(operand),
      output: operand(node),
    });
    const bytes = [node, ...node.src].reduce(
      (sum, part) => sum + numel(part.shape) * dtypeBytes(part.dtype),
      0,
    );
    return {
      facts: this.facts(`custom_${node.attrs.name}`, { bytes, flops: 0 }, false),
      parallel: false,
      write: (f) => this.onFirstThread(f, () => f.i32(step).get(2).call(this.host)),
    };
  }

  private copyStep(step: Extract<Step, { kind: "copy" }>): CompiledStep {
    return {
      facts: this.facts("copy", { bytes: 2 * step.bytes, flops: 0 }, false),
      parallel: false,
      write: (f) =>
        this.onFirstThread(f, () => {
          this.pushLocation(f, 2, step.to);
          this.pushLocation(f, 2, step.from);
          f.i32(step.bytes).memoryCopy();
        }),
    };
  }
}

interface EpilogueNest {
  readonly loops: LoopNest;
  readonly batch: Loop | null;
  readonly rows: Loop | null;
  readonly columns: Loop | null;
}

/** The loops [batch, rows, columns] of a contraction's result, if the epilogue walks just those. */
function epilogueNest(node: Node, kernel: Kernel): EpilogueNest | null {
  if (node.op === "convWeightGrad" || kernel.inner.length > 0 || kernel.stashes.length > 0)
    return null;
  if (kernel.phases.some((phase) => phase.level !== "inner")) return null;
  const forms = kernelForms(kernel);
  const axes = kernel.outer.flatMap(leafAxes).filter((axis) => axis.size !== 1);
  const loops: (Loop | null)[] = [];
  let at = 0;
  for (const size of epilogueShape(node)) {
    const part = [];
    let covered = 1;
    while (covered < size && at < axes.length) {
      covered *= axes[at].size;
      part.push(axes[at++]);
    }
    if (covered !== size) return null;
    const merged = planLoops({ ...kernel, outer: part, inner: [] }, forms).outer;
    if (merged.length > 1) return null;
    loops.push(merged[0] ?? null);
  }
  const outer = loops.filter((loop) => loop !== null);
  return { loops: { outer, inner: [] }, batch: loops[0], rows: loops[1], columns: loops[2] };
}

/** Renders a scheduled graph as one WebAssembly module. */
export function writeProgram(graph: Graph, plan: Schedule, target: WasmTarget): WasmProgramCode {
  return new ProgramWriter(graph, plan, target).write();
}
