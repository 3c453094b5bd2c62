export { Pcg64 } from "../base/pcg64.ts";
export type { Pcg64State, Seed } from "../base/pcg64.ts";
export type { EnvSpec } from "./env-spec.ts";
export { Env } from "./env.ts";
export type { Info, Reset, ResetOptions, Step } from "./env.ts";
export type { Frame, RenderMode } from "./frame.ts";
export type { Space, SpaceKind } from "./space.ts";
export type { Rows, Transitions } from "./transitions.ts";
