export { Pcg64 } from "../base/pcg64.ts";
export type { Pcg64State, Seed } from "../base/pcg64.ts";
export type { EnvSpec } from "./env-spec.ts";
export { Env } from "./env.ts";
export type { Info, Reset, ResetOptions, Step } from "./env.ts";
export type { Frame, RenderMode } from "./frame.ts";
export type { Space, SpaceKind } from "./space.ts";
export type { Rows, Transitions } from "./transitions.ts";
export type { Batch, NumericArray } from "./vector/batch.ts";
export type { VectorEnvOptions } from "./vector/sync-vector-env.ts";
export { SyncVectorEnv } from "./vector/sync-vector-env.ts";
export type { TransitionSource } from "./vector/transitions-of.ts";
export { rowSize, rowsOf, transitionsOf } from "./vector/transitions-of.ts";
export type {
  AutoresetMode,
  VectorEnv,
  VectorRender,
  VectorReset,
  VectorResetOptions,
  VectorStep,
} from "./vector/vector-env.ts";
export type { VectorInfo } from "./vector/vector-info.ts";
export { infoOf } from "./vector/vector-info.ts";
