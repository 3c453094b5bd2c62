import { Env } from "../../rl/env.ts";
import type { EnvStepper } from "./env-stepper.ts";
import { LocalEnvs } from "./local-envs.ts";
import type { LearnVectorEnv } from "./learn-vector-env.ts";
import { VectorStepper } from "./vector-stepper.ts";

/** Environments to learn from: one, several of this thread, or a vector of them. */
export type LearnEnv = Env | readonly Env[] | LearnVectorEnv;

/** What drives them. */
export function stepperOf(env: LearnEnv): EnvStepper {
  if (env instanceof Env) return new LocalEnvs([env]);
  return "numEnvs" in env ? new VectorStepper(env) : new LocalEnvs(env);
}
