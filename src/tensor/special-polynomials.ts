import { ConfigError } from "../base/errors.ts";
import { isFloat } from "../ir/dtype.ts";
import { broadcastShapes } from "../ir/shape.ts";
import { full, fullLike } from "./factories.ts";
import { forLoop, whileLoop } from "./loops.ts";
import { Tensor } from "./tensor.ts";
import type { TensorLike } from "./tensor.ts";

/**
 * A polynomial of degree n at x; x and n broadcast, and one of them is a tensor. Degrees are
 * truncated to integers, negative ones give 0. Computed in f64. Gradients in x need n as a number.
 */
export type OrthogonalPolynomial = (x: TensorLike, n: TensorLike) => Tensor;

/** A family with p₀ = 1, by its recurrence. */
interface Family {
  readonly first: (x: Tensor) => Tensor;
  /** pₖ₊₁ from pₖ and pₖ₋₁. */
  readonly next: (x: Tensor, now: Tensor, before: Tensor, k: TensorLike) => Tensor;
}

/** Degrees up to here are written out; the others are trips of a loop. */
const unrolled = 24;

/** scale · k + offset. */
const along = (k: TensorLike, scale: number, offset: number): TensorLike =>
  typeof k === "number" ? scale * k + offset : k.mul(scale).add(offset);

/** The polynomial of one degree. */
function ofDegree(x: Tensor, n: number, { first, next }: Family): Tensor {
  const one = fullLike(x, 1);
  if (n <= 0) return n === 0 ? one : fullLike(x, 0);
  const written = Math.min(n, unrolled);
  let [before, now] = [one, first(x)];
  for (let k = 1; k < written; k++) [before, now] = [now, next(x, now, before, k)];
  if (n === written) return now;
  const step = (i: Tensor, [p, q]: readonly Tensor[]): readonly Tensor[] => [
    q,
    next(x, q, p, i.to("f64").add(written)),
  ];
  return forLoop<readonly Tensor[]>(n - written, step, [before, now])[1];
}

/** A degree per element: goes up to the largest, and keeps each polynomial where it is wanted. */
function ofDegrees(x: Tensor, n: Tensor, { first, next }: Family): Tensor {
  if (n.numel === 0) return x;
  const one = fullLike(x, 1);
  const now = first(x);
  const low = fullLike(x, 0).where(n.lt(0), one.where(n.eq(0), now));
  const largest = n.amax();
  const { picked } = whileLoop(
    (carry) => carry.k.lt(largest),
    (carry) => {
      const k = carry.k.add(1);
      const after = next(x, carry.now, carry.before, carry.k);
      return { k, before: carry.now, now: after, picked: after.where(n.eq(k), carry.picked) };
    },
    { k: full([], 1, { dtype: "f64", device: x.device }), before: one, now, picked: low },
  );
  return picked;
}

function polynomial(name: string, family: Family): OrthogonalPolynomial {
  return (x, n) => {
    const tensor = x instanceof Tensor ? x : n;
    if (!(tensor instanceof Tensor)) {
      throw new ConfigError(`${name}: x or n must be a tensor, got ${String(x)} and ${String(n)}`);
    }
    const dtype = x instanceof Tensor && isFloat(x.dtype) ? x.dtype : "f32";
    const wide = x instanceof Tensor ? x.to("f64") : fullLike(tensor, x, { dtype: "f64" });
    if (typeof n === "number") return ofDegree(wide, Math.trunc(n), family).to(dtype);
    const shape = broadcastShapes(name, wide.shape, n.shape);
    const degrees = n.to("f64").trunc().broadcastTo(shape);
    return ofDegrees(wide.broadcastTo(shape), degrees, family).to(dtype);
  };
}

/** Chebyshev's polynomials: 2x · pₖ − pₖ₋₁, with this p₁. */
const chebyshev = (name: string, first: (x: Tensor) => Tensor): OrthogonalPolynomial =>
  polynomial(name, { first, next: (x, now, before) => x.mul(2).mul(now).sub(before) });

const shifted =
  (inner: OrthogonalPolynomial): OrthogonalPolynomial =>
  (x, n) =>
    inner(typeof x === "number" ? 2 * x - 1 : x.mul(2).sub(1), n);

/** Chebyshev polynomial of the first kind: Tₙ(cos θ) = cos nθ. */
export const chebyshevPolynomialT: OrthogonalPolynomial = chebyshev(
  "chebyshevPolynomialT",
  (x) => x,
);
/** Chebyshev polynomial of the second kind: Uₙ(cos θ) = sin (n + 1)θ / sin θ. */
export const chebyshevPolynomialU: OrthogonalPolynomial = chebyshev("chebyshevPolynomialU", (x) =>
  x.mul(2),
);
/** Chebyshev polynomial of the third kind: Vₙ(cos θ) = cos (n + ½)θ / cos ½θ. */
export const chebyshevPolynomialV: OrthogonalPolynomial = chebyshev("chebyshevPolynomialV", (x) =>
  x.mul(2).sub(1),
);
/** Chebyshev polynomial of the fourth kind: Wₙ(cos θ) = sin (n + ½)θ / sin ½θ. */
export const chebyshevPolynomialW: OrthogonalPolynomial = chebyshev("chebyshevPolynomialW", (x) =>
  x.mul(2).add(1),
);
/** Tₙ(2x − 1), for x in [0, 1]. */
export const shiftedChebyshevPolynomialT: OrthogonalPolynomial = shifted(chebyshevPolynomialT);
/** Uₙ(2x − 1), for x in [0, 1]. */
export const shiftedChebyshevPolynomialU: OrthogonalPolynomial = shifted(chebyshevPolynomialU);
/** Vₙ(2x − 1), for x in [0, 1]. */
export const shiftedChebyshevPolynomialV: OrthogonalPolynomial = shifted(chebyshevPolynomialV);
/** Wₙ(2x − 1), for x in [0, 1]. */
export const shiftedChebyshevPolynomialW: OrthogonalPolynomial = shifted(chebyshevPolynomialW);

/** Physicists' Hermite polynomial, orthogonal under e^(−x²). */
export const hermitePolynomialH: OrthogonalPolynomial = polynomial("hermitePolynomialH", {
  first: (x) => x.mul(2),
  next: (x, now, before, k) => x.mul(now).sub(before.mul(k)).mul(2),
});

/** Probabilists' Hermite polynomial, orthogonal under e^(−x²/2). */
export const hermitePolynomialHe: OrthogonalPolynomial = polynomial("hermitePolynomialHe", {
  first: (x) => x,
  next: (x, now, before, k) => x.mul(now).sub(before.mul(k)),
});

/** Laguerre polynomial, orthogonal under e⁻ˣ on x ≥ 0. */
export const laguerrePolynomialL: OrthogonalPolynomial = polynomial("laguerrePolynomialL", {
  first: (x) => x.neg().add(1),
  next: (x, now, before, k) =>
    x
      .neg()
      .add(along(k, 2, 1))
      .mul(now)
      .sub(before.mul(k))
      .div(along(k, 1, 1)),
});

/** Legendre polynomial, orthogonal on [−1, 1]. */
export const legendrePolynomialP: OrthogonalPolynomial = polynomial("legendrePolynomialP", {
  first: (x) => x,
  next: (x, now, before, k) =>
    x
      .mul(along(k, 2, 1))
      .mul(now)
      .sub(before.mul(k))
      .div(along(k, 1, 1)),
});
