import { ConfigError, ShapeError } from "../base/errors.ts";
import { tensor, zeros } from "../tensor/factories.ts";
import { guard } from "../tensor/jit.ts";
import { persistent, scope } from "../tensor/memory.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { masterValue, stochasticRound } from "./half-precision.ts";
import type { ComputeDType, GroupInit } from "./param-group.ts";
import { ParamGroup, computeDTypeOf, scalarDType } from "./param-group.ts";
import type { OptimizerState } from "./state.ts";
import { readState, writeState } from "./state.ts";
import type { TorchOptimizerState } from "./torch-state.ts";
import { fromTorchState } from "./torch-state.ts";

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
  /** Whether this is the parameter's first update, a bool scalar. */
  readonly isFirst: Tensor;
}

/** How f16 and bf16 parameters are kept, and what happens when a gradient is not finite. */
export interface PrecisionOptions {
  /**
   * Leaves everything as it is, the step counts too, when any gradient holds NaN or an infinity; such
   * steps are counted by `skippedSteps`. @defaultValue false
   */
  readonly skipNonFinite?: boolean;
  /**
   * Keeps an f32 copy of each f16 or bf16 parameter, in the state as `master_param`, so that steps
   * smaller than half a unit in the last place add up. @defaultValue false
   */
  readonly masterWeights?: boolean;
  /**
   * Rounds f16 and bf16 parameters up or down at random, in proportion to the nearness, so that small
   * steps count on average, without memory for a copy. Draws from `random`. @defaultValue false
   */
  readonly stochasticRounding?: boolean;
}

/** Options of {@link Optimizer.step}. */
export interface StepOptions {
  /** A bool scalar: where it is true, the step leaves everything as it is. */
  readonly unless?: Tensor | undefined;
}

/** Options all optimizers share. */
export interface CommonOptions extends PrecisionOptions {
  /** Whether the loss is to grow. */
  readonly maximize: boolean;
}

/** The options of {@link CommonOptions}; those of {@link PrecisionOptions} only where they are on. */
export function commonOptions({
  maximize = false,
  skipNonFinite = false,
  masterWeights = false,
  stochasticRounding = false,
}: Partial<CommonOptions>): CommonOptions {
  return {
    maximize,
    ...(skipNonFinite && { skipNonFinite }),
    ...(masterWeights && { masterWeights }),
    ...(stochasticRounding && { stochasticRounding }),
  };
}

/**
 * Gives parameters new values from their gradients. All state is made at construction and updated
 * in place, so that `step` works alike inside `jit` and outside.
 */
export abstract class Optimizer<H extends CommonOptions = CommonOptions> {
  /** Name in errors. */
  protected readonly owner: string;
  readonly #defaults: H;
  readonly #lr: number;
  readonly #groups: ParamGroup<H>[] = [];
  readonly #states = new Map<Tensor, ParameterState>();
  #skipped: Tensor | undefined;

  /** @throws {ConfigError} if there are no parameters or one comes twice. */
  constructor(name: string, parameters: Parameters<H>, lr: number, defaults: H) {
    this.owner = name;
    this.#defaults = defaults;
    this.#lr = lr;
    for (const group of toGroups(parameters)) this.#add(group);
  }

  /** The groups; a jitted step is traced anew when there are more. */
  get paramGroups(): readonly ParamGroup<H>[] {
    guard(() => this.#groups.length);
    return this.#groups;
  }

  /** All parameters in the order `step` wants their gradients. */
  get parameters(): readonly Tensor[] {
    return this.paramGroups.flatMap((group) => group.params);
  }

  /**
   * Adds parameters with options of their own, for instance when layers are unfrozen. A schedule made
   * before keeps to the groups it knew.
   * @throws {ConfigError} as the constructor.
   */
  addParamGroup(group: GroupInit<H>): void {
    for (const one of toGroups<H>([group])) this.#add(one);
  }

  /** Names of the state tensors of a parameter. */
  protected abstract stateNames(options: H, parameter: Tensor): readonly string[];

  /** Shape of one state tensor; the parameter's unless overridden. All start at 0. */
  protected stateShape(_name: string, parameter: Tensor): readonly number[] {
    return parameter.shape;
  }

  /** @throws {ConfigError} if an option is out of range. */
  protected abstract checkOptions(options: H): void;

  /** @throws {ConfigError | ShapeError} if the optimizer cannot update such a parameter. */
  protected checkParameter(_parameter: Tensor): void {}

  /**
   * Scalars that all parameters of a group share, computed once per step: one entry per parameter.
   * `steps` counts this step and is f64, as is `group.rate`.
   */
  protected abstract prepare(group: ParamGroup<H>, steps: Tensor): readonly Tensor[];

  /** Records the new state and returns the new value of one parameter. */
  protected abstract update(update: Update<H>, shared: readonly Tensor[]): Tensor;

  /**
   * Updates every parameter. Inside `jit` the updates happen when the call has succeeded; outside
   * they are computed with the next tensor that is read.
   * @param gradients - in the order of `parameters`; parameters whose entry is null stay as they
   *   are, with their state.
   * @param options - a condition under which nothing happens; {@link GradScaler} has one.
   * @throws {ShapeError} if a gradient is missing or has another shape.
   */
  step(gradients: readonly (Tensor | null)[], { unless }: StepOptions = {}): void {
    const groups = this.paramGroups;
    this.#requireGradients(gradients);
    scope(() => {
      const isFinite = this.#mayStep(gradients);
      const isWanted = unless?.logicalNot();
      let first = 0;
      for (const group of groups) {
        const own = gradients.slice(first, first + group.params.length);
        const finite = group.options.skipNonFinite === true ? isFinite : undefined;
        this.#stepGroup(group, own, bothOf(finite, isWanted));
        first += group.params.length;
      }
    });
  }

  /** Number of steps that `skipNonFinite` has skipped since the optimizer was made. */
  async skippedSteps(): Promise<number> {
    return this.#skipped === undefined ? 0 : this.#skipped.item();
  }

  /**
   * The state in PyTorch's layout and names: `state[i]` holds the tensors of parameter i. They are
   * the live tensors, except `step`. {@link toTorchState} gives the groups PyTorch's spelling too.
   */
  stateDict(): OptimizerState {
    return writeState(this.paramGroups, (parameter) => this.stateOf(parameter));
  }

  /**
   * Restores a state bit for bit, with the groups' options; also one that PyTorch wrote.
   * @throws {CheckpointError} naming all that does not fit; then nothing has changed.
   */
  loadStateDict(state: OptimizerState | TorchOptimizerState): void {
    readState(
      "param_groups" in state ? fromTorchState(state) : state,
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
    for (const group of this.#groups) group.dispose();
    this.#skipped?.dispose();
  }

  #add({ params, lr, options }: Group<H>): void {
    const name = this.owner;
    if (new Set(params).size !== params.length || params.some((one) => this.#states.has(one))) {
      throw new ConfigError(`${name}: a parameter must not come twice`);
    }
    const group = new ParamGroup<H>(name, params, lr ?? this.#lr, {
      ...this.#defaults,
      ...options,
    });
    this.checkOptions(group.options);
    for (const parameter of params) this.checkParameter(parameter);
    if (group.options.skipNonFinite === true) {
      const { device } = params[0];
      this.#skipped ??= persistent(() => zeros([], { dtype: scalarDType, device }));
    }
    for (const parameter of params) this.#states.set(parameter, this.#makeState(parameter, group));
    this.#groups.push(group);
  }

  #makeState(parameter: Tensor, { options }: ParamGroup<H>): ParameterState {
    const { device } = parameter;
    const dtype = computeDTypeOf(parameter);
    const names = [...this.stateNames(options, parameter)];
    const isNarrow = parameter.dtype !== dtype;
    return persistent(() =>
      Object.fromEntries([
        ...names.map((name) => {
          const shape = this.stateShape(name, parameter);
          return [name, zeros(shape, { dtype, device })] as const;
        }),
        ...(options.masterWeights === true && isNarrow
          ? [["master_param", zeros(parameter.shape, { dtype, device })] as const]
          : []),
      ]),
    );
  }

  /** Whether all gradients are finite, a bool scalar; undefined where nobody asks. */
  #mayStep(gradients: readonly (Tensor | null)[]): Tensor | undefined {
    const skipped = this.#skipped;
    if (skipped === undefined) return undefined;
    const finite = gradients
      .filter((gradient) => gradient !== null)
      .map((gradient) => gradient.isfinite().all().to(skipped.device))
      .reduce<Tensor | undefined>((all, one) => all?.logicalAnd(one) ?? one, undefined);
    if (finite === undefined) return undefined;
    skipped.assign(skipped.add(finite.logicalNot().to(skipped.dtype)));
    return finite;
  }

  #stepGroup(
    group: ParamGroup<H>,
    gradients: readonly (Tensor | null)[],
    mayStep: Tensor | undefined,
  ): void {
    if (gradients.every((gradient) => gradient === null)) return;
    const steps = group.steps.add(increments(group.steps, gradients));
    assignWhere(mayStep, group.steps, () => group.steps.assign(steps));
    const shared = group.hold(this.prepare(group, steps));
    const isFirst = group.steps.eq(1);
    gradients.forEach((gradient, index) => {
      if (gradient === null) return;
      const parameter = group.params[index];
      const state = this.stateOf(parameter);
      const dtype = computeDTypeOf(parameter);
      const wide = gradient.to(dtype);
      const run = (): void => {
        const value = masterValue(parameter, state.master_param);
        const next = this.update(
          {
            parameter,
            value,
            gradient: group.options.maximize ? wide.neg() : wide,
            state,
            group,
            index,
            dtype,
            isFirst: isFirst.select(0, index),
          },
          shared,
        );
        state.master_param?.assign(next);
        const isRandom = group.options.stochasticRounding === true;
        parameter.assign(isRandom ? stochasticRound(next, parameter) : next.to(parameter.dtype));
      };
      const held = [parameter, ...Object.values(state)];
      held.reduce<() => void>((inner, one) => () => assignWhere(mayStep, one, inner), run)();
    });
  }

  #requireGradients(gradients: readonly (Tensor | null)[]): void {
    const { parameters } = this;
    if (gradients.length !== parameters.length) {
      throw new ShapeError(
        `step: one gradient per parameter is needed, got ${gradients.length} for ` +
          `${parameters.length}; pass grad(loss, optimizer.parameters)`,
      );
    }
    gradients.forEach((gradient, i) => {
      const { shape } = parameters[i];
      if (gradient === null || String(gradient.shape) === String(shape)) return;
      throw new ShapeError(
        `step: a gradient must have its parameter's shape, got [${gradient.shape.join(", ")}] for ` +
          `[${shape.join(", ")}] at position ${i}`,
      );
    });
  }
}

/** Both conditions, as far as they are there. */
function bothOf(a: Tensor | undefined, b: Tensor | undefined): Tensor | undefined {
  return a === undefined || b === undefined ? (a ?? b) : a.logicalAnd(b.to(a.device));
}

/** Runs `update`, and gives `held` back its value from before where the condition does not hold. */
function assignWhere(condition: Tensor | undefined, held: Tensor, update: () => void): void {
  if (condition === undefined) return update();
  const before = held.clone();
  update();
  held.assign(held.where(condition.to(held.device), before));
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

/** 1 for every parameter that has a gradient. */
function increments(steps: Tensor, gradients: readonly (Tensor | null)[]): Tensor | number {
  if (gradients.every((gradient) => gradient !== null)) return 1;
  const { dtype, device } = steps;
  return tensor(
    gradients.map((gradient) => (gradient === null ? 0 : 1)),
    { dtype, device },
  );
}
