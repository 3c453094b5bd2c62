import type { Operand, TripOperand } from "../../compiler/cuda/program-code.ts";

/** Where an operand is: a number of a base address, and bytes from there. */
export interface Reference {
  readonly base: number;
  readonly offset: number;
}

/** A value of a loop's body by trip: see {@link TripOperand}. */
interface TripReference {
  readonly first: Reference | null;
  readonly even: Reference;
  readonly odd: Reference;
  readonly stride: number;
}

/**
 * The base addresses a list of launches refers to, by number: inputs, then outputs, then the start
 * of the temporaries, of the scratch memory, of the error words and of the libraries' workspace.
 */
export class FrameLayout {
  readonly inputs: number;
  readonly outputs: number;

  constructor(inputs: number, outputs: number) {
    this.inputs = inputs;
    this.outputs = outputs;
  }

  get temporaries(): number {
    return this.inputs + this.outputs;
  }

  get scratch(): number {
    return this.temporaries + 1;
  }

  get errors(): number {
    return this.temporaries + 2;
  }

  get workspace(): number {
    return this.temporaries + 3;
  }

  /** Number of base addresses. */
  get size(): number {
    return this.temporaries + 4;
  }

  /** Turns a place into a number of a base. */
  reference({ place, offset }: Operand): Reference {
    switch (place.kind) {
      case "input":
        return { base: place.index, offset };
      case "output":
        return { base: this.inputs + place.index, offset };
      case "temporary":
        return { base: this.temporaries, offset: place.offset + offset };
      case "scratch":
        return { base: this.scratch, offset };
      case "errors":
        return { base: this.errors, offset };
      default:
        return place satisfies never;
    }
  }

  tripReference({ first, even, odd, stride }: TripOperand): TripReference {
    return {
      first: first === null ? null : this.reference(first),
      even: this.reference(even),
      odd: this.reference(odd),
      stride,
    };
  }
}

/** The address behind a reference. */
export function addressOf(bases: Float64Array, { base, offset }: Reference): number {
  return bases[base] + offset;
}

/** The address of a value of a loop's body in a trip. */
export function tripAddress(bases: Float64Array, reference: TripReference, trip: number): number {
  const { even, first, odd, stride } = reference;
  if (trip === 0 && first !== null) return addressOf(bases, first);
  return addressOf(bases, trip % 2 === 0 ? even : odd) + trip * stride;
}
