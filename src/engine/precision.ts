import { ConfigError } from "../base/errors.ts";
import type { CompileOptions } from "../runtime/backend.ts";

/**
 * How exact products and convolutions of f32 tensors are: `highest` multiplies in f32; `high` and
 * `medium` may round the operands to tf32 (10 bits of significand) and add up in f32.
 */
export type Float32MatmulPrecision = "highest" | "high" | "medium";

const levels: readonly Float32MatmulPrecision[] = ["highest", "high", "medium"];
let precision: Float32MatmulPrecision = "highest";

/**
 * Sets how exact products and convolutions of f32 tensors are, for everything computed from now on;
 * jitted functions compile anew when it has changed. It matters on cuda, where tf32 is several times
 * as fast as f32. The devices wasm and reference have f32 units only: there it changes nothing.
 * `medium` is as `high` on every device so far.
 * @throws {ConfigError} if it is none of the three.
 * @example setFloat32MatmulPrecision("high");
 */
export function setFloat32MatmulPrecision(level: Float32MatmulPrecision): void {
  if (!levels.includes(level)) {
    throw new ConfigError(
      `setFloat32MatmulPrecision: must be one of ${levels.join(", ")}, got "${String(level)}"`,
    );
  }
  precision = level;
}

/** The precision in force. @defaultValue "highest" */
export function getFloat32MatmulPrecision(): Float32MatmulPrecision {
  return precision;
}

/** What programs are compiled with now. */
export function compileOptions(): CompileOptions {
  return { allowTf32: precision !== "highest" };
}
