import { ConfigError, UsageError } from "../base/errors.ts";
import type { DeviceName } from "../engine/devices.ts";
import { resolveDevice } from "../engine/devices.ts";
import { cast } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";

/** Dtypes {@link autocast} computes products in. */
export type AutocastDType = "bf16" | "f16";

/** Options of {@link autocast}. */
export interface AutocastOptions {
  /** Dtype of products, convolutions and attention. @defaultValue "bf16" */
  readonly dtype?: AutocastDType;
  /** `false` switches an outer region off inside. @defaultValue true */
  readonly enabled?: boolean;
  /** The region holds for tensors on this device only. @defaultValue all devices */
  readonly device?: DeviceName;
}

/** A call of {@link autocast} that is running. */
interface Region {
  /** Undefined where it is switched off. */
  readonly dtype: AutocastDType | undefined;
  /** Undefined for all devices. */
  readonly device: DeviceName | undefined;
  readonly outer: Region | undefined;
  readonly key: string;
}

/** A tensor as this module sees it. */
interface Handle {
  readonly node: Node;
  readonly device: DeviceName;
}

let current: Region | undefined;

function runIn<R>(region: Region | undefined, fn: () => R): R {
  const before = current;
  current = region;
  try {
    return fn();
  } finally {
    current = before;
  }
}

/**
 * Runs `fn` in mixed precision: operations choose their dtype by what it does to them, with the
 * operation lists of torch's autocast for CUDA.
 *
 * - matmul, linear, convolutions, einsum, attention, recurrent cells and prelu take floats as `dtype`
 *   and return it.
 * - exp, log, pow, sums, norms, softmax, normalisation layers over rows or groups, losses,
 *   interpolation and the like take f16 and bf16 as f32 and return f32.
 * - All others compute in what they are given; operands of several dtypes meet in the widest.
 *
 * Parameters stay as they are: they are cast where they are used, once per program, and their
 * gradients arrive in their own dtype. f64 is left alone. Regions nest, the innermost one for a
 * device counts. `fn` may be inside `jit` or call jitted functions, which compile once per precision.
 *
 * `grad` may be inside or outside: gradients follow the dtypes of the forward pass.
 * @throws {ConfigError} for another dtype; {UsageError} if `fn` is asynchronous.
 * @example
 * const loss = autocast({ dtype: "bf16" }, () => nn.functional.crossEntropy(model.forward(x), y));
 */
export function autocast<R>(options: AutocastOptions, fn: () => R): R {
  const { dtype = "bf16", enabled = true, device } = options;
  if (dtype !== "bf16" && dtype !== "f16") {
    throw new ConfigError(`autocast: dtype must be "bf16" or "f16", got "${String(dtype)}"`);
  }
  const place = device === undefined ? undefined : resolveDevice(device);
  const what = enabled ? dtype : "off";
  const key = `${current?.key ?? ""}/${place === undefined ? what : `${what}@${place}`}`;
  // What is inside a region for all devices sees nothing of those around it.
  const own = place === undefined ? `/${what}` : key;
  const region = { dtype: enabled ? dtype : undefined, device: place, outer: current, key: own };
  const result = runIn(region, fn);
  if (result instanceof Promise) {
    result.catch(() => undefined);
    throw new UsageError(
      "autocast: the function must return at once, got a promise; compute inside, and await outside",
    );
  }
  return result;
}

/** Whether operations on a device run in mixed precision here. @defaultValue the default device */
export function isAutocastEnabled(device?: DeviceName): boolean {
  return autocastDType(device) !== undefined;
}

/** The dtype of products on a device here; undefined outside of regions. */
export function autocastDType(device?: DeviceName): AutocastDType | undefined {
  return current === undefined ? undefined : dtypeOn(resolveDevice(device));
}

function dtypeOn(device: DeviceName): AutocastDType | undefined {
  for (let region = current; region !== undefined; region = region.outer) {
    if (region.device === undefined || region.device === device) return region.dtype;
  }
  return undefined;
}

/** What the regions around come to, as text: equal texts mean equal dtypes. @internal */
export function autocastKey(): string {
  return current?.key ?? "";
}

/** Runs code that has chosen its dtypes itself. @internal */
export function withoutAutocast<R>(fn: () => R): R {
  return current === undefined ? fn() : runIn(undefined, fn);
}

/** An operand of a product: in the region's dtype, if it is a float no wider than f32. @internal */
export function lower(x: Handle): Node {
  const dtype = current && dtypeOn(x.device);
  const { node } = x;
  const isNarrow = node.dtype === "f32" || node.dtype === "f16" || node.dtype === "bf16";
  return dtype === undefined || !isNarrow ? node : cast(node, dtype);
}

/** An operand of what needs range and accuracy: f16 and bf16 as f32 in a region. @internal */
export function widen(x: Handle): Node {
  const { node } = x;
  const isHalf = node.dtype === "f16" || node.dtype === "bf16";
  return isHalf && current && dtypeOn(x.device) !== undefined ? cast(node, "f32") : node;
}

/** @throws {UsageError} in a region of f16, whose range does not hold the loss's logarithms. @internal */
export function refuseInHalf(op: string, advice: string, x: Handle): void {
  if (current === undefined || dtypeOn(x.device) !== "f16") return;
  throw new UsageError(`${op}: is not safe in autocast of f16; ${advice}`);
}
