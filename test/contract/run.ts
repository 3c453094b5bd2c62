import { expect } from "vitest";
import type { DType, HostArray } from "../../src/ir/dtype.ts";
import { dtypeBytes } from "../../src/ir/dtype.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { printGraph, topologicalOrder } from "../../src/ir/graph.ts";
import type { Node } from "../../src/ir/node.ts";
import { formatShape, numel } from "../../src/ir/shape.ts";
import type { Backend, Buffer } from "../../src/runtime/backend.ts";
import { ReferenceBackend } from "../../src/backends/reference/backend.ts";
import type { BuiltCase, Case } from "./scene.ts";
import { toNumbers } from "./scene.ts";
import { differenceOf } from "./tolerance.ts";

/** Bytes a node's values take. */
function bytesOf(node: Node): number {
  return numel(node.shape) * dtypeBytes(node.dtype);
}

/** Output buffers of a graph: fresh ones, but the target's own for an assign. */
function allocateOutputs(backend: Backend, graph: Graph, inputs: readonly Buffer[]): Buffer[] {
  return graph.outputs.map((node) => {
    const target = node.op === "assign" ? node.src[0] : undefined;
    const index = graph.inputs.findIndex((input) => input === target);
    return index >= 0 ? inputs[index] : backend.allocate(bytesOf(node));
  });
}

/** What a run leaves: the outputs and, for assigns, the inputs as they are afterwards. */
export interface RunResult {
  readonly outputs: readonly HostArray[];
  readonly inputs: readonly HostArray[];
}

/** Compiles and runs a graph on fresh buffers and frees everything. */
export function runGraph(
  backend: Backend,
  graph: Graph,
  data: readonly HostArray[],
  runs = 1,
): RunResult {
  const program = backend.compile(graph);
  const inputs = data.map((values, i) => {
    const buffer = backend.allocate(bytesOf(graph.inputs[i]));
    backend.write(buffer, values);
    return buffer;
  });
  const outputs = allocateOutputs(backend, graph, inputs);
  try {
    for (let i = 0; i < runs; i++) program.run(inputs, outputs);
    return {
      outputs: outputs.map((buffer, i) => backend.readSync(buffer, graph.outputs[i].dtype)),
      inputs: inputs.map((buffer, i) => backend.readSync(buffer, graph.inputs[i].dtype)),
    };
  } finally {
    for (const buffer of new Set([...inputs, ...outputs])) backend.free(buffer);
    program.dispose();
  }
}

/** The first dtype of the graph that the backend lacks. */
export function missingDType(backend: Backend, graph: Graph): DType | undefined {
  const nodes = [...graph.inputs, ...topologicalOrder(graph.outputs)];
  return nodes.find((node) => !backend.supports(node.dtype))?.dtype;
}

/** The part of a graph one output needs: what a person wants to read when it is wrong. */
function partFor(graph: Graph, node: Node): Graph {
  const needed = new Set(topologicalOrder([node]));
  return { inputs: graph.inputs.filter((input) => needed.has(input)), outputs: [node] };
}

function describeDifference(
  backend: Backend,
  part: Graph,
  where: string,
  node: Node,
  difference: string,
): string {
  return (
    `${backend.name} and reference disagree: ${where} (${node.op} ` +
    `${node.dtype}${formatShape(node.shape)}) ${difference}\n${printGraph(part)}`
  );
}

/**
 * Runs a graph on the backend and on the reference and compares outputs and assigned inputs.
 * @returns the number of tensors compared.
 */
export function expectSameAsReference(
  backend: Backend,
  built: BuiltCase,
  { exact = false, tolerance = {}, reason }: Partial<Case> = {},
): number {
  const graph: Graph = { inputs: built.inputs, outputs: built.outputs };
  const before = backend.memory().liveBuffers;
  const actual = runGraph(backend, graph, built.data);
  expect(backend.memory().liveBuffers, "live buffers after the run").toBe(before);
  const expected = runGraph(new ReferenceBackend(), graph, built.data);
  const compare = (role: "outputs" | "inputs", node: Node, i: number): void => {
    const { dtype, shape } = node;
    const own = tolerance[dtype];
    const difference = differenceOf(
      toNumbers(dtype, actual[role][i]),
      toNumbers(dtype, expected[role][i]),
      { dtype, shape, exact, ...(own && { tolerance: own }), ...(reason && { reason }) },
    );
    if (difference === undefined) return;
    const part = role === "outputs" ? partFor(graph, node) : graph;
    expect.fail(describeDifference(backend, part, `${role} ${i}`, node, difference));
  };
  graph.outputs.forEach((node, i) => compare("outputs", node, i));
  graph.inputs.forEach((node, i) => compare("inputs", node, i));
  return graph.outputs.length;
}
