import type { EnvSpec } from "../env-spec.ts";
import type { Space } from "../space.ts";
import type { WrapperSpaces } from "../wrappers/wrapper.ts";
import { batchSpace } from "./batch-space.ts";
import type { Batch } from "./batch.ts";
import type {
  AutoresetMode,
  VectorEnv,
  VectorRender,
  VectorReset,
  VectorResetOptions,
  VectorStep,
} from "./vector-env.ts";

/** Actions as a caller may give them. */
export type GivenActions<Action> = Batch<Action> | ArrayLike<number>;

/**
 * A vector environment around another one, which it changes in some respect: a subclass writes
 * what becomes of actions, of resets and of steps. It has `resetSync` and `stepSync` if the inner
 * one has.
 */
export abstract class VectorWrapper<
  Observation = unknown,
  Action = unknown,
  InnerObservation = Observation,
  InnerAction = Action,
> implements VectorEnv<Observation, Action> {
  /** The vector environment inside. */
  readonly env: VectorEnv<InnerObservation, InnerAction>;
  readonly numEnvs: number;
  readonly autoresetMode: AutoresetMode;
  readonly singleObservationSpace: Space<Observation>;
  readonly singleActionSpace: Space<Action>;
  readonly observationSpace: Space<Batch<Observation>>;
  readonly actionSpace: Space<Batch<Action>>;
  readonly spec: EnvSpec | null;
  readonly resetSync?: (options?: VectorResetOptions) => VectorReset<Batch<Observation>>;
  readonly stepSync?: (actions: GivenActions<Action>) => VectorStep<Batch<Observation>>;

  constructor(
    env: VectorEnv<InnerObservation, InnerAction>,
    spaces: WrapperSpaces<Observation, Action> = {},
  ) {
    this.env = env;
    this.numEnvs = env.numEnvs;
    this.autoresetMode = env.autoresetMode;
    this.spec = env.spec;
    // Where no other space is given, both types are one.
    this.singleObservationSpace =
      spaces.observationSpace ?? (env.singleObservationSpace as unknown as Space<Observation>);
    this.singleActionSpace =
      spaces.actionSpace ?? (env.singleActionSpace as unknown as Space<Action>);
    this.observationSpace = batchSpace(this.singleObservationSpace, this.numEnvs);
    this.actionSpace = batchSpace(this.singleActionSpace, this.numEnvs);
    if (env.resetSync !== undefined) {
      const inner = env.resetSync.bind(env);
      this.resetSync = (options = {}) => this.changeReset(inner(options), options);
    }
    if (env.stepSync !== undefined) {
      const inner = env.stepSync.bind(env);
      this.stepSync = (actions) => this.changeStep(inner(this.changeActions(actions)));
    }
  }

  async reset(options: VectorResetOptions = {}): Promise<VectorReset<Batch<Observation>>> {
    return this.changeReset(await this.env.reset(options), options);
  }

  async step(actions: GivenActions<Action>): Promise<VectorStep<Batch<Observation>>> {
    return this.changeStep(await this.env.step(this.changeActions(actions)));
  }

  render(): Promise<VectorRender> {
    return this.env.render();
  }

  call(method: string, ...args: readonly unknown[]): Promise<unknown[]> {
    return this.env.call(method, ...args);
  }

  close(): Promise<void> {
    return this.env.close();
  }

  /** Closes it, so that `await using` does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What the inner environment is given. */
  protected changeActions(actions: GivenActions<Action>): GivenActions<InnerAction> {
    return actions as unknown as GivenActions<InnerAction>;
  }

  /** What a reset returns. */
  protected changeReset(
    reset: VectorReset<Batch<InnerObservation>>,
    _options: VectorResetOptions,
  ): VectorReset<Batch<Observation>> {
    return reset as unknown as VectorReset<Batch<Observation>>;
  }

  /** What a step returns. */
  protected changeStep(step: VectorStep<Batch<InnerObservation>>): VectorStep<Batch<Observation>> {
    return step as unknown as VectorStep<Batch<Observation>>;
  }
}
