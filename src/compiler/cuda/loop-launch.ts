import type { Node } from "../../ir/node.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import { numel } from "../../ir/shape.ts";
import type { Location, Step } from "../schedule.ts";
import type { Launch, LoopLaunch, Operand, TripOperand } from "./program-code.ts";

type LoopStep = Extract<Step, { kind: "loop" }>;

const bytesOf = (node: Node): number => numel(node.shape) * dtypeBytes(node.dtype);
const at = (place: Location, offset = 0): Operand => ({ place, offset });
const fixed = (operand: Operand): TripOperand => ({
  first: null,
  even: operand,
  odd: operand,
  stride: 0,
});

/** Where a loop's operands, carries and results lie from trip to trip. */
class LoopPlaces {
  private readonly step: LoopStep;
  private readonly locationOf: (value: Node) => Location;
  private readonly block: Location;

  constructor(step: LoopStep, locationOf: (value: Node) => Location) {
    this.step = step;
    this.locationOf = locationOf;
    this.block = locationOf(step.node);
  }

  temporaries(): Operand {
    return at(this.block);
  }

  inputs(sourceOf: (i: number) => Operand): TripOperand[] {
    const { body, carries, slices } = this.step.node.attrs;
    return body.inputs.map((input, i) => {
      if (i < carries) return this.carry(i, sourceOf(i));
      return i < carries + slices ? this.element(sourceOf(i), bytesOf(input)) : fixed(sourceOf(i));
    });
  }

  outputs(): TripOperand[] {
    const { body, carries } = this.step.node.attrs;
    const { computed, unread } = this.step.layout;
    return computed.map((result) => {
      if (result < carries) {
        const [even, odd] = [this.buffer(result, 0), this.buffer(result, 1)];
        return { first: null, even, odd, stride: 0 };
      }
      const offset = unread[result - carries];
      if (offset !== null && offset !== undefined) return fixed(at(this.block, offset));
      return this.element(this.resultOf(result), bytesOf(body.outputs[result]));
    });
  }

  /** A carry is read where the trip before wrote it. */
  private carry(i: number, initial: Operand): TripOperand {
    const { body } = this.step.node.attrs;
    const alias = this.step.layout.aliases[i];
    if (alias === null) {
      return { first: initial, even: this.buffer(i, 1), odd: this.buffer(i, 0), stride: 0 };
    }
    const bytes = bytesOf(body.outputs[alias]);
    const stacked = this.element(this.resultOf(alias), bytes);
    const before: Operand = { ...stacked.even, offset: stacked.even.offset - stacked.stride };
    return { first: initial, even: before, odd: before, stride: stacked.stride };
  }

  /** Element t of a stacked array; from the last one down if the loop runs in reverse. */
  private element(base: Operand, bytes: number): TripOperand {
    const { length, reverse } = this.step.node.attrs;
    const start = reverse ? { ...base, offset: base.offset + (length - 1) * bytes } : base;
    return { first: null, even: start, odd: start, stride: reverse ? -bytes : bytes };
  }

  private resultOf(i: number): Operand {
    const node = this.step.results[i];
    if (node === null) throw new Error("cuda: a result nobody reads has no place");
    return at(this.locationOf(node));
  }

  /** Where trips of a parity write a carry: the last trip writes the result itself. */
  private buffer(carry: number, parity: number): Operand {
    const { length, conditional } = this.step.node.attrs;
    const isLast = parity === (conditional ? 0 : (length - 1) & 1);
    const [first, second] = this.step.layout.carries[carry];
    const result = this.step.results[carry];
    if (isLast && second === null && result !== null) return at(this.locationOf(result));
    return at(this.block, isLast ? (second ?? first) : first);
  }
}

/** The launch of a loop whose body is compiled already. */
export function loopLaunch(
  step: LoopStep,
  body: readonly Launch[],
  locationOf: (value: Node) => Location,
  sourceOf: (i: number) => Operand,
): LoopLaunch {
  const { conditional, length, carries, body: graph } = step.node.attrs;
  const places = new LoopPlaces(step, locationOf);
  const inputs = places.inputs(sourceOf);
  const results = step.results.slice(0, carries).flatMap((node, i) => {
    if (!conditional || node === null) return [];
    const bytes = bytesOf(graph.outputs[i]);
    return [{ from: inputs[i], to: at(locationOf(node)), bytes }];
  });
  return {
    kind: "loop",
    trips: length,
    temporaries: places.temporaries(),
    inputs,
    outputs: places.outputs(),
    body,
    condition: conditional ? inputs[0] : null,
    results,
    facts: {
      name: "loop",
      bytes: length * body.reduce((sum, launch) => sum + launch.facts.bytes, 0),
      flops: length * body.reduce((sum, launch) => sum + launch.facts.flops, 0),
    },
  };
}
