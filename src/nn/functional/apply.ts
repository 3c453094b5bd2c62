import { lower, widen } from "../../tensor/autocast.ts";
import { Tensor, derive } from "../../tensor/tensor.ts";

/** Vertex of the graph behind a tensor. */
export type Node = Tensor["node"];

type TensorFor<T> = T extends Node ? Tensor : T;

/** Options of an operation over graph nodes, with tensors in the nodes' places. */
export type WithTensors<Options> = { readonly [Name in keyof Options]: TensorFor<Options[Name]> };

/** The options with nodes in the tensors' places. */
export function nodeOptions<Options extends object>(
  options: WithTensors<Options> | undefined,
): Options {
  const entries = Object.entries(options ?? {});
  const nodes = entries.map(([name, value]) => [
    name,
    value instanceof Tensor ? value.node : value,
  ]);
  return Object.fromEntries(nodes) as Options;
}

/** The tensors among the options. */
export function tensorsIn(options: object | undefined): Tensor[] {
  return Object.values(options ?? {}).filter((value) => value instanceof Tensor);
}

/** The node of a tensor that may be absent. */
export function optionalNode(x: Tensor | null | undefined): Node | null {
  return x == null ? null : x.node;
}

/** Tensors that are there. */
export function present(tensors: readonly (Tensor | null | undefined)[]): Tensor[] {
  return tensors.filter((x) => x != null);
}

/** Wraps an operation on one node and its options. */
export function unary<Options extends readonly unknown[]>(
  op: (x: Node, ...options: Options) => Node,
): (x: Tensor, ...options: Options) => Tensor {
  return (x, ...options) => derive([x], op(x.node, ...options));
}

/** Wraps an operation that autocast computes in f32. */
export function wideUnary<Options extends readonly unknown[]>(
  op: (x: Node, ...options: Options) => Node,
): (x: Tensor, ...options: Options) => Tensor {
  return (x, ...options) => derive([x], op(widen(x), ...options));
}

/** The node of a factor of a product, which autocast lowers; it may be absent. */
export function optionalLower(x: Tensor | null | undefined): Node | null {
  return x == null ? null : lower(x);
}

/** The tensor as autocast has factors of products. */
export function lowered(x: Tensor): Tensor {
  const node = lower(x);
  return node === x.node ? x : derive([x], node);
}
