import { ShapeError, invariant } from "../base/errors.ts";
import { customGradient, input, reduceSum, reshape } from "../ir/build.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { formatShape, sameShape } from "../ir/shape.ts";
import type { BatchOperand } from "./batch-rule.ts";
import { batched } from "./batch-rule.ts";

/**
 * Cotangents of the operands of a function, null for those that get nothing.
 * @param result - the function's value; its own gradient follows this rule again.
 */
export type GradientRule = (
  operands: readonly Node[],
  result: Node,
  cotangent: Node,
) => readonly (Node | null)[];

const rules: GradientRule[] = [];

/** Makes a rule known; nodes name it by the number. */
export function registerGradient(rule: GradientRule): number {
  return rules.push(rule) - 1;
}

const latest = new WeakMap<Node, { readonly g: Node; readonly found: readonly (Node | null)[] }>();

/** What the node's rule says for a cotangent: one entry per operand. */
export function customCotangents(
  node: NodeOf<"customGradient">,
  g: Node,
): readonly (Node | null)[] {
  const known = latest.get(node);
  if (known?.g === g) return known.found;
  const rule = rules[node.attrs.rule];
  invariant(rule !== undefined, `no gradient rule ${node.attrs.rule}`);
  const operands = node.src.slice(1);
  const found = rule(operands, node, g);
  operands.forEach((operand, i) => checkCotangent(operand, found[i] ?? null, i));
  latest.set(node, { g, found });
  return found;
}

function checkCotangent(operand: Node, cotangent: Node | null, place: number): void {
  if (cotangent === null) return;
  if (cotangent.dtype === operand.dtype && sameShape(cotangent.shape, operand.shape)) return;
  throw new ShapeError(
    `grad: a custom gradient must be like its operand, got ${cotangent.dtype}` +
      `${formatShape(cotangent.shape)} for operand ${place}, ${operand.dtype}${formatShape(operand.shape)}`,
  );
}

/** Vectorises a graph with inputs in place of the given nodes. */
type Batch = (outputs: readonly Node[], inputs: ReadonlyMap<Node, Node>) => Node[];

const batchedRules = new Map<string, number>();

/** The rule that applies another to every element of a batch. */
function batchedRule(
  rule: number,
  isBatched: readonly boolean[],
  element: { readonly operands: readonly Node[]; readonly result: Node },
  batch: Batch,
): GradientRule {
  return (operands, result, g) => {
    const replaced = new Map<Node, Node>();
    const symbolOf = (like: Node, whole: Node): Node => {
      const symbol = input(like.shape, like.dtype);
      replaced.set(symbol, whole);
      return symbol;
    };
    const symbols = operands.map((whole, i) =>
      isBatched[i] ? symbolOf(element.operands[i], whole) : whole,
    );
    const one = symbolOf(element.result, result);
    const found = rules[rule](symbols, one, symbolOf(element.result, g));
    const outputs = batch(
      found.filter((node) => node !== null),
      replaced,
    );
    let next = 0;
    return found.map((node, i) => {
      if (node === null) return null;
      const whole = outputs[next++];
      return isBatched[i] ? whole : reshape(reduceSum(whole, [0]), operands[i].shape);
    });
  };
}

/** The mark over a batch: its rule is the old one, element by element. */
export function batchCustomGradient(
  node: NodeOf<"customGradient">,
  [value, ...operands]: readonly BatchOperand[],
  size: number,
  batch: Batch,
): Node {
  const flags = operands.map((operand) => operand.isBatched);
  const types = node.src.map((source) => `${source.dtype}${formatShape(source.shape)}`);
  const key = [node.attrs.rule, size, flags.join(), ...types].join("|");
  let rule = batchedRules.get(key);
  if (rule === undefined) {
    const element = { operands: node.src.slice(1), result: node.src[0] };
    rule = registerGradient(batchedRule(node.attrs.rule, flags, element, batch));
    batchedRules.set(key, rule);
  }
  return customGradient(
    batched(value, size),
    operands.map((operand) => operand.node),
    rule,
  );
}
