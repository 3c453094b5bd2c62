import { ConfigError, DTypeError, ShapeError } from "../../base/errors.ts";
import { range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import type { ConvAttrs } from "../../ir/ops.ts";
import { formatShape } from "../../ir/shape.ts";
import type { Sizes } from "./spatial.ts";
import { perDim, withBatch } from "./spatial.ts";

/** Geometry of a convolution. */
export interface ConvOptions {
  /** @defaultValue 1 */
  readonly stride?: Sizes;
  /** Zeros around the input; `"same"` keeps its size at stride 1. @defaultValue 0 */
  readonly padding?: Sizes | "same" | "valid";
  /** Distance of the kernel's taps. @defaultValue 1 */
  readonly dilation?: Sizes;
  /** Blocks of channels that do not mix. @defaultValue 1 */
  readonly groups?: number;
}

const kernelNames = ["kL", "kH, kW", "kD, kH, kW"];

function checkOperands(
  op: string,
  dims: number,
  x: Node,
  weight: Node,
  bias: Node | null | undefined,
  roles: {
    readonly wanted: string;
    readonly channels: number;
    readonly out: number;
    readonly groups: number;
  },
): void {
  if (weight.shape.length !== dims + 2) {
    throw new ShapeError(
      `${op}: weight must be [${roles.wanted}, ${kernelNames[dims - 1]}], got ${formatShape(weight.shape)}`,
    );
  }
  if (x.dtype !== weight.dtype || !isFloat(x.dtype)) {
    throw new DTypeError(
      `${op}: x and weight must have one float dtype, got ${x.dtype} and ${weight.dtype}; cast one`,
    );
  }
  const { groups } = roles;
  if (!Number.isInteger(groups) || groups < 1) {
    throw new ConfigError(`${op}: groups must be an integer ≥ 1, got ${groups}`);
  }
  if (x.shape[1] !== roles.channels) {
    throw new ShapeError(
      `${op}: x must have ${roles.channels} channels for weight ${formatShape(weight.shape)} and ` +
        `${groups} groups, got ${formatShape(x.shape)}`,
    );
  }
  if (weight.shape[0] % groups !== 0) {
    throw new ShapeError(
      `${op}: weight dim 0 must be a multiple of groups, got ${formatShape(weight.shape)} and ${groups}`,
    );
  }
  if (bias != null && (bias.shape.length !== 1 || bias.shape[0] !== roles.out)) {
    throw new ShapeError(`${op}: bias must be [${roles.out}], got ${formatShape(bias.shape)}`);
  }
}

function paddingOf(
  op: string,
  padding: Sizes | "same" | "valid",
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): { padLow: number[]; padHigh: number[] } {
  if (padding === "same") {
    if (stride.some((step) => step !== 1)) {
      throw new ConfigError(`${op}: padding "same" needs stride 1, got [${stride.join(", ")}]`);
    }
    const total = kernel.map((size, i) => dilation[i] * (size - 1));
    const padLow = total.map((n) => Math.floor(n / 2));
    return { padLow, padHigh: total.map((n, i) => n - padLow[i]) };
  }
  const sides = perDim(op, "padding", padding === "valid" ? 0 : padding, kernel.length, 0);
  return { padLow: sides, padHigh: sides };
}

function addBias(y: Node, bias: Node | null | undefined): Node {
  if (bias == null) return y;
  const column = ir.reshape(ir.cast(bias, y.dtype), [y.shape[1], ...y.shape.slice(2).fill(1)]);
  return ir.add(y, ir.broadcastTo(column, y.shape));
}

function convolve(
  dims: number,
  input: Node,
  weight: Node,
  bias: Node | null | undefined,
  options: ConvOptions,
): Node {
  const op = `conv${dims}d`;
  const { groups = 1, padding = 0 } = options;
  return withBatch(op, input, dims, (x) => {
    const channels = weight.shape[1] * groups;
    const roles = { wanted: "O, C/groups", channels, out: weight.shape[0], groups };
    checkOperands(op, dims, x, weight, bias, roles);
    const kernel = weight.shape.slice(2);
    const stride = perDim(op, "stride", options.stride ?? 1, dims, 1);
    const dilation = perDim(op, "dilation", options.dilation ?? 1, dims, 1);
    const { padLow, padHigh } = paddingOf(op, padding, kernel, stride, dilation);
    kernel.forEach((size, i) => {
      const padded = x.shape[i + 2] + padLow[i] + padHigh[i];
      if (dilation[i] * (size - 1) < padded) return;
      throw new ShapeError(
        `${op}: kernel must fit into the padded input, got kernel [${kernel.join(", ")}] with dilation ` +
          `[${dilation.join(", ")}] on ${formatShape(input.shape)} with padding [${padLow.join(", ")}]`,
      );
    });
    return addBias(ir.conv(x, weight, { stride, padLow, padHigh, dilation, groups }), bias);
  });
}

/** Cross-correlation. x [N, C, L], weight [O, C/groups, kL], bias [O] → [N, O, L']; N may be absent. */
export function conv1d(x: Node, weight: Node, bias?: Node | null, options: ConvOptions = {}): Node {
  return convolve(1, x, weight, bias, options);
}

/**
 * Cross-correlation. x [N, C, H, W], weight [O, C/groups, kH, kW], bias [O] → [N, O, H', W'] with
 * H' = ⌊(H + 2·padding − dilation·(kH − 1) − 1) / stride⌋ + 1; N may be absent.
 */
export function conv2d(x: Node, weight: Node, bias?: Node | null, options: ConvOptions = {}): Node {
  return convolve(2, x, weight, bias, options);
}

/** Cross-correlation over [N, C, D, H, W] with weight [O, C/groups, kD, kH, kW]; N may be absent. */
export function conv3d(x: Node, weight: Node, bias?: Node | null, options: ConvOptions = {}): Node {
  return convolve(3, x, weight, bias, options);
}

/** Geometry of a transposed convolution. */
export interface ConvTransposeOptions {
  /** @defaultValue 1 */
  readonly stride?: Sizes;
  /** Border cut off the result. @defaultValue 0 */
  readonly padding?: Sizes;
  /** Rows added at the far end of each dim, less than stride or dilation. @defaultValue 0 */
  readonly outputPadding?: Sizes;
  /** @defaultValue 1 */
  readonly groups?: number;
  /** @defaultValue 1 */
  readonly dilation?: Sizes;
}

function convTranspose(
  dims: number,
  input: Node,
  weight: Node,
  bias: Node | null | undefined,
  options: ConvTransposeOptions,
): Node {
  const op = `convTranspose${dims}d`;
  const { groups = 1 } = options;
  return withBatch(op, input, dims, (x) => {
    const out = weight.shape[1] * groups;
    const roles = { wanted: "C, O/groups", channels: weight.shape[0], out, groups };
    checkOperands(op, dims, x, weight, bias, roles);
    const stride = perDim(op, "stride", options.stride ?? 1, dims, 1);
    const dilation = perDim(op, "dilation", options.dilation ?? 1, dims, 1);
    const padding = perDim(op, "padding", options.padding ?? 0, dims, 0);
    const extra = perDim(op, "outputPadding", options.outputPadding ?? 0, dims, 0);
    if (extra.some((n, i) => n >= Math.max(stride[i], dilation[i]))) {
      throw new ConfigError(
        `${op}: outputPadding must be smaller than stride or dilation, got [${extra.join(", ")}], ` +
          `[${stride.join(", ")}] and [${dilation.join(", ")}]`,
      );
    }
    const full = range(dims).map(
      (i) => (x.shape[i + 2] - 1) * stride[i] + dilation[i] * (weight.shape[i + 2] - 1) + 1,
    );
    const sizes = full.map((size, i) => size - 2 * padding[i] + extra[i]);
    if (sizes.some((size) => size < 1)) {
      throw new ShapeError(
        `${op}: padding must leave a result, got [${padding.join(", ")}] for ${formatShape(input.shape)} ` +
          `and weight ${formatShape(weight.shape)}`,
      );
    }
    const attrs: ConvAttrs = { stride, padLow: padding, padHigh: padding, dilation, groups };
    // The forward convolution over `sizes` must give back x's sizes; otherwise crop a whole result.
    const isGradient = extra.every((n, i) => n < stride[i]);
    const y = isGradient
      ? ir.convInputGrad(x, weight, { ...attrs, sizes })
      : cropped(x, weight, attrs, full, sizes);
    return addBias(y, bias);
  });
}

function cropped(
  x: Node,
  weight: Node,
  attrs: ConvAttrs,
  full: readonly number[],
  sizes: readonly number[],
): Node {
  const none = full.map(() => 0);
  const whole = ir.convInputGrad(x, weight, { ...attrs, padLow: none, padHigh: none, sizes: full });
  const missing = sizes.map((size, i) => Math.max(0, attrs.padLow[i] + size - full[i]));
  const padded = ir.pad(whole, [0, 0, ...none], [0, 0, ...missing]);
  return ir.slice(padded, [0, 0, ...attrs.padLow], [...whole.shape.slice(0, 2), ...sizes]);
}

/** Transposed convolution. x [N, C, L], weight [C, O/groups, kL], bias [O]; N may be absent. */
export function convTranspose1d(
  x: Node,
  weight: Node,
  bias?: Node | null,
  options: ConvTransposeOptions = {},
): Node {
  return convTranspose(1, x, weight, bias, options);
}

/**
 * Transposed convolution. x [N, C, H, W], weight [C, O/groups, kH, kW], bias [O] → [N, O, H', W'] with
 * H' = (H − 1)·stride − 2·padding + dilation·(kH − 1) + outputPadding + 1; N may be absent.
 */
export function convTranspose2d(
  x: Node,
  weight: Node,
  bias?: Node | null,
  options: ConvTransposeOptions = {},
): Node {
  return convTranspose(2, x, weight, bias, options);
}

/** Transposed convolution over [N, C, D, H, W] with weight [C, O/groups, kD, kH, kW]. */
export function convTranspose3d(
  x: Node,
  weight: Node,
  bias?: Node | null,
  options: ConvTransposeOptions = {},
): Node {
  return convTranspose(3, x, weight, bias, options);
}
