import { ConfigError } from "../base/errors.ts";
import type { HostArray } from "../ir/dtype.ts";

/** How the values of the ranks are combined; `avg` is the sum divided by the number of ranks. */
export type ReduceOp = "sum" | "avg" | "max" | "min" | "prod";

export const reduceOps: readonly ReduceOp[] = ["sum", "avg", "max", "min", "prod"];

/** @throws {ConfigError} if it is no operation. */
export function requireReduceOp(name: string, op: string): asserts op is ReduceOp {
  if (reduceOps.some((known) => known === op)) return;
  throw new ConfigError(`${name}: op must be one of ${reduceOps.join(", ")}, got "${op}"`);
}

/** target[i] = target[i] op other[i]; a NaN of either side stays one. */
export function combine(op: ReduceOp, target: HostArray, other: HostArray): void {
  const { length } = target;
  switch (op) {
    case "sum":
    case "avg":
      if (target instanceof Float32Array && other instanceof Float32Array) {
        return addFloats(target, other);
      }
      for (let i = 0; i < length; i++) target[i] += other[i];
      return;
    case "prod":
      if (target instanceof Int32Array || target instanceof Uint32Array) {
        for (let i = 0; i < length; i++) target[i] = Math.imul(target[i], other[i]);
      } else for (let i = 0; i < length; i++) target[i] *= other[i];
      return;
    case "max":
      for (let i = 0; i < length; i++) target[i] = Math.max(target[i], other[i]);
      return;
    case "min":
      for (let i = 0; i < length; i++) target[i] = Math.min(target[i], other[i]);
      return;
    default:
      return op satisfies never;
  }
}

/** A loop of its own, so that it sees one type of array and stays fast. */
function addFloats(target: Float32Array, other: Float32Array): void {
  for (let i = 0; i < target.length; i++) target[i] += other[i];
}

/** Multiplies in place. */
export function scale(data: HostArray, factor: number): void {
  for (let i = 0; i < data.length; i++) data[i] *= factor;
}
