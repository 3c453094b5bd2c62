import type {
  VectorEnv,
  VectorReset,
  VectorResetOptions,
  VectorStep,
} from "../../rl/vector/vector-env.ts";

/** What is needed of a vector environment to learn from it, whatever it shows and takes. */
export interface LearnVectorEnv extends Pick<
  VectorEnv,
  "numEnvs" | "autoresetMode" | "singleObservationSpace" | "singleActionSpace" | "spec"
> {
  /** Begins episodes. */
  reset(options?: VectorResetOptions): Promise<VectorReset>;
  /** Takes one action in each environment. */
  step(actions: ArrayLike<number>): Promise<VectorStep>;
  /** The same without a promise, where it can be done. */
  resetSync?(options?: VectorResetOptions): VectorReset;
  /** The same without a promise, where it can be done. */
  stepSync?(actions: ArrayLike<number>): VectorStep;
  /** Frees what the environments hold. */
  close(): Promise<void>;
}
