/**
 * What the transforms are made of, with all decisions as arguments.
 *
 * @module
 */
export { affineSample, perspectiveSample, rotateSample, warpSample } from "./affine.ts";
export { gaussianBlur } from "./blur.ts";
export { clampBoundingBoxes, convertBoundingBoxFormat } from "./boxes.ts";
export {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  adjustSharpness,
  autocontrast,
  equalize,
  invertImage,
  posterize,
  rgbToGrayscale,
  solarize,
} from "./color.ts";
export { normalize, toDtype, toImage } from "./convert.ts";
export { cropSample } from "./crop.ts";
export { permuteChannels } from "./distort.ts";
export { erase } from "./erase.ts";
export { flipSample } from "./flip.ts";
export { padSample } from "./pad.ts";
export { crop, flip, pad } from "./planes.ts";
export { resize } from "./resample.ts";
export { resizeSample } from "./resize.ts";
