import { UnsupportedOpError } from "../../base/errors.ts";
import { roundUp } from "../../base/integers.ts";
import type { AttentionCall, LibraryCall } from "../../compiler/cuda/library-calls.ts";
import { AttentionGraph } from "./attention-graph.ts";
import type { AttentionMemory, AttentionTensors, QueryGradSums } from "./attention-graph.ts";
import { Cudnn } from "./cudnn.ts";
import { CudnnGraph } from "./cudnn-graph.ts";
import type { CudnnDevice } from "./cudnn-graph.ts";
import type { CudnnEngine, CudnnPlan } from "./cudnn-plan.ts";
import type { LibraryContext, LibraryExecutor, PreparedCall } from "./library-executor.ts";

/** Parts of a workspace begin at multiples of this. */
const ALIGNMENT = 256;
/** What an ordered backward pass may take for the slopes of all scores. */
const SLOPE_BYTES = 4 * 2 ** 30;
const HALF_BYTES = 2;
/** Rows and keys are taken in blocks of this many. */
const BLOCK = 64;

/**
 * Whether gradients of queries may be added up in the order in which blocks finish: less memory and
 * more speed, but other last bits each run. Off unless ATHANOR_CUDA_UNORDERED is 1.
 */
const allowsUnordered = (): boolean => process.env["ATHANOR_CUDA_UNORDERED"] === "1";

/** Attention and its gradient through cuDNN's fused engines. */
export class AttentionExecutor implements LibraryExecutor {
  private readonly context: LibraryContext;
  private readonly prepared: Map<string, PreparedAttention | null> = new Map();
  private library: Cudnn | null = null;

  constructor(context: LibraryContext) {
    this.context = context;
  }

  /** Whether the library is there, has an engine for the call, and gives the same bits each run. */
  supports(call: LibraryCall): boolean {
    if (call.kind !== "attention" || this.context.find("cudnn") === null) return false;
    return this.find(call) !== null;
  }

  /** @throws {DeviceError} without the library; {UnsupportedOpError} if it cannot do the call. */
  prepare(call: LibraryCall): PreparedCall {
    if (call.kind !== "attention") {
      throw new UnsupportedOpError(`cuDNN: does attention here, got ${call.kind}`);
    }
    const found = this.find(call);
    if (found !== null) return found;
    const { pass, dtype, query, key, value } = call;
    const shapes = [query, key, value].map(({ shape }) => `[${shape.join(", ")}]`).join(", ");
    throw new UnsupportedOpError(
      `cuDNN: no engine for the ${pass} pass of attention in ${dtype} over ${shapes}; this card or ` +
        "library version lacks it, generated kernels do it",
    );
  }

  private find(call: AttentionCall): PreparedAttention | null {
    const key = JSON.stringify([call, allowsUnordered()]);
    const known = this.prepared.get(key);
    if (known !== undefined) return known;
    this.library ??= new Cudnn(this.context.ffi, this.context.open("cudnn"));
    const made = prepareAttention(this.library, call);
    this.prepared.set(key, made);
    return made;
  }

  dispose(): void {
    for (const call of this.prepared.values()) call?.dispose();
    this.prepared.clear();
    this.library?.dispose();
    this.library = null;
  }
}

/** How a call's gradients of queries are added up; null if neither way is open. */
function queryGradSums({ query, key }: AttentionCall): QueryGradSums | null {
  if (allowsUnordered()) return "unordered";
  const [batch, heads, rows] = query.shape;
  const slopes = batch * heads * roundUp(rows, BLOCK) * roundUp(key.shape[2], BLOCK);
  return slopes * HALF_BYTES <= SLOPE_BYTES ? "ordered" : null;
}

function prepareAttention(library: Cudnn, call: AttentionCall): PreparedAttention | null {
  const sums = queryGradSums(call);
  if (call.pass === "backward" && sums === null) return null;
  return withAttentionEngines(library, call, { sums: sums ?? "ordered" }, (engines, tensors) => {
    let plan: CudnnPlan | null = null;
    for (const engine of engines) {
      plan ??= engine.plan();
      if (plan?.name !== engine.name) engine.dispose();
    }
    return plan === null ? null : new PreparedAttention(plan, tensors);
  });
}

/** What engines are looked for. */
export interface AttentionSearch {
  /** How a backward pass adds up the gradients of queries. */
  readonly sums: QueryGradSums;
  /** The device of the current context, unless one is described. */
  readonly device?: CudnnDevice;
}

/**
 * Calls `use` with the engines for a call, best first by the library's judgement, and the tensors
 * they want in memory. Engines must be made plans, or disposed of, before it returns.
 */
function withAttentionEngines<T>(
  library: Cudnn,
  call: AttentionCall,
  { sums, device = "handle" }: AttentionSearch,
  use: (engines: CudnnEngine[], tensors: AttentionTensors) => T,
): T {
  const graph = new CudnnGraph(library);
  try {
    const attention = new AttentionGraph(graph, call);
    const tensors = call.pass === "forward" ? attention.forward() : attention.backward(sums);
    return use(graph.engines(device), tensors);
  } finally {
    graph.dispose();
  }
}

/** An attention call with its plan. */
class PreparedAttention implements PreparedCall {
  readonly workspaceBytes: number;
  private readonly plan: CudnnPlan;
  private readonly tensors: readonly AttentionMemory[];

  constructor(plan: CudnnPlan, tensors: AttentionTensors) {
    this.plan = plan;
    this.tensors = tensors;
    const own = tensors.reduce((sum, { bytes }) => sum + roundUp(bytes, ALIGNMENT), 0);
    this.workspaceBytes = own + plan.workspaceBytes;
  }

  run(addresses: readonly number[], workspace: number, stream: number): void {
    let free = workspace;
    const operands = this.tensors.map(({ tensor, bytes }, i): [number, number] => {
      if (bytes === 0) return [tensor.uid, addresses[i]];
      const address = free;
      free += roundUp(bytes, ALIGNMENT);
      return [tensor.uid, address];
    });
    this.plan.run(operands, free, stream);
  }

  dispose(): void {
    this.plan.dispose();
  }
}
