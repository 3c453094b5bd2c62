import type { SpecialToken } from "./tokenizer.ts";

/** Which special tokens play the parts that programs ask for. */
export interface SpecialTokenRoles {
  readonly bosToken: SpecialToken | null;
  readonly eosToken: SpecialToken | null;
  readonly padToken: SpecialToken | null;
  readonly unkToken: SpecialToken | null;
}
