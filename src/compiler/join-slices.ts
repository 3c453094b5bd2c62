import { concat, slice } from "../ir/build.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { sameShape } from "../ir/shape.ts";

/** The slice that two parts of one tensor are, if the second begins where the first ends. */
function joined(a: Node, b: Node, dim: number): Node | null {
  if (a.op !== "slice" || b.op !== "slice" || a.src[0] !== b.src[0]) return null;
  if (!isPlain(a) || !isPlain(b)) return null;
  const isNext = a.attrs.start.every((start, i) => {
    return b.attrs.start[i] === (i === dim ? start + a.shape[dim] : start);
  });
  if (!isNext || !sameShape(a.shape.with(dim, 0), b.shape.with(dim, 0))) return null;
  const size = a.shape[dim] + b.shape[dim];
  return slice(a.src[0], a.attrs.start, a.shape.with(dim, size));
}

function isPlain({ attrs }: NodeOf<"slice">): boolean {
  return attrs.step.every((step) => step === 1);
}

/**
 * Parts of one tensor that are put together as they stood are one part of it, which is a view: such
 * as observations and actions of a table of transitions, next to each other for a critic.
 */
export function joinSlices(node: Node): Node | undefined {
  if (node.op !== "concat") return undefined;
  const { dim } = node.attrs;
  const parts: Node[] = [];
  for (const part of node.src) {
    const last = parts.at(-1);
    const whole = last === undefined ? null : joined(last, part, dim);
    if (whole === null) parts.push(part);
    else parts[parts.length - 1] = whole;
  }
  return parts.length === node.src.length ? undefined : concat(parts, dim);
}
