import { ShapeError, UnsupportedOpError, UsageError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import { dtypeBytes, hostView, isFloat } from "../../ir/dtype.ts";
import type { Graph } from "../../ir/graph.ts";
import { topologicalOrder, verifyGraph } from "../../ir/graph.ts";
import type { Node } from "../../ir/node.ts";
import { opClass } from "../../ir/ops.ts";
import { formatShape, numel } from "../../ir/shape.ts";
import type { Buffer, KernelFacts, KernelProfile, Program } from "../../runtime/backend.ts";
import { customKernel } from "../../runtime/backend.ts";
import { evaluateNode } from "./evaluate.ts";
import type { Values } from "./values.ts";
import { fromHost, toHost } from "./values.ts";

/** Finds the bytes of a live buffer of the program's own backend, or throws. */
export type BytesOf = (op: string, buffer: Buffer) => ArrayBuffer;

const nodeBytes = (node: Node): number => numel(node.shape) * dtypeBytes(node.dtype);

function flopsOf(node: Node): number {
  switch (opClass[node.op]) {
    case "elementwise":
      return numel(node.shape);
    case "reduce":
      return numel(node.src[0].shape);
    case "contraction":
      return contractionFlops(node);
    default:
      return 0;
  }
}

function contractionFlops(node: Node): number {
  const [a, b] = node.src;
  if (node.op === "dot") return 2 * numel(node.shape) * a.shape[a.shape.length - 1];
  // Each output position of the forward convolution meets every weight of its filter once.
  const forward = node.op === "conv" ? node : node.op === "convInputGrad" ? a : b;
  const weights = node.op === "convWeightGrad" ? node : b;
  return 2 * numel(forward.shape) * product(weights.shape.slice(1));
}

function factsOf(node: Node): KernelFacts {
  const read = node.src.reduce((sum, source) => sum + nodeBytes(source), 0);
  return { name: node.op, bytes: read + nodeBytes(node), flops: flopsOf(node), threads: 1 };
}

function requireSupported(node: Node): void {
  const needsFloat = node.op.startsWith("conv");
  if ((needsFloat && !isFloat(node.dtype)) || (node.op === "dot" && node.dtype === "bool")) {
    const wanted = needsFloat ? "a float" : "a number";
    throw new UnsupportedOpError(
      `${node.op}: dtype must be ${wanted}, got ${node.dtype}; cast first`,
    );
  }
  if (node.op === "custom" && customKernel(node.attrs.name) === undefined) {
    throw new UnsupportedOpError(
      `custom: "${node.attrs.name}" must be registered before compiling; call registerCustomKernel()`,
    );
  }
}

function requireAllSupported(nodes: readonly Node[]): void {
  for (const node of nodes) {
    requireSupported(node);
    if (node.op === "loop") requireAllSupported(topologicalOrder(node.attrs.body.outputs));
  }
}

/** For each step, the nodes no later step and no output needs. */
function releasePlan(steps: readonly Node[], kept: ReadonlySet<Node>): Node[][] {
  const plan: Node[][] = steps.map(() => []);
  const seen = new Set<Node>(kept);
  for (let i = steps.length - 1; i >= 0; i--) {
    for (const node of [steps[i], ...steps[i].src]) {
      if (!seen.has(node)) plan[i].push(node);
      seen.add(node);
    }
  }
  return plan;
}

function peakBytes(steps: readonly Node[], releases: readonly Node[][]): number {
  let live = 0;
  let peak = 0;
  steps.forEach((node, i) => {
    live += nodeBytes(node);
    peak = Math.max(peak, live);
    for (const released of releases[i]) if (released.op !== "input") live -= nodeBytes(released);
  });
  return peak;
}

/** Interprets a graph node by node in creation order. All outputs are written at the end. */
export class ReferenceProgram implements Program {
  readonly temporaryBytes: number;
  readonly kernels: readonly KernelFacts[];
  readonly #graph: Graph;
  readonly #bytesOf: BytesOf;
  readonly #steps: readonly Node[];
  readonly #releases: readonly Node[][];
  #disposed = false;

  constructor(graph: Graph, bytesOf: BytesOf) {
    verifyGraph(graph, "compile");
    const nodes = topologicalOrder(graph.outputs);
    requireAllSupported(nodes);
    this.#graph = graph;
    this.#bytesOf = bytesOf;
    this.#steps = nodes.filter((node) => node.op !== "input");
    const kept = nodes.filter((node) => node.op === "assign");
    this.#releases = releasePlan(this.#steps, new Set([...graph.outputs, ...kept]));
    this.temporaryBytes = peakBytes(this.#steps, this.#releases);
    this.kernels = this.#steps.map(factsOf);
  }

  run(inputs: readonly Buffer[], outputs: readonly Buffer[]): void {
    this.#execute("run", inputs, outputs, (node, src) => evaluateNode(node, src));
  }

  profile(inputs: readonly Buffer[], outputs: readonly Buffer[]): KernelProfile[] {
    const profiles: KernelProfile[] = [];
    this.#execute("profile", inputs, outputs, (node, src) => {
      const start = performance.now();
      const values = evaluateNode(node, src);
      const facts = this.kernels[profiles.length];
      profiles.push({ ...facts, milliseconds: performance.now() - start });
      return values;
    });
    return profiles;
  }

  dispose(): void {
    this.#disposed = true;
  }

  #execute(
    op: string,
    inputs: readonly Buffer[],
    outputs: readonly Buffer[],
    evaluate: (node: Node, src: readonly Values[]) => Values,
  ): void {
    if (this.#disposed) {
      throw new UsageError(`${op}: program must not be disposed; compile the graph again`);
    }
    const inputBytes = this.#bind(op, "input", this.#graph.inputs, inputs);
    const outputBytes = this.#bind(op, "output", this.#graph.outputs, outputs);
    const values = new Map<Node, Values>();
    this.#graph.inputs.forEach((node, i) => {
      values.set(node, fromHost(node.dtype, hostView(node.dtype, inputBytes[i])));
    });
    this.#steps.forEach((node, i) => {
      values.set(
        node,
        evaluate(
          node,
          node.src.map((source) => valueOf(values, source)),
        ),
      );
      for (const released of this.#releases[i]) values.delete(released);
    });
    this.#store(values, inputBytes, outputBytes);
  }

  /** Writes outputs, and assign targets whose assign is not itself an output. */
  #store(
    values: ReadonlyMap<Node, Values>,
    inputs: readonly ArrayBuffer[],
    outputs: readonly ArrayBuffer[],
  ): void {
    const write = (node: Node, bytes: ArrayBuffer): void =>
      toHost(node.dtype, valueOf(values, node), hostView(node.dtype, bytes));
    this.#graph.outputs.forEach((node, i) => write(node, outputs[i]));
    for (const node of this.#steps) {
      const target = node.op === "assign" ? node.src[0] : undefined;
      const index = this.#graph.inputs.findIndex((input) => input === target);
      if (index >= 0) write(node, inputs[index]);
    }
  }

  #bind(
    op: string,
    role: string,
    nodes: readonly Node[],
    buffers: readonly Buffer[],
  ): ArrayBuffer[] {
    if (nodes.length !== buffers.length) {
      throw new UsageError(
        `${op}: needs one buffer per ${role}, got ${buffers.length} for ${nodes.length}`,
      );
    }
    return nodes.map((node, i) => {
      if (buffers[i].bytes !== nodeBytes(node)) {
        throw new ShapeError(
          `${op}: ${role} ${i} must have ${nodeBytes(node)} bytes for ` +
            `${node.dtype}${formatShape(node.shape)}, got ${buffers[i].bytes}`,
        );
      }
      return this.#bytesOf(op, buffers[i]);
    });
  }
}

function valueOf(values: ReadonlyMap<Node, Values>, node: Node): Values {
  const found = values.get(node);
  if (found === undefined) {
    throw new UsageError(`run: every node needs a value, got none for ${node.op}; list all inputs`);
  }
  return found;
}
