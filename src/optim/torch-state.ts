import type { Tensor } from "../tensor/tensor.ts";
import { tensor } from "../tensor/factories.ts";
import type { OptimizerState, StoredGroup, StoredOption } from "./state.ts";

/** What `torch.optim.Optimizer.state_dict()` gives, as objects. */
export interface TorchOptimizerState {
  /** By the number of the parameter; tensors, or numbers for scalars. */
  readonly state:
    | Readonly<Record<string, TorchParameterState>>
    | ReadonlyMap<string | number, TorchParameterState>;
  /** Each with `params`, `lr` and options as PyTorch spells them (`weight_decay`). */
  readonly param_groups: readonly Readonly<Record<string, unknown>>[];
}

/** State of one parameter by PyTorch's names. */
export type TorchParameterState = Readonly<Record<string, Tensor | number | null>>;

const camel = (name: string): string =>
  name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

const snake = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** PyTorch's state with our spelling of options; options we do not have are left to the reader. */
export function fromTorchState({ state, param_groups }: TorchOptimizerState): OptimizerState {
  const entries = state instanceof Map ? [...state] : Object.entries(state);
  return {
    state: Object.fromEntries(
      entries.map(([number, own]) => [String(number), readParameter(own)] as const),
    ),
    paramGroups: param_groups.map(
      (group) =>
        Object.fromEntries(
          Object.entries(group).map(([name, value]) => [camel(name), value]),
        ) as unknown as StoredGroup,
    ),
  };
}

function readParameter(own: TorchParameterState): Record<string, Tensor> {
  const result: Record<string, Tensor> = {};
  for (const [name, value] of Object.entries(own)) {
    if (value !== null) result[name] = typeof value === "number" ? tensor(value) : value;
  }
  return result;
}

/**
 * A state as PyTorch's `load_state_dict` takes it, once its tensors are torch's and the keys of
 * `state` integers: options in snake case, in `param_groups`.
 * @example const { param_groups } = toTorchState(optimizer.stateDict());
 */
export function toTorchState({ state, paramGroups }: OptimizerState): TorchOptimizerState {
  const spelled = (group: StoredGroup): Record<string, StoredOption> =>
    Object.fromEntries(Object.entries(group).map(([name, value]) => [snake(name), value]));
  return { state, param_groups: paramGroups.map(spelled) };
}
