import { ConfigError } from "../../base/errors.ts";

/** Options of wrappers that normalize. */
export interface NormalizeOptions {
  /** Added to the variance before its root is taken. @defaultValue 1e-8 */
  readonly epsilon?: number;
  /** Results lie within ± this; Stable-Baselines3 has 10. @defaultValue Infinity */
  readonly clip?: number;
}

/** Options of wrappers that scale rewards. */
export interface NormalizeRewardOptions extends NormalizeOptions {
  /** Discount of the returns whose variance is taken. @defaultValue 0.99 */
  readonly gamma?: number;
}

/** @throws {ConfigError} if the limit is not positive. */
export function requireClip(caller: string, clip: number = Infinity): number {
  if (clip > 0) return clip;
  throw new ConfigError(`${caller}: clip must be positive, got ${clip}`);
}

/** @throws {ConfigError} if the discount is outside [0, 1]. */
export function requireGamma(caller: string, gamma: number = 0.99): number {
  if (gamma >= 0 && gamma <= 1) return gamma;
  throw new ConfigError(`${caller}: gamma must be in [0, 1], got ${gamma}`);
}
