/**
 * Modules, losses and initialisers; stateless operations in `functional`.
 *
 * @module
 */
export type { PReLUOptions } from "./activation.ts";
export {
  CELU,
  ELU,
  GELU,
  GLU,
  Hardshrink,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  LeakyReLU,
  LogSigmoid,
  LogSoftmax,
  Mish,
  PReLU,
  ReLU,
  ReLU6,
  RReLU,
  SELU,
  Sigmoid,
  SiLU,
  Softmax,
  Softmax2d,
  Softmin,
  Softplus,
  Softshrink,
  Softsign,
  Tanh,
  Tanhshrink,
  Threshold,
} from "./activation.ts";
export type { AdaptiveLogSoftmaxOptions, AdaptiveLogSoftmaxResult } from "./adaptive-softmax.ts";
export { AdaptiveLogSoftmaxWithLoss } from "./adaptive-softmax.ts";
export type { AttentionCallOptions, MultiheadAttentionOptions } from "./attention.ts";
export { MultiheadAttention } from "./attention.ts";
export type { BatchNormModuleOptions } from "./batch-norm.ts";
export { BatchNorm1d, BatchNorm2d, BatchNorm3d } from "./batch-norm.ts";
export { ModuleDict, ModuleList, Sequential } from "./container.ts";
export type { ConvModuleOptions, ConvTransposeModuleOptions } from "./convolution.ts";
export {
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
} from "./convolution.ts";
export { CosineSimilarity, PairwiseDistance } from "./distance.ts";
export type { DropoutModuleOptions } from "./dropout.ts";
export { Dropout, Dropout1d, Dropout2d } from "./dropout.ts";
export type { EmbeddingModuleOptions } from "./embedding.ts";
export { Embedding } from "./embedding.ts";
export * as functional from "./functional.ts";
export * as init from "./init.ts";
export type { GroupNormOptions, LayerNormOptions, RMSNormOptions } from "./layer-norm.ts";
export { GroupNorm, LayerNorm, RMSNorm } from "./layer-norm.ts";
export type { LinearOptions, ModuleOptions } from "./linear.ts";
export { Linear } from "./linear.ts";
export {
  BCELoss,
  BCEWithLogitsLoss,
  CrossEntropyLoss,
  HuberLoss,
  KLDivLoss,
  L1Loss,
  MSELoss,
  NLLLoss,
  SmoothL1Loss,
} from "./loss.ts";
export {
  CosineEmbeddingLoss,
  CTCLoss,
  GaussianNLLLoss,
  HingeEmbeddingLoss,
  MarginRankingLoss,
  MultiLabelMarginLoss,
  MultiLabelSoftMarginLoss,
  MultiMarginLoss,
  PoissonNLLLoss,
  SoftMarginLoss,
  TripletMarginLoss,
  TripletMarginWithDistanceLoss,
} from "./margin-loss.ts";
export type { Layer, Member, MemberSlot } from "./module.ts";
export { Module } from "./module.ts";
export { Buffer, Parameter } from "./parameter.ts";
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
} from "./pooling.ts";
export type {
  LSTMOptions,
  RecurrentOptions,
  RNNOptions,
  SequenceOptions,
} from "./recurrent.ts";
export { GRU, LSTM, RNN } from "./recurrent.ts";
export type { RNNCellOptions } from "./recurrent-cell.ts";
export { GRUCell, LSTMCell, RNNCell } from "./recurrent-cell.ts";
export { Flatten, Identity, Unflatten } from "./shaping.ts";
export type { LoadReport, StateDict } from "./state-dict.ts";
export { snakeCase } from "./state-key.ts";
