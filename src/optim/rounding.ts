import type { Tensor } from "../tensor/tensor.ts";

// The updates' building blocks, with PyTorch's order of operations: after a thousand steps two
// orders differ by many units in the last place, one order by hardly any.

/** A scalar of an update: a constant or a value on the device. */
export type Scalar = number | Tensor;

/** The scalar in another dtype. */
export function scalarTo(scalar: Scalar, dtype: "f32" | "f64"): Scalar {
  return typeof scalar === "number" ? scalar : scalar.to(dtype);
}

/** a + factor · b. */
export function addScaled(a: Tensor, b: Tensor, factor: Scalar): Tensor {
  return a.add(b.mul(factor));
}

/**
 * a + factor · b in one rounding, as PyTorch's vector code has it: after a thousand steps one rounding
 * more would show. Products of f32 are exact in f64; the compiler makes one instruction of it.
 */
export function addExactly(a: Tensor, b: Tensor, factor: Scalar): Tensor {
  if (a.dtype !== "f32") return addScaled(a, b, factor);
  const wide = typeof factor === "number" ? Math.fround(factor) : factor.to("f64");
  return a.to("f64").add(b.to("f64").mul(wide)).to("f32");
}

/** a + factor · b · c. */
export function addProduct(a: Tensor, b: Tensor, c: Tensor, factor: Scalar): Tensor {
  return addExactly(a, b.mul(factor), c);
}

/** a + factor · b / c. */
export function addQuotient(a: Tensor, b: Tensor, c: Tensor, factor: Scalar): Tensor {
  return a.add(b.mul(factor).div(c));
}

/** Moves the state from its value to `target` by `weight`: an exponential moving average. */
export function approach(state: Tensor, target: Tensor, weight: Scalar): Tensor {
  const near = (): Tensor => addExactly(state, target.sub(state), weight);
  // From the far end the error is smaller, as torch.lerp has it.
  const far = (rest: Scalar): Tensor => addExactly(target, state.sub(target), rest);
  let next: Tensor;
  if (typeof weight === "number") next = weight < 0.5 ? near() : far(1 - weight);
  else next = near().where(weight.lt(0.5), far(weight.neg().add(1)));
  state.assign(next);
  return next;
}

/** Lets the state decay by `beta` and adds (1 - beta) · b · c. */
export function accumulate(state: Tensor, b: Tensor, c: Tensor, beta: number): Tensor {
  const next = addProduct(state.mul(beta), b, c, 1 - beta);
  state.assign(next);
  return next;
}

/** 1 - β^t without cancellation; t and the result in f64. */
export function biasCorrection(beta: Scalar, steps: Tensor): Tensor {
  if (typeof beta === "number") return steps.mul(Math.log(beta)).expm1().neg();
  return steps.mul(beta.log()).expm1().neg();
}
