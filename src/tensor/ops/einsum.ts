import { ConfigError, ShapeError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { promote } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape } from "../../ir/shape.ts";
import { diagonal } from "./diagonals.ts";

/** A tensor with a label per dim, all different. Labels of an ellipsis are `.0`, `.1`, … */
interface Labeled {
  readonly node: Node;
  readonly labels: readonly string[];
}

const ellipsisLabels = (count: number, total: number): string[] =>
  Array.from({ length: count }, (_, i) => `.${total - count + i}`);

/** Splits subscripts into labels; an ellipsis stands for `ellipsis` dims. */
function parseLabels(
  term: string,
  ellipsis: (named: number) => string[],
  equation: string,
): string[] {
  const [before, after, rest] = term.split("...");
  const text = before + (after ?? "");
  if (rest !== undefined || !/^[A-Za-z]*$/.test(text)) {
    throw new ConfigError(`einsum: subscripts must be letters and one "...", got "${equation}"`);
  }
  if (after === undefined) return text.split("");
  return [...before.split(""), ...ellipsis(text.length), ...after.split("")];
}

interface Equation {
  readonly inputs: readonly (readonly string[])[];
  readonly output: readonly string[];
}

function parseEquation(equation: string, ranks: readonly number[]): Equation {
  const [left, right, rest] = equation.replaceAll(" ", "").split("->");
  const terms = left.split(",");
  if (rest !== undefined || terms.length !== ranks.length) {
    throw new ConfigError(
      `einsum: needs one subscript term per operand, got "${equation}" for ${ranks.length} operands`,
    );
  }
  const extra = terms.map((term, i) =>
    term.includes("...") ? ranks[i] - term.replace("...", "").length : 0,
  );
  const total = Math.max(0, ...extra);
  const inputs = terms.map((term, i) =>
    parseLabels(term, () => ellipsisLabels(Math.max(extra[i], 0), total), equation),
  );
  inputs.forEach((labels, i) => {
    if (labels.length === ranks[i]) return;
    throw new ShapeError(
      `einsum: term "${terms[i]}" names ${labels.length} dims, got an operand with ${ranks[i]}`,
    );
  });
  const output =
    right === undefined
      ? implicitOutput(inputs, total)
      : parseLabels(right, () => ellipsisLabels(total, total), equation);
  const known = new Set(inputs.flat());
  if (new Set(output).size < output.length || output.some((label) => !known.has(label))) {
    throw new ConfigError(
      `einsum: output subscripts must be distinct and occur in the inputs, got "${equation}"`,
    );
  }
  return { inputs, output };
}

/** The ellipsis first, then the labels that occur once, in alphabetical order. */
function implicitOutput(inputs: readonly (readonly string[])[], total: number): string[] {
  const all = inputs.flat();
  const once = [...new Set(all)].filter(
    (label) => !label.startsWith(".") && all.indexOf(label) === all.lastIndexOf(label),
  );
  return [...ellipsisLabels(total, total), ...once.toSorted()];
}

/** Takes diagonals until no label repeats. */
function withoutRepeats(operand: Labeled): Labeled {
  const { node, labels } = operand;
  const second = labels.findIndex((label, i) => labels.indexOf(label) !== i);
  if (second < 0) return operand;
  const first = labels.indexOf(labels[second]);
  if (node.shape[first] !== node.shape[second]) {
    throw new ShapeError(
      `einsum: repeated subscript "${labels[second]}" needs equal sizes, got ${formatShape(node.shape)}`,
    );
  }
  const rest = labels.filter((_, i) => i !== first && i !== second);
  return withoutRepeats({
    node: diagonal(node, { dim1: first, dim2: second }),
    labels: [...rest, labels[second]],
  });
}

/** Sums over the labels that nobody needs any more. */
function sumOut({ node, labels }: Labeled, needed: ReadonlySet<string>): Labeled {
  const axes = labels.flatMap((label, i) => (needed.has(label) ? [] : [i]));
  const kept = labels.filter((label) => needed.has(label));
  const shape = node.shape.filter((_, i) => !axes.includes(i));
  return { node: ir.reshape(ir.reduceSum(node, axes), shape), labels: kept };
}

/** The operand with its dims in the given order of labels; absent ones become size 1. */
function arrange({ node, labels }: Labeled, order: readonly string[]): Node {
  const present = order.filter((label) => labels.includes(label));
  const permuted = ir.permute(
    node,
    present.map((label) => labels.indexOf(label)),
  );
  let at = 0;
  const shape = order.map((label) => (labels.includes(label) ? permuted.shape[at++] : 1));
  return ir.reshape(permuted, shape);
}

/** Contracts two operands over the labels that only they share. */
function contract(left: Labeled, right: Labeled, later: ReadonlySet<string>): Labeled {
  const a = sumOut(left, new Set([...right.labels, ...later]));
  const b = sumOut(right, new Set([...a.labels, ...later]));
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => later.has(label));
  const folded = shared.filter((label) => !later.has(label));
  const rows = a.labels.filter((label) => !shared.includes(label));
  const columns = b.labels.filter((label) => !shared.includes(label));
  const labels = [...batch, ...rows, ...columns];
  const sizeOf = (label: string): number => {
    const size = (operand: Labeled): number =>
      operand.node.shape[operand.labels.indexOf(label)] ?? 1;
    return size(a) === 1 ? size(b) : size(a);
  };
  const sizes = (list: readonly string[]): number[] => list.map(sizeOf);
  if (folded.length === 0) {
    const spread = (operand: Labeled): Node => ir.expand(arrange(operand, labels), sizes(labels));
    return { node: ir.mul(spread(a), spread(b)), labels };
  }
  const matrices = (operand: Labeled, first: readonly string[], last: readonly string[]): Node => {
    const order = [...batch, ...first, ...last];
    const full = ir.expand(arrange(operand, order), sizes(order));
    return ir.reshape(full, [...sizes(batch), product(sizes(first)), product(sizes(last))]);
  };
  const result = ir.dot(matrices(a, rows, folded), matrices(b, folded, columns));
  return { node: ir.reshape(result, sizes(labels)), labels };
}

function checkSizes(operands: readonly Labeled[], equation: string): void {
  const sizes = new Map<string, number>();
  for (const { node, labels } of operands) {
    labels.forEach((label, i) => {
      const known = sizes.get(label) ?? 1;
      const size = node.shape[i];
      if (known !== 1 && size !== 1 && known !== size) {
        throw new ShapeError(
          `einsum: subscript "${label}" of "${equation}" must have one size, got ${known} and ${size}`,
        );
      }
      sizes.set(label, known === 1 ? size : known);
    });
  }
}

/**
 * Einstein summation: products of the operands, summed over the subscripts the output lacks.
 * Letters name dims, `...` the unnamed ones, which broadcast; without `->` the output has the
 * subscripts that occur once, in alphabetical order. Operands are contracted from left to right by
 * matrix products.
 */
export function einsum(equation: string, ...operands: readonly Node[]): Node {
  if (operands.length === 0) throw new ConfigError("einsum: needs at least one operand, got none");
  const { inputs, output } = parseEquation(
    equation,
    operands.map((node) => node.shape.length),
  );
  const dtype = operands.map((node) => node.dtype).reduce(promote);
  const labeled = operands.map((node, i) =>
    withoutRepeats({ node: ir.cast(node, dtype), labels: inputs[i] }),
  );
  checkSizes(labeled, equation);
  const result = labeled.reduce((left, right, i) => {
    const later = labeled.slice(i + 1).flatMap(({ labels }) => labels);
    return contract(left, right, new Set([...later, ...output]));
  });
  const summed = sumOut(result, new Set(output));
  return ir.permute(
    summed.node,
    output.map((label) => summed.labels.indexOf(label)),
  );
}
