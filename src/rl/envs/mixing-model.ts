import { orthonormalize } from "../../base/orthonormal.ts";
import { Pcg64 } from "../../base/pcg64.ts";

const weakest = 0.2;
const strongest = 0.6;

/** A matrix U diag(gains) Vᵀ that mixes `d` actions into `d` directions. */
export interface MixingModel {
  /** The product, column by column. */
  readonly mixing: Float64Array;
  /** U and V, row by row. */
  readonly left: Float64Array;
  readonly right: Float64Array;
  readonly gains: readonly number[];
}

const known = new Map<number, MixingModel>();

/** The mixing of `d` dimensions: always the same, and computed once. */
export function mixingModel(d: number): MixingModel {
  let model = known.get(d);
  if (model === undefined) {
    model = makeModel(d);
    known.set(d, model);
  }
  return model;
}

function makeModel(d: number): MixingModel {
  const random = new Pcg64(d);
  const left = randomOrthogonal(d, random);
  const right = randomOrthogonal(d, random);
  const gains = Array.from({ length: d }, (_, k) =>
    d === 1 ? strongest : weakest + ((strongest - weakest) * k) / (d - 1),
  );
  const mixing = new Float64Array(d * d);
  for (let j = 0; j < d; j++) {
    for (let i = 0; i < d; i++) {
      let sum = 0;
      for (let k = 0; k < d; k++) sum += left[i * d + k] * gains[k] * right[j * d + k];
      mixing[j * d + i] = sum;
    }
  }
  return { mixing, left, right, gains };
}

function randomOrthogonal(d: number, random: Pcg64): Float64Array {
  const matrix = Float64Array.from({ length: d * d }, () => random.standardNormal());
  orthonormalize(matrix, d, d);
  return matrix;
}
