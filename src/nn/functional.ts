/** Stateless neural-network operations, the namespace `nn.functional`. */
export * from "./functional/activation.ts";
export * from "./functional/convolution.ts";
export * from "./functional/dropout.ts";
export * from "./functional/linear.ts";
export * from "./functional/loss.ts";
export * from "./functional/normalization.ts";
export * from "./functional/pooling.ts";
