import { UsageError } from "../../base/errors.ts";
import { product, roundUp } from "../../base/integers.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Graph } from "../../ir/graph.ts";
import type { Node } from "../../ir/node.ts";
import type { CudaProgramCode, LaunchFacts } from "../../compiler/cuda/program-code.ts";
import type { Buffer, KernelFacts, KernelProfile, Program } from "../../runtime/backend.ts";
import type { Arena } from "./arena.ts";
import { bindLaunches, issueAll, workspaceOf } from "./bound-launch.ts";
import type { BoundLaunch, LaunchBinder, LaunchWatch } from "./bound-launch.ts";
import { CudaBuffer } from "./buffer.ts";
import type { CudaDevice } from "./device.ts";
import type { ErrorWords } from "./error-words.ts";
import { FrameLayout } from "./frame.ts";
import { GraphRecorder } from "./graph-recorder.ts";
import { GraphReplay } from "./graph-replay.ts";
import { planOrder } from "./launch-order.ts";
import type { LaunchOrder } from "./launch-order.ts";
import { longestPath } from "./longest-path.ts";
import type { MemoryPool } from "./memory-pool.ts";
import type { ModuleCache } from "./module-cache.ts";
import type { Staging } from "./staging.ts";

/** What a program needs of its backend. */
export interface ProgramHost {
  readonly device: CudaDevice;
  readonly pool: MemoryPool;
  readonly arena: Arena;
  readonly staging: Staging;
  readonly modules: ModuleCache;
  readonly errors: ErrorWords;
  readonly binder: Omit<LaunchBinder, "kernel">;
  /** Whether the device is waited for after every launch, so that a failure names its kernel. */
  readonly isSynchronous: boolean;
  /** Whether recorded graphs keep the order of the stream, launch after launch. */
  readonly isChain: boolean;
  /** Whether programs are recorded in their first run, not when addresses come again. */
  readonly recordsAtOnce: boolean;
  /** Whether runs wait to see if their kernels met a wrong index. */
  readonly checksAtOnce: boolean;
  /** Makes the arena so large. @throws {OutOfMemoryError} */
  reserveArena(bytes: number): void;
  /** Whether some program runs now. */
  isRunning: boolean;
  /** Whether the device is gone; its programs then refuse to run. */
  isDisposed: boolean;
  programCount: number;
}

const ALIGNMENT = 256;
/** Programs with fewer launches gain nothing from a graph; more make one slow to build. */
const FEWEST_NODES = 3;
const MOST_NODES = 16_384;

const bytesOf = (node: Node): number => product(node.shape) * dtypeBytes(node.dtype);

/** A compiled graph on a card. */
export class CudaProgram implements Program {
  readonly temporaryBytes: number;
  readonly kernels: readonly KernelFacts[];
  /** Recorded graphs; null where launches are issued one by one in every run. */
  readonly replay: GraphReplay | null;
  /** What may run at once in recorded graphs; null where launches keep the order of the stream. */
  readonly order: LaunchOrder | null;
  private readonly host: ProgramHost;
  private readonly code: CudaProgramCode;
  private readonly name: string;
  /** Expected bytes of inputs, then outputs. */
  private readonly sizes: readonly number[];
  private readonly layout: FrameLayout;
  private readonly launches: readonly BoundLaunch[];
  private readonly bases: Float64Array;
  private readonly scratchOffset: number;
  private readonly workspaceOffset: number;
  private readonly arenaBytes: number;
  private isDisposed: boolean = false;

  constructor(host: ProgramHost, graph: Graph, code: CudaProgramCode) {
    this.host = host;
    this.code = code;
    this.temporaryBytes = code.temporaryBytes;
    this.sizes = [...graph.inputs, ...graph.outputs].map(bytesOf);
    this.layout = new FrameLayout(graph.inputs.length, graph.outputs.length);
    this.bases = new Float64Array(this.layout.size);
    this.bases[this.layout.errors] = host.errors.address;
    this.name = programName(++host.programCount, code);
    this.launches = this.bind();
    this.kernels = this.launches.map(({ facts, threads }) => ({ ...facts, threads }));
    this.scratchOffset = roundUp(code.temporaryBytes, ALIGNMENT);
    this.workspaceOffset = this.scratchOffset + roundUp(code.scratchBytes, ALIGNMENT);
    this.order = this.canReplay() ? this.createOrder() : null;
    const workspaceBytes = this.order?.workspaceBytes ?? workspaceOf(this.launches);
    this.arenaBytes = this.workspaceOffset + workspaceBytes;
    this.replay = this.canReplay() ? this.createReplay(graph.inputs.length) : null;
  }

  private canReplay(): boolean {
    const nodes = this.launches.reduce((sum, launch) => sum + launch.nodes, 0);
    const isWorthIt = nodes >= FEWEST_NODES && nodes <= MOST_NODES;
    return this.code.isCapturable && !this.host.isSynchronous && isWorthIt;
  }

  private createOrder(): LaunchOrder | null {
    const { dependencies } = this.code;
    const { device, isChain } = this.host;
    if (dependencies === undefined || isChain || !device.ordersCapture) return null;
    return planOrder(this.launches, dependencies);
  }

  private bind(): BoundLaunch[] {
    const { binder, device, modules } = this.host;
    const { launches, source } = this.code;
    if (source === "") {
      return bindLaunches({ ...binder, kernel: () => 0 }, this.layout, launches);
    }
    const module = modules.load(source);
    const kernel = (entry: string, sharedBytes: number): number =>
      device.driver.kernel(module, entry, sharedBytes);
    try {
      return bindLaunches({ ...binder, kernel }, this.layout, launches);
    } catch (error) {
      modules.release(source);
      throw error;
    }
  }

  private createReplay(inputCount: number): GraphReplay {
    const { launches, layout, order } = this;
    const { device, pool, recordsAtOnce } = this.host;
    const { driver, stream } = device;
    const issue = (bases: Float64Array): void => issueAll(launches, bases, null);
    const recorder =
      order === null ? null : new GraphRecorder(driver, stream, launches, order, layout.workspace);
    return new GraphReplay(device, pool, {
      operandBytes: this.sizes,
      inputCount,
      issue,
      record: (bases) => (recorder === null ? issue(bases) : recorder.record(bases)),
      recordsAtOnce,
    });
  }

  run(inputs: readonly Buffer[], outputs: readonly Buffer[]): void {
    this.begin(inputs, outputs);
    try {
      if (this.replay !== null) this.replay.run(this.bases);
      else issueAll(this.launches, this.bases, this.host.isSynchronous ? this.watch() : null);
      this.finish();
    } finally {
      this.host.isRunning = false;
    }
  }

  profile(inputs: readonly Buffer[], outputs: readonly Buffer[]): KernelProfile[] {
    this.begin(inputs, outputs);
    const { device } = this.host;
    const { driver, stream } = device;
    const events = Array.from({ length: this.launches.length + 1 }, () =>
      driver.createEvent({ timing: true }),
    );
    try {
      driver.record(events[0], stream);
      this.launches.forEach((launch, i) => {
        launch.issue(this.bases, null);
        driver.record(events[i + 1], stream);
      });
      device.synchronize();
      const times = this.kernels.map((_, i) => driver.elapsed(events[i], events[i + 1]));
      this.finish();
      const isOnPath = this.order === null ? null : longestPath(this.order.after, times);
      return this.kernels.map((kernel, i) => {
        return { ...kernel, milliseconds: times[i], isOnPath: isOnPath?.[i] ?? true };
      });
    } finally {
      this.host.isRunning = false;
      if (!driver.isDead) for (const event of events) driver.destroyEvent(event);
    }
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    const { device, isDisposed, modules } = this.host;
    if (isDisposed || device.driver.isDead) return;
    device.activate();
    device.synchronize();
    this.replay?.dispose();
    modules.release(this.code.source);
  }

  /** Checks the buffers and collects the base addresses. */
  private begin(inputs: readonly Buffer[], outputs: readonly Buffer[]): void {
    const { host, layout } = this;
    if (this.isDisposed || host.isDisposed) {
      throw new UsageError("run: the program must not be disposed; compile it again");
    }
    if (host.isRunning) {
      throw new UsageError("run: a custom kernel must not run programs; run them before or after");
    }
    if (inputs.length !== layout.inputs || outputs.length !== layout.outputs) {
      throw new UsageError(
        `run: needs ${layout.inputs} inputs and ${layout.outputs} outputs, ` +
          `got ${inputs.length} and ${outputs.length}`,
      );
    }
    for (let i = 0; i < inputs.length; i++) this.setBuffer(i, inputs[i]);
    for (let i = 0; i < outputs.length; i++) this.setBuffer(layout.inputs + i, outputs[i]);
    host.device.activate();
    this.placeArena();
    if (!host.isSynchronous) host.device.driver.note(this.name);
    if (this.code.checksIndices) host.errors.expect();
    host.isRunning = true;
  }

  private setBuffer(index: number, buffer: Buffer): void {
    const { ordinal } = this.host.device;
    const isOwn = buffer instanceof CudaBuffer && buffer.ordinal === ordinal;
    if (!isOwn || buffer.bytes !== this.sizes[index]) {
      throw new UsageError(
        `run: argument ${index} must be a buffer of ${this.sizes[index]} bytes on card ` +
          `${ordinal}, got ${buffer.bytes} bytes${isOwn ? "" : " elsewhere"}`,
      );
    }
    this.bases[index] = buffer.address;
  }

  private placeArena(): void {
    const { bases, host, layout } = this;
    host.reserveArena(this.arenaBytes);
    const { address } = host.arena;
    bases[layout.temporaries] = address;
    bases[layout.scratch] = address + this.scratchOffset;
    bases[layout.workspace] = address + this.workspaceOffset;
  }

  private finish(): void {
    if (this.host.checksAtOnce) this.host.errors.checkNow(this.host.staging);
  }

  /** Waits after every launch, so that an error is met at the launch that caused it. */
  private watch(): LaunchWatch {
    const { driver, stream } = this.host.device;
    return {
      before: ({ name }: LaunchFacts) => driver.note(`kernel ${name} of ${this.name}`),
      after: () => driver.synchronize(stream),
    };
  }
}

const NAMED_LAUNCHES = 4;

function programName(number: number, { launches }: CudaProgramCode): string {
  const names = launches.slice(0, NAMED_LAUNCHES).map(({ facts }) => facts.name);
  const more = launches.length > NAMED_LAUNCHES ? `, … ${launches.length} launches` : "";
  return `program ${number} (${names.join(", ")}${more})`;
}
