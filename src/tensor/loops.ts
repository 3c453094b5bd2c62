import { DTypeError, ShapeError, UsageError } from "../base/errors.ts";
import { Cell } from "../engine/cell.ts";
import type { Slot } from "../engine/trace.ts";
import { Trace, currentTrace, withTrace } from "../engine/trace.ts";
import * as ir from "../ir/build.ts";
import { topologicalOrder } from "../ir/graph.ts";
import { LoopBody } from "../ir/loop.ts";
import type { Node } from "../ir/node.ts";
import { formatShape, normalizeDim, sameShape } from "../ir/shape.ts";
import { arange } from "./factories.ts";
import { movedim } from "./ops/shape.ts";
import { Tensor, derive } from "./tensor.ts";
import { mapTensors, tensorLeaves, tensorsOf } from "./tree.ts";

/** Options of {@link scan}. */
export interface ScanLoopOptions {
  /** Number of steps; needed only if there are no tensors in `xs`. */
  readonly length?: number;
  /** Goes from the last element to the first; results stay where their elements are. */
  readonly reverse?: boolean;
  /** Dim of `xs` to step along, and of the stacked results. @defaultValue 0 */
  readonly dim?: number;
}

/** What {@link scan} returns. */
export interface ScanResult<C, Y> {
  /** The carry after the last step. */
  readonly carry: C;
  /** What the steps returned, stacked along `dim`. */
  readonly ys: Y;
}

/** Options of {@link whileLoop}. */
export interface WhileLoopOptions {
  /** Most trips it takes, whatever the condition says. */
  readonly maxIterations?: number;
}

const mostTrips = 2 ** 31 - 1;

/** A tensor that stands for a value of a step, while its function is traced. */
function symbolFor(node: Node, like: Tensor, trace: Trace): Tensor {
  const { dtype, device } = like;
  return new Tensor(new Cell({ shape: node.shape, dtype, device }, { symbol: node, trace }));
}

/** A function of one step recorded as the body of a loop. */
interface RecordedBody {
  readonly outputs: readonly Node[];
  /** What the function reads from outside, and the node that stands for it in the body. */
  readonly captured: readonly { readonly tensor: Tensor; readonly own: Node }[];
  /** Outer tensors that a step assigns: they are carries too. */
  readonly updated: readonly { readonly tensor: Tensor; readonly own: Node; readonly next: Node }[];
}

/** Records `run`, whose results are the outputs of the body. */
function record(name: string, run: (trace: Trace) => readonly Tensor[]): RecordedBody {
  const outer = currentTrace();
  const trace = new Trace(`the function of ${name}`, name);
  try {
    const outputs = withTrace(trace, () => run(trace).map((tensor) => tensor.node));
    outer?.guards.push(...trace.guards);
    const tensors = trace.slots.map(outerTensor);
    const captured: { tensor: Tensor; own: Node }[] = [];
    const updated: { tensor: Tensor; own: Node; next: Node }[] = [];
    trace.slots.forEach(({ node }, slot) => {
      const next = trace.updates.get(slot);
      if (next === undefined) captured.push({ tensor: tensors[slot], own: node });
      else updated.push({ tensor: tensors[slot], own: node, next });
    });
    return { outputs, captured, updated };
  } finally {
    trace.close();
    trace.releaseConstants();
  }
}

/** The tensor a slot stands for, as the code around the loop sees it. */
function outerTensor({ cell, owner, isConstant }: Slot): Tensor {
  if (!isConstant && owner instanceof Tensor) return owner;
  if (cell === undefined) throw new UsageError("internal: a loop has no arguments");
  return new Tensor(new Cell(cell, { value: cell.value.retain(), trace: currentTrace() }));
}

interface LoopParts {
  readonly carry: readonly Tensor[];
  readonly carryInputs: readonly Node[];
  readonly slices: readonly Tensor[];
  readonly sliceNodes: readonly Node[];
  readonly sliceInputs: readonly Node[];
  readonly length: number;
  readonly reverse: boolean;
  readonly conditional: boolean;
}

/**
 * A loop over nothing but states that follow from themselves, as those of generators do: what
 * happens to the loop that draws (vmap, a result that nobody reads) then does not concern them.
 */
function stateLoop(updated: RecordedBody["updated"], length: number): Node | null {
  const body = new LoopBody(
    updated.map(({ own }) => own),
    updated.map(({ next }) => next),
  );
  const inputs = new Set<Node>(body.inputs);
  const reads = topologicalOrder(body.outputs).filter((node) => node.op === "input");
  if (updated.length === 0 || reads.some((node) => !inputs.has(node))) return null;
  return ir.loop(
    updated.map(({ tensor }) => tensor.node),
    { body, carries: updated.length, slices: 0, length, reverse: false, conditional: false },
  );
}

/** Makes the loop, gives outer tensors their new values, and returns the outputs. */
function makeLoop(
  parts: LoopParts,
  { outputs, captured, updated }: RecordedBody,
): readonly Tensor[] {
  const { carry, carryInputs, slices, sliceNodes, sliceInputs } = parts;
  const count = carry.length;
  const sources = [...carry, ...updated.map(({ tensor }) => tensor), ...slices];
  sources.push(...captured.map(({ tensor }) => tensor));
  const own = (list: readonly { readonly own: Node }[]): Node[] => list.map((entry) => entry.own);
  const body = new LoopBody(
    [...carryInputs, ...own(updated), ...sliceInputs, ...own(captured)],
    [...outputs.slice(0, count), ...updated.map(({ next }) => next), ...outputs.slice(count)],
  );
  const operands = [
    ...[...carry, ...updated.map(({ tensor }) => tensor)].map((tensor) => tensor.node),
    ...sliceNodes,
    ...captured.map(({ tensor }) => tensor.node),
  ];
  const loop = ir.loop(operands, {
    body,
    carries: count + updated.length,
    slices: slices.length,
    length: parts.length,
    reverse: parts.reverse,
    conditional: parts.conditional,
  });
  // Before the assignments: the results need the states as they were.
  const results = outputs.map((_, i) =>
    derive(sources, ir.part(loop, i < count ? i : i + updated.length)),
  );
  const states = updated.map(({ tensor }) => tensor);
  const alone = parts.conditional ? null : stateLoop(updated, parts.length);
  updated.forEach(({ tensor }, i) => {
    const next =
      alone === null
        ? derive(sources, ir.part(loop, count + i))
        : derive(states, ir.part(alone, i));
    tensor.assign(next);
    next.dispose();
  });
  return results;
}

const typeText = ({ dtype, shape }: Tensor): string => `${dtype}${formatShape(shape)}`;

/** The tensors of the next carry, which must be like those of the carry. */
function nextCarry(name: string, before: unknown, after: unknown): Tensor[] {
  const old = tensorLeaves(before, "carry");
  const next = tensorLeaves(after, "carry");
  const paths = (leaves: typeof old): string => leaves.map(({ path }) => path).join(", ");
  if (paths(old) !== paths(next)) {
    throw new UsageError(
      `${name}: the carry must keep its structure, got tensors at ${paths(next) || "no place"} ` +
        `after ${paths(old) || "none"}; return the carry as it came in`,
    );
  }
  next.forEach(({ path, tensor }, i) => {
    const was = old[i].tensor;
    if (tensor.dtype !== was.dtype) {
      throw new DTypeError(
        `${name}: ${path} must keep its dtype, got ${typeText(tensor)} after ${typeText(was)}; ` +
          "cast the initial value or the returned one",
      );
    }
    if (!sameShape(tensor.shape, was.shape)) {
      throw new ShapeError(
        `${name}: ${path} must keep its shape, got ${typeText(tensor)} after ${typeText(was)}; ` +
          "broadcast the initial value or reshape the returned one",
      );
    }
  });
  return next.map(({ tensor }) => tensor);
}

function refuseAsync(name: string, result: unknown): void {
  if (!(result instanceof Promise)) return;
  result.catch(() => undefined);
  throw new UsageError(
    `${name}: the function must return its tensors at once, got a promise; do not await inside`,
  );
}

/** Number of steps: of the tensors' dim, or as given. */
function lengthOf(
  slices: readonly { readonly path: string; readonly tensor: Tensor }[],
  axes: readonly number[],
  given: number | undefined,
): number {
  const length = given ?? slices[0]?.tensor.shape[axes[0]];
  if (length === undefined) {
    throw new UsageError("scan: length must be given if xs holds no tensor, got none");
  }
  if (!Number.isInteger(length) || length < 0) {
    throw new UsageError(`scan: length must be an integer ≥ 0, got ${length}`);
  }
  slices.forEach(({ path, tensor }, i) => {
    if (tensor.shape[axes[i]] === length) return;
    throw new ShapeError(
      `scan: all of xs must have ${length} elements along dim ${axes[i]}, got ${path} ` +
        `${typeText(tensor)}`,
    );
  });
  return length;
}

/**
 * Runs `fn(carry, x)` for each element x of `xs` along `dim`, in order: `[carry, y] = fn(carry, x)`.
 * The function is recorded once and runs as a loop inside the compiled program, so that the time to
 * compile does not depend on the number of steps. Gradients (of any order) reach the initial carry,
 * `xs` and the tensors the function closes over. Tensors from outside that it assigns (a generator's
 * state, running statistics) change from step to step.
 * @param init - tensors in arrays and objects; shapes and dtypes stay from step to step.
 * @param xs - tensors in arrays and objects, or null with a `length`.
 * @returns the last carry, and the y stacked along `dim`.
 * @throws {ShapeError | DTypeError | UsageError} if a carry changes its type or the lengths differ.
 * @example const { ys } = scan((sum: Tensor, x: Tensor) => [sum.add(x), sum.add(x)], zeros([]), x);
 */
export function scan<C, X, Y>(
  fn: (carry: C, x: X) => readonly [C, Y],
  init: C,
  xs: X,
  { length: given, reverse = false, dim = 0 }: ScanLoopOptions = {},
): ScanResult<C, Y> {
  const carry = tensorsOf(init);
  const leaves = tensorLeaves(xs, "xs");
  const slices = leaves.map(({ tensor }) => tensor);
  const axes = slices.map((tensor) => normalizeDim("scan", dim, tensor.ndim));
  const length = lengthOf(leaves, axes, given);
  const sliceNodes = slices.map((tensor, i) => movedim(tensor.node, axes[i], 0));
  const carryInputs = carry.map((tensor) => ir.input(tensor.shape, tensor.dtype));
  const sliceInputs = sliceNodes.map((node) => ir.input(node.shape.slice(1), node.dtype));
  let last: C = init;
  let y: Y | undefined;
  const body = record("scan", (trace) => {
    let next = 0;
    const state = mapTensors(init, (like) => symbolFor(carryInputs[next++], like, trace));
    next = 0;
    const x = mapTensors(xs, (like) => symbolFor(sliceInputs[next++], like, trace));
    const result = fn(state, x);
    refuseAsync("scan", result);
    if (!Array.isArray(result) || result.length !== 2) {
      throw new UsageError("scan: the function must return [carry, y]; y may be null");
    }
    [last, y] = result;
    return [...nextCarry("scan", init, last), ...tensorsOf(y)];
  });
  const results = makeLoop(
    { carry, carryInputs, slices, sliceNodes, sliceInputs, length, reverse, conditional: false },
    body,
  );
  let next = 0;
  const result = mapTensors(last, () => results[next++]);
  const ys = mapTensors(y as Y, () => {
    const stacked = results[next++];
    const axis = normalizeDim("scan", dim, stacked.ndim);
    return axis === 0 ? stacked : derive([stacked], movedim(stacked.node, 0, axis));
  });
  return { carry: result, ys };
}

/** The condition's answer as a node. */
function conditionOf(answer: Tensor): Node {
  if (answer.dtype !== "bool" || answer.numel !== 1) {
    throw new DTypeError(
      `whileLoop: the condition must be one bool, got ${typeText(answer)}; compare values, and ` +
        "reduce with all() or any()",
    );
  }
  return ir.reshape(answer.node, []);
}

/**
 * Runs `carry = body(carry)` as long as `cond(carry)` is true, in a loop inside the compiled program.
 * It has no gradient: the number of its trips is only known when it has run.
 * Under vmap it runs until all elements are done; those that are keep their values.
 * @param cond - gives one bool.
 * @param init - tensors in arrays and objects; shapes and dtypes stay from trip to trip.
 * @throws {ShapeError | DTypeError | UsageError} if a carry changes its type or `cond` gives no bool.
 * @example whileLoop((x: Tensor) => x.lt(100), (x) => x.mul(2), tensor(1));
 */
export function whileLoop<C>(
  cond: (carry: C) => Tensor,
  body: (carry: C) => C,
  init: C,
  { maxIterations = mostTrips }: WhileLoopOptions = {},
): C {
  if (!Number.isInteger(maxIterations) || maxIterations < 0) {
    throw new UsageError(`whileLoop: maxIterations must be an integer ≥ 0, got ${maxIterations}`);
  }
  const state = tensorsOf(init);
  const first = cond(init);
  const go = derive([first], conditionOf(first));
  const carry = [go, ...state];
  const carryInputs = carry.map((tensor) => ir.input(tensor.shape, tensor.dtype));
  let last: C = init;
  const recorded = record("whileLoop", (trace) => {
    let next = 1;
    last = body(mapTensors(init, (like) => symbolFor(carryInputs[next++], like, trace)));
    refuseAsync("whileLoop", last);
    const tensors = nextCarry("whileLoop", init, last);
    const again = cond(last);
    return [derive([again], conditionOf(again)), ...tensors];
  });
  const results = makeLoop(
    {
      carry,
      carryInputs,
      slices: [],
      sliceNodes: [],
      sliceInputs: [],
      length: Math.min(maxIterations, mostTrips),
      reverse: false,
      conditional: true,
    },
    recorded,
  );
  let next = 1;
  return mapTensors(last, () => results[next++]);
}

/**
 * Runs `carry = body(i, carry)` for i = 0 … count − 1 (i32 scalars); a `scan` without results.
 * @example forLoop(10, (i, x: Tensor) => x.add(i), zeros([], { dtype: "i32" }));
 */
export function forLoop<C>(count: number, body: (i: Tensor, carry: C) => C, init: C): C {
  const device = tensorsOf(init)[0]?.device;
  const indices = arange(0, count, { dtype: "i32", device });
  return scan((carry: C, i: Tensor) => [body(i, carry), null] as const, init, indices).carry;
}
