import { Module } from "../../nn/module.ts";

/** A module whose state has Python's spelling of its fields: `qProj` is `q_proj`. */
export abstract class DecoderModule extends Module {
  protected override stateKey(field: string): string {
    return field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  }
}
