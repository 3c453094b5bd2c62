import { CompileError } from "../../base/errors.ts";
import { keepResults } from "./results.ts";
import { topologicalOrder } from "../../ir/graph.ts";
import type { Node, OpNode } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import type { Values } from "./values.ts";
import { makeValues } from "./values.ts";

type EvaluateNode = (node: Node, src: readonly Values[]) => Values;

/** Runs a loop trip by trip. */
export function evaluateLoop(
  node: OpNode<"loop">,
  src: readonly Values[],
  evaluate: EvaluateNode,
): Values {
  const { body, carries, slices, length, reverse, conditional } = node.attrs;
  const steps = topologicalOrder(body.outputs).filter((step) => step.op !== "input");
  const stacks = body.outputs
    .slice(carries)
    .map((output) => makeValues(output.dtype, length * numel(output.shape)));
  let state = src.slice(0, carries);
  for (let trip = 0; trip < length; trip++) {
    if (conditional && state[0][0] === 0) break;
    const at = reverse ? length - 1 - trip : trip;
    const values = new Map<Node, Values>();
    body.inputs.forEach((input, i) => {
      const size = numel(input.shape);
      const isSlice = i >= carries && i < carries + slices;
      if (i < carries) values.set(input, state[i]);
      else values.set(input, isSlice ? src[i].subarray(at * size, (at + 1) * size) : src[i]);
    });
    const get = (part: Node): Values => valueOf(values, part);
    for (const step of steps) values.set(step, evaluate(step, step.src.map(get)));
    stacks.forEach((stack, i) => {
      const output = body.outputs[carries + i];
      stack.set(get(output), at * numel(output.shape));
    });
    state = body.outputs.slice(0, carries).map(get);
  }
  return keepResults([...state, ...stacks]);
}

function valueOf(values: ReadonlyMap<Node, Values>, node: Node): Values {
  const found = values.get(node);
  if (found === undefined) throw new CompileError(`internal: ${node.op} in a loop has no value`);
  return found;
}
