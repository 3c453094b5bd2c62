import * as ops from "../../tensor/ops/pixel-shuffle.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { unary } from "./apply.ts";

/** Channels become pixels: x [..., C·r², H, W] → [..., C, H·r, W·r]. */
export const pixelShuffle: (x: Tensor, upscaleFactor: number) => Tensor = unary(ops.pixelShuffle);

/** Pixels become channels: x [..., C, H·r, W·r] → [..., C·r², H, W]. */
export const pixelUnshuffle: (x: Tensor, downscaleFactor: number) => Tensor = unary(
  ops.pixelUnshuffle,
);

/** Interleaves groups of channels of x [N, C, …]. */
export const channelShuffle: (x: Tensor, groups: number) => Tensor = unary(ops.channelShuffle);
