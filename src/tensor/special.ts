/** Special functions, the namespace `special`, as torch.special. */
import * as activation from "./ops/activation.ts";
import * as arithmetic from "./ops/arithmetic.ts";
import * as numeric from "./ops/numeric.ts";
import * as bessel from "./ops/special-bessel.ts";
import * as cylinder from "./ops/special-cylinder.ts";
import * as gamma from "./ops/special-gamma.ts";
import * as normal from "./ops/special-normal.ts";
import * as trigonometry from "./ops/trigonometry.ts";
import type { Tensor, TensorLike } from "./tensor.ts";
import { derive, operand } from "./tensor.ts";

type Node = Tensor["node"];
type Unary = (x: Tensor) => Tensor;
type Binary = (a: TensorLike, b: TensorLike) => Tensor;

const unary =
  (op: (x: Node) => Node): Unary =>
  (x) =>
    derive([x], op(x.node));

const binary =
  (op: (a: Node | number, b: Node | number) => Node): Binary =>
  (a, b) =>
    derive([a, b], op(operand(a), operand(b)));

/** ln |Γ(x)|; ∞ at 0, −1, −2, …. */
export const gammaln: Unary = unary(gamma.lgamma);
/** ψ(x), the derivative of ln Γ. */
export const digamma: Unary = unary(gamma.digamma);
/** As {@link digamma}. */
export const psi: Unary = unary(gamma.digamma);
/** Hurwitz zeta function Σ (q + k)⁻ˢ over k ≥ 0, for s > 1. */
export const zeta: Binary = binary(gamma.zeta);
/** P(a, x), the regularised lower incomplete gamma function. */
export const gammainc: Binary = binary(gamma.gammainc);
/** Q(a, x) = 1 − P(a, x). */
export const gammaincc: Binary = binary(gamma.gammaincc);

/** The n-th derivative of {@link digamma}. */
export function polygamma(n: number, x: Tensor): Tensor {
  return derive([x], gamma.polygamma(n, x.node));
}

/** ln of the multivariate gamma function of dimension p. */
export function multigammaln(x: Tensor, p: number): Tensor {
  return derive([x], gamma.multigammaln(x.node, p));
}

/** Gauss error function. */
export const erf: Unary = unary(arithmetic.erf);
/** 1 − erf x, with relative accuracy in the tail. */
export const erfc: Unary = unary(normal.erfc);
/** e^(x²) · erfc x. */
export const erfcx: Unary = unary(normal.erfcx);
/** The inverse of erf. */
export const erfinv: Unary = unary(normal.erfinv);
/** Φ(x), the standard normal distribution function. */
export const ndtr: Unary = unary(normal.ndtr);
/** The inverse of {@link ndtr}. */
export const ndtri: Unary = unary(normal.ndtri);
/** ln Φ(x), accurate in both tails. */
export const logNdtr: Unary = unary(normal.logNdtr);
/** −x ln x, 0 at 0 and −∞ below. */
export const entr: Unary = unary(normal.entr);
/** 1 / (1 + e⁻ˣ). */
export const expit: Unary = unary(activation.sigmoid);

/** ln(x / (1 − x)); with `eps`, x is first limited to [eps, 1 − eps]. */
export function logit(x: Tensor, options?: { readonly eps?: number | null }): Tensor {
  return derive([x], normal.logit(x.node, options));
}

/** Modified Bessel function of the first kind, order 0. */
export const i0: Unary = unary(bessel.i0);
/** e^−|x| · I₀(x). */
export const i0e: Unary = unary(bessel.i0e);
/** Modified Bessel function of the first kind, order 1. */
export const i1: Unary = unary(bessel.i1);
/** e^−|x| · I₁(x). */
export const i1e: Unary = unary(bessel.i1e);
/** As {@link i0}. */
export const modifiedBesselI0: Unary = unary(bessel.i0);
/** As {@link i1}. */
export const modifiedBesselI1: Unary = unary(bessel.i1);
/** Modified Bessel function of the second kind, order 0; ∞ at 0, NaN below. */
export const modifiedBesselK0: Unary = unary(cylinder.modifiedBesselK0);
/** Modified Bessel function of the second kind, order 1; ∞ at 0, NaN below. */
export const modifiedBesselK1: Unary = unary(cylinder.modifiedBesselK1);
/** eˣ · K₀(x). */
export const scaledModifiedBesselK0: Unary = unary(cylinder.scaledModifiedBesselK0);
/** eˣ · K₁(x). */
export const scaledModifiedBesselK1: Unary = unary(cylinder.scaledModifiedBesselK1);
/** Bessel function of the first kind, order 0. */
export const besselJ0: Unary = unary(cylinder.besselJ0);
/** Bessel function of the first kind, order 1. */
export const besselJ1: Unary = unary(cylinder.besselJ1);
/** Bessel function of the second kind, order 0; −∞ at 0, NaN below. */
export const besselY0: Unary = unary(cylinder.besselY0);
/** Bessel function of the second kind, order 1; −∞ at 0, NaN below. */
export const besselY1: Unary = unary(cylinder.besselY1);
/** sin x / x, 1 at 0. */
export const sphericalBesselJ0: Unary = unary(cylinder.sphericalBesselJ0);
/** Airy's function Ai. */
export const airyAi: Unary = unary(cylinder.airyAi);
/** a · ln b, and 0 where a is 0. */
export const xlogy: Binary = binary(numeric.xlogy);
/** a · ln(1 + b), and 0 where a is 0. */
export const xlog1py: Binary = binary(numeric.xlog1py);
/** sin(πx) / (πx), 1 at 0. */
export const sinc: Unary = unary(trigonometry.sinc);
/** eˣ − 1, accurate near 0. */
export const expm1: Unary = unary(arithmetic.expm1);
/** ln(1 + x), accurate near 0. */
export const log1p: Unary = unary(arithmetic.log1p);
/** 2ˣ. */
export const exp2: Unary = unary(arithmetic.exp2);

export type { OrthogonalPolynomial } from "./special-polynomials.ts";
export {
  chebyshevPolynomialT,
  chebyshevPolynomialU,
  chebyshevPolynomialV,
  chebyshevPolynomialW,
  hermitePolynomialH,
  hermitePolynomialHe,
  laguerrePolynomialL,
  legendrePolynomialP,
  shiftedChebyshevPolynomialT,
  shiftedChebyshevPolynomialU,
  shiftedChebyshevPolynomialV,
  shiftedChebyshevPolynomialW,
} from "./special-polynomials.ts";
