import type { ModuleOptions } from "../../nn/linear.ts";
import { arange } from "../../tensor/factories.ts";
import { cat } from "../../tensor/functions.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { RopeParameters, RotarySizes } from "./rope-parameters.ts";
import { checkRopeParameters } from "./rope-parameters.ts";

/** Cosines and sines of the angles by which positions turn, f32 [B, 1, T, D / 2]. */
export interface RotaryAngles {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

type Place = Pick<ModuleOptions, "device">;

/**
 * Rotary positions: each pair of features (i, i + D / 2) of queries and keys is turned by its token's
 * position times a frequency, so that scores depend on distances only.
 *
 * `dynamic` and `longrope` look at the largest position of the call, as transformers does, but remember
 * nothing: a short batch after a long one gets the short one's frequencies.
 * @see Su et al. 2021, "RoFormer", https://arxiv.org/abs/2104.09864
 */
export class RotaryEmbedding {
  readonly rope: RopeParameters;
  readonly sizes: RotarySizes;

  /** @throws {ConfigError} if an option is missing or out of range. */
  constructor(rope: RopeParameters, sizes: RotarySizes) {
    checkRopeParameters(rope, sizes);
    this.rope = rope;
    this.sizes = sizes;
  }

  /** The angles of positions i32 [B, T]. */
  angles(positionIds: Tensor): RotaryAngles {
    const places = positionIds.to("f32").unsqueeze(1).unsqueeze(3);
    const turned = places.mul(this.#frequencies(positionIds));
    const factor = attentionFactor(this.rope, this.sizes);
    return { cos: turned.cos().mul(factor), sin: turned.sin().mul(factor) };
  }

  /** [D / 2], radians per position. */
  #frequencies(positionIds: Tensor): Tensor {
    const { rope, sizes } = this;
    const place = { device: positionIds.device };
    if (rope.ropeType === "dynamic") return dynamicFrequencies(rope, sizes, positionIds);
    const short = constant(inverseFrequencies(rope, sizes, false), place);
    if (rope.ropeType !== "longrope" || sameFactors(rope)) return short;
    const long = constant(inverseFrequencies(rope, sizes, true), place);
    const isLong = positionIds.max().ge(originalContext(rope, sizes));
    return long.where(isLong, short);
  }
}

/** Turns the pairs of x [B, H, T, D]. */
export function rotate(x: Tensor, { cos, sin }: RotaryAngles): Tensor {
  const [a, b] = x.chunk(2, { dim: -1 });
  const [c, s] = [cos.to(x.dtype), sin.to(x.dtype)];
  return cat([a.mul(c).sub(b.mul(s)), b.mul(c).add(a.mul(s))], { dim: -1 });
}

/**
 * Radians per position of each pair of features, [D / 2], for all types but dynamic.
 * @param isLong - longrope: beyond the original context.
 */
export function inverseFrequencies(
  rope: RopeParameters,
  sizes: RotarySizes,
  isLong = false,
): number[] {
  const plain = Array.from(
    { length: sizes.headDim / 2 },
    (_, i) => rope.ropeTheta ** ((-2 * i) / sizes.headDim),
  );
  switch (rope.ropeType) {
    case "linear":
      return plain.map((frequency) => frequency / (rope.factor ?? 1));
    case "llama3":
      return plain.map((frequency) => llama3Frequency(frequency, rope, sizes));
    case "yarn":
      return yarnFrequencies(plain, rope, sizes);
    case "longrope": {
      const factors = (isLong ? rope.longFactor : rope.shortFactor) ?? [];
      return plain.map((frequency, i) => frequency / factors[i]);
    }
    default:
      return plain;
  }
}

const constant = (values: readonly number[], place: Place): Tensor =>
  Tensor.from(Float32Array.from(values), [values.length], place);

const originalContext = (rope: RopeParameters, sizes: RotarySizes): number =>
  rope.originalMaxPositionEmbeddings ?? sizes.maxPositionEmbeddings;

const sameFactors = ({ shortFactor = [], longFactor = [] }: RopeParameters): boolean =>
  shortFactor.every((factor, i) => factor === longFactor[i]);

/** Long waves are stretched, short ones stay, those between get some of both. */
function llama3Frequency(frequency: number, rope: RopeParameters, sizes: RotarySizes): number {
  const { factor = 1, lowFreqFactor: low = 1, highFreqFactor: high = 4 } = rope;
  const turns = (originalContext(rope, sizes) * frequency) / (2 * Math.PI);
  if (turns < low) return frequency / factor;
  if (turns > high) return frequency;
  const kept = (turns - low) / (high - low);
  return ((1 - kept) * frequency) / factor + kept * frequency;
}

/**
 * As llama3, but the ramp is linear in the index of the pair.
 * @see Peng et al. 2023, "YaRN", https://arxiv.org/abs/2309.00071
 */
function yarnFrequencies(
  plain: readonly number[],
  rope: RopeParameters,
  sizes: RotarySizes,
): number[] {
  const { factor = 1, betaFast, betaSlow, truncate = true, ropeTheta } = rope;
  const { headDim } = sizes;
  const context = originalContext(rope, sizes);
  const pairOf = (turns: number): number =>
    (headDim * Math.log(context / (turns * 2 * Math.PI))) / (2 * Math.log(ropeTheta));
  // 0 means the default, as in transformers.
  const [first, last] = [pairOf(betaFast || 32), pairOf(betaSlow || 1)];
  const from = Math.max(truncate ? Math.floor(first) : first, 0);
  const to = Math.min(truncate ? Math.ceil(last) : last, headDim - 1);
  const width = to === from ? 0.001 : to - from;
  return plain.map((frequency, i) => {
    const stretched = Math.min(Math.max((i - from) / width, 0), 1);
    return (frequency / factor) * stretched + frequency * (1 - stretched);
  });
}

/** Factor of cosines and sines, by which attention stays as sharp over longer contexts. */
function attentionFactor(rope: RopeParameters, sizes: RotarySizes): number {
  const { ropeType, attentionFactor: given, mscale, mscaleAllDim } = rope;
  if (ropeType !== "yarn" && ropeType !== "longrope") return 1;
  if (given !== undefined) return given;
  const context = originalContext(rope, sizes);
  const factor = rope.factor ?? sizes.maxPositionEmbeddings / context;
  if (factor <= 1) return 1;
  if (ropeType === "longrope") return Math.sqrt(1 + Math.log(factor) / Math.log(context));
  const scaled = (weight: number): number => 0.1 * weight * Math.log(factor) + 1;
  return mscale && mscaleAllDim ? scaled(mscale) / scaled(mscaleAllDim) : scaled(1);
}

/** The base grows with the longest sequence once it exceeds the context. */
function dynamicFrequencies(
  { ropeTheta, factor = 1 }: RopeParameters,
  { headDim, maxPositionEmbeddings }: RotarySizes,
  positionIds: Tensor,
): Tensor {
  const length = positionIds.max().add(1).to("f32").maximum(maxPositionEmbeddings);
  const growth = length.mul(factor / maxPositionEmbeddings).sub(factor - 1);
  // ln base, because frequencies are base^(−2 i / D).
  const logBase = growth
    .log()
    .mul(headDim / (headDim - 2))
    .add(Math.log(ropeTheta));
  const pairs = arange(headDim / 2, { device: positionIds.device, dtype: "f32" });
  return pairs
    .mul(-2 / headDim)
    .mul(logBase)
    .exp();
}
