import { CheckpointError, UsageError } from "../base/errors.ts";
import { full } from "../tensor/factories.ts";
import { guard } from "../tensor/jit.ts";
import { persistent, scope } from "../tensor/memory.ts";
import type { TensorOptions } from "../tensor/tensor.ts";
import { Tensor } from "../tensor/tensor.ts";
import { requireInRange } from "./checks.ts";
import type { Optimizer } from "./optimizer.ts";

/** Options of {@link GradScaler}. */
export interface GradScalerOptions {
  /** Where the scale lives: the device of the loss. @defaultValue the default device */
  readonly device?: TensorOptions["device"];
  /** The first scale. @defaultValue 65536 */
  readonly initScale?: number;
  /** Factor of the scale after `growthInterval` good steps, > 1. @defaultValue 2 */
  readonly growthFactor?: number;
  /** Factor of the scale after a bad step, in (0, 1). @defaultValue 0.5 */
  readonly backoffFactor?: number;
  /** Good steps in a row before the scale grows. @defaultValue 2000 */
  readonly growthInterval?: number;
  /** `false` turns everything into what it would be without a scaler. @defaultValue true */
  readonly enabled?: boolean;
}

/** State of a {@link GradScaler} under torch's names; torch's own, with numbers, loads too. */
export interface GradScalerState {
  readonly scale: Tensor | number;
  readonly growth_factor: number;
  readonly backoff_factor: number;
  readonly growth_interval: number;
  readonly _growth_tracker: Tensor | number;
}

interface Factors {
  readonly growthFactor: number;
  readonly backoffFactor: number;
  readonly growthInterval: number;
}

/** What happened to an optimizer's gradients since the last update. */
type Stage = "unscaled" | "stepped";

type Gradients = readonly (Tensor | null)[];

function checkFactors(factors: Factors): Factors {
  const { growthFactor, backoffFactor, growthInterval } = factors;
  requireInRange("GradScaler", "growthFactor", growthFactor, { above: 1, below: Infinity });
  requireInRange("GradScaler", "backoffFactor", backoffFactor, { above: 0, below: 1 });
  requireInRange("GradScaler", "growthInterval", growthInterval, { min: 1, isInteger: true });
  return factors;
}

/**
 * Keeps gradients of f16 from vanishing: the loss is multiplied by a scale, the gradients divided by
 * it again. Steps whose gradients hold NaN or an infinity are skipped and make the scale smaller;
 * many good steps in a row make it larger. bf16 has the range of f32 and needs no scaler.
 *
 * Scale, check and decision stay on the device, so that all of it works inside `jit`. `scale`,
 * `unscale`, `step` and `update` of one training step belong into one function. DTypes: the scale is
 * f32, unscaled gradients are f32 (f64 for f64).
 * @see Micikevicius et al. 2018, "Mixed Precision Training", https://arxiv.org/abs/1710.03740
 * @example
 * const scaler = new GradScaler();
 * const step = jit((x: Tensor, y: Tensor) => {
 *   const loss = autocast({ dtype: "f16" }, () => lossOf(x, y));
 *   const grads = grad(scaler.scale(loss), optimizer.parameters);
 *   scaler.step(optimizer, clipGradNorm(scaler.unscale(optimizer, grads), 1).grads);
 *   scaler.update();
 *   return loss;
 * });
 */
export class GradScaler {
  readonly enabled: boolean;
  #factors: Factors;
  readonly #scale: Tensor;
  readonly #growthTracker: Tensor;
  /** Whether a gradient since the last update was not finite. */
  readonly #foundInf: Tensor;
  readonly #skipped: Tensor;
  readonly #stages = new Map<Optimizer, Stage>();

  /** @throws {ConfigError} if an option is out of range. */
  constructor(options: GradScalerOptions = {}) {
    const { device, initScale = 65536, enabled = true } = options;
    const { growthFactor = 2, backoffFactor = 0.5, growthInterval = 2000 } = options;
    requireInRange("GradScaler", "initScale", initScale, { above: 0, below: Infinity });
    this.enabled = enabled;
    this.#factors = checkFactors({ growthFactor, backoffFactor, growthInterval });
    const make = (value: number, dtype: "f32" | "i32" | "bool"): Tensor =>
      persistent(() => full([], value, { dtype, device }));
    this.#scale = make(initScale, "f32");
    this.#growthTracker = make(0, "i32");
    this.#foundInf = make(0, "bool");
    this.#skipped = make(0, "i32");
  }

  /** Options in force; a restored state may bring others. */
  get factors(): Factors {
    return guard(() => this.#factors);
  }

  /** The loss (or several) times the scale, in f32: f16 could not hold it. */
  scale(loss: Tensor): Tensor;
  scale(losses: readonly Tensor[]): Tensor[];
  scale(outputs: Tensor | readonly Tensor[]): Tensor | Tensor[] {
    if (outputs instanceof Tensor) {
      if (!this.enabled) return outputs;
      return (outputs.dtype === "f64" ? outputs : outputs.float()).mul(this.#scale);
    }
    return outputs.map((output) => this.scale(output));
  }

  /**
   * The gradients without the scale, f32, for whoever looks at them before the step: to clip them. An
   * entry that is null stays.
   * @throws {UsageError} if it was called for the optimizer before, since the last update.
   */
  unscale<T extends Tensor | null>(optimizer: Optimizer, gradients: readonly T[]): T[] {
    if (!this.enabled) return [...gradients];
    const before = this.#stages.get(optimizer);
    if (before !== undefined) {
      throw new UsageError(
        `GradScaler.unscale: may be called once per optimizer and update, got a second call after ` +
          `${before === "unscaled" ? "unscale" : "step"}; call update() at the end of each step`,
      );
    }
    this.#stages.set(optimizer, "unscaled");
    const inverse = this.#scale.to("f64").reciprocal().to("f32");
    const unscaled = gradients.map((gradient) => {
      if (gradient === null) return gradient;
      const wide = gradient.dtype === "f64" ? gradient : gradient.float();
      return wide.mul(inverse) as T;
    });
    this.#check(unscaled);
    return unscaled;
  }

  /**
   * `optimizer.step` of the gradients, divided by the scale first if {@link unscale} has not done so
   * since the last update. Where one is not finite, everything stays as it is.
   * @throws {UsageError} if it was called for the optimizer before, since the last update.
   */
  step(optimizer: Optimizer, gradients: Gradients): void {
    if (!this.enabled) return optimizer.step(gradients);
    const stage = this.#stages.get(optimizer);
    if (stage === "stepped") {
      throw new UsageError(
        "GradScaler.step: may be called once per optimizer and update, got a second call; call " +
          "update() at the end of each step",
      );
    }
    scope(() => {
      const ready = stage === "unscaled" ? gradients : this.unscale(optimizer, gradients);
      optimizer.step(ready, { unless: this.#foundInf });
    });
    this.#stages.set(optimizer, "stepped");
  }

  /**
   * Ends a step: the scale shrinks if a gradient was not finite, and grows after `growthInterval`
   * good steps, unless it would overflow.
   * @param newScale - replaces the scale instead.
   */
  update(newScale?: number | Tensor): void {
    if (!this.enabled) return;
    this.#stages.clear();
    scope(() => {
      const { growthFactor, backoffFactor, growthInterval } = this.factors;
      const [scale, bad] = [this.#scale, this.#foundInf];
      this.#skipped.assign(this.#skipped.add(bad.to("i32")));
      const count = this.#growthTracker.add(1);
      const isDue = count.ge(growthInterval);
      const grown = scale.mul(growthFactor);
      const kept = grown.where(isDue.logicalAnd(grown.isfinite()), scale);
      const next = newScale ?? scale.mul(backoffFactor).where(bad, kept);
      this.#growthTracker.assign(count.where(isDue.logicalOr(bad).logicalNot(), 0));
      scale.assign(typeof next === "number" ? next : next.to("f32"));
      bad.assign(0);
    });
  }

  /** The scale in force; 1 where the scaler is not enabled. */
  async getScale(): Promise<number> {
    return this.enabled ? this.#scale.item() : 1;
  }

  /** How many updates found gradients that were not finite, since the scaler was made. */
  async skippedSteps(): Promise<number> {
    return this.#skipped.item();
  }

  /** The state under torch's names; the tensors are the live ones. */
  stateDict(): GradScalerState {
    const { growthFactor, backoffFactor, growthInterval } = this.#factors;
    return {
      scale: this.#scale,
      growth_factor: growthFactor,
      backoff_factor: backoffFactor,
      growth_interval: growthInterval,
      _growth_tracker: this.#growthTracker,
    };
  }

  /**
   * Restores a state, also one of torch.
   * @throws {CheckpointError} if it is none; {ConfigError} if a value is out of range.
   */
  loadStateDict(state: GradScalerState): void {
    const { scale, _growth_tracker: tracker } = state;
    if (scale === undefined || tracker === undefined) {
      throw new CheckpointError(
        `GradScaler.loadStateDict: scale and _growth_tracker are needed, got ` +
          `${Object.keys(state).join(", ") || "nothing"}; a scaler that was not enabled has no state`,
      );
    }
    this.#factors = checkFactors({
      growthFactor: state.growth_factor,
      backoffFactor: state.backoff_factor,
      growthInterval: state.growth_interval,
    });
    const put = (target: Tensor, value: Tensor | number): void => {
      const fit = typeof value === "number" ? value : value.to(target.device).to(target.dtype);
      target.assign(fit instanceof Tensor ? fit.reshape([]) : fit);
    };
    put(this.#scale, scale);
    put(this.#growthTracker, tracker);
  }

  /** Frees the state. */
  dispose(): void {
    for (const held of [this.#scale, this.#growthTracker, this.#foundInf, this.#skipped]) {
      held.dispose();
    }
  }

  #check(gradients: Gradients): void {
    const start: Tensor = this.#foundInf;
    const found = gradients
      .filter((gradient) => gradient !== null)
      .map((gradient) => gradient.isfinite().all().logicalNot().to(start.device))
      .reduce((any, one) => any.logicalOr(one), start);
    if (found !== start) start.assign(found);
  }
}
