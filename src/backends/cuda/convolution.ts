import { UnsupportedOpError } from "../../base/errors.ts";
import type {
  ConvolutionCall,
  ConvolutionTensor,
  LibraryCall,
} from "../../compiler/cuda/library-calls.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import { fastestCandidate, isAutotuned } from "./autotune.ts";
import { Cudnn } from "./cudnn.ts";
import { CudnnGraph, cudnnDType } from "./cudnn-graph.ts";
import type { CudnnConvolution, CudnnDevice, CudnnTensor } from "./cudnn-graph.ts";
import type { CudnnEngine, CudnnPlan } from "./cudnn-plan.ts";
import { KernelCache } from "./kernel-cache.ts";
import type { LibraryContext, LibraryExecutor, PreparedCall } from "./library-executor.ts";

/** Engines that are tried. */
const CANDIDATES = 8;
/** Operations from which on a convolution is worth a trial. */
const TRIAL_FLOPS = 50e6;
/** Bytes addresses are expected to be multiples of; others get a plan of their own. */
const ALIGNMENT = 16;

/** Convolutions and their gradients through cuDNN; only engines that give the same bits each run. */
export class ConvolutionExecutor implements LibraryExecutor {
  private readonly context: LibraryContext;
  private readonly cache: KernelCache = new KernelCache();
  private readonly prepared: Map<string, PreparedConvolution | null> = new Map();
  private library: Cudnn | null = null;

  constructor(context: LibraryContext) {
    this.context = context;
  }

  /** Whether the library is there and has an engine for the call. */
  supports(call: LibraryCall): boolean {
    if (call.kind !== "convolution" || this.context.find("cudnn") === null) return false;
    return this.find(call) !== null;
  }

  /** @throws {DeviceError} without the library; {UnsupportedOpError} if it cannot do the call. */
  prepare(call: LibraryCall): PreparedCall {
    if (call.kind !== "convolution") {
      throw new UnsupportedOpError(`cuDNN: does convolutions here, got ${call.kind}`);
    }
    const found = this.find(call);
    if (found !== null) return found;
    const { op, dtype, input, weight, attrs } = call;
    throw new UnsupportedOpError(
      `cuDNN: no engine for ${op} of ${dtype} with input [${input.shape.join(", ")}], weight ` +
        `[${weight.shape.join(", ")}] and ${JSON.stringify(attrs)}; this card or library version ` +
        "lacks it",
    );
  }

  private find(call: ConvolutionCall): PreparedConvolution | null {
    const key = JSON.stringify(call);
    const known = this.prepared.get(key);
    if (known !== undefined) return known;
    this.library ??= new Cudnn(this.context.ffi, this.context.open("cudnn"));
    const plan = this.choose(call, this.library);
    const made = plan === null ? null : new PreparedConvolution(call, this.library, plan);
    this.prepared.set(key, made);
    return made;
  }

  /** The fastest engine: known from an earlier trial, or tried now. */
  private choose(call: ConvolutionCall, library: Cudnn): CudnnPlan | null {
    return withConvolutionEngines(library, call, {}, (engines) =>
      this.chooseFrom(engines, call, library),
    );
  }

  private chooseFrom(
    engines: CudnnEngine[],
    call: ConvolutionCall,
    library: Cudnn,
  ): CudnnPlan | null {
    if (!isAutotuned() || flopsOf(call) < TRIAL_FLOPS) return firstPlan(engines);
    const key = this.keyOf(call, library);
    const known = this.cache.get(key);
    const name = known === null ? null : new TextDecoder().decode(known);
    const earlier = engines.findIndex((engine) => engine.name === name);
    if (earlier >= 0) {
      const plan = engines.splice(earlier, 1)[0].plan();
      if (plan !== null) {
        for (const engine of engines) engine.dispose();
        return plan;
      }
    }
    return this.tried(call, engines, key);
  }

  private tried(
    call: ConvolutionCall,
    engines: readonly CudnnEngine[],
    key: string,
  ): CudnnPlan | null {
    const plans = firstPlans(engines, CANDIDATES);
    if (plans.length < 2) return plans[0] ?? null;
    const { stream } = this.context;
    const candidates = plans.map((plan) => ({
      workspaceBytes: plan.workspaceBytes,
      run: (addresses: readonly number[], workspace: number): void =>
        plan.run(operandsOf(addresses), workspace, stream),
    }));
    const fastest = fastestCandidate(this.context, candidates, operandBytes(call));
    const chosen = plans[fastest ?? 0];
    if (fastest !== null) this.cache.set(key, new TextEncoder().encode(chosen.name));
    for (const plan of plans) if (plan !== chosen) plan.dispose();
    return chosen;
  }

  private keyOf(call: ConvolutionCall, library: Cudnn): string {
    const { capability, multiprocessors } = this.context.target;
    const card = `${capability} ${multiprocessors}`;
    return KernelCache.key(`cudnn ${library.version}`, card, JSON.stringify(call));
  }

  dispose(): void {
    for (const call of this.prepared.values()) call?.dispose();
    this.prepared.clear();
    this.library?.dispose();
    this.library = null;
  }
}

/** A convolution with its plan. */
class PreparedConvolution implements PreparedCall {
  readonly workspaceBytes: number;
  private readonly call: ConvolutionCall;
  private readonly library: Cudnn;
  private readonly plan: CudnnPlan;
  private unaligned: CudnnPlan | null = null;

  constructor(call: ConvolutionCall, library: Cudnn, plan: CudnnPlan) {
    this.call = call;
    this.library = library;
    this.plan = plan;
    this.workspaceBytes = plan.workspaceBytes;
  }

  run(addresses: readonly number[], workspace: number, stream: number): void {
    const isAligned = addresses.every((address) => address % ALIGNMENT === 0);
    const plan = isAligned ? this.plan : this.forUnaligned();
    plan.run(operandsOf(addresses), workspace, stream);
  }

  /** Rare: operands inside other tensors. It must do with the workspace there is. */
  private forUnaligned(): CudnnPlan {
    if (this.unaligned === null) {
      const alignment = dtypeBytes(this.call.dtype);
      const plans = withConvolutionEngines(this.library, this.call, { alignment }, (engines) =>
        firstPlans(engines, engines.length),
      );
      const fitting = plans.find((plan) => plan.workspaceBytes <= this.workspaceBytes);
      for (const plan of plans) if (plan !== fitting) plan.dispose();
      if (fitting === undefined) {
        throw new UnsupportedOpError(
          `cuDNN: no engine for ${this.call.op} of ${this.call.dtype} whose operands are not ` +
            `aligned to ${ALIGNMENT} bytes; make the slice contiguous first`,
        );
      }
      this.unaligned = fitting;
    }
    return this.unaligned;
  }

  dispose(): void {
    this.plan.dispose();
    this.unaligned?.dispose();
  }
}

function firstPlan(engines: readonly CudnnEngine[]): CudnnPlan | null {
  return firstPlans(engines, 1)[0] ?? null;
}

/** Plans of the first engines that can; the other engines are given back. */
function firstPlans(engines: readonly CudnnEngine[], count: number): CudnnPlan[] {
  const plans: CudnnPlan[] = [];
  for (const engine of engines) {
    const plan = plans.length < count ? engine.plan() : null;
    if (plan === null) engine.dispose();
    else plans.push(plan);
  }
  return plans;
}

/** Uids of input, weight and output: the order tensors are made in. */
const operandsOf = (addresses: readonly number[]): [number, number][] =>
  addresses.map((address, i) => [i + 1, address]);

/** Where engines are looked for, and what is known of the operands. */
export interface EngineSearch {
  /** The device of the current context, unless one is described. */
  readonly device?: CudnnDevice;
  /** Bytes the operands' addresses are multiples of; 16 if not said. */
  readonly alignment?: number;
}

/**
 * Calls `use` with the engines for a call, best first by the library's judgement. They must be
 * made plans, or disposed of, before it returns.
 */
export function withConvolutionEngines<T>(
  library: Cudnn,
  call: ConvolutionCall,
  { device = "handle", alignment = ALIGNMENT }: EngineSearch,
  use: (engines: CudnnEngine[]) => T,
): T {
  const dtype = cudnnDType(call.dtype);
  if (dtype === null) return use([]);
  const graph = new CudnnGraph(library);
  try {
    const tensor = (of: ConvolutionTensor): CudnnTensor =>
      graph.tensor({ dtype, alignment, ...libraryTensor(of) });
    const [x, w, y] = [tensor(call.input), tensor(call.weight), tensor(call.output)];
    const compute = dtype === "f64" ? "f64" : "f32";
    graph.convolution(call.op, { x, w, y }, geometryOf(call), compute);
    const exactInputs = call.dtype === "f32" && !call.allowTf32;
    return use(graph.engines(device, { exactInputs }));
  } finally {
    graph.dispose();
  }
}

/** Shape and strides for the library: at least two spatial dims, and strides without riddles. */
export function libraryTensor({ shape, strides }: ConvolutionTensor): ConvolutionTensor {
  if (shape.length > 3) return { shape, strides: tidyStrides(shape, strides) };
  const flat = [shape[0], shape[1], 1, shape[2]];
  return { shape: flat, strides: tidyStrides(flat, [strides[0], strides[1], 0, strides[2]]) };
}

/**
 * Strides of dims of size 1 mean nothing, but the library tells layouts by them: they become those
 * of the packed layout, channels first or last, that the other dims agree with.
 */
function tidyStrides(shape: readonly number[], strides: readonly number[]): number[] {
  const first = packed(
    shape,
    shape.map((_, i) => i),
  );
  const last = packed(shape, [0, ...shape.slice(2).map((_, i) => i + 2), 1]);
  const agrees = (layout: readonly number[]): boolean =>
    shape.every((size, i) => size === 1 || layout[i] === strides[i]);
  if (agrees(first)) return first;
  if (agrees(last)) return last;
  return strides.map((stride, i) => (shape[i] === 1 ? 1 : stride));
}

/** Strides when the dims lie in this order, the last one closest. */
function packed(shape: readonly number[], order: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  let step = 1;
  for (const dim of order.toReversed()) {
    strides[dim] = step;
    step *= shape[dim];
  }
  return strides;
}

function geometryOf({ attrs }: ConvolutionCall): CudnnConvolution {
  const { stride, padLow, padHigh, dilation } = attrs;
  if (stride.length > 1) return { stride, padLow, padHigh, dilation };
  return {
    stride: [1, ...stride],
    padLow: [0, ...padLow],
    padHigh: [0, ...padHigh],
    dilation: [1, ...dilation],
  };
}

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** Operations of a convolution; its gradients have the same. */
function flopsOf({ weight, output }: ConvolutionCall): number {
  return 2 * product(output.shape) * product(weight.shape.slice(1));
}

/** Bytes from the first to the last element of each operand. */
function operandBytes({ input, weight, output, dtype }: ConvolutionCall): number[] {
  return [input, weight, output].map(
    ({ shape, strides }) =>
      shape.reduce((sum, size, i) => sum + (size - 1) * strides[i], 1) * dtypeBytes(dtype),
  );
}
