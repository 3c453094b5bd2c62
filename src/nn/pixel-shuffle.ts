import type { Tensor } from "../tensor/tensor.ts";
import * as functional from "./functional/pixel-shuffle.ts";
import { Module, formatOptions } from "./module.ts";

/**
 * Channels become pixels: x [..., C·r², H, W] → [..., C, H·r, W·r].
 * @see Shi et al. 2016, https://arxiv.org/abs/1609.05158
 */
export class PixelShuffle extends Module {
  readonly upscaleFactor: number;

  constructor(upscaleFactor: number) {
    super();
    this.upscaleFactor = upscaleFactor;
  }

  /** @throws {ShapeError} if the channels are no multiple of upscaleFactor². */
  forward(x: Tensor): Tensor {
    return functional.pixelShuffle(x, this.upscaleFactor);
  }

  protected override extraRepr(): string {
    return formatOptions({ upscaleFactor: this.upscaleFactor });
  }
}

/** Pixels become channels, the inverse of {@link PixelShuffle}. */
export class PixelUnshuffle extends Module {
  readonly downscaleFactor: number;

  constructor(downscaleFactor: number) {
    super();
    this.downscaleFactor = downscaleFactor;
  }

  /** @throws {ShapeError} if height or width is no multiple of downscaleFactor. */
  forward(x: Tensor): Tensor {
    return functional.pixelUnshuffle(x, this.downscaleFactor);
  }

  protected override extraRepr(): string {
    return formatOptions({ downscaleFactor: this.downscaleFactor });
  }
}

/**
 * Interleaves groups of channels of x [N, C, …].
 * @see Zhang et al. 2017, https://arxiv.org/abs/1707.01083
 */
export class ChannelShuffle extends Module {
  readonly groups: number;

  constructor(groups: number) {
    super();
    this.groups = groups;
  }

  /** @throws {ShapeError} if the channels are no multiple of groups. */
  forward(x: Tensor): Tensor {
    return functional.channelShuffle(x, this.groups);
  }

  protected override extraRepr(): string {
    return formatOptions({ groups: this.groups });
  }
}
