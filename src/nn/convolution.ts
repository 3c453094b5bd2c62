import { ConfigError } from "../base/errors.ts";
import { zeros } from "../tensor/factories.ts";
import type { PadMode } from "../tensor/ops/joining.ts";
import type { Sizes } from "../tensor/ops/spatial.ts";
import type { Tensor } from "../tensor/tensor.ts";
import * as functional from "./functional/convolution.ts";
import type { ModuleOptions } from "./linear.ts";
import { resetWeightAndBias } from "./linear.ts";
import { Module, formatOptions } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** Options of {@link Conv1d}, {@link Conv2d} and {@link Conv3d}. */
export interface ConvModuleOptions extends ModuleOptions {
  /** @defaultValue 1 */
  readonly stride?: Sizes;
  /** Border around the input; `"same"` keeps its size at stride 1. @defaultValue 0 */
  readonly padding?: Sizes | "same" | "valid";
  /** What the border is filled with. @defaultValue "zeros" */
  readonly paddingMode?: "zeros" | Exclude<PadMode, "constant">;
  /** Distance of the kernel's taps. @defaultValue 1 */
  readonly dilation?: Sizes;
  /** Blocks of channels that do not mix. @defaultValue 1 */
  readonly groups?: number;
  /** @defaultValue true */
  readonly bias?: boolean;
}

/** Options of {@link ConvTranspose1d}, {@link ConvTranspose2d} and {@link ConvTranspose3d}. */
export interface ConvTransposeModuleOptions extends ModuleOptions {
  /** @defaultValue 1 */
  readonly stride?: Sizes;
  /** Border cut off the result. @defaultValue 0 */
  readonly padding?: Sizes;
  /** Rows added at the far end of each dim. @defaultValue 0 */
  readonly outputPadding?: Sizes;
  /** @defaultValue 1 */
  readonly dilation?: Sizes;
  /** @defaultValue 1 */
  readonly groups?: number;
  /** @defaultValue true */
  readonly bias?: boolean;
}

/** What one call of a transposed convolution may ask for. */
export interface OutputSizeOptions {
  /**
   * Spatial sizes of the result (or its whole shape): which of the inputs that the forward
   * convolution would shrink to x is meant. Replaces `outputPadding`.
   */
  readonly outputSize?: readonly number[] | null;
}

function perDim(owner: string, value: Sizes, dims: number): readonly number[] {
  const sizes = typeof value === "number" ? new Array<number>(dims).fill(value) : value;
  if (sizes.length === dims && sizes.every((size) => Number.isInteger(size) && size > 0)) {
    return sizes;
  }
  throw new ConfigError(
    `${owner}: kernelSize must be one positive integer or ${dims}, got [${sizes.join(", ")}]`,
  );
}

function requireChannels(owner: string, channels: readonly number[], groups: number): void {
  const isWhole = channels.every((n) => Number.isInteger(n) && n > 0 && n % groups === 0);
  if (isWhole && Number.isInteger(groups) && groups > 0) return;
  throw new ConfigError(
    `${owner}: inChannels and outChannels must be positive multiples of groups, ` +
      `got ${channels.join(" and ")} with groups ${groups}`,
  );
}

/** Weights of a convolution of one to three dims and their initialisation. */
abstract class Convolution extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly groups: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(
    channels: readonly [inChannels: number, outChannels: number],
    kernel: { readonly size: Sizes; readonly dims: number; readonly isTransposed: boolean },
    { groups = 1, bias = true, dtype, device }: ConvTransposeModuleOptions | ConvModuleOptions,
  ) {
    super();
    const owner = this.constructor.name;
    requireChannels(owner, channels, groups);
    [this.inChannels, this.outChannels] = channels;
    this.kernelSize = perDim(owner, kernel.size, kernel.dims);
    this.groups = groups;
    const [rows, columns] = kernel.isTransposed ? channels : channels.toReversed();
    const shape = [rows, columns / groups, ...this.kernelSize];
    this.weight = new Parameter(zeros(shape, { dtype, device }));
    this.bias = bias ? new Parameter(zeros([this.outChannels], { dtype, device })) : null;
    this.resetParameters();
  }

  /** Draws new weights. */
  resetParameters(): void {
    resetWeightAndBias(this.weight, this.bias);
  }

  /** Options as given, to print. */
  protected abstract readonly geometry: ConvTransposeModuleOptions | ConvModuleOptions;

  protected override extraRepr(): string {
    const { inChannels, outChannels, kernelSize } = this;
    const { dtype: _dtype, device: _device, ...shown } = this.geometry;
    return `${inChannels}, ${outChannels}, ${formatOptions({ kernelSize, ...shown })}`;
  }
}

abstract class ForwardConvolution extends Convolution {
  protected override readonly geometry: ConvModuleOptions;
  readonly #border: number[] | undefined;

  constructor(
    channels: readonly [number, number],
    kernelSize: Sizes,
    dims: number,
    options: ConvModuleOptions,
  ) {
    super(channels, { size: kernelSize, dims, isTransposed: false }, options);
    this.geometry = options;
    const { padding = 0, paddingMode = "zeros" } = options;
    if (paddingMode === "zeros" || padding === "valid") return;
    // Tensor.pad counts from the last dim.
    this.#border = this.#sides(padding).toReversed().flat();
  }

  /** [before, after] of each spatial dim. */
  #sides(padding: Sizes | "same"): readonly (readonly [number, number])[] {
    const { stride = 1, dilation = 1 } = this.geometry;
    const spread = (value: Sizes): readonly number[] =>
      typeof value === "number" ? this.kernelSize.map(() => value) : value;
    if (padding !== "same") return spread(padding).map((size) => [size, size]);
    if (spread(stride).some((step) => step !== 1)) {
      throw new ConfigError(
        `${this.constructor.name}: padding "same" needs stride 1, got [${spread(stride).join(", ")}]`,
      );
    }
    return this.kernelSize.map((size, i) => {
      const total = (size - 1) * spread(dilation)[i];
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    });
  }

  /** Applies a convolution of the right number of dims. */
  protected convolve(convolution: functional.Convolution, x: Tensor): Tensor {
    const { stride = 1, dilation = 1, padding = 0, paddingMode = "zeros" } = this.geometry;
    const { weight, bias, groups } = this;
    const geometry = { stride, dilation, groups };
    if (this.#border === undefined || paddingMode === "zeros") {
      return convolution(x, weight, bias, { ...geometry, padding });
    }
    return convolution(x.pad(this.#border, { mode: paddingMode }), weight, bias, geometry);
  }
}

/** Convolution over x [N, C, L]; weight [O, C/groups, k], bias [O]. */
export class Conv1d extends ForwardConvolution {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvModuleOptions = {},
  ) {
    super([inChannels, outChannels], kernelSize, 1, options);
  }

  /** @throws {ShapeError} if x has other channels or is smaller than the kernel. */
  forward(x: Tensor): Tensor {
    return this.convolve(functional.conv1d, x);
  }
}

/** Convolution over x [N, C, H, W]; weight [O, C/groups, kH, kW], bias [O]. */
export class Conv2d extends ForwardConvolution {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvModuleOptions = {},
  ) {
    super([inChannels, outChannels], kernelSize, 2, options);
  }

  /** @throws {ShapeError} if x has other channels or is smaller than the kernel. */
  forward(x: Tensor): Tensor {
    return this.convolve(functional.conv2d, x);
  }
}

/** Convolution over x [N, C, D, H, W]; weight [O, C/groups, kD, kH, kW], bias [O]. */
export class Conv3d extends ForwardConvolution {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvModuleOptions = {},
  ) {
    super([inChannels, outChannels], kernelSize, 3, options);
  }

  /** @throws {ShapeError} if x has other channels or is smaller than the kernel. */
  forward(x: Tensor): Tensor {
    return this.convolve(functional.conv3d, x);
  }
}

abstract class TransposedConvolution extends Convolution {
  protected override readonly geometry: ConvTransposeModuleOptions;

  constructor(
    channels: readonly [number, number],
    kernelSize: Sizes,
    dims: number,
    options: ConvTransposeModuleOptions,
  ) {
    super(channels, { size: kernelSize, dims, isTransposed: true }, options);
    this.geometry = options;
  }

  /** Rows to add at the far end of each dim for a result of these sizes. */
  #missing(x: Tensor, outputSize: readonly number[]): number[] {
    const { stride = 1, padding = 0, dilation = 1 } = this.geometry;
    const dims = this.kernelSize.length;
    const spread = (value: Sizes): readonly number[] =>
      typeof value === "number" ? this.kernelSize.map(() => value) : value;
    const least = this.kernelSize.map(
      (size, i) =>
        (x.size(i - dims) - 1) * spread(stride)[i] -
        2 * spread(padding)[i] +
        spread(dilation)[i] * (size - 1) +
        1,
    );
    const extra = outputSize.slice(-dims).map((size, i) => size - least[i]);
    const fits = outputSize.length === dims || outputSize.length === x.ndim;
    if (fits && extra.every((n, i) => n >= 0 && n < spread(stride)[i])) return extra;
    const most = least.map((size, i) => size + spread(stride)[i] - 1);
    throw new ConfigError(
      `${this.constructor.name}: outputSize must be from [${least.join(", ")}] to ` +
        `[${most.join(", ")}] for x [${x.shape.join(", ")}], got [${outputSize.join(", ")}]`,
    );
  }

  /** Applies a convolution of the right number of dims. */
  protected convolve(
    convolution: functional.TransposedConvolution,
    x: Tensor,
    { outputSize }: OutputSizeOptions,
  ): Tensor {
    const { stride = 1, padding = 0, dilation = 1 } = this.geometry;
    const { weight, bias, groups } = this;
    const outputPadding =
      outputSize == null ? (this.geometry.outputPadding ?? 0) : this.#missing(x, outputSize);
    return convolution(x, weight, bias, { stride, padding, outputPadding, dilation, groups });
  }
}

/** Transposed convolution over x [N, C, L]; weight [C, O/groups, k], bias [O]. */
export class ConvTranspose1d extends TransposedConvolution {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvTransposeModuleOptions = {},
  ) {
    super([inChannels, outChannels], kernelSize, 1, options);
  }

  /** @throws {ShapeError} if x has other channels or is smaller than the kernel. */
  forward(x: Tensor, options: OutputSizeOptions = {}): Tensor {
    return this.convolve(functional.convTranspose1d, x, options);
  }
}

/** Transposed convolution over x [N, C, H, W]; weight [C, O/groups, kH, kW], bias [O]. */
export class ConvTranspose2d extends TransposedConvolution {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvTransposeModuleOptions = {},
  ) {
    super([inChannels, outChannels], kernelSize, 2, options);
  }

  /** @throws {ShapeError} if x has other channels or is smaller than the kernel. */
  forward(x: Tensor, options: OutputSizeOptions = {}): Tensor {
    return this.convolve(functional.convTranspose2d, x, options);
  }
}

/** Transposed convolution over x [N, C, D, H, W]; weight [C, O/groups, kD, kH, kW], bias [O]. */
export class ConvTranspose3d extends TransposedConvolution {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvTransposeModuleOptions = {},
  ) {
    super([inChannels, outChannels], kernelSize, 3, options);
  }

  /** @throws {ShapeError} if x has other channels or is smaller than the kernel. */
  forward(x: Tensor, options: OutputSizeOptions = {}): Tensor {
    return this.convolve(functional.convTranspose3d, x, options);
  }
}
