import { widen } from "../../tensor/autocast.ts";
import { gathersFast } from "../../tensor/device.ts";
import type { FoldOptions } from "../../tensor/ops/fold.ts";
import * as blocks from "../../tensor/ops/fold.ts";
import type { AffineGridOptions, GridSampleOptions } from "../../tensor/ops/grid-sample.ts";
import * as grids from "../../tensor/ops/grid-sample.ts";
import type { InterpolateOptions } from "../../tensor/ops/interpolate.ts";
import { interpolate as interpolateNode } from "../../tensor/ops/interpolate.ts";
import type { Sizes } from "../../tensor/ops/spatial.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { derive } from "../../tensor/tensor.ts";
import { unary } from "./apply.ts";

/**
 * Resizes the spatial dims of x [N, C, …S] to `size` or by `scaleFactor`, in every mode of torch.
 * `nearest` and `nearest-exact` take any dtype, the interpolating modes floats.
 * @throws {ConfigError | ShapeError | DTypeError} for options that do not go together.
 * @example interpolate(image, { scaleFactor: 2, mode: "bilinear" })
 */
export function interpolate(x: Tensor, options?: InterpolateOptions): Tensor {
  return derive([x], interpolateNode(widen(x), options, gathersFast(x.device)));
}

/**
 * Values of x [N, C, H, W] at the places `grid` [N, H', W', 2] names as (x, y) in −1 … 1, as
 * [N, C, H', W']; for 5 dims the grid is [N, D', H', W', 3]. Both get gradients.
 * @throws {ConfigError | ShapeError | DTypeError} for what torch refuses.
 * @example gridSample(image, affineGrid(theta, image.shape), { paddingMode: "border" })
 */
export function gridSample(x: Tensor, grid: Tensor, options?: GridSampleOptions): Tensor {
  return derive([x, grid], grids.gridSample(x.node, grid.node, options));
}

/**
 * Grid for {@link gridSample} of affine maps `theta` [N, 2, 3] over a result of `size`
 * [N, C, H, W] → [N, H, W, 2]; theta [N, 3, 4] over [N, C, D, H, W] → [N, D, H, W, 3].
 */
export const affineGrid: (
  theta: Tensor,
  size: readonly number[],
  options?: AffineGridOptions,
) => Tensor = unary(grids.affineGrid);

/** Sliding blocks of x [N, C, H, W] as columns [N, C · kH · kW, L] (im2col); N may be absent. */
export const unfold: (x: Tensor, kernelSize: Sizes, options?: FoldOptions) => Tensor = unary(
  blocks.unfoldBlocks,
);

/** Sums columns [N, C · kH · kW, L] into images of `outputSize` (col2im); N may be absent. */
export const fold: (
  x: Tensor,
  outputSize: Sizes,
  kernelSize: Sizes,
  options?: FoldOptions,
) => Tensor = unary(blocks.fold);
