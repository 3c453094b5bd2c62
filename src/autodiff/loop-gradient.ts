import { UnsupportedOpError, invariant } from "../base/errors.ts";
import { add, full, fullLike, input, loop, part } from "../ir/build.ts";
import { isDifferentiable, substitute, topologicalOrder } from "../ir/graph.ts";
import { LoopBody } from "../ir/loop.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { dependents } from "./dependents.ts";
import { chooseResiduals, dependingOn } from "./loop-residuals.ts";
import type { TripSum } from "./loop-sums.ts";
import { TripSums } from "./loop-sums.ts";

/** The engine's reverse pass over plain graph. */
export type Differentiate = (
  outputs: readonly Node[],
  cotangents: readonly Node[],
  wrt: readonly Node[],
) => (Node | null)[];

type LoopNode = NodeOf<"loop">;

/** Cotangents of a trip's results by output number, and what they give each active input. */
interface TripGradient {
  readonly cotangents: ReadonlyMap<number, Node>;
  readonly results: ReadonlyMap<Node, Node>;
}

const inputLike = (node: Node): Node => input(node.shape, node.dtype);

/** Inputs of the body that a gradient has to reach, through as many trips as it takes. */
function activeInputs(node: LoopNode, isLive: (source: Node) => boolean): Set<Node> {
  const { body, carries } = node.attrs;
  const order = topologicalOrder([...body.outputs, ...body.inputs]);
  const active = new Set<Node>(
    body.inputs.filter((own, i) => isDifferentiable(own) && isLive(node.src[i])),
  );
  for (let before = -1; before !== active.size;) {
    before = active.size;
    const reached = dependents(order, active);
    for (let i = 0; i < carries; i++) {
      if (isDifferentiable(body.inputs[i]) && reached.has(body.outputs[i])) {
        active.add(body.inputs[i]);
      }
    }
  }
  return active;
}

/** Gradient of one trip, for the carries through which cotangents flow back to earlier trips. */
function differentiateTrip(
  node: LoopNode,
  given: readonly number[],
  active: ReadonlySet<Node>,
  differentiate: Differentiate,
): TripGradient {
  const { body, carries } = node.attrs;
  const wrt = [...active];
  const cotangents = new Map<number, Node>();
  for (const index of given) cotangents.set(index, inputLike(body.outputs[index]));
  for (;;) {
    const outputs = [...cotangents.keys()].map((index) => body.outputs[index]);
    const found = differentiate(outputs, [...cotangents.values()], wrt);
    const results = new Map<Node, Node>();
    wrt.forEach((own, i) => {
      const result = found[i];
      if (result !== null) results.set(own, result);
    });
    let isComplete = true;
    for (let i = 0; i < carries; i++) {
      if (cotangents.has(i) || !results.has(body.inputs[i])) continue;
      cotangents.set(i, inputLike(body.inputs[i]));
      isComplete = false;
    }
    if (isComplete) return { cotangents, results };
  }
}

/** Builds the loop that runs the trips backward. */
class BackwardLoop {
  private readonly node: LoopNode;
  private readonly trip: TripGradient;
  private readonly given: ReadonlyMap<number, Node>;
  private readonly replaced: Map<Node, Node> = new Map();
  private readonly carries: { initial: Node; own: Node; next: Node }[] = [];
  private readonly slices: { source: Node; own: Node }[] = [];
  private readonly wholes: { source: Node; own: Node }[] = [];
  private readonly stacked: Node[] = [];
  /** Sums over trips that are computed after the loop. */
  private readonly sums: Map<Node, TripSum> = new Map();
  /** Nodes that depend on cotangents. */
  private readonly backward: ReadonlySet<Node>;
  /** Nodes that differ from trip to trip. */
  private readonly varying: ReadonlySet<Node>;
  /** Where the gradient of each input of the forward body ends up: a carry or a stacked result. */
  private readonly places: Map<Node, { list: "carry" | "stacked"; at: number }> = new Map();

  constructor(node: LoopNode, trip: TripGradient, given: ReadonlyMap<number, Node>) {
    this.node = node;
    this.trip = trip;
    this.given = given;
    const { body, carries, slices } = node.attrs;
    const roots = [...trip.results.values()];
    this.backward = dependingOn(roots, new Set(trip.cotangents.values()));
    const changing = new Set<Node>(body.inputs.slice(0, carries + slices));
    this.varying = dependingOn([...roots, ...body.outputs], changing);
  }

  build(isLive: (source: Node) => boolean): (Node | null)[] {
    const { node } = this;
    const { body, length, reverse } = node.attrs;
    this.addCotangents();
    this.addResults(isLive);
    this.readForward();
    const nexts = this.carries.map(({ next }) => next);
    this.readOutside([...nexts, ...this.stacked]);
    const outputs = substitute([...nexts, ...this.stacked], this.replaced);
    const operands = [...this.carries, ...this.slices, ...this.wholes];
    const sources = [
      ...this.carries.map(({ initial }) => initial),
      ...[...this.slices, ...this.wholes].map(({ source }) => source),
    ];
    const backward = loop(sources, {
      body: new LoopBody(
        operands.map(({ own }) => own),
        outputs,
      ),
      carries: this.carries.length,
      slices: this.slices.length,
      length,
      reverse: !reverse,
      conditional: false,
    });
    const stackOf = (value: Node): Node => this.stackOf(value, backward);
    return body.inputs.map((own, i) => {
      const sum = this.sums.get(own);
      if (sum !== undefined) return sum.build(stackOf);
      const place = this.places.get(own);
      if (place === undefined || !isLive(node.src[i])) return null;
      const offset = place.list === "carry" ? 0 : this.carries.length;
      return part(backward, offset + place.at);
    });
  }

  /** A value of the trips, stacked: by this loop, by the forward one, or an operand of that. */
  private stackOf(value: Node, backward: Node): Node {
    const at = this.stacked.indexOf(value);
    if (at >= 0) return part(backward, this.carries.length + at);
    const own = this.replaced.get(value);
    const slice = this.slices.find((operand) => operand.own === own);
    invariant(slice !== undefined, "a sum over trips has its values stacked");
    return slice.source;
  }

  /** Cotangents of carries travel as carries, those of stacked results come in slices. */
  private addCotangents(): void {
    const { body, carries } = this.node.attrs;
    for (const [index, own] of this.trip.cotangents) {
      const given = this.given.get(index);
      if (index >= carries) {
        if (given !== undefined) this.slices.push({ source: given, own });
        continue;
      }
      const next = this.trip.results.get(body.inputs[index]) ?? fullLike(own, 0);
      this.places.set(body.inputs[index], { list: "carry", at: this.carries.length });
      this.carries.push({ initial: given ?? full(own.shape, 0, own.dtype), own, next });
    }
  }

  /** Gradients of slices are stacked, those of what every trip reads are summed. */
  private addResults(isLive: (source: Node) => boolean): void {
    const { body, carries, slices } = this.node.attrs;
    const wholes = body.inputs.flatMap((own, i) => {
      const result = i < carries + slices ? undefined : this.trip.results.get(own);
      return result === undefined || !isLive(this.node.src[i]) ? [] : [result];
    });
    const sums = new TripSums(
      wholes,
      (value) => this.varying.has(value) || this.backward.has(value),
    );
    body.inputs.forEach((own, i) => {
      const result = this.trip.results.get(own);
      if (i < carries || result === undefined || !isLive(this.node.src[i])) return;
      if (i < carries + slices) {
        this.places.set(own, { list: "stacked", at: this.stacked.length });
        this.stacked.push(result);
        return;
      }
      const planned = sums.plan(result);
      if (planned !== null) {
        this.sums.set(own, planned);
        const made = planned.needs.filter((value) => this.backward.has(value));
        this.stacked.push(...made.filter((value) => !this.stacked.includes(value)));
        return;
      }
      const sum = inputLike(own);
      this.places.set(own, { list: "carry", at: this.carries.length });
      this.carries.push({ initial: fullLike(own, 0), own: sum, next: add(sum, result) });
    });
  }

  /** Replaces what the backward trip reads of the forward trip by operands of its own. */
  private readForward(): void {
    const { node } = this;
    const { body, carries, slices } = node.attrs;
    const roots = [...this.carries.map(({ next }) => next), ...this.stacked];
    const carried = new Set<Node>(body.inputs.slice(0, carries));
    const own = new Set<Node>([...this.carries, ...this.slices].map((operand) => operand.own));
    const backward = dependingOn(roots, own);
    const frontier = new Set<Node>(roots.filter((root) => !backward.has(root)));
    for (const user of backward) {
      for (const source of user.src) if (!backward.has(source)) frontier.add(source);
    }
    const isSlice = (value: Node): boolean => {
      const i = body.inputs.findIndex((candidate) => candidate === value);
      return i >= carries && i < carries + slices;
    };
    const stacked = [...this.sums.values()].flatMap(({ needs }) => needs);
    const known = stacked.filter((value) => !this.backward.has(value));
    const saved = chooseResiduals([...frontier], carried, this.varying, {
      always: known.filter((value) => !isSlice(value)),
    });
    this.save([...saved]);
    for (const read of [...known.filter(isSlice), ...inputsBelow(roots, saved)]) {
      const i = body.inputs.findIndex((candidate) => candidate === read);
      if (i < carries || this.replaced.has(read)) continue;
      const operand = { source: node.src[i], own: inputLike(read) };
      this.replaced.set(read, operand.own);
      (i < carries + slices ? this.slices : this.wholes).push(operand);
    }
  }

  /** A gradient given by hand may read what neither the loop nor its body knows. */
  private readOutside(roots: readonly Node[]): void {
    const own = new Set<Node>([...this.carries, ...this.slices].map((operand) => operand.own));
    for (const read of inputsBelow(roots, new Set(this.replaced.keys()))) {
      if (own.has(read) || this.replaced.has(read)) continue;
      const operand = { source: read, own: inputLike(read) };
      this.replaced.set(read, operand.own);
      this.wholes.push(operand);
    }
  }

  /** Lets the forward loop stack the saved values of its trips. */
  private save(saved: readonly Node[]): void {
    const { node } = this;
    const { body, carries } = node.attrs;
    const outputs = [...body.outputs];
    const places = saved.map((value) => {
      const at = outputs.indexOf(value, carries);
      return at >= 0 ? at : outputs.push(value) - 1;
    });
    const isSame = outputs.length === body.outputs.length;
    const forward = isSame
      ? node
      : loop(node.src, { ...node.attrs, body: new LoopBody(body.inputs, outputs) });
    saved.forEach((value, i) => {
      const own = inputLike(value);
      this.replaced.set(value, own);
      this.slices.push({ source: part(forward, places[i]), own });
    });
  }
}

/** Inputs that the roots read, not looking below the cut. */
function inputsBelow(roots: readonly Node[], cut: ReadonlySet<Node>): Node[] {
  const seen = new Set<Node>(roots);
  const pending = [...seen];
  const found: Node[] = [];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (cut.has(node)) continue;
    if (node.op === "input") found.push(node);
    for (const source of node.src) {
      if (seen.has(source)) continue;
      seen.add(source);
      pending.push(source);
    }
  }
  return found.sort((a, b) => a.id - b.id);
}

/**
 * Gradient of a loop: a loop over the trips in the other direction, which reads what the forward
 * trips saved. It is plain graph, so it has gradients itself.
 * @param given - cotangents of the loop's results, by number.
 * @returns one node per operand, null where it gets nothing.
 * @throws {UnsupportedOpError} for loops whose number of trips is only known when they ran.
 */
export function loopGradient(
  node: LoopNode,
  given: ReadonlyMap<number, Node>,
  isLive: (source: Node) => boolean,
  differentiate: Differentiate,
): (Node | null)[] {
  if (node.attrs.conditional) {
    throw new UnsupportedOpError(
      "grad: whileLoop has no gradient, because the number of its trips is not known; " +
        "use scan with a fixed length, or detach its result",
    );
  }
  const active = activeInputs(node, isLive);
  const { body } = node.attrs;
  const reached = dependents(topologicalOrder([...body.outputs, ...body.inputs]), active);
  const useful = [...given.keys()].filter((index) => reached.has(body.outputs[index]));
  if (useful.length === 0) return node.src.map(() => null);
  const trip = differentiateTrip(node, useful, active, differentiate);
  return new BackwardLoop(node, trip, given).build(isLive);
}
