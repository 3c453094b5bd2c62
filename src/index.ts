/**
 * The public face of Athanor: tensors, transforms and errors.
 *
 * @module
 */
export * from "./base/errors.ts";
