import { invariant } from "../../base/errors.ts";
import type { DType } from "../../ir/dtype.ts";
import type { Cudnn, CudnnDescriptor } from "./cudnn.ts";
import { CudnnError, cudnnData, cudnnKind, cudnnType } from "./cudnn.ts";
import { CudnnEngine } from "./cudnn-plan.ts";
import type { CudnnPlan } from "./cudnn-plan.ts";

/** Element types of tensors of a graph; i64 stands for indices the library makes itself. */
export type CudnnDType = keyof typeof cudnnData;

/** Pointwise operations of the graph API. */
export const pointwiseMode = {
  add: 0,
  mul: 1,
  min: 2,
  max: 3,
  sqrt: 4,
  div: 6,
  sub: 9,
  exp: 13,
  log: 15,
  identity: 21,
  reciprocal: 22,
  relu: 100,
  tanh: 101,
  gelu: 104,
  geluTanh: 107,
  eq: 300,
  ne: 301,
  gt: 302,
  ge: 303,
  lt: 304,
  le: 305,
  and: 400,
  or: 401,
  not: 402,
  index: 501,
  select: 601,
} as const;

/** Folding operations of the graph API. */
export const reductionMode = { add: 0, mul: 1, min: 2, max: 3 } as const;

/** A tensor of a graph. */
export interface CudnnTensor {
  readonly uid: number;
  readonly descriptor: CudnnDescriptor;
  /** Bytes of a number passed by value; null for tensors in memory and virtual ones. */
  readonly constant: Uint8Array | null;
}

/** What a tensor looks like. Strides are in elements. */
export interface CudnnTensorSpec {
  readonly dtype: CudnnDType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Lives inside the fused kernel and has no memory. */
  readonly isVirtual?: boolean;
  /** Bytes its address is a multiple of; 16 if not said. */
  readonly alignment?: number;
}

/** Geometry of a convolution, one entry per spatial dim. */
export interface CudnnConvolution {
  readonly stride: readonly number[];
  readonly padLow: readonly number[];
  readonly padHigh: readonly number[];
  readonly dilation: readonly number[];
}

/** For which device a plan is made: the handle's, or one described by its properties as JSON. */
export type CudnnDevice = "handle" | { readonly properties: string };

/** Which engines a plan may use. */
export interface EngineChoice {
  /** Leaves out engines whose bits may differ from run to run; true if not said. */
  readonly deterministic?: boolean;
  /** Leaves out engines that round f32 operands first (tf32, bf16); false if not said. */
  readonly exactInputs?: boolean;
  /** Most plans to return; 8 if not said. */
  readonly limit?: number;
}

const note = { downConvert: 1, reducedReduction: 2, fft: 3, nondeterministic: 4 } as const;
const winogradNotes = [5, 6, 7, 8];
const tensorCoreNote = 0;

const heuristicModes = { best: 3, fallback: 2 } as const;

/**
 * An operation graph under construction: tensors, operations over them, then `plans`.
 *
 * ```ts
 * const graph = new CudnnGraph(cudnn);
 * const x = graph.tensor({ dtype: "bf16", shape, strides });
 * graph.pointwise("add", { x, b, y });
 * const [plan] = graph.plans();
 * plan.run([[x.uid, address], …], workspace, stream);
 * ```
 */
export class CudnnGraph {
  readonly cudnn: Cudnn;
  private readonly owned: CudnnDescriptor[] = [];
  private readonly operations: CudnnDescriptor[] = [];
  private readonly constants: Map<number, Uint8Array> = new Map();
  private nextUid: number = 1;

  constructor(cudnn: Cudnn) {
    this.cudnn = cudnn;
  }

  private own(kind: number): CudnnDescriptor {
    const descriptor = this.cudnn.descriptor(kind);
    this.owned.push(descriptor);
    return descriptor;
  }

  private operation(kind: number): CudnnDescriptor {
    const descriptor = this.own(kind);
    this.operations.push(descriptor);
    return descriptor;
  }

  /** A tensor in memory, or a virtual one between two operations. */
  tensor(spec: CudnnTensorSpec): CudnnTensor {
    return this.makeTensor(spec, null);
  }

  /** A virtual tensor, packed in row-major order. */
  virtual(shape: readonly number[], dtype: CudnnDType = "f32"): CudnnTensor {
    const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
    return this.tensor({ dtype, shape, strides, isVirtual: true });
  }

  /** A number every point sees, given when the graph runs; f32 or i32. */
  constant(value: number, rank: number, dtype: "f32" | "i32" = "f32"): CudnnTensor {
    const bytes = new Uint8Array(new ArrayBuffer(16));
    const view = new DataView(bytes.buffer);
    if (dtype === "f32") view.setFloat32(0, value, true);
    else view.setInt32(0, value, true);
    const ones = Array.from({ length: rank }, () => 1);
    return this.makeTensor({ dtype, shape: ones, strides: ones, alignment: 4 }, bytes);
  }

  private makeTensor(spec: CudnnTensorSpec, constant: Uint8Array | null): CudnnTensor {
    const uid = this.nextUid++;
    const descriptor = this.own(cudnnKind.tensor)
      .choice(901, cudnnType.dataType, cudnnData[spec.dtype])
      .integers(902, spec.shape)
      .integers(903, spec.strides)
      .integers(906, [uid])
      .integers(900, [spec.alignment ?? 16]);
    if (spec.isVirtual === true) descriptor.flag(907, true);
    if (constant !== null) {
      descriptor.flag(908, true);
      this.constants.set(uid, constant);
    }
    descriptor.finalize(`tensor ${spec.dtype} [${spec.shape.join(", ")}]`);
    return { uid, descriptor, constant };
  }

  /**
   * y = mode(x), mode(x, b) or, for `select`, t ? x : b. `axis` says which dim `index` counts.
   */
  pointwise(
    mode: keyof typeof pointwiseMode,
    operands: {
      readonly x: CudnnTensor;
      readonly b?: CudnnTensor;
      readonly t?: CudnnTensor;
      readonly y: CudnnTensor;
    },
    options: { readonly axis?: number; readonly compute?: CudnnDType } = {},
  ): CudnnTensor {
    const what = this.own(cudnnKind.pointwise)
      .choice(0, cudnnType.pointwiseMode, pointwiseMode[mode])
      .choice(1, cudnnType.dataType, cudnnData[options.compute ?? "f32"]);
    if (options.axis !== undefined) what.integers(9, [options.axis]);
    what.finalize(`pointwise ${mode}`);
    const operation = this.operation(cudnnKind.pointwiseOperation)
      .descriptors(750, [what])
      .descriptors(751, [operands.x.descriptor]);
    if (operands.b !== undefined) operation.descriptors(752, [operands.b.descriptor]);
    operation.descriptors(753, [operands.y.descriptor]);
    if (operands.t !== undefined) operation.descriptors(758, [operands.t.descriptor]);
    operation.finalize(`operation ${mode}`);
    return operands.y;
  }

  /** c = a · b over the last two dims; earlier dims are batches, which b may repeat. */
  matmul(a: CudnnTensor, b: CudnnTensor, c: CudnnTensor, compute: CudnnDType = "f32"): CudnnTensor {
    const what = this.own(cudnnKind.matmul)
      .choice(1500, cudnnType.dataType, cudnnData[compute])
      .finalize("matmul");
    this.operation(cudnnKind.matmulOperation)
      .descriptors(1520, [a.descriptor])
      .descriptors(1521, [b.descriptor])
      .descriptors(1522, [c.descriptor])
      .descriptors(1523, [what])
      .finalize("operation matmul");
    return c;
  }

  /** y = x folded over the dims that have size 1 in y. */
  reduction(
    mode: keyof typeof reductionMode,
    x: CudnnTensor,
    y: CudnnTensor,
    compute: CudnnDType = "f32",
  ): CudnnTensor {
    const what = this.own(cudnnKind.reduction)
      .choice(1600, cudnnType.reduction, reductionMode[mode])
      .choice(1601, cudnnType.dataType, cudnnData[compute])
      .finalize(`reduction ${mode}`);
    this.operation(cudnnKind.reductionOperation)
      .descriptors(1610, [x.descriptor])
      .descriptors(1611, [y.descriptor])
      .descriptors(1612, [what])
      .finalize(`operation reduce ${mode}`);
    return y;
  }

  /** y = x, seen with the shape and strides of y. */
  reshape(x: CudnnTensor, y: CudnnTensor): CudnnTensor {
    this.operation(cudnnKind.reshapeOperation)
      .descriptors(2200, [x.descriptor])
      .descriptors(2201, [y.descriptor])
      .finalize("operation reshape");
    return y;
  }

  /**
   * A convolution (cross-correlation) of x [N, C, …] with w [O, C/groups, …] to y [N, O, …], or
   * one of its gradients: of three tensors the operation writes one. Groups follow from shapes.
   */
  convolution(
    op: "conv" | "convInputGrad" | "convWeightGrad",
    tensors: { readonly x: CudnnTensor; readonly w: CudnnTensor; readonly y: CudnnTensor },
    geometry: CudnnConvolution,
    compute: CudnnDType = "f32",
  ): void {
    const what = this.own(cudnnKind.convolution)
      .choice(100, cudnnType.dataType, cudnnData[compute])
      .choice(101, cudnnType.convolutionMode, 1)
      .integers(102, geometry.dilation)
      .integers(103, geometry.stride)
      .integers(104, geometry.padHigh)
      .integers(105, geometry.padLow)
      .integers(106, [geometry.stride.length])
      .finalize("convolution");
    const { kind, alpha, beta, description, w, x, y } = convolutionAttributes[op];
    this.operation(kind)
      .descriptors(description, [what])
      .descriptors(x, [tensors.x.descriptor])
      .descriptors(w, [tensors.w.descriptor])
      .descriptors(y, [tensors.y.descriptor])
      .float(alpha, 1)
      .float(beta, 0)
      .finalize(`operation ${op}`);
  }

  /**
   * Ways to execute the graph, best first by the library's judgement, each ready to run. Those
   * the device has no engine for are left out; none means that the library cannot do the graph.
   */
  plans(device: CudnnDevice = "handle", choice: EngineChoice = {}): CudnnPlan[] {
    const limit = choice.limit ?? 8;
    const plans: CudnnPlan[] = [];
    for (const engine of this.engines(device, choice)) {
      const plan = plans.length < limit ? engine.plan() : null;
      if (plan === null) engine.dispose();
      else plans.push(plan);
    }
    return plans;
  }

  /** The engines behind {@link plans}, not made ready yet: that may compile code. */
  engines(device: CudnnDevice = "handle", choice: EngineChoice = {}): CudnnEngine[] {
    invariant(this.operations.length > 0, "a cuDNN graph without operations");
    const target = this.target(device);
    const graph = this.own(cudnnKind.operationGraph).descriptors(801, this.operations);
    if (target === null) graph.handle(800);
    if (!isSupported(() => graph.finalize("operation graph"))) return [];
    for (const mode of [heuristicModes.best, heuristicModes.fallback]) {
      const engines = this.enginesOf(graph, mode, target, choice);
      if (engines.length > 0) return engines;
    }
    return [];
  }

  private target(device: CudnnDevice): CudnnDescriptor | null {
    if (device === "handle") return null;
    return this.own(cudnnKind.deviceProperties)
      .text(2702, device.properties)
      .finalize("device properties");
  }

  private enginesOf(
    graph: CudnnDescriptor,
    mode: number,
    target: CudnnDescriptor | null,
    choice: EngineChoice,
  ): CudnnEngine[] {
    const heuristics = this.own(cudnnKind.heuristics)
      .descriptors(201, [graph])
      .choice(200, cudnnType.heuristicMode, mode);
    if (target !== null) heuristics.descriptors(204, [target]);
    if (!isSupported(() => heuristics.finalize("engine heuristics"))) return [];
    const count = heuristics.count(202, cudnnType.descriptor);
    const configs = heuristics.readDescriptors(202, cudnnKind.engineConfig, count);
    const engines: CudnnEngine[] = [];
    for (const config of configs) {
      if (isAllowed(config, choice)) engines.push(new CudnnEngine(config, target, this.constants));
      else config.dispose();
    }
    return engines;
  }

  /** Gives everything but the plans back. */
  dispose(): void {
    for (const descriptor of this.owned.splice(0).toReversed()) descriptor.dispose();
    this.operations.length = 0;
  }
}

/** Runs a step that fails where the library cannot do the graph at all. */
function isSupported(step: () => void): boolean {
  try {
    step();
    return true;
  } catch (error) {
    if (error instanceof CudnnError && error.isUnsupported) return false;
    throw error;
  }
}

/** Whether an engine keeps to the choice. */
function isAllowed(config: CudnnDescriptor, choice: EngineChoice): boolean {
  const notes = engineNotes(config);
  if (choice.deterministic !== false && notes.includes(note.nondeterministic)) return false;
  if (notes.includes(note.reducedReduction)) return false;
  if (choice.exactInputs !== true) return true;
  const inexact = [tensorCoreNote, note.downConvert, note.fft, ...winogradNotes];
  return !notes.some((found) => inexact.includes(found));
}

function engineNotes(config: CudnnDescriptor): number[] {
  const [engine] = config.readDescriptors(300, cudnnKind.engine, 1);
  try {
    return engine.readChoices(1303, cudnnType.numericalNote, 16);
  } finally {
    engine.dispose();
  }
}

const convolutionAttributes = {
  conv: {
    kind: cudnnKind.convolutionForward,
    alpha: 700,
    beta: 701,
    description: 702,
    w: 703,
    x: 704,
    y: 705,
  },
  convInputGrad: {
    kind: cudnnKind.convolutionInputGrad,
    alpha: 706,
    beta: 707,
    description: 708,
    w: 709,
    x: 710,
    y: 711,
  },
  convWeightGrad: {
    kind: cudnnKind.convolutionWeightGrad,
    alpha: 712,
    beta: 713,
    description: 714,
    w: 715,
    x: 716,
    y: 717,
  },
} as const;

/** The library's name of a dtype, or null if its graphs do not have it. */
export function cudnnDType(dtype: DType): CudnnDType | null {
  return dtype in cudnnData ? (dtype as CudnnDType) : null;
}
