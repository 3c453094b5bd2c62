/** Stateless neural-network operations, the namespace `nn.functional`. */
export * from "./functional/activation.ts";
export * from "./functional/attention.ts";
export * from "./functional/convolution.ts";
export * from "./functional/ctc-loss.ts";
export * from "./functional/distance.ts";
export * from "./functional/dropout.ts";
export * from "./functional/embedding.ts";
export * from "./functional/fractional-pooling.ts";
export * from "./functional/linear.ts";
export * from "./functional/loss.ts";
export * from "./functional/normalization.ts";
export * from "./functional/pixel-shuffle.ts";
export * from "./functional/pooling.ts";
export * from "./functional/spatial.ts";
export type {
  EluOptions,
  GeluOptions,
  ShrinkOptions,
  SoftplusOptions,
} from "../tensor/ops/activation.ts";
export type { OutputSize } from "../tensor/ops/adaptive-pooling.ts";
export type { ConvOptions, ConvTransposeOptions } from "../tensor/ops/convolution.ts";
export type { FoldOptions } from "../tensor/ops/fold.ts";
export type {
  AffineGridOptions,
  GridPadding,
  GridSampleOptions,
} from "../tensor/ops/grid-sample.ts";
export type { InterpolateMode, InterpolateOptions } from "../tensor/ops/interpolate.ts";
export type { PadMode, PadOptions } from "../tensor/ops/joining.ts";
export type { Reduction } from "../tensor/ops/loss.ts";
export type { MaxUnpoolOptions } from "../tensor/ops/max-unpooling.ts";
export type { NormalizeOptions } from "../tensor/ops/normalization.ts";
export type { AvgPoolOptions, LpPoolOptions, MaxPoolOptions } from "../tensor/ops/pooling.ts";
export type { LocalResponseNormOptions } from "../tensor/ops/response-norm.ts";
export type { SoftmaxOptions } from "../tensor/ops/softmax.ts";
export type { Sizes } from "../tensor/ops/spatial.ts";
