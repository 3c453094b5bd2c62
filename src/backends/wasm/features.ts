import { ModuleBuilder } from "../../compiler/wasm/assembler.ts";
import type { Platform } from "./platform.ts";

/** Bytes of a module that validates only where relaxed SIMD is on. */
function relaxedProbe(): BufferSource {
  const module = new ModuleBuilder();
  module.function(null, ["v128"], ["v128"], (f) =>
    f.get(0).get(0).get(0).emit("f32x4.relaxed_madd"),
  );
  return module.build() as BufferSource;
}

/**
 * Whether fused multiply-add is there. Node 20 has it behind a flag that may be set while the
 * process runs; newer versions would complain about the flag, so it is set only when needed.
 */
export function hasRelaxedSimd(platform: Platform): boolean {
  const probe = relaxedProbe();
  if (WebAssembly.validate(probe)) return true;
  platform.setEngineFlag("--experimental-wasm-relaxed-simd");
  return WebAssembly.validate(probe);
}
