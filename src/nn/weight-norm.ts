import { ConfigError } from "../base/errors.ts";
import { range } from "../base/integers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Module } from "./module.ts";
import { Parametrization, registerParametrization } from "./parametrize.ts";

/** ‖v‖₂ over all dims but one, which keeps its place; over all if `dim` is -1. */
function normExceptDim(v: Tensor, dim: number): Tensor {
  if (dim === -1) return v.norm();
  return v.norm({ dim: range(v.ndim).filter((i) => i !== dim), keepdim: true });
}

/** w = g · v / ‖v‖: originals g and v. */
class WeightNorm extends Parametrization {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  override forward(g: Tensor, v: Tensor): Tensor {
    return v.mul(g.div(normExceptDim(v, this.dim)));
  }

  override rightInverse(weight: Tensor): readonly Tensor[] {
    return [normExceptDim(weight, this.dim), weight];
  }
}

/** Options of {@link weightNorm}. */
export interface WeightNormOptions {
  /** The parameter. @defaultValue "weight" */
  readonly name?: string;
  /** Dim whose slices get a length each; null for one length of all. @defaultValue 0 */
  readonly dim?: number | null;
}

/**
 * Learns length and direction of a weight apart: $w = g · v / ‖v‖$, `original0` is g, `original1` v.
 * @see Salimans and Kingma 2016, https://arxiv.org/abs/1602.07868
 */
export function weightNorm<M extends Module>(
  module: M,
  { name = "weight", dim = 0 }: WeightNormOptions = {},
): M {
  const weight = Reflect.get(module, name) as Tensor | null | undefined;
  const rank = weight?.ndim ?? 0;
  const place = dim === null ? -1 : dim;
  if (!Number.isInteger(place) || place < -1 || place >= rank) {
    throw new ConfigError(`weightNorm: dim must be a dim of the weight or null, got ${dim}`);
  }
  return registerParametrization(module, name, new WeightNorm(place));
}
