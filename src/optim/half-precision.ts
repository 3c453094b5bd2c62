import { randint } from "../tensor/random.ts";
import { defaultGenerator } from "../tensor/generator.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { computeDTypeOf } from "./param-group.ts";

/** Bits of f32's significand that the dtype drops. */
const droppedBits = { bf16: 16, f16: 13 } as const;
/** Below it f16 has fixed steps of 2^-24. */
const smallestNormalHalf = 2 ** -14;
const smallestHalf = 2 ** -24;

/**
 * The value to update: the f32 copy as long as it rounds to the parameter, otherwise the parameter,
 * which somebody has set meanwhile (as `loadStateDict` of a model does).
 */
export function masterValue(parameter: Tensor, master: Tensor | undefined): Tensor {
  const value = parameter.to(computeDTypeOf(parameter));
  if (master === undefined) return value;
  return master.where(master.to(parameter.dtype).eq(parameter), value);
}

/**
 * An f32 value as f16 or bf16: one of the two neighbours at random, the nearer the likelier, so that
 * the expectation is the value. Values that are not finite, and other dtypes, round as always.
 */
export function stochasticRound(value: Tensor, parameter: Tensor): Tensor {
  const { dtype, shape, device } = parameter;
  if (dtype !== "bf16" && dtype !== "f16") return value.to(dtype);
  const step = 2 ** droppedBits[dtype];
  const generator = defaultGenerator(device);
  const noise = randint(0, step, shape, { dtype: "i32", device, generator });
  // Adding to the bits moves the magnitude up by less than one step of the narrow dtype.
  const bits = value.bitcast("i32").add(noise).bitwiseAnd(-step);
  let rounded = bits.bitcast("f32");
  if (dtype === "f16") {
    const unit = noise.to("f32").mul(1 / step);
    const small = value.div(smallestHalf).add(unit).floor().mul(smallestHalf);
    rounded = small.where(value.abs().lt(smallestNormalHalf), rounded);
  }
  return rounded.where(value.isfinite(), value).to(dtype);
}
