import { CheckpointError, ConfigError } from "../base/errors.ts";
import { zeros } from "../tensor/factories.ts";
import { persistent, scope } from "../tensor/memory.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireInRange } from "./checks.ts";

/** What can be averaged: tensors by name, or a module, which has them. */
export type Averageable = Readonly<Record<string, Tensor>> | WithState;

/** Something that has tensors by name, as a module does. */
export interface WithState {
  /** The live tensors. */
  stateDict(): Readonly<Record<string, Tensor>>;
}

/** How an average moves, from itself, the new value and the number of values it holds (f32 scalar). */
export type AverageRule = (average: Tensor, value: Tensor, count: Tensor) => Tensor;

/** Options of {@link AveragedModel}. */
export interface AveragedModelOptions {
  /** @defaultValue {@link getSwaAvgFn} */
  readonly avgFn?: AverageRule;
  /**
   * Averages every float of the state, running statistics too; otherwise tensors without
   * `requiresGrad` are copied. @defaultValue false
   */
  readonly useBuffers?: boolean;
}

/** Exponential moving average: $a ← d·a + (1-d)·x$. @throws {ConfigError} unless 0 ≤ decay ≤ 1. */
export function getEmaAvgFn(decay: number = 0.999): AverageRule {
  requireInRange("getEmaAvgFn", "decay", decay, { min: 0, max: 1 });
  return (average, value) => average.add(value.sub(average).mul(1 - decay));
}

/** The mean of all values: $a ← a + (x - a)/(n + 1)$. */
export function getSwaAvgFn(): AverageRule {
  return (average, value, count) => average.add(value.sub(average).div(count.add(1)));
}

/**
 * A running average of a model's weights. `update` records in-place updates, so it may stand in the
 * jitted step, after the optimizer's. To evaluate the averaged model, load `stateDict()` into a second
 * model of the same class, or use `swap` around the evaluation.
 *
 * Averages are kept in f32 (f64 for f64), so that f16 and bf16 weights average without stalling. The
 * first update copies. Differs from PyTorch: it holds tensors instead of a copy of the module.
 * @see Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization",
 * https://arxiv.org/abs/1803.05407
 * @example
 * const averaged = new AveragedModel(model, { avgFn: getEmaAvgFn(0.999) });
 * // after optimizer.step(grads):
 * averaged.update(model);
 */
export class AveragedModel {
  readonly #averages: ReadonlyMap<string, Tensor>;
  readonly #dtypes: ReadonlyMap<string, Tensor["dtype"]>;
  readonly #copied: ReadonlySet<string>;
  readonly #rule: AverageRule;
  readonly #count: Tensor;

  /** @throws {ConfigError} if there is nothing to average. */
  constructor(source: Averageable, options: AveragedModelOptions = {}) {
    const { avgFn = getSwaAvgFn(), useBuffers = false } = options;
    const tensors = Object.entries(tensorsOf(source));
    if (tensors.length === 0) {
      throw new ConfigError("AveragedModel: at least one tensor is needed, got none");
    }
    const isAveraged = (tensor: Tensor): boolean =>
      isFloat(tensor) && (useBuffers || tensor.requiresGrad || !hasGradients(tensors));
    const { device } = tensors[0][1];
    this.#rule = avgFn;
    this.#copied = new Set(tensors.filter(([, one]) => !isAveraged(one)).map(([name]) => name));
    this.#dtypes = new Map(tensors.map(([name, { dtype }]) => [name, dtype]));
    this.#count = persistent(() => zeros([], { dtype: "f32", device }));
    this.#averages = new Map(
      tensors.map(([name, tensor]) => {
        const dtype = isAveraged(tensor) && tensor.dtype !== "f64" ? "f32" : tensor.dtype;
        return [name, persistent(() => tensor.detach().to(dtype).clone())] as const;
      }),
    );
  }

  /** Takes the model's present weights into the average. @throws {ConfigError} if names differ. */
  update(source: Averageable): void {
    const tensors = tensorsOf(source);
    const known = this.#averages;
    if (
      Object.keys(tensors).length !== known.size ||
      !Object.keys(tensors).every((n) => known.has(n))
    ) {
      throw new ConfigError("AveragedModel: the model must have the tensors it was made with");
    }
    scope(() => {
      const isFirst = this.#count.eq(0);
      for (const [name, average] of known) {
        const value = tensors[name].detach().to(average.dtype);
        if (this.#copied.has(name)) average.assign(value);
        else {
          const next = this.#rule(average, value, this.#count.to(average.dtype));
          average.assign(value.where(isFirst, next));
        }
      }
      this.#count.assign(this.#count.add(1));
    });
  }

  /** Number of updates so far. */
  async nAveraged(): Promise<number> {
    return this.#count.item();
  }

  /** The averaged weights under the model's names and in its dtypes, for `model.loadStateDict`. */
  stateDict(): Record<string, Tensor> {
    return Object.fromEntries(
      [...this.#averages].map(([name, average]) => [
        name,
        average.to(this.#dtypes.get(name) ?? average.dtype),
      ]),
    );
  }

  /**
   * Exchanges the model's weights with the averaged ones; once more, and both are back. In f16 and
   * bf16 the average is rounded by it.
   */
  swap(source: Averageable): void {
    const tensors = tensorsOf(source);
    scope(() => {
      for (const [name, average] of this.#averages) {
        const [mine, theirs] = [average.to(tensors[name].dtype), tensors[name].detach().clone()];
        tensors[name].assign(mine);
        average.assign(theirs.to(average.dtype));
      }
    });
  }

  /** All that `loadState` needs to go on: the averages in full precision, and their number. */
  state(): Record<string, Tensor> {
    const averages = [...this.#averages].map(([name, one]) => [`module.${name}`, one] as const);
    return Object.fromEntries([["n_averaged", this.#count], ...averages]);
  }

  /** Goes on from {@link state}. @throws {CheckpointError} if a tensor is missing or of another shape. */
  loadState(state: Readonly<Record<string, Tensor>>): void {
    const held = Object.entries(this.state());
    const problems = held
      .filter(([name, to]) => String(state[name]?.shape) !== String(to.shape))
      .map(([name]) => name);
    if (problems.length > 0) {
      throw new CheckpointError(
        `AveragedModel: the state must fit the model, got none or another shape for ${problems.join(", ")}`,
      );
    }
    scope(() => {
      for (const [name, to] of held) to.assign(state[name].to(to.device).to(to.dtype));
    });
  }

  /** Frees the averages. */
  dispose(): void {
    for (const average of this.#averages.values()) average.dispose();
    this.#count.dispose();
  }
}

function tensorsOf(source: Averageable): Readonly<Record<string, Tensor>> {
  if (typeof source.stateDict !== "function") return source as Readonly<Record<string, Tensor>>;
  return source.stateDict();
}

const isFloat = ({ dtype }: Tensor): boolean => ["f64", "f32", "f16", "bf16"].includes(dtype);

/** Whether requiresGrad tells parameters from buffers; in plain records it is often unset. */
const hasGradients = (tensors: readonly (readonly [string, Tensor])[]): boolean =>
  tensors.some(([, tensor]) => tensor.requiresGrad);
