import { CompileError } from "../../base/errors.ts";
import type { OpNode } from "../../ir/node.ts";
import type { Values } from "./values.ts";
import { makeValues } from "./values.ts";

/** Results of each node with several that ran, under the empty array that is its own value. */
const results = new WeakMap<Values, readonly Values[]>();

/** The own value of a node that has these results. */
export function keepResults(values: readonly Values[]): Values {
  const token = makeValues("bool", 0);
  results.set(token, values);
  return token;
}

/** One result of a node that has several. */
export function evaluatePart(node: OpNode<"part">, [token]: readonly Values[]): Values {
  const found = results.get(token)?.[node.attrs.index];
  if (found === undefined) throw new CompileError("internal: a node has no such result");
  return found;
}
