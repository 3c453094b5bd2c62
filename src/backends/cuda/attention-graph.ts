import { invariant } from "../../base/errors.ts";
import type { AttentionCall, AttentionTensor } from "../../compiler/cuda/library-calls.ts";
import type { CudnnDType, CudnnGraph, CudnnTensor } from "./cudnn-graph.ts";

/** A tensor of an attention graph that lives in memory: an operand, or part of the workspace. */
export interface AttentionMemory {
  readonly tensor: CudnnTensor;
  /** Bytes of the workspace it takes; 0 for operands. */
  readonly bytes: number;
}

/** Tensors of a graph in memory: operands in the order of the call, then parts of the workspace. */
export type AttentionTensors = readonly AttentionMemory[];

/** How gradients of queries are added up. */
export type QueryGradSums =
  /** From stored products, in one order: as much memory as all weights, the same bits each run. */
  | "ordered"
  /** In f32, in the order in which blocks finish. */
  | "unordered";

const packed = (shape: readonly number[]): number[] =>
  shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Swaps rows and columns of the last two dims. */
function transposed({ shape, strides }: AttentionTensor): AttentionTensor {
  const swap = (list: readonly number[]): number[] => [list[0], list[1], list[3], list[2]];
  return { shape: swap(shape), strides: swap(strides) };
}

/**
 * Builds attention out of products, pointwise operations and reductions in exactly the order in
 * which cuDNN's fused engines expect them.
 * @see https://docs.nvidia.com/deeplearning/cudnn/backend/latest/developer/graph-api.html
 */
export class AttentionGraph {
  private readonly graph: CudnnGraph;
  private readonly call: AttentionCall;
  private readonly dtype: CudnnDType;
  private readonly memory: AttentionMemory[] = [];
  /** [B, H, L, S] and [B, H, L, 1]. */
  private readonly scores: readonly number[];
  private readonly rows: readonly number[];

  constructor(graph: CudnnGraph, call: AttentionCall) {
    const [batch, heads, rows] = call.query.shape;
    this.graph = graph;
    this.call = call;
    this.dtype = call.dtype === "f16" ? "f16" : "bf16";
    this.scores = [batch, heads, rows, call.key.shape[2]];
    this.rows = [batch, heads, rows, 1];
  }

  private inMemory(of: AttentionTensor, dtype: CudnnDType = this.dtype, bytes = 0): CudnnTensor {
    const tensor = this.graph.tensor({ dtype, shape: of.shape, strides: of.strides });
    this.memory.push({ tensor, bytes });
    return tensor;
  }

  /** An f32 tensor of the workspace. */
  private workspace(shape: readonly number[]): CudnnTensor {
    return this.inMemory({ shape, strides: packed(shape) }, "f32", 4 * product(shape));
  }

  private stats(): CudnnTensor {
    return this.inMemory({ shape: this.rows, strides: packed(this.rows) }, "f32");
  }

  /** query · keyᵀ · scale. */
  private scaledScores(query: CudnnTensor, keyAcross: CudnnTensor): CudnnTensor {
    const { graph, scores } = this;
    const products = graph.matmul(query, keyAcross, graph.virtual(scores));
    return this.scaled(products);
  }

  private scaled(x: CudnnTensor): CudnnTensor {
    const { graph, scores, call } = this;
    const scale = graph.constant(call.scale, 4);
    return graph.pointwise("mul", { x, b: scale, y: graph.virtual(scores) });
  }

  /** −∞ where a row does not see a key. */
  private masked(x: CudnnTensor): CudnnTensor {
    const { graph, scores } = this;
    if (!this.call.causal) return x;
    const index = (axis: number): CudnnTensor =>
      graph.pointwise("index", { x, y: graph.virtual(scores, "i32") }, { axis, compute: "i32" });
    const [row, column] = [index(2), index(3)];
    const seen = graph.pointwise(
      "ge",
      { x: row, b: column, y: graph.virtual(scores, "bool") },
      { compute: "bool" },
    );
    const hidden = graph.constant(-Infinity, 4);
    return graph.pointwise("select", { x, b: hidden, t: seen, y: graph.virtual(scores) });
  }

  forward(): AttentionTensors {
    const { graph, call, scores, rows } = this;
    const query = this.inMemory(call.query);
    const keyAcross = this.inMemory(transposed(call.key));
    const value = this.inMemory(call.value);
    const out = this.inMemory(call.out);
    // Engines want the logarithms computed even where nobody keeps them.
    const stats = call.keepsStats ? this.stats() : graph.virtual(rows);
    const masked = this.masked(this.scaledScores(query, keyAcross));
    const largest = graph.reduction("max", masked, graph.virtual(rows));
    const below = graph.pointwise("sub", { x: masked, b: largest, y: graph.virtual(scores) });
    const powers = graph.pointwise("exp", { x: below, y: graph.virtual(scores) });
    const total = graph.reduction("add", powers, graph.virtual(rows));
    const logarithm = graph.pointwise("log", { x: total, y: graph.virtual(rows) });
    graph.pointwise("add", { x: largest, b: logarithm, y: stats });
    const weights = graph.virtual(scores, this.dtype);
    graph.pointwise("div", { x: powers, b: total, y: weights });
    graph.matmul(weights, value, out);
    return this.memory;
  }

  backward(sums: QueryGradSums): AttentionTensors {
    const { graph, call, scores } = this;
    const given = [call.outGrad, call.queryGrad, call.keyGrad, call.valueGrad];
    const gradients = given.filter((tensor) => tensor !== null);
    invariant(gradients.length === 4, "a backward pass of attention without gradients");
    const query = this.inMemory(call.query);
    const keyAcross = this.inMemory(transposed(call.key));
    const valueAcross = this.inMemory(transposed(call.value));
    const out = this.inMemory(call.out);
    const stats = this.stats();
    const [gradient, queryGrad, keyGrad, valueGrad] = gradients.map((of) => this.inMemory(of));
    const common = this.commonTerm(gradient, out);
    const shifted = graph.pointwise("sub", {
      x: this.scaledScores(query, keyAcross),
      b: stats,
      y: graph.virtual(scores),
    });
    const weights = graph.pointwise("exp", { x: this.masked(shifted), y: graph.virtual(scores) });
    this.keySide(weights, gradient, valueGrad, call.value.shape);
    const received = graph.matmul(gradient, valueAcross, graph.virtual(scores));
    const above = graph.pointwise("sub", { x: received, b: common, y: graph.virtual(scores) });
    const slope = graph.pointwise("mul", { x: above, b: weights, y: graph.virtual(scores) });
    const scaled = this.scaled(slope);
    this.keySide(scaled, query, keyGrad, call.key.shape);
    this.querySide(scaled, keyAcross, queryGrad, sums);
    return this.memory;
  }

  /** Inner products of the result and its gradient, one per row; engines want them in memory. */
  private commonTerm(gradient: CudnnTensor, out: CudnnTensor): CudnnTensor {
    const { graph, call, rows } = this;
    const products = graph.pointwise("mul", {
      x: gradient,
      b: out,
      y: graph.virtual(call.out.shape),
    });
    const sum = graph.reduction("add", products, graph.virtual(rows));
    const one = graph.constant(1, 4);
    return graph.pointwise("mul", { x: sum, b: one, y: this.workspace(rows) });
  }

  /** weightsᵀ · x, summed over the query heads that share a head of keys. */
  private keySide(
    weights: CudnnTensor,
    x: CudnnTensor,
    result: CudnnTensor,
    shape: readonly number[],
  ): void {
    const { graph, scores } = this;
    const [batch, heads, rows, keys] = scores;
    const across = graph.tensor({
      dtype: this.dtype,
      shape: [batch, heads, keys, rows],
      strides: [heads * rows * keys, rows * keys, 1, keys],
      isVirtual: true,
    });
    graph.reshape(weights, across);
    if (shape[1] === heads) {
      graph.matmul(across, x, result);
      return;
    }
    const all = graph.virtual([batch, heads, keys, shape[3]], this.dtype);
    graph.matmul(across, x, all);
    graph.reduction("add", all, result);
  }

  private querySide(
    weights: CudnnTensor,
    keyAcross: CudnnTensor,
    result: CudnnTensor,
    sums: QueryGradSums,
  ): void {
    const { graph, call } = this;
    const { shape, strides } = call.key;
    const key = graph.tensor({ dtype: this.dtype, shape, strides, isVirtual: true });
    graph.reshape(keyAcross, key);
    if (sums === "ordered") {
      graph.matmul(weights, key, result);
      return;
    }
    const sum = this.workspace(call.query.shape);
    graph.matmul(weights, key, sum);
    graph.pointwise("identity", { x: sum, y: result });
  }
}
