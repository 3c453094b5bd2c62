import { CheckpointError, ConfigError } from "../base/errors.ts";
import { stack } from "../tensor/functions.ts";
import { tensor, zerosLike } from "../tensor/factories.ts";
import { scope } from "../tensor/memory.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamGroup } from "./param-group.ts";

/** A hyper-parameter as it is stored. */
export type StoredOption =
  | number
  | boolean
  | string
  | null
  | readonly (number | string | boolean | null)[];

/** Options of one group, and the numbers of its parameters. */
export type StoredGroup = {
  readonly params: readonly number[];
  readonly lr: number;
} & { readonly [name: string]: StoredOption };

/**
 * An optimizer's state in PyTorch's layout: `state` by the number of the parameter, with PyTorch's
 * names (`step`, `exp_avg`, `exp_avg_sq`, `max_exp_avg_sq`, `momentum_buffer`).
 */
export interface OptimizerState {
  readonly state: Readonly<Record<string, Readonly<Record<string, Tensor>>>>;
  readonly paramGroups: readonly StoredGroup[];
}

type StateOf = (parameter: Tensor) => Readonly<Record<string, Tensor>>;

/** The state of all groups as a dictionary. */
export function writeState<H extends object>(
  groups: readonly ParamGroup<H>[],
  stateOf: StateOf,
): OptimizerState {
  const state: Record<string, Record<string, Tensor>> = {};
  const paramGroups: StoredGroup[] = [];
  let number = 0;
  for (const group of groups) {
    const params: number[] = [];
    group.params.forEach((parameter, i) => {
      const own = stateOf(parameter);
      if (Object.keys(own).length > 0) {
        state[number] = { step: group.steps.select(0, i).to("f32"), ...own };
      }
      params.push(number++);
    });
    const options = group.options as Readonly<Record<string, StoredOption>>;
    const momentum = scheduledMomentum(group);
    paramGroups.push({
      lr: group.lr,
      initialLr: group.initialLr,
      ...options,
      ...momentum,
      params,
    });
  }
  return { state, paramGroups };
}

/** The momentum in force where a schedule has moved it away from the options. */
function scheduledMomentum({ momentum, options }: ParamGroup): Record<string, StoredOption> {
  const { betas, momentum: constant } = options as {
    readonly betas?: readonly number[];
    readonly momentum?: number;
  };
  if (momentum === undefined || momentum === (betas?.[0] ?? constant)) return {};
  return betas === undefined ? { momentum } : { betas: [momentum, ...betas.slice(1)] };
}

interface Plan<H> {
  readonly group: ParamGroup<H & object>;
  readonly stored: StoredGroup;
  readonly options: H;
  readonly copies: readonly (readonly [to: Tensor, from: Tensor])[];
  readonly steps: readonly (Tensor | undefined)[];
}

/**
 * Restores what {@link writeState} wrote, or a converted PyTorch state: a missing `step` beside
 * other state means that the parameter has been updated before.
 * @throws {CheckpointError} listing every problem; then nothing has changed.
 */
export function readState<H extends object>(
  { state, paramGroups }: OptimizerState,
  groups: readonly ParamGroup<H>[],
  stateOf: StateOf,
  check: (options: H) => void,
): void {
  const problems: string[] = [];
  if (paramGroups.length !== groups.length) {
    problems.push(`${paramGroups.length} groups for ${groups.length}`);
  }
  const plans: Plan<H>[] = [];
  groups.forEach((group, g) => {
    const stored = paramGroups[g];
    if (stored === undefined) return;
    if (stored.params.length !== group.params.length) {
      problems.push(`group ${g}: ${stored.params.length} parameters for ${group.params.length}`);
      return;
    }
    const options = readOptions(stored, group, check, `group ${g}`, problems);
    const copies = group.params.flatMap((parameter, i) =>
      planCopies(stateOf(parameter), state[stored.params[i]] ?? {}, stored.params[i], problems),
    );
    const steps = stored.params.map((number) => readStep(state[number]));
    plans.push({ group, stored, options, copies, steps });
  });
  if (problems.length > 0) {
    throw new CheckpointError(
      `loadStateDict: the state must fit the optimizer, got\n  ${problems.join("\n  ")}\n` +
        "build the optimizer over the same parameters, in the same order",
      { details: { problems } },
    );
  }
  scope(() => {
    for (const plan of plans) apply(plan);
  });
}

function readOptions<H extends object>(
  stored: StoredGroup,
  group: ParamGroup<H>,
  check: (options: H) => void,
  where: string,
  problems: string[],
): H {
  const names = Object.keys(group.options);
  const found = names.filter((name) => name in stored).map((name) => [name, stored[name]]);
  const options = { ...group.options, ...Object.fromEntries(found) } as H;
  try {
    check(options);
    if (!(stored.lr >= 0)) throw new ConfigError(`lr must be a number ≥ 0, got ${stored.lr}`);
  } catch (error) {
    problems.push(`${where}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return options;
}

function planCopies(
  own: Readonly<Record<string, Tensor>>,
  stored: Readonly<Record<string, Tensor>>,
  number: number,
  problems: string[],
): (readonly [Tensor, Tensor])[] {
  // No entry at all: the parameter has not been updated yet, its state stays zero.
  if (Object.keys(stored).length === 0) {
    return Object.values(own).map((to) => [to, zerosLike(to)] as const);
  }
  return Object.entries(own).flatMap(([name, to]) => {
    const from = stored[name];
    // A copy that does not round to the parameter is renewed by the next step.
    if (from === undefined && name === "master_param") return [[to, zerosLike(to)] as const];
    if (from === undefined) problems.push(`parameter ${number}: ${name} is missing`);
    else if (String(from.shape) !== String(to.shape)) {
      problems.push(
        `parameter ${number}: ${name} has shape [${from.shape.join(", ")}] for [${to.shape.join(", ")}]`,
      );
    } else return [[to, from] as const];
    return [];
  });
}

function readStep(stored: Readonly<Record<string, Tensor>> | undefined): Tensor | undefined {
  if (stored === undefined) return undefined;
  return stored.step ?? (Object.keys(stored).length > 0 ? tensor(1) : undefined);
}

function apply<H extends object>({ group, stored, options, copies, steps }: Plan<H>): void {
  for (const [to, from] of copies) to.assign(from.to(to.device).to(to.dtype));
  const { dtype, device } = group.steps;
  const entries = steps.map((step) => (step ?? tensor(0)).to(device).to(dtype).reshape([]));
  group.steps.assign(stack(entries));
  group.options = options;
  group.restoreMomentum();
  group.initialLr = typeof stored.initialLr === "number" ? stored.initialLr : stored.lr;
  group.lr = stored.lr;
}
