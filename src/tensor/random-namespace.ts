/** Draws of random numbers, the namespace `random`. */
export * from "./random.ts";
export type { DrawOptions } from "./random-rejection.ts";
export { poisson } from "./random-rejection.ts";
