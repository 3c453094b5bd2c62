import { invariant } from "../../base/errors.ts";
import type { Node } from "../../ir/node.ts";
import type { Location, Schedule } from "../schedule.ts";
import type { FunctionBuilder } from "./assembler-function.ts";

/**
 * How code addresses what it works on: through a table of i32 addresses, which are those of the
 * inputs, the outputs, the temporaries, the workspace and the constants. The program has one table,
 * and so has the body of each loop.
 */
export class Frame {
  readonly plan: Schedule;
  readonly inputs: number;
  readonly outputs: number;
  /** Whether it is the body of a loop. */
  readonly isBody: boolean;

  constructor(
    plan: Schedule,
    counts: { readonly inputs: number; readonly outputs: number },
    isBody: boolean,
  ) {
    this.plan = plan;
    this.inputs = counts.inputs;
    this.outputs = counts.outputs;
    this.isBody = isBody;
  }

  /** Entry of the temporaries. */
  get arena(): number {
    return this.inputs + this.outputs;
  }

  /** Entry of the threads' workspaces. */
  get workspace(): number {
    return this.arena + 1;
  }

  /** Entry of the constants. */
  get constants(): number {
    return this.arena + 2;
  }

  /** Entry and byte offset of a location. */
  place(location: Location): { readonly argument: number; readonly byteOffset: number } {
    switch (location.kind) {
      case "input":
        return { argument: location.index, byteOffset: 0 };
      case "output":
        return { argument: this.inputs + location.index, byteOffset: 0 };
      case "temporary":
        return { argument: this.arena, byteOffset: location.offset };
      default:
        return location satisfies never;
    }
  }

  locationOf(node: Node): Location {
    const location = this.plan.locations.get(node);
    invariant(location !== undefined, `${node.op} has no place in memory`);
    return location;
  }

  /** The buffer a contiguous view shows. */
  valueUnder(node: Node): Node {
    let base = node;
    while (!this.plan.locations.has(base)) {
      invariant(base.src.length > 0, "a whole-buffer operand has a buffer");
      base = base.src[0];
    }
    return base;
  }

  /** Pushes an entry of the table whose address is in local `args`. */
  pushArgument(f: FunctionBuilder, args: number, index: number): void {
    f.get(args).load("i32.load", 4 * index);
  }

  pushLocation(f: FunctionBuilder, args: number, location: Location): void {
    const { argument, byteOffset } = this.place(location);
    this.pushArgument(f, args, argument);
    if (byteOffset !== 0) f.i32(byteOffset).emit("i32.add");
  }

  pushBase(f: FunctionBuilder, args: number, node: Node): void {
    this.pushLocation(f, args, this.locationOf(node));
  }
}
