import type { CudnnDescriptor } from "./cudnn.ts";
import { CudnnError, cudnnKind, cudnnType } from "./cudnn.ts";

/** An engine with its settings that can do a graph. */
export class CudnnEngine {
  /** Number of the engine and its settings, the same wherever the same graph is made. */
  readonly name: string;
  private readonly config: CudnnDescriptor;
  private readonly target: CudnnDescriptor | null;
  private readonly constants: ReadonlyMap<number, Uint8Array>;

  /** Takes a configuration the heuristics gave; `target` describes a device that is not there. */
  constructor(
    config: CudnnDescriptor,
    target: CudnnDescriptor | null,
    constants: ReadonlyMap<number, Uint8Array>,
  ) {
    this.config = config;
    this.target = target;
    this.constants = constants;
    this.name = configName(config);
  }

  /** The plan, which owns the engine from now on; null if the engine refuses in the end. */
  plan(): CudnnPlan | null {
    const plan = this.config.cudnn.descriptor(cudnnKind.plan);
    try {
      if (this.target === null) plan.handle(400);
      else plan.descriptors(407, [this.target]);
      plan.descriptors(401, [this.config]).finalize("execution plan");
      return new CudnnPlan(plan, this.config, this.name, this.constants);
    } catch (error) {
      plan.dispose();
      if (error instanceof CudnnError) return null;
      throw error;
    }
  }

  /** Gives the configuration back, if there is no plan. */
  dispose(): void {
    this.config.dispose();
  }
}

/** A graph bound to an engine. It keeps what the engine needs; the graph can go. */
export class CudnnPlan {
  /** Device memory a run needs for itself. */
  readonly workspaceBytes: number;
  /** The engine's. */
  readonly name: string;
  private readonly descriptor: CudnnDescriptor;
  private readonly config: CudnnDescriptor;
  private readonly constants: ReadonlyMap<number, Uint8Array>;
  private pack: { readonly key: string; readonly descriptor: CudnnDescriptor } | null = null;

  /** Takes a finalized plan and the engine configuration it was made from. */
  constructor(
    descriptor: CudnnDescriptor,
    config: CudnnDescriptor,
    name: string,
    constants: ReadonlyMap<number, Uint8Array>,
  ) {
    this.descriptor = descriptor;
    this.config = config;
    this.name = name;
    this.constants = constants;
    this.workspaceBytes = descriptor.readIntegers(402, 1)[0] ?? 0;
  }

  /** Runs on a stream; `operands` are pairs of a tensor's uid and its device address. */
  run(
    operands: readonly (readonly [uid: number, address: number])[],
    workspace: number,
    stream: number,
  ): void {
    const { cudnn } = this.descriptor;
    cudnn.useStream(stream);
    const pack = this.packFor(operands, workspace);
    const status = cudnn.call(
      "int cudnnBackendExecute(u64 handle, u64 plan, u64 pack)",
      cudnn.handle,
      this.descriptor.address,
      pack.address,
    );
    cudnn.check(status, `execution of engine ${this.name}`);
  }

  /** Steps of a training loop see the same addresses again and again: the last pack is kept. */
  private packFor(
    operands: readonly (readonly [uid: number, address: number])[],
    workspace: number,
  ): CudnnDescriptor {
    const key = `${operands.join(";")};${workspace}`;
    if (this.pack?.key === key) return this.pack.descriptor;
    const { cudnn } = this.descriptor;
    const scalars = [...this.constants].map(
      ([uid, bytes]) => [uid, cudnn.ffi.address(bytes)] as const,
    );
    const all = [...operands, ...scalars];
    const descriptor = cudnn.descriptor(cudnnKind.variantPack);
    const uids = all.map(([uid]) => uid);
    const addresses = all.map(([, address]) => address);
    descriptor.integers(1000, uids).pointers(1001, addresses).pointers(1003, [workspace]);
    descriptor.finalize("variant pack");
    this.pack?.descriptor.dispose();
    this.pack = { key, descriptor };
    return descriptor;
  }

  /** Gives the plan back. */
  dispose(): void {
    this.pack?.descriptor.dispose();
    this.pack = null;
    this.descriptor.dispose();
    this.config.dispose();
  }
}

function configName(config: CudnnDescriptor): string {
  const [engine] = config.readDescriptors(300, cudnnKind.engine, 1);
  const [index] = engine.readIntegers(1301, 1);
  engine.dispose();
  const knobs = config.readDescriptors(302, cudnnKind.knobChoice, knobLimit).map((knob) => {
    const [type] = knob.readChoices(600, cudnnType.knob, 1);
    const [value] = knob.readIntegers(601, 1);
    knob.dispose();
    return `${type}=${value}`;
  });
  return [`eng${index}`, ...knobs.sort()].join(" ");
}

/** More settings than any engine has. */
const knobLimit = 64;
