import { Module } from "../../nn/module.ts";
import { snakeCase } from "../../nn/state-key.ts";

/** A module whose state has Python's spelling of its fields: `qProj` is `q_proj`. */
export abstract class DecoderModule extends Module {
  protected override stateKey(field: string): string {
    return snakeCase(field);
  }
}
