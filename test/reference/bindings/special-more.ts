// Bindings of the areas `special-more`.
import { special } from "athanor";
import type { Tensor } from "athanor";
import type { Binding, Operands } from "../bindings.ts";

const at = (operands: Operands, place: number): Tensor => {
  const operand = operands[place];
  if (operand == null) throw new Error(`fixture: operand ${place} is missing`);
  return operand;
};

const unary =
  (call: (x: Tensor) => Tensor): Binding =>
  (operands) =>
    call(at(operands, 0));

const polynomial =
  (call: special.OrthogonalPolynomial): Binding =>
  (operands, args) =>
    call(at(operands, 0), operands.length > 1 ? at(operands, 1) : Number(args["n"]));

/** Ops of the area `special-more`. */
export const specialMore: Record<string, Binding> = {
  besselJ0: unary(special.besselJ0),
  besselJ1: unary(special.besselJ1),
  besselY0: unary(special.besselY0),
  besselY1: unary(special.besselY1),
  modifiedBesselI0: unary(special.modifiedBesselI0),
  modifiedBesselI1: unary(special.modifiedBesselI1),
  modifiedBesselK0: unary(special.modifiedBesselK0),
  modifiedBesselK1: unary(special.modifiedBesselK1),
  scaledModifiedBesselK0: unary(special.scaledModifiedBesselK0),
  scaledModifiedBesselK1: unary(special.scaledModifiedBesselK1),
  sphericalBesselJ0: unary(special.sphericalBesselJ0),
  airyAi: unary(special.airyAi),
  chebyshevPolynomialT: polynomial(special.chebyshevPolynomialT),
  chebyshevPolynomialU: polynomial(special.chebyshevPolynomialU),
  chebyshevPolynomialV: polynomial(special.chebyshevPolynomialV),
  chebyshevPolynomialW: polynomial(special.chebyshevPolynomialW),
  shiftedChebyshevPolynomialT: polynomial(special.shiftedChebyshevPolynomialT),
  shiftedChebyshevPolynomialU: polynomial(special.shiftedChebyshevPolynomialU),
  shiftedChebyshevPolynomialV: polynomial(special.shiftedChebyshevPolynomialV),
  shiftedChebyshevPolynomialW: polynomial(special.shiftedChebyshevPolynomialW),
  hermitePolynomialH: polynomial(special.hermitePolynomialH),
  hermitePolynomialHe: polynomial(special.hermitePolynomialHe),
  laguerrePolynomialL: polynomial(special.laguerrePolynomialL),
  legendrePolynomialP: polynomial(special.legendrePolynomialP),
};
