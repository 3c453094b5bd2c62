import type { SpecialToken } from "./tokenizer.ts";

/** Which special tokens play the parts that programs ask for. */
export interface SpecialTokenRoles {
  readonly bosToken: SpecialToken | null;
  readonly eosToken: SpecialToken | null;
  readonly padToken: SpecialToken | null;
  readonly unkToken: SpecialToken | null;
}

/** The variables of chat templates. */
export function templateVariables(roles: SpecialTokenRoles): Record<string, string> {
  const named = [
    ["bos_token", roles.bosToken],
    ["eos_token", roles.eosToken],
    ["pad_token", roles.padToken],
    ["unk_token", roles.unkToken],
  ] as const;
  return Object.fromEntries(
    named.flatMap(([name, token]) => (token === null ? [] : [[name, token.text]])),
  );
}
