import { constant, extremum, input, loop, part, reshape, where } from "../ir/build.ts";
import { broadcastTo } from "../ir/build.ts";
import { LoopBody } from "../ir/loop.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import type { BatchOperand } from "./batch-rule.ts";
import { batched, moveDim, splitDim } from "./batch-rule.ts";
import { dependingOn } from "./loop-residuals.ts";

type LoopNode = NodeOf<"loop">;

/** Batches outputs of a body: each input of the map is replaced by one with a batch dim. */
export type BatchBody = (outputs: readonly Node[], inputs: ReadonlyMap<Node, Node>) => Node[];

/** Inputs of the body that differ between batch elements, through as many trips as it takes. */
function batchedInputs(node: LoopNode, operands: readonly BatchOperand[]): Set<Node> {
  const { body, carries, conditional } = node.attrs;
  const found = new Set<Node>(body.inputs.filter((_, i) => operands[i].isBatched));
  for (let before = -1; before !== found.size;) {
    before = found.size;
    const depending = dependingOn(body.outputs, found);
    const own = body.inputs.slice(0, carries);
    // Elements that stop at different trips keep their own carries, all of them.
    const isMasked = conditional && (found.has(own[0]) || depending.has(body.outputs[0]));
    own.forEach((carry, i) => {
      if (isMasked || depending.has(body.outputs[i])) found.add(carry);
    });
  }
  return found;
}

function anyOf(go: Node): Node {
  if (go.shape[0] === 0) return constant(0, "bool");
  return reshape(extremum("reduceMax", go, [0]), []);
}

const prefixMask = (go: Node, like: Node): Node =>
  broadcastTo(reshape(go, [go.shape[0], ...like.shape.slice(1).map(() => 1)]), like.shape);

/**
 * A loop over batch elements is a loop whose values have a batch dim. Where the condition differs
 * between elements it runs while any of them goes on, and those that are done keep their values.
 */
export function batchLoop(
  node: LoopNode,
  operands: readonly BatchOperand[],
  size: number,
  batchBody: BatchBody,
): Node {
  const { body, carries, slices, conditional } = node.attrs;
  const changing = batchedInputs(node, operands);
  const depending = dependingOn(body.outputs, changing);
  const replaced = new Map<Node, Node>();
  const inputs = body.inputs.map((own) => {
    if (!changing.has(own)) return own;
    const wide = input([size, ...own.shape], own.dtype);
    replaced.set(own, wide);
    return wide;
  });
  const isWide = body.outputs.map((output, i) =>
    i < carries ? changing.has(body.inputs[i]) : depending.has(output),
  );
  const wide = batchBody(
    body.outputs.filter((_, i) => isWide[i]),
    replaced,
  );
  let next = 0;
  const outputs = body.outputs.map((output, i) => (isWide[i] ? wide[next++] : output));
  const sources = operands.map((operand, i) => {
    if (!changing.has(body.inputs[i])) return operand.node;
    const source = batched(operand, size);
    return i >= carries && i < carries + slices ? moveDim(source, 0, 1) : source;
  });
  if (!conditional || !changing.has(body.inputs[0])) {
    return loop(sources, { ...node.attrs, body: new LoopBody(inputs, outputs) });
  }
  const going = inputs[0];
  const kept = outputs.map((output, i) => where(prefixMask(going, output), output, inputs[i]));
  return loop([anyOf(sources[0]), ...sources], {
    ...node.attrs,
    carries: carries + 1,
    body: new LoopBody([input([], "bool"), ...inputs], [anyOf(kept[0]), ...kept]),
  });
}

/** A result of a batched node that has several, with the batch dim in front. */
export function batchPart(node: NodeOf<"part">, from: Node, size: number): Node {
  const [old] = node.src;
  const { index } = node.attrs;
  if (old.op !== "loop" || from.op !== "loop") {
    return splitDim(part(from, index), 0, [size, node.shape[0]]);
  }
  const result = part(from, index + from.attrs.carries - old.attrs.carries);
  if (result.shape.length === node.shape.length) {
    return batched({ node: result, isBatched: false }, size);
  }
  return index < old.attrs.carries ? result : moveDim(result, 1, 0);
}
