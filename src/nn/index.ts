/**
 * Modules, losses and initialisers; stateless operations in `functional`.
 *
 * @module
 */
export type { DimOption, PReLUOptions } from "./activation.ts";
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
export type { AdaptiveMaxPoolOptions } from "./adaptive-pooling.ts";
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
} from "./adaptive-pooling.ts";
export type { AttentionCallOptions, MultiheadAttentionOptions } from "./attention.ts";
export { MultiheadAttention } from "./attention.ts";
export type { BatchNormModuleOptions } from "./batch-norm.ts";
export { BatchNorm1d, BatchNorm2d, BatchNorm3d } from "./batch-norm.ts";
export { Bilinear } from "./bilinear.ts";
export type { ChannelNormOptions } from "./channel-norm.ts";
export { ModuleDict, ModuleList, Sequential } from "./container.ts";
export type {
  ConvModuleOptions,
  ConvTransposeModuleOptions,
  OutputSizeOptions,
} from "./convolution.ts";
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
export {
  AlphaDropout,
  Dropout,
  Dropout1d,
  Dropout2d,
  Dropout3d,
  FeatureAlphaDropout,
} from "./dropout.ts";
export type { EmbeddingModuleOptions, PretrainedOptions } from "./embedding.ts";
export { Embedding } from "./embedding.ts";
export type { EmbeddingBagCallOptions, EmbeddingBagModuleOptions } from "./embedding-bag.ts";
export { EmbeddingBag } from "./embedding-bag.ts";
export { Fold, Unfold } from "./fold.ts";
export type { FractionalMaxPoolModuleOptions } from "./fractional-pooling.ts";
export { FractionalMaxPool2d, FractionalMaxPool3d } from "./fractional-pooling.ts";
export * as functional from "./functional.ts";
export * as init from "./init.ts";
export type {
  BackwardHook,
  BackwardPreHook,
  ForwardArguments,
  ForwardHook,
  ForwardPreHook,
  ForwardResult,
  HookHandle,
  HookOptions,
} from "./hooks.ts";
export type { InstanceNormModuleOptions } from "./instance-norm.ts";
export { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d } from "./instance-norm.ts";
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
export type { LinearCrossEntropyLossOptions } from "./linear-cross-entropy.ts";
export { LinearCrossEntropyLoss } from "./linear-cross-entropy.ts";
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
export type { MaxUnpoolModuleOptions, UnpoolCallOptions } from "./max-unpooling.ts";
export { MaxUnpool1d, MaxUnpool2d, MaxUnpool3d } from "./max-unpooling.ts";
export type { Layer, Member, MemberSlot } from "./module.ts";
export { Module } from "./module.ts";
export type { PaddingAmounts } from "./padding.ts";
export {
  CircularPad1d,
  CircularPad2d,
  CircularPad3d,
  ConstantPad1d,
  ConstantPad2d,
  ConstantPad3d,
  ReflectionPad1d,
  ReflectionPad2d,
  ReflectionPad3d,
  ReplicationPad1d,
  ReplicationPad2d,
  ReplicationPad3d,
  ZeroPad1d,
  ZeroPad2d,
  ZeroPad3d,
} from "./padding.ts";
export { Buffer, Parameter } from "./parameter.ts";
export { ParameterDict, ParameterList } from "./parameter-container.ts";
export * as parametrizations from "./parametrizations.ts";
export * as parametrize from "./parametrize.ts";
export { ChannelShuffle, PixelShuffle, PixelUnshuffle } from "./pixel-shuffle.ts";
export type { MaxPoolModuleOptions, PoolResult } from "./pooling.ts";
export {
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  LPPool1d,
  LPPool2d,
  LPPool3d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
} from "./pooling.ts";
export { LocalResponseNorm } from "./response-norm.ts";
export type { LSTMOptions, RecurrentOptions, RNNOptions, SequenceOptions } from "./recurrent.ts";
export { GRU, LSTM, RNN } from "./recurrent.ts";
export type { PadSequenceOptions } from "./sequence.ts";
export { padSequence, unpadSequence } from "./sequence.ts";
export type { RNNCellOptions } from "./recurrent-cell.ts";
export { GRUCell, LSTMCell, RNNCell } from "./recurrent-cell.ts";
export { Flatten, Identity, Unflatten } from "./shaping.ts";
export { skipInit } from "./skip-init.ts";
export type { LoadReport, StateDict } from "./state-dict.ts";
export { snakeCase } from "./state-key.ts";
export type {
  DecoderLayer,
  EncoderCallOptions,
  EncoderLayer,
  TransformerCallOptions,
  TransformerOptions,
  TransformerStackOptions,
} from "./transformer.ts";
export { Transformer, TransformerDecoder, TransformerEncoder } from "./transformer.ts";
export type {
  DecoderLayerCallOptions,
  EncoderLayerCallOptions,
  TransformerActivation,
  TransformerLayerOptions,
} from "./transformer-layer.ts";
export { TransformerDecoderLayer, TransformerEncoderLayer } from "./transformer-layer.ts";
export type { UpsampleOptions, UpsampleSize } from "./upsampling.ts";
export { Upsample, UpsamplingBilinear2d, UpsamplingNearest2d } from "./upsampling.ts";
