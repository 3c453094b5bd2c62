import { full, input, loop, narrow, part, reshape } from "../ir/build.ts";
import type { Graph } from "../ir/graph.ts";
import { substitute, topologicalOrder, withSources } from "../ir/graph.ts";
import { LoopBody, callsHost } from "../ir/loop.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import type { Op } from "../ir/ops.ts";
import { opClass } from "../ir/ops.ts";

type LoopNode = NodeOf<"loop">;

/**
 * Loops that differ only in what their trips store: a loop, and the copies of it that gradients
 * made to save what they need. They become one.
 */
interface Family {
  /** The oldest: operands of all are older. */
  readonly first: LoopNode;
  readonly last: LoopNode;
  /** Results in use. */
  readonly carries: Set<number>;
  readonly stacked: Set<Node>;
}

/** A family as it is rebuilt, and where its results are. */
interface Rebuilt {
  readonly loop: Node;
  readonly carries: ReadonlyMap<number, Node>;
  readonly stacked: ReadonlyMap<Node, Node>;
}

function familyKey({ src, attrs }: LoopNode): string {
  const { body, carries, length, reverse, conditional } = attrs;
  const ids = (nodes: readonly Node[]): string => nodes.map((node) => node.id).join(",");
  const next = ids(body.outputs.slice(0, carries));
  return [ids(src), ids(body.inputs), next, length, reverse, conditional].join("|");
}

function familiesOf(order: readonly Node[]): Map<Node, Family> {
  const byKey = new Map<string, Family>();
  const families = new Map<Node, Family>();
  for (const node of order) {
    if (node.op !== "loop") continue;
    const key = familyKey(node);
    const family = byKey.get(key) ?? {
      first: node,
      last: node,
      carries: new Set<number>(),
      stacked: new Set<Node>(),
    };
    byKey.set(key, family);
    families.set(node, family);
  }
  return families;
}

/** Whether a carry is the same in every trip. */
function isConstant({ body, conditional }: LoopNode["attrs"], carry: number): boolean {
  return body.inputs[carry] === body.outputs[carry] && !(conditional && carry === 0);
}

/** Carries that results in use depend on, through as many trips as it takes. */
function neededCarries({ first, carries, stacked }: Family): number[] {
  const { attrs } = first;
  const needed = new Set(carries);
  if (attrs.conditional) needed.add(0);
  for (let before = -1; before !== needed.size;) {
    before = needed.size;
    const roots = [...[...needed].map((i) => attrs.body.outputs[i]), ...stacked];
    const read = new Set(topologicalOrder(roots));
    attrs.body.inputs.slice(0, attrs.carries).forEach((own, i) => {
      if (read.has(own)) needed.add(i);
    });
  }
  return [...needed].filter((i) => !isConstant(attrs, i)).sort((a, b) => a - b);
}

/** Operands that a family needs, by position, and its trimmed body. */
interface Trimmed {
  readonly carries: readonly number[];
  readonly slices: readonly number[];
  readonly wholes: readonly number[];
  readonly outputs: readonly Node[];
}

function trim(family: Family): Trimmed {
  const { body, carries, slices } = family.first.attrs;
  const kept = neededCarries(family);
  const outputs = [...kept.map((i) => body.outputs[i]), ...family.stacked];
  const read = new Set<Node>(topologicalOrder(outputs));
  const others = body.inputs.flatMap((own, i) => (read.has(own) && !kept.includes(i) ? [i] : []));
  const isSlice = (i: number): boolean => i >= carries && i < carries + slices;
  return {
    carries: kept,
    slices: others.filter(isSlice),
    wholes: others.filter((i) => !isSlice(i)),
    outputs,
  };
}

const marks: ReadonlySet<Op> = new Set<Op>(["checkpoint", "customGradient"]);

/** Whether the node only shows another one in another form. */
function isView(node: Node): boolean {
  if (node.op === "bitcast") return node.dtype === node.src[0].dtype;
  return (opClass[node.op] === "movement" && node.op !== "concat") || marks.has(node.op);
}

/** Host functions are called, and indices checked, only if there is a trip; loops are left alone. */
function staysInside(node: Node): boolean {
  return callsHost(node) || node.op === "loop" || node.op === "gather" || node.op === "scatter";
}

/** What trips need not compute, because it is the same in all: nodes that only read wholes. */
function invariants(
  roots: readonly Node[],
  changing: ReadonlySet<Node>,
  wholes: ReadonlySet<Node>,
): Node[] {
  const varying = new Set<Node>();
  const reading = new Set<Node>();
  const found = new Set<Node>();
  const consider = (operand: Node): void => {
    let node = operand;
    while (isView(node) && !varying.has(node)) node = node.src[0];
    if (reading.has(node) && !varying.has(node) && node.op !== "input") found.add(node);
  };
  const order = topologicalOrder(roots);
  for (const node of order) {
    const isOwn = node.src.some((source) => varying.has(source));
    if (isOwn || changing.has(node) || staysInside(node)) varying.add(node);
    if (wholes.has(node) || node.src.some((source) => reading.has(source))) reading.add(node);
  }
  for (const node of order) if (varying.has(node)) node.src.forEach(consider);
  roots.forEach(consider);
  return [...found];
}

/** The last value of a carry: where its values are stacked, it is one of them. */
function finalOf(node: Node, carry: number): Node {
  if (node.op !== "loop") return node;
  const { body, carries, length, reverse } = node.attrs;
  const value = body.outputs[carry];
  const at = body.outputs.indexOf(value, carries);
  if (at < 0) return part(node, carry);
  return reshape(narrow(part(node, at), 0, reverse ? 0 : length - 1, 1), value.shape);
}

class Tidying {
  private readonly families: ReadonlyMap<Node, Family>;
  private readonly trimmed: Map<Family, Trimmed> = new Map();
  private readonly rebuilt: Map<Family, Rebuilt> = new Map();
  private readonly done: Map<Node, Node> = new Map();

  constructor(families: ReadonlyMap<Node, Family>) {
    this.families = families;
  }

  /** Finds what is in use, from the outputs back: a loop's results come before the loop. */
  findUses(outputs: readonly Node[], order: readonly Node[]): void {
    const live = new Set<Node>(outputs);
    for (const node of order.toReversed()) {
      if (!live.has(node)) continue;
      const family = this.families.get(node.op === "part" ? node.src[0] : node);
      if (family === undefined) {
        for (const source of node.src) live.add(source);
      } else if (node.op === "part") {
        this.use(family, node);
        live.add(family.first);
      } else if (node === family.first) {
        const trimmed = trim(family);
        this.trimmed.set(family, trimmed);
        const { carries, slices, wholes } = trimmed;
        for (const i of [...carries, ...slices, ...wholes]) live.add(node.src[i]);
        for (const i of family.carries) live.add(node.src[i]);
      }
    }
  }

  private use(family: Family, { src: [from], attrs: { index } }: NodeOf<"part">): void {
    if (from.op !== "loop") return;
    if (index < from.attrs.carries) family.carries.add(index);
    else family.stacked.add(from.attrs.body.outputs[index]);
  }

  rebuild(outputs: readonly Node[], order: readonly Node[]): Node[] {
    for (const node of order) this.done.set(node, this.replacement(node));
    return outputs.map((node) => this.get(node));
  }

  private get(node: Node): Node {
    return this.done.get(node) ?? node;
  }

  private replacement(node: Node): Node {
    if (node.op === "part" && node.src[0].op === "loop") return this.result(node);
    const family = this.families.get(node);
    if (family !== undefined) {
      const trimmed = family.first === node ? this.trimmed.get(family) : undefined;
      if (trimmed !== undefined) this.rebuilt.set(family, this.rebuildLoop(family, trimmed));
      return node;
    }
    return withSources(
      node,
      node.src.map((source) => this.get(source)),
    );
  }

  private rebuildLoop(family: Family, { carries, slices, wholes, outputs }: Trimmed): Rebuilt {
    const { attrs, src } = family.first;
    const { inputs } = attrs.body;
    const own = new Set<Node>(wholes.map((i) => inputs[i]));
    const moving = [...carries, ...slices];
    const hoisted = invariants(outputs, new Set(moving.map((i) => inputs[i])), own);
    const given = new Map(wholes.map((i): [Node, Node] => [inputs[i], this.get(src[i])]));
    const moved = substitute(hoisted, given);
    const stands = new Map(
      hoisted.map((node): [Node, Node] => [node, input(node.shape, node.dtype)]),
    );
    const results = substitute(outputs, stands);
    const read = new Set(topologicalOrder(results));
    const kept = wholes.filter((i) => read.has(inputs[i]));
    const operands = [...moving, ...kept].map((i) => ({
      own: inputs[i],
      source: this.get(src[i]),
    }));
    hoisted.forEach((node, i) =>
      operands.push({ own: stands.get(node) as NodeOf<"input">, source: moved[i] }),
    );
    const result = loop(
      operands.map(({ source }) => source),
      {
        ...attrs,
        body: new LoopBody(
          operands.map((operand) => operand.own),
          results,
        ),
        carries: carries.length,
        slices: slices.length,
      },
    );
    const finals = new Map([...family.carries].map((i) => [i, this.get(src[i])]));
    if (attrs.length > 0) carries.forEach((i, at) => finals.set(i, finalOf(result, at)));
    const stacked = [...family.stacked].map((output, i): [Node, Node] => [
      output,
      attrs.length > 0
        ? part(result, carries.length + i)
        : full([0, ...output.shape], 0, output.dtype),
    ]);
    return { loop: result, carries: finals, stacked: new Map(stacked) };
  }

  private result(node: NodeOf<"part">): Node {
    const [from] = node.src;
    const family = this.families.get(from);
    const rebuilt = family === undefined ? undefined : this.rebuilt.get(family);
    if (from.op !== "loop" || rebuilt === undefined) return node;
    const { index } = node.attrs;
    const { carries, body } = from.attrs;
    const result =
      index < carries ? rebuilt.carries.get(index) : rebuilt.stacked.get(body.outputs[index]);
    return result ?? node;
  }
}

/**
 * Merges loops that share their carries, and drops results, carries and operands that nobody needs.
 * Carries that never change are read like any other operand, what is the same in every trip is
 * computed before the loop, and loops of no trips disappear.
 */
export function tidyLoops(graph: Graph): Graph {
  const order = topologicalOrder(graph.outputs);
  const families = familiesOf(order);
  if (families.size === 0) return graph;
  const tidying = new Tidying(families);
  tidying.findUses(graph.outputs, order);
  return { inputs: graph.inputs, outputs: tidying.rebuild(graph.outputs, order) };
}
