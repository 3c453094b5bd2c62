import { ShapeError, UsageError, invariant } from "../base/errors.ts";
import { checkpoint } from "../ir/build.ts";
import type { Node, NodeOf, OpNode } from "../ir/node.ts";
import type { Op } from "../ir/ops.ts";
import { formatShape, sameShape } from "../ir/shape.ts";
import type { BatchOperand, BatchTable } from "./batch-rule.ts";
import { batched } from "./batch-rule.ts";
import { batchRules } from "./batch-rules.ts";
import { batchCustomGradient } from "./custom-gradient.ts";
import { batchLoop, batchPart } from "./loop-batch.ts";
import { Copies, nodesSince } from "./region.ts";

/** What random numbers drawn inside a batched function from a key that is not batched mean. */
export interface BatchOptions {
  /** `"same"`: every element of the batch sees the same numbers. @defaultValue "error" */
  readonly randomness?: "error" | "same";
}

function applyRule<K extends Op>(
  node: OpNode<K>,
  operands: readonly BatchOperand[],
  size: number,
): Node {
  const rule: BatchTable[K] = batchRules[node.op];
  invariant(typeof rule === "function", `vmap of ${node.op} has no operand rule`);
  return rule(node, operands, size);
}

function checkInputs(inputs: ReadonlyMap<Node, Node>, size: number): void {
  for (const [node, replacement] of inputs) {
    const wanted = [size, ...node.shape];
    if (replacement.dtype !== node.dtype || !sameShape(replacement.shape, wanted)) {
      throw new ShapeError(
        `vmap: a batched operand must be ${node.dtype}${formatShape(wanted)}, ` +
          `got ${replacement.dtype}${formatShape(replacement.shape)}`,
      );
    }
  }
}

function refuseSharedDraw(node: NodeOf<"randomBits">): never {
  throw new UsageError(
    `vmap: a random draw inside needs one key per batch element, got one key for the draw of ` +
      `${formatShape(node.shape)}; pass batched keys, or ask for randomness "same"`,
  );
}

/**
 * Vectorises a graph: output(b) = the output with each input replaced by element b of its batch.
 * Only nodes that depend on an input change; outputs that depend on none repeat.
 * @param inputs - for each input node its replacement with a leading batch dim.
 * @param size - number of batch elements.
 * @returns one node per output, with the batch dim in front.
 * @throws {UnsupportedOpError} if a host function or an update of outer state depends on an input.
 */
export function batch(
  outputs: readonly Node[],
  inputs: ReadonlyMap<Node, Node>,
  size: number,
  options: BatchOptions = {},
): Node[] {
  const { randomness = "error" } = options;
  checkInputs(inputs, size);
  const birth = Math.min(...[...inputs.keys()].map((node) => node.id));
  const copies = new Copies(inputs);
  // Older nodes, random draws among them, belong to the function like any other outer value.
  for (const node of nodesSince(outputs, birth)) {
    if (copies.has(node)) continue;
    if (node.src.some((source) => copies.has(source))) {
      copies.add(node, () => batchNode(node, copies, size, options));
    } else if (node.op === "randomBits" && randomness === "error") {
      refuseSharedDraw(node);
    }
  }
  return outputs.map((node) =>
    batched({ node: copies.of(node), isBatched: copies.has(node) }, size),
  );
}

function batchNode(node: Node, copies: Copies, size: number, options: BatchOptions): Node {
  const operands = node.src.map((source) => ({
    node: copies.of(source),
    isBatched: copies.has(source),
  }));
  if (node.op === "checkpoint") return checkpoint(operands[0].node, copies.boundaryOf(node));
  if (node.op === "loop") {
    return batchLoop(node, operands, size, (outputs, inputs) =>
      batch(outputs, inputs, size, options),
    );
  }
  if (node.op === "part") return batchPart(node, operands[0].node, size);
  if (node.op === "customGradient") {
    return batchCustomGradient(node, operands, size, (outputs, inputs) =>
      batch(outputs, inputs, size, options),
    );
  }
  return applyRule(node, operands, size);
}
