import { CompileError } from "../base/errors.ts";
import { isFloat } from "./dtype.ts";
import type { Node, NodeOf } from "./node.ts";
import { attributesKey, makeNode } from "./node.ts";
import { formatShape, sameShape } from "./shape.ts";
import { inferType } from "./type-rules.ts";

/** A pure program: values of `inputs` in, values of `outputs` out; assign outputs write inputs. */
export interface Graph {
  readonly inputs: readonly NodeOf<"input">[];
  readonly outputs: readonly Node[];
}

/** All nodes the roots need, operands first. Ids grow from operand to user, so sorting is enough. */
export function topologicalOrder(roots: readonly Node[]): Node[] {
  const seen = new Set<Node>(roots);
  const pending = [...seen];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    for (const source of node.src) {
      if (seen.has(source)) continue;
      seen.add(source);
      pending.push(source);
    }
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

/**
 * All nodes the roots need, operands first, in an order that only the structure decides. Ids do
 * not: a constant that an earlier graph interned is older than nodes it used to follow.
 */
function structuralOrder(roots: readonly Node[]): Node[] {
  const done = new Set<Node>();
  const pending = roots.toReversed();
  while (pending.length > 0) {
    const node = pending[pending.length - 1];
    const missing = done.has(node) ? [] : node.src.filter((source) => !done.has(source));
    if (missing.length === 0) {
      done.add(node);
      pending.pop();
    } else {
      pending.push(...missing.toReversed());
    }
  }
  return [...done];
}

/** The same operation over other operands; the node itself if they did not change. */
export function withSources(node: Node, src: readonly Node[]): Node {
  if (node.src.every((old, i) => old === src[i])) return node;
  const leaf = node.op === "constant" || node.op === "input" ? node : undefined;
  return makeNode(node.op, src, node.attrs, leaf);
}

/**
 * Rebuilds the graph bottom-up. `visit` sees each node with rebuilt operands and may return a
 * replacement; `preset` fixes what some nodes become and is not descended into.
 */
export function rewrite(
  roots: readonly Node[],
  visit: (node: Node) => Node,
  preset: ReadonlyMap<Node, Node> = new Map(),
): Node[] {
  const done = new Map<Node, Node>(preset);
  for (const node of topologicalOrder(roots)) {
    if (done.has(node)) continue;
    const src = node.src.map((source) => done.get(source) ?? source);
    done.set(node, visit(withSources(node, src)));
  }
  return roots.map((root) => done.get(root) ?? root);
}

/** Replaces nodes by others of the same type. */
export function substitute(roots: readonly Node[], map: ReadonlyMap<Node, Node>): Node[] {
  return rewrite(roots, (node) => node, map);
}

/** One line per node, operands first: `%3 = add f32[2, 3] %1 %2`. */
export function printGraph(graph: Graph): string {
  const names = new Map<Node, string>();
  graph.inputs.forEach((node, i) => names.set(node, `%in${i}`));
  const lines = graph.inputs.map((node, i) => `%in${i}: ${node.dtype}${formatShape(node.shape)}`);
  let count = 0;
  for (const node of structuralOrder(graph.outputs)) {
    if (names.has(node)) continue;
    const name = `%${count++}`;
    names.set(node, name);
    const operands = node.src.map((source) => ` ${names.get(source) ?? "?"}`).join("");
    if (node.op === "loop") {
      const { body, ...rest } = node.attrs;
      lines.push(`${name} = loop{${attributesKey(rest).slice(0, -1)}}${operands}`);
      lines.push(
        ...printGraph(body)
          .split("\n")
          .map((line) => `  ${line}`),
      );
      continue;
    }
    const attrs = attributesKey(node.attrs).slice(0, -1);
    lines.push(
      `${name} = ${node.op}${attrs === "" ? "" : `{${attrs}}`} ${node.dtype}${formatShape(node.shape)}${operands}`,
    );
  }
  lines.push(`return ${graph.outputs.map((node) => names.get(node) ?? "?").join(", ")}`);
  return lines.join("\n");
}

/** Structural identity of a graph: equal for graphs that compile to the same program. */
export function graphKey(graph: Graph): string {
  const numbers = new Map<Node, number>();
  graph.inputs.forEach((node, i) => numbers.set(node, i));
  const parts = graph.inputs.map((node) => `${node.dtype}${node.shape.join("x")}`);
  for (const node of structuralOrder(graph.outputs)) {
    if (numbers.has(node)) continue;
    const operands = node.src.map((source) => numbers.get(source)).join(",");
    numbers.set(node, numbers.size);
    const type = node.op === "constant" ? node.dtype : "";
    // The boundary of a mark counts nodes, and differs from trace to trace.
    const attrs = node.op === "checkpoint" ? "" : attributesKey(node.attrs);
    parts.push(`${node.op}${type}(${operands})${attrs}`);
  }
  parts.push(graph.outputs.map((node) => numbers.get(node)).join(","));
  return parts.join("\n");
}

/** Checks every node against its type rule and the graph's own invariants. @throws {CompileError} */
export function verifyGraph(graph: Graph, pass: string): void {
  const inputs = new Set<Node>(graph.inputs);
  for (const node of structuralOrder(graph.outputs)) {
    if (node.op === "input" && !inputs.has(node)) {
      throw new CompileError(
        `verify after ${pass}: input ${node.id} is not listed among the inputs`,
      );
    }
    if (node.op === "loop") verifyGraph(node.attrs.body, `${pass}, loop body`);
    const type = inferType(node.op, node.src, node.attrs, node);
    if (type.dtype !== node.dtype || !sameShape(type.shape, node.shape)) {
      throw new CompileError(
        `verify after ${pass}: ${node.op} must be ${type.dtype}${formatShape(type.shape)}, ` +
          `got ${node.dtype}${formatShape(node.shape)}`,
      );
    }
    if (node.op === "assign" && node.src[0].op !== "input") {
      throw new CompileError(
        `verify after ${pass}: assign must target an input, got ${node.src[0].op}`,
      );
    }
  }
}

/** Whether gradients can flow through the node's values. */
export function isDifferentiable(node: Node): boolean {
  return isFloat(node.dtype);
}
