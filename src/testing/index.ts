/**
 * Checks for tests: closeness of tensors, gradients against finite differences.
 *
 * @module
 */
export type { CloseOptions, CloseReport, Comparable, Tolerance } from "./close.ts";
export { allClose, assertClose, compareNumbers, defaultTolerances } from "./close.ts";
export type { GradcheckOptions, TensorFunction } from "./gradcheck.ts";
export { gradcheck, gradgradcheck } from "./gradcheck.ts";
