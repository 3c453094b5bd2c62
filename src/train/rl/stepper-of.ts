import { Env } from "../../rl/env.ts";
import type { VectorEnv } from "../../rl/vector/vector-env.ts";
import type { EnvStepper } from "./env-stepper.ts";
import { LocalEnvs } from "./local-envs.ts";
import { VectorStepper } from "./vector-stepper.ts";

/** Environments to learn from: one, several of this thread, or a vector of them. */
export type LearnEnv = Env | readonly Env[] | VectorEnv;

/** What drives them. */
export function stepperOf(env: LearnEnv): EnvStepper {
  if (env instanceof Env) return new LocalEnvs([env]);
  if (Array.isArray(env)) return new LocalEnvs(env as readonly Env[]);
  return new VectorStepper(env as VectorEnv);
}
