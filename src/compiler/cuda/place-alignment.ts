import type { Operand, TripOperand } from "./program-code.ts";

/** Address of buffers and blocks are multiples of this many bytes, as far as kernels care. */
const BASE = 256;

/** Largest power of two that divides `bytes`, at most 256. */
function dividing(bytes: number): number {
  let result = 1;
  while (result < BASE && bytes % (2 * result) === 0) result *= 2;
  return result;
}

/**
 * What addresses inside a schedule are multiples of: a program's buffers begin anywhere the pool
 * puts them, but a loop's body sees elements of arrays, which begin where the one before ends.
 */
export class PlaceAlignment {
  private readonly inputs: readonly number[];
  private readonly outputs: readonly number[];
  private readonly temporaries: number;

  private constructor(inputs: readonly number[], outputs: readonly number[], temporaries: number) {
    this.inputs = inputs;
    this.outputs = outputs;
    this.temporaries = temporaries;
  }

  /** Of a program. */
  static readonly program: PlaceAlignment = new PlaceAlignment([], [], BASE);

  /** Bytes the operand's address is a multiple of. */
  at({ place, offset }: Operand): number {
    return Math.min(this.base(place), dividing(offset));
  }

  private base(place: Operand["place"]): number {
    switch (place.kind) {
      case "input":
        return this.inputs[place.index] ?? BASE;
      case "output":
        return this.outputs[place.index] ?? BASE;
      case "temporary":
        return Math.min(this.temporaries, dividing(place.offset));
      case "scratch":
      case "errors":
        return BASE;
      default:
        return place satisfies never;
    }
  }

  /** Of the body of a loop among whose places this one's are. */
  body(
    inputs: readonly TripOperand[],
    outputs: readonly TripOperand[],
    temporaries: Operand,
  ): PlaceAlignment {
    const ofTrips = ({ first, even, odd, stride }: TripOperand): number =>
      Math.min(
        dividing(stride),
        this.at(even),
        this.at(odd),
        first === null ? BASE : this.at(first),
      );
    return new PlaceAlignment(inputs.map(ofTrips), outputs.map(ofTrips), this.at(temporaries));
  }
}
