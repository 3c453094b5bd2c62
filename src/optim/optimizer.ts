import { ConfigError, ShapeError } from "../base/errors.ts";
import { tensor, zeros } from "../tensor/factories.ts";
import { persistent, scope } from "../tensor/memory.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ComputeDType, GroupInit } from "./param-group.ts";
import { ParamGroup, computeDTypeOf } from "./param-group.ts";
import type { OptimizerState } from "./state.ts";
import { readState, writeState } from "./state.ts";

/** What an optimizer is made of: tensors, or groups of tensors with options of their own. */
export type Parameters<H> = Iterable<Tensor> | Iterable<GroupInit<H>>;

/** State tensors of one parameter, by PyTorch's names (`exp_avg`). */
export type ParameterState = Readonly<Record<string, Tensor>>;

/** What the update rule of one parameter works with. */
export interface Update<H> {
  readonly parameter: Tensor;
  /** The value of the parameter, in the dtype updates are computed in. */
  readonly value: Tensor;
  /** Its gradient, in the same dtype, already negated when maximizing. */
  readonly gradient: Tensor;
  readonly state: ParameterState;
  readonly group: ParamGroup<H & object>;
  /** Position in the group. */
  readonly index: number;
  readonly dtype: ComputeDType;
}

/** Options all optimizers share. */
export interface CommonOptions {
  /** Whether the loss is to grow. */
  readonly maximize: boolean;
}

/**
 * Gives parameters new values from their gradients. All state is made at construction and updated
 * in place, so that `step` works alike inside `jit` and outside.
 */
export abstract class Optimizer<H extends CommonOptions = CommonOptions> {
  readonly paramGroups: readonly ParamGroup<H>[];
  /** All parameters in the order `step` wants their gradients. */
  readonly parameters: readonly Tensor[];
  readonly #states = new Map<Tensor, ParameterState>();

  /** @throws {ConfigError} if there are no parameters or one comes twice. */
  constructor(name: string, parameters: Parameters<H>, lr: number, defaults: H) {
    this.paramGroups = toGroups(parameters).map(
      (group) =>
        new ParamGroup<H>(name, group.params, group.lr ?? lr, { ...defaults, ...group.options }),
    );
    this.parameters = this.paramGroups.flatMap((group) => group.params);
    if (new Set(this.parameters).size !== this.parameters.length) {
      throw new ConfigError(`${name}: a parameter must not come twice`);
    }
    for (const group of this.paramGroups) this.checkOptions(group.options);
    for (const group of this.paramGroups) {
      for (const parameter of group.params) {
        this.#states.set(parameter, makeState(parameter, this.stateNames(group.options)));
      }
    }
  }

  /** Names of the state tensors that have the parameter's shape. */
  protected abstract stateNames(options: H): readonly string[];

  /** @throws {ConfigError} if an option is out of range. */
  protected abstract checkOptions(options: H): void;

  /** Scalars that all parameters of a group share, computed once per step. */
  protected abstract prepare(group: ParamGroup<H>, steps: Tensor): readonly Tensor[];

  /** Records the new state and returns the new value of one parameter. */
  protected abstract update(update: Update<H>, shared: readonly Tensor[]): Tensor;

  /**
   * Updates every parameter. Inside `jit` the updates happen when the call has succeeded; outside
   * they are computed with the next tensor that is read.
   * @param gradients - in the order of `parameters`; parameters whose entry is null stay as they
   *   are, with their state.
   * @throws {ShapeError} if a gradient is missing or has another shape.
   */
  step(gradients: readonly (Tensor | null)[]): void {
    this.#requireGradients(gradients);
    scope(() => {
      let first = 0;
      for (const group of this.paramGroups) {
        this.#stepGroup(group, gradients.slice(first, first + group.params.length));
        first += group.params.length;
      }
    });
  }

  /**
   * The state in PyTorch's layout and names: `state[i]` holds the tensors of parameter i. They are
   * the live tensors, except `step`.
   */
  stateDict(): OptimizerState {
    return writeState(this.paramGroups, (parameter) => this.stateOf(parameter));
  }

  /**
   * Restores a state bit for bit, with the groups' options.
   * @throws {CheckpointError} naming all that does not fit; then nothing has changed.
   */
  loadStateDict(state: OptimizerState): void {
    readState(
      state,
      this.paramGroups,
      (parameter) => this.stateOf(parameter),
      (options) => this.checkOptions(options),
    );
  }

  /** State tensors of one parameter. */
  protected stateOf(parameter: Tensor): ParameterState {
    return this.#states.get(parameter) ?? {};
  }

  /** Frees the state. The parameters stay. */
  dispose(): void {
    for (const state of this.#states.values()) {
      for (const held of Object.values(state)) held.dispose();
    }
    for (const group of this.paramGroups) {
      group.rate.dispose();
      group.steps.dispose();
    }
  }

  #stepGroup(group: ParamGroup<H>, gradients: readonly (Tensor | null)[]): void {
    if (gradients.every((gradient) => gradient === null)) return;
    const steps = group.steps.add(increments(group.steps, gradients));
    group.steps.assign(steps);
    const shared = this.prepare(group, steps);
    gradients.forEach((gradient, index) => {
      if (gradient === null) return;
      const parameter = group.params[index];
      const dtype = computeDTypeOf(parameter);
      const wide = gradient.to(dtype);
      const next = this.update(
        {
          parameter,
          value: parameter.to(dtype),
          gradient: group.options.maximize ? wide.neg() : wide,
          state: this.stateOf(parameter),
          group,
          index,
          dtype,
        },
        shared,
      );
      parameter.assign(next.to(parameter.dtype));
    });
  }

  #requireGradients(gradients: readonly (Tensor | null)[]): void {
    if (gradients.length !== this.parameters.length) {
      throw new ShapeError(
        `step: one gradient per parameter is needed, got ${gradients.length} for ` +
          `${this.parameters.length}; pass grad(loss, optimizer.parameters)`,
      );
    }
    gradients.forEach((gradient, i) => {
      const { shape } = this.parameters[i];
      if (gradient === null || String(gradient.shape) === String(shape)) return;
      throw new ShapeError(
        `step: a gradient must have its parameter's shape, got [${gradient.shape.join(", ")}] for ` +
          `[${shape.join(", ")}] at position ${i}`,
      );
    });
  }
}

interface Group<H> {
  readonly params: readonly Tensor[];
  readonly lr: number | undefined;
  readonly options: Partial<H>;
}

function toGroups<H>(parameters: Parameters<H>): Group<H>[] {
  const tensors: Tensor[] = [];
  const groups: Group<H>[] = [];
  for (const item of parameters as Iterable<Tensor | GroupInit<H>>) {
    if (typeof item === "object" && item !== null && "params" in item) {
      const { params, lr, ...options } = item;
      groups.push({ params: [...params], lr, options: withoutUndefined(options) as Partial<H> });
    } else tensors.push(item);
  }
  if (groups.length === 0) return [{ params: tensors, lr: undefined, options: {} }];
  if (tensors.length === 0) return groups;
  throw new ConfigError(
    `optimizer: either tensors or groups are wanted, got ${tensors.length} tensors and ` +
      `${groups.length} groups; put every tensor into a group`,
  );
}

function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as T;
}

function makeState(parameter: Tensor, names: readonly string[]): ParameterState {
  const options = { dtype: computeDTypeOf(parameter), device: parameter.device };
  return persistent(() =>
    Object.fromEntries(names.map((name) => [name, zeros(parameter.shape, options)])),
  );
}

/** 1 for every parameter that has a gradient. */
function increments(steps: Tensor, gradients: readonly (Tensor | null)[]): Tensor | number {
  if (gradients.every((gradient) => gradient !== null)) return 1;
  const { dtype, device } = steps;
  return tensor(
    gradients.map((gradient) => (gradient === null ? 0 : 1)),
    { dtype, device },
  );
}
