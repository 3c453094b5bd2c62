import { ConfigError } from "../../base/errors.ts";
import type { AthanorError } from "../../base/errors.ts";
import type { Env, Reset, ResetOptions } from "../env.ts";
import type { Seed } from "../../base/pcg64.ts";
import type { EnvSpec } from "../env-spec.ts";
import type { Space } from "../space.ts";
import { AutoresetEnv } from "./autoreset-env.ts";
import type { Outcome } from "./autoreset-env.ts";
import { batchSpace } from "./batch-space.ts";
import { requireBatch, rowOf } from "./batch.ts";
import type { Batch } from "./batch.ts";
import { callMethod } from "./call-method.ts";
import { envFailure } from "./env-failure.ts";
import { joinOutcomes, joinResets } from "./join-outcomes.ts";
import { maskOf, seedsOf } from "./seeds.ts";
import type {
  AutoresetMode,
  VectorEnv,
  VectorRender,
  VectorReset,
  VectorResetOptions,
  VectorStep,
} from "./vector-env.ts";
import {
  requireMode,
  requireNumEnvs,
  requireSameSpace,
  VectorLifecycle,
} from "./vector-lifecycle.ts";

/** Options of a vector environment. */
export interface VectorEnvOptions {
  /** What happens to an episode that ended. @defaultValue "NextStep" */
  readonly autoresetMode?: AutoresetMode;
}

/**
 * Several environments that step one after the other in the calling thread. It owns them: closing
 * it closes them, and so does an environment that throws.
 *
 * @example
 * const envs = new SyncVectorEnv([await make("Pendulum-v1"), await make("Pendulum-v1")]);
 * let { observations } = envs.resetSync({ seed: 0 });
 * ({ observations } = envs.stepSync(Float32Array.of(0.5, -0.5)));
 */
export class SyncVectorEnv<Observation = unknown, Action = unknown> implements VectorEnv<
  Observation,
  Action
> {
  readonly numEnvs: number;
  readonly autoresetMode: AutoresetMode;
  readonly singleObservationSpace: Space<Observation>;
  readonly singleActionSpace: Space<Action>;
  readonly observationSpace: Space<Batch<Observation>>;
  readonly actionSpace: Space<Batch<Action>>;
  readonly envs: readonly Env<Observation, Action>[];
  readonly #slots: readonly AutoresetEnv<Observation, Action>[];
  readonly #lifecycle: VectorLifecycle;
  readonly #observations: Observation[] = [];

  /**
   * @throws {ConfigError} without an environment, with one twice, or if their spaces differ.
   */
  constructor(envs: readonly Env<Observation, Action>[], options: VectorEnvOptions = {}) {
    requireNumEnvs("SyncVectorEnv", envs.length);
    if (new Set(envs).size < envs.length) {
      throw new ConfigError(
        "SyncVectorEnv: environments must be different objects, got one twice; make each of them",
      );
    }
    const [first] = envs;
    envs.forEach(({ observationSpace, actionSpace }, index) => {
      const check = requireSameSpace.bind(null, "SyncVectorEnv");
      check("observationSpace", index, first.observationSpace, observationSpace);
      check("actionSpace", index, first.actionSpace, actionSpace);
    });
    this.envs = [...envs];
    this.numEnvs = envs.length;
    this.autoresetMode = requireMode("SyncVectorEnv", options.autoresetMode ?? "NextStep");
    this.singleObservationSpace = first.observationSpace;
    this.singleActionSpace = first.actionSpace;
    this.observationSpace = batchSpace(this.singleObservationSpace, this.numEnvs);
    this.actionSpace = batchSpace(this.singleActionSpace, this.numEnvs);
    this.#slots = envs.map((env) => new AutoresetEnv(env, this.autoresetMode));
    this.#lifecycle = new VectorLifecycle("SyncVectorEnv", this.autoresetMode, this.numEnvs);
  }

  get spec(): EnvSpec | null {
    return this.envs[0].spec;
  }

  resetSync(options: VectorResetOptions = {}): VectorReset<Batch<Observation>> {
    const mask = maskOf("reset", options.resetMask, this.numEnvs);
    this.#lifecycle.requireResets(mask);
    const seeds = seedsOf("reset", options.seed, this.numEnvs);
    const resets = this.#slots.map((slot, index): Reset<Observation> | null => {
      if (mask[index] === 0) return null;
      const reset = this.#reset(slot, index, seeds[index], options.options);
      this.#observations[index] = reset.observation;
      return reset;
    });
    this.#lifecycle.afterReset(mask);
    return joinResets(this.singleObservationSpace, resets, this.#observations);
  }

  stepSync(actions: Batch<Action> | ArrayLike<number>): VectorStep<Batch<Observation>> {
    this.#lifecycle.requireReady();
    requireBatch("step", this.singleActionSpace, actions, this.numEnvs);
    const outcomes = this.#stepAll(actions as Batch<Action>);
    const step = joinOutcomes(this.singleObservationSpace, outcomes);
    this.#lifecycle.afterStep(step.terminated, step.truncated);
    return step;
  }

  reset(options: VectorResetOptions = {}): Promise<VectorReset<Batch<Observation>>> {
    return inPromise(() => this.resetSync(options));
  }

  step(actions: Batch<Action> | ArrayLike<number>): Promise<VectorStep<Batch<Observation>>> {
    return inPromise(() => this.stepSync(actions));
  }

  render(): Promise<VectorRender> {
    return inPromise(() => {
      this.#lifecycle.requireOpen();
      return this.envs.map((env) => env.render());
    });
  }

  call(method: string, ...args: readonly unknown[]): Promise<unknown[]> {
    this.#lifecycle.requireOpen();
    return Promise.all(this.envs.map((env) => callMethod(env, method, args)));
  }

  /** Closes every environment. @throws what the first one throws, after all were asked. */
  closeSync(): void {
    if (this.#lifecycle.isClosed) return;
    this.#lifecycle.closed();
    const failures: AthanorError[] = [];
    this.envs.forEach((env, index) => {
      try {
        env.close();
      } catch (error) {
        failures.push(envFailure("SyncVectorEnv", "close", index, error));
      }
    });
    if (failures.length > 0) throw failures[0];
  }

  close(): Promise<void> {
    return inPromise(() => this.closeSync());
  }

  /** As `closeSync`, for `using`. */
  [Symbol.dispose](): void {
    this.closeSync();
  }

  /** As `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #reset(
    slot: AutoresetEnv<Observation, Action>,
    index: number,
    seed: Seed | null,
    options: ResetOptions["options"],
  ): Reset<Observation> {
    try {
      return slot.reset({ ...(seed !== null && { seed }), ...(options && { options }) });
    } catch (error) {
      throw this.#failed("reset", index, error);
    }
  }

  #stepAll(actions: Batch<Action>): Outcome<Observation>[] {
    const outcomes: Outcome<Observation>[] = [];
    try {
      for (let index = 0; index < this.numEnvs; index++) {
        const outcome = this.#slots[index].step(rowOf(this.singleActionSpace, actions, index));
        this.#observations[index] = outcome.observation;
        outcomes.push(outcome);
      }
    } catch (error) {
      throw this.#failed("step", outcomes.length, error);
    }
    return outcomes;
  }

  /** If one environment throws, none of them can go on. */
  #failed(doing: string, index: number, cause: unknown): AthanorError {
    try {
      this.closeSync();
    } catch {
      // What closing says matters less than why it was necessary.
    }
    return envFailure("SyncVectorEnv", doing, index, cause);
  }
}

function inPromise<T>(run: () => T): Promise<T> {
  return new Promise((resolve) => resolve(run()));
}
