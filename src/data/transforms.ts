/**
 * Transforms of images with their boxes, masks and key points, named as in torchvision's v2.
 *
 * @module
 */
export type { WarpOptions } from "./transforms/affine.ts";
export { RandomAffine, RandomPerspective, RandomRotation } from "./transforms/affine.ts";
export { AutoAugment, RandAugment, TrivialAugmentWide } from "./transforms/auto-augment.ts";
export { GaussianBlur } from "./transforms/blur.ts";
export {
  ClampBoundingBoxes,
  ConvertBoundingBoxFormat,
  SanitizeBoundingBoxes,
} from "./transforms/bounding-boxes.ts";
export { Compose, RandomApply, RandomChoice, RandomOrder } from "./transforms/compose.ts";
export type { ImageDType } from "./transforms/convert.ts";
export { Normalize, ToDtype, ToImage } from "./transforms/convert.ts";
export { CenterCrop, RandomCrop, RandomIoUCrop, RandomResizedCrop } from "./transforms/crop.ts";
export {
  GaussianNoise,
  RandomChannelPermutation,
  RandomPhotometricDistort,
} from "./transforms/distort.ts";
export { RandomErasing } from "./transforms/erase.ts";
export { RandomHorizontalFlip, RandomVerticalFlip } from "./transforms/flip.ts";
export * as functional from "./transforms/functional.ts";
export type { AffineParameters, Homography, Point } from "./transforms/homography.ts";
export type { LabelledImages, MixOptions } from "./transforms/mix.ts";
export { CutMix, MixUp } from "./transforms/mix.ts";
export { Pad, RandomZoomOut } from "./transforms/pad.ts";
export type { ProbabilityOptions } from "./transforms/photometric.ts";
export {
  ColorJitter,
  Grayscale,
  RandomAdjustSharpness,
  RandomAutocontrast,
  RandomEqualize,
  RandomGrayscale,
  RandomInvert,
  RandomPosterize,
  RandomSolarize,
} from "./transforms/photometric.ts";
export type { Padding, PaddingMode } from "./transforms/planes.ts";
export type { Interpolation } from "./transforms/resample.ts";
export type { ResizeOptions } from "./transforms/resize.ts";
export { RandomResize, RandomShortestSize, Resize, ScaleJitter } from "./transforms/resize.ts";
export type { BoxFormat, ImageSize, Sample, Transform } from "./transforms/sample.ts";
export type { Fill } from "./transforms/warp.ts";
