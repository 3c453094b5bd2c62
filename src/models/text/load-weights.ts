import { scope } from "../../tensor/memory.ts";
import { realize } from "../../tensor/realize.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { CausalLM } from "./causal-lm.ts";

/** Loads weights into a model, and frees what they came in. @internal */
export async function loadWeights(
  model: CausalLM,
  state: Readonly<Record<string, Tensor>>,
): Promise<void> {
  // The converted copies go with the scope.
  await scope(async () => {
    model.loadStateDict(state);
    await realize(...model.parameters());
  });
  for (const value of Object.values(state)) value.dispose();
}
