/** Stateless neural-network operations, the namespace `nn.functional`. */
export * from "./functional/activation.ts";
export * from "./functional/convolution.ts";
export * from "./functional/dropout.ts";
export * from "./functional/linear.ts";
export * from "./functional/loss.ts";
export * from "./functional/normalization.ts";
export * from "./functional/pooling.ts";
export type {
  EluOptions,
  GeluOptions,
  ShrinkOptions,
  SoftplusOptions,
} from "../tensor/ops/activation.ts";
export type { ConvOptions, ConvTransposeOptions } from "../tensor/ops/convolution.ts";
export type { EmbeddingOptions } from "../tensor/ops/indexing.ts";
export type { PadMode, PadOptions } from "../tensor/ops/joining.ts";
export type { Reduction } from "../tensor/ops/loss.ts";
export type { NormalizeOptions } from "../tensor/ops/normalization.ts";
export type { AvgPoolOptions, MaxPoolOptions, OutputSize } from "../tensor/ops/pooling.ts";
export type { SoftmaxOptions } from "../tensor/ops/softmax.ts";
export type { Sizes } from "../tensor/ops/spatial.ts";
