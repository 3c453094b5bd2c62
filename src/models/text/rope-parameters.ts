import { ConfigError } from "../../base/errors.ts";

/** How rotary positions are stretched beyond the lengths of pre-training. */
export type RopeType = "default" | "linear" | "dynamic" | "yarn" | "longrope" | "llama3";

/** Options of rotary positions: transformers' `rope_parameters`. */
export interface RopeParameters {
  /** @defaultValue "default", as it was published first */
  readonly ropeType: RopeType;
  /** Base of the wavelengths. */
  readonly ropeTheta: number;
  /** By how much the context grows: linear, dynamic, yarn, llama3; longrope, where only the attention factor uses it. */
  readonly factor?: number | undefined;
  /** Context of pre-training: yarn, longrope, llama3. @defaultValue maxPositionEmbeddings */
  readonly originalMaxPositionEmbeddings?: number | undefined;
  /** Factor of cosines and sines: yarn and longrope, which otherwise compute it. */
  readonly attentionFactor?: number | undefined;
  /** yarn: turns within the context above which a frequency stays. @defaultValue 32 */
  readonly betaFast?: number | undefined;
  /** yarn: turns below which a frequency is divided. @defaultValue 1 */
  readonly betaSlow?: number | undefined;
  /** yarn: with mscaleAllDim, another attention factor. */
  readonly mscale?: number | undefined;
  readonly mscaleAllDim?: number | undefined;
  /** yarn: whether the ramp begins and ends at whole dims. @defaultValue true */
  readonly truncate?: boolean | undefined;
  /** longrope: divisors of the frequencies within the original context, [D / 2]. */
  readonly shortFactor?: readonly number[] | undefined;
  /** longrope: divisors beyond it, [D / 2]. */
  readonly longFactor?: readonly number[] | undefined;
  /** llama3: frequencies with wavelengths above original / lowFreqFactor are divided. */
  readonly lowFreqFactor?: number | undefined;
  /** llama3: frequencies with wavelengths below original / highFreqFactor stay. */
  readonly highFreqFactor?: number | undefined;
}

/** Options that a type cannot do without. */
const needed: Readonly<Record<RopeType, readonly (keyof RopeParameters)[]>> = {
  default: [],
  linear: ["factor"],
  dynamic: ["factor"],
  yarn: ["factor"],
  longrope: ["shortFactor", "longFactor"],
  llama3: ["factor", "lowFreqFactor", "highFreqFactor"],
};

/** Types of {@link RopeParameters}. */
export const ropeTypes: readonly RopeType[] = Object.keys(needed) as RopeType[];

/** What rotary positions know of the model. */
export interface RotarySizes {
  readonly headDim: number;
  readonly maxPositionEmbeddings: number;
}

/** @throws {ConfigError} if an option is missing or out of range. */
export function checkRopeParameters(rope: RopeParameters, { headDim }: RotarySizes): void {
  if (!Object.hasOwn(needed, rope.ropeType)) {
    throw new ConfigError(
      `rope: ropeType must be one of ${ropeTypes.join(", ")}, got "${rope.ropeType}"`,
    );
  }
  if (headDim % 2 !== 0) throw new ConfigError(`rope: headDim must be even, got ${headDim}`);
  for (const name of ["ropeTheta", ...needed[rope.ropeType]] as (keyof RopeParameters)[]) {
    const value = rope[name];
    if (Array.isArray(value)) checkFactors(name, value, headDim / 2);
    else if (typeof value !== "number" || !(value > 0)) {
      throw new ConfigError(
        `rope: ${name} must be a positive number for ${rope.ropeType}, got ${String(value)}`,
      );
    }
  }
  if (rope.ropeType === "llama3" && !(Number(rope.highFreqFactor) > Number(rope.lowFreqFactor))) {
    throw new ConfigError(
      `rope: highFreqFactor must be larger than lowFreqFactor, got ${rope.highFreqFactor} and ` +
        `${rope.lowFreqFactor}`,
    );
  }
}

function checkFactors(name: string, factors: readonly number[], count: number): void {
  if (factors.length === count && factors.every((factor) => factor > 0)) return;
  throw new ConfigError(
    `rope: ${name} must have headDim / 2 = ${count} positive numbers, got ${factors.length}`,
  );
}
