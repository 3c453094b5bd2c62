import { CompileError, invariant } from "../../base/errors.ts";
import { roundUp } from "../../base/integers.ts";
import type { Graph } from "../../ir/graph.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import type { Kernel } from "../kernel.ts";
import { kernelCost } from "../kernel-cost.ts";
import type { StepCost } from "../kernel-cost.ts";
import type { Loop } from "../loops.ts";
import type { Schedule, Step } from "../schedule.ts";
import type { FunctionBuilder, FunctionRef } from "./assembler-function.ts";
import { ModuleBuilder } from "./assembler.ts";
import { defineBarrier } from "./barrier.ts";
import { controlBlock } from "./control-block.ts";
import { contractionCall, hasSimpleBatch } from "./contraction-call.ts";
import { epilogueNest } from "./epilogue-nest.ts";
import type { EpilogueNest } from "./epilogue-nest.ts";
import { Frame } from "./frame.ts";
import { planKernel } from "./kernel-plan.ts";
import { scratchBytes, writeKernel } from "./kernel-renderer.ts";
import type { LoopRange } from "./kernel-renderer.ts";
import { writeLoop } from "./loop-code.ts";
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
import { isWorthSplitting } from "./step-cost.ts";
import { LoopSyncPlan, SyncPlan } from "./sync-plan.ts";
import { unrollPairs } from "./unroll.ts";
import { VectorLanes } from "./vector-lanes.ts";
import { VectorMath } from "./vector-math.ts";

const MAXIMUM_PAGES = 65536;
const libraryFunctions = ["gemm_thread", "conv_thread", "conv_weight_gradient_thread"] as const;
const epilogueParams = ["i32", "i32", "i32", "i32", "i32", "i32"] as const;
const stepParams = ["i32", "i32", "i32"] as const;
/** Products in a loop's body that are shorter stay on one thread: every trip would wait twice. */
const PARALLEL_BODY_FLOPS = 400_000;
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
  private readonly frame: Frame;
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
    const counts = { inputs: graph.inputs.length, outputs: graph.outputs.length };
    this.frame = new Frame(plan, counts, false);
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
    const { plan } = this.frame;
    const { steps } = plan;
    const compiled = steps.map((step) => this.step(step, this.frame));
    const sync = new SyncPlan(
      plan,
      compiled.map((step) => step.parallel),
    );
    const functions = compiled.map((step, i) => {
      const waits = sync.waitsBefore(i);
      return this.module.function(`step${i}_${step.facts.name}`, [...stepParams], [], (f) => {
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
      temporaryBytes: plan.temporaryBytes,
      workspaceBytesPerThread: this.workspaceBytes,
      constants: new Uint8Array(Int32Array.from(this.constants).buffer),
      hostCalls: this.hostCalls,
      tableSize: functions.length + this.epilogues.length,
    };
  }

  /** State is updated in place only while no index was out of range: a failed run changes none. */
  private guarded(f: FunctionBuilder, step: Step, body: () => void): void {
    const writes =
      step.kind === "copy" ? [step.to] : step.writes.map((node) => this.frame.locationOf(node));
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

  /** Pushes the address of this thread's workspace. */
  private pushWorkspace(f: FunctionBuilder, frame: Frame): void {
    frame.pushArgument(f, 2, frame.workspace);
    f.get(0);
    // Sizes are known only when all steps are: the stride sits at the start of the constants.
    frame.pushArgument(f, 2, frame.constants);
    f.load("i32.load", 0).emit("i32.mul", "i32.add");
  }

  private needWorkspace(bytes: number): void {
    this.workspaceBytes = Math.max(this.workspaceBytes, roundUp(bytes, 64));
    if (this.constants.length === 0) this.constants.push(...new Array<number>(16).fill(0));
    this.constants[0] = this.workspaceBytes;
  }

  private step(step: Step, frame: Frame): CompiledStep {
    switch (step.kind) {
      case "kernel":
        return this.kernelStep(step.kernel, frame);
      case "contraction":
        return this.contractionStep(step, frame);
      case "sort":
        return this.sortStep(step.node, frame);
      case "custom":
        return this.customStep(step.node, frame);
      case "loop":
        return this.loopStep(step, frame);
      case "copy":
        return this.copyStep(step, frame);
      case "scatter":
        throw new CompileError("wasm: scatters are kernels");
      case "attention":
        throw new CompileError("wasm: attention must be composed before it is scheduled");
      default:
        return step satisfies never;
    }
  }

  private facts(name: string, cost: StepCost, parallel: boolean, isLibraryCall = false): StepFacts {
    return { name, ...cost, threads: parallel ? this.target.threads : 1, isLibraryCall };
  }

  private kernelStep(original: Kernel, frame: Frame): CompiledStep {
    const kernel = unrollPairs(original);
    const plan = planKernel(kernel);
    const cost = kernelCost(original);
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
          pushBase: (g, value) => frame.pushBase(g, ARGS, value),
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
          if (scratch > 0) this.pushWorkspace(f, frame);
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

  private contractionStep(
    step: Extract<Step, { kind: "contraction" }>,
    frame: Frame,
  ): CompiledStep {
    const { node, operands, epilogue } = step;
    const nest = epilogue === null ? null : epilogueNest(node, epilogue);
    const fused = epilogue !== null && nest !== null && hasSimpleBatch(node, operands);
    const index = fused ? this.frame.plan.steps.length + this.epilogues.length : -1;
    if (fused) this.epilogues.push(this.defineEpilogue(epilogue, nest, frame));
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
    const later = epilogue !== null && !fused ? this.kernelStep(epilogue, frame) : null;
    const isLong = !frame.isBody || call.flops >= PARALLEL_BODY_FLOPS;
    const parallel = this.target.threads > 1 && numel(node.shape) > 0 && isLong;
    const pushOperand = (f: FunctionBuilder, i: number, extra: number): void => {
      frame.pushBase(f, 2, operands[i].value);
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
        const callAll = (): void => {
          const desc = f.local("i32");
          frame.pushArgument(f, 2, frame.constants);
          f.i32(descriptor).emit("i32.add").set(desc);
          f.get(desc).get(2).store("i32.store", call.epilogueArgsOffset);
          for (const [a, b, c] of call.repeats) {
            f.get(desc);
            pushOperand(f, 0, a);
            pushOperand(f, 1, b);
            frame.pushBase(f, 2, node);
            if (c !== 0) f.i32(4 * c).emit("i32.add");
            this.pushWorkspace(f, frame);
            if (parallel) f.get(0).get(1);
            else f.i32(0).i32(1);
            f.call(library);
          }
        };
        if (parallel) callAll();
        else this.onFirstThread(f, callAll);
      },
      ...(later === null ? {} : { finish: later.write }),
    };
  }

  private defineEpilogue(kernel: Kernel, nest: EpilogueNest, frame: Frame): FunctionRef {
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
          pushBase: (g, value) => frame.pushBase(g, ARGS, value),
          pushScratch: (g) => g.i32(0),
          ranges,
        },
        nest.loops,
      );
    });
  }

  private sortStep(node: Node, frame: Frame): CompiledStep {
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
    const value = frame.valueUnder(source);
    const body = (f: FunctionBuilder, start: () => void, end: () => void): void => {
      const [row, last] = f.locals("i32", 2);
      start();
      f.set(row);
      end();
      f.set(last);
      f.get(row).get(last).emit("i32.lt_s");
      f.if(() => {
        f.loop((again) => {
          frame.pushBase(f, 2, value);
          f.get(row)
            .i32(n * dtypeBytes(source.dtype))
            .emit("i32.mul", "i32.add");
          frame.pushBase(f, 2, node);
          f.get(row)
            .i32(4 * n)
            .emit("i32.mul", "i32.add")
            .i32(n);
          this.pushWorkspace(f, frame);
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

  private customStep(node: Node, frame: Frame): CompiledStep {
    invariant(node.op === "custom", "custom steps hold custom ops");
    const operand = (part: Node): HostOperand => ({
      dtype: part.dtype,
      elements: numel(part.shape),
      ...frame.place(frame.locationOf(frame.valueUnder(part))),
    });
    const call = this.hostCalls.length;
    this.hostCalls.push({
      call,
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
      write: (f) => this.onFirstThread(f, () => f.i32(call).get(2).call(this.host)),
    };
  }

  /** A loop is a step whose own steps run for every trip; short ones stay on one thread. */
  private loopStep(step: Extract<Step, { kind: "loop" }>, outer: Frame): CompiledStep {
    const { node, body } = step;
    const { length, conditional } = node.attrs;
    const { inputs } = node.attrs.body;
    const counts = { inputs: inputs.length, outputs: step.layout.computed.length };
    const frame = new Frame(body, counts, true);
    const compiled = body.steps.map((part) => this.step(part, frame));
    const parallel = compiled.some((part) => part.parallel);
    const sync = new LoopSyncPlan(
      step,
      compiled.map((part) => part.parallel),
    );
    const functions = compiled.map((part, i) =>
      this.module.function(`trip${i}_${part.facts.name}`, [...stepParams], [], (f) => {
        if (parallel && sync.waitsBefore(i)) f.get(1).call(this.barrier);
        part.write(f);
        if (part.finish === undefined) return;
        if (parallel) f.get(1).call(this.barrier);
        part.finish(f);
      }),
    );
    const barrier = parallel ? this.barrier : null;
    const code = { step, outer, frame, functions, barrier, waitsFirst: sync.waitsFirst };
    const trips = conditional ? 1 : length;
    const cost = { bytes: 0, flops: 0 };
    for (const { facts } of compiled) {
      cost.bytes += facts.bytes * trips;
      cost.flops += facts.flops * trips;
    }
    return {
      facts: this.facts("loop", cost, parallel),
      parallel,
      write: (f) => {
        if (parallel) writeLoop(f, code);
        else this.onFirstThread(f, () => writeLoop(f, code));
      },
    };
  }

  private copyStep(step: Extract<Step, { kind: "copy" }>, frame: Frame): CompiledStep {
    return {
      facts: this.facts("copy", { bytes: 2 * step.bytes, flops: 0 }, false),
      parallel: false,
      write: (f) =>
        this.onFirstThread(f, () => {
          frame.pushLocation(f, 2, step.to);
          frame.pushLocation(f, 2, step.from);
          f.i32(step.bytes).memoryCopy();
        }),
    };
  }
}

/** Renders a scheduled graph as one WebAssembly module. */
export function writeProgram(graph: Graph, plan: Schedule, target: WasmTarget): WasmProgramCode {
  return new ProgramWriter(graph, plan, target).write();
}
