import type { Graph } from "./graph.ts";
import { graphKey, topologicalOrder } from "./graph.ts";
import type { Node, NodeOf } from "./node.ts";

/**
 * What one trip of a loop computes. Inputs: the carries, one element of each slice operand, then
 * what every trip reads; outputs: the next carries, then one element of each stacked result. Its
 * text is its structure, so that loops with equal bodies are one node and one cached program.
 */
export class LoopBody implements Graph {
  readonly inputs: readonly NodeOf<"input">[];
  readonly outputs: readonly Node[];
  #key: string | undefined;

  constructor(inputs: readonly Node[], outputs: readonly Node[]) {
    this.inputs = inputs.filter((node) => node.op === "input");
    this.outputs = outputs;
  }

  toString(): string {
    this.#key ??= `(${graphKey(this)})`;
    return this.#key;
  }
}

/** Whether a node calls a host function, itself or in a loop's body. */
export function callsHost(node: Node): boolean {
  if (node.op === "custom") return true;
  return node.op === "loop" && topologicalOrder(node.attrs.body.outputs).some(callsHost);
}
