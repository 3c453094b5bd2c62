import type { Tensor } from "../tensor/tensor.ts";

/** A set of allowed values, of a parameter or of outcomes. */
export interface Constraint {
  readonly name: string;
  /** How many last dims one value takes. */
  readonly eventDim: number;
  /** Whether each value belongs to the set, as bool without the event dims. */
  readonly check: (value: Tensor) => Tensor;
}

const simple = (name: string, check: (value: Tensor) => Tensor): Constraint => ({
  name,
  eventDim: 0,
  check,
});

const isWhole = (value: Tensor): Tensor => value.eq(value.floor());

/** Any number but NaN. */
export const real: Constraint = simple("real", (x) => x.eq(x));
/** x > 0. */
export const positive: Constraint = simple("positive", (x) => x.gt(0));
/** x ≥ 0. */
export const nonnegative: Constraint = simple("nonnegative", (x) => x.ge(0));
/** 0 ≤ x ≤ 1. */
export const unitInterval: Constraint = simple("unitInterval", (x) => x.ge(0).logicalAnd(x.le(1)));
/** 0 or 1. */
export const boolean: Constraint = simple("boolean", (x) => x.eq(0).logicalOr(x.eq(1)));
/** 0, 1, 2, …. */
export const nonnegativeInteger: Constraint = simple("nonnegativeInteger", (x) =>
  isWhole(x).logicalAnd(x.ge(0)),
);

/** low ≤ x ≤ high. */
export function interval(low: Tensor, high: Tensor): Constraint {
  return simple("interval", (x) => x.ge(low).logicalAnd(x.le(high)));
}

/** Whole numbers from 0 to `high`. */
export function integersUpTo(high: Tensor | number): Constraint {
  return simple("integersUpTo", (x) => isWhole(x).logicalAnd(x.ge(0)).logicalAnd(x.le(high)));
}

/** A constraint whose last dims count as one value. */
export function independent(base: Constraint, dims: number): Constraint {
  const check = (value: Tensor): Tensor => {
    const last = Array.from({ length: dims }, (_, i) => -1 - i);
    return dims === 0 ? base.check(value) : base.check(value).all({ dim: last });
  };
  return { name: `independent ${base.name}`, eventDim: base.eventDim + dims, check };
}

/** Vectors of numbers. */
export const realVector: Constraint = { ...independent(real, 1), name: "realVector" };

/** Vectors ≥ 0 with the sum 1. */
export const simplex: Constraint = {
  name: "simplex",
  eventDim: 1,
  check: (x) =>
    x
      .ge(0)
      .all({ dim: -1 })
      .logicalAnd(x.sum({ dim: -1 }).sub(1).abs().lt(1e-6)),
};

/** Vectors of one 1 and zeros. */
export const oneHot: Constraint = {
  name: "oneHot",
  eventDim: 1,
  check: (x) =>
    boolean
      .check(x)
      .all({ dim: -1 })
      .logicalAnd(x.sum({ dim: -1 }).eq(1)),
};

/** Lower triangular matrices with a positive diagonal. */
export const lowerCholesky: Constraint = {
  name: "lowerCholesky",
  eventDim: 2,
  check: (x) => {
    const isLower = x
      .tril()
      .eq(x)
      .all({ dim: [-2, -1] });
    return isLower.logicalAnd(x.diagonal({ dim1: -2, dim2: -1 }).gt(0).all({ dim: -1 }));
  },
};
