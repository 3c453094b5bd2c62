import type { Info } from "./env.ts";

/** The info of steps that have none: one frozen object, so that a step need not make one. */
export const noInfo: Info = Object.freeze({});
