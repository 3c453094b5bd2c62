import { ConfigError } from "../../base/errors.ts";
import { clampBoundingBoxes, convertBoundingBoxFormat, keepObjects } from "./boxes.ts";
import type { BoxFormat, Sample, Transform } from "./sample.ts";
import { imageSize } from "./sample.ts";

/** Converts boxes to another format. */
export class ConvertBoundingBoxFormat implements Transform {
  readonly format: BoxFormat;

  constructor(format: BoxFormat) {
    this.format = format;
  }

  forward<S extends Sample>(sample: S): S {
    const { boxes, boxFormat = "xyxy" } = sample;
    if (boxes === undefined) return sample;
    const converted = convertBoundingBoxFormat(boxes, boxFormat, this.format);
    return { ...sample, boxes: converted, boxFormat: this.format };
  }
}

/** Cuts boxes off at the image's border. */
export class ClampBoundingBoxes implements Transform {
  forward<S extends Sample>(sample: S): S {
    const { boxes, boxFormat = "xyxy" } = sample;
    if (boxes === undefined) return sample;
    return { ...sample, boxes: clampBoundingBoxes(boxes, boxFormat, imageSize(sample.image)) };
  }
}

/**
 * Removes objects whose box is too small or leaves the image: rows of boxes, masks, key points and
 * labels.
 */
export class SanitizeBoundingBoxes implements Transform {
  readonly minSize: number;
  readonly minArea: number;

  /**
   * @param options.minSize - least width and height. @defaultValue 1
   * @param options.minArea - @defaultValue 1
   */
  constructor(options: { readonly minSize?: number; readonly minArea?: number } = {}) {
    const { minSize = 1, minArea = 1 } = options;
    if (!(minSize >= 1) || !(minArea >= 1)) {
      throw new ConfigError(
        `SanitizeBoundingBoxes: minSize and minArea must be at least 1, got ${minSize} and ${minArea}`,
      );
    }
    this.minSize = minSize;
    this.minArea = minArea;
  }

  forward<S extends Sample>(sample: S): S {
    const { boxes, boxFormat = "xyxy" } = sample;
    if (boxes === undefined) return sample;
    const [height, width] = imageSize(sample.image);
    const corners = convertBoundingBoxFormat(boxes, boxFormat, "xyxy");
    const keep = Array.from({ length: corners.shape[0] }, (_, i) => {
      const [x1, y1, x2, y2] = corners.data.subarray(4 * i, 4 * i + 4);
      const isLarge = x2 - x1 >= this.minSize && y2 - y1 >= this.minSize;
      const isInside = x1 >= 0 && y1 >= 0 && x2 <= width && y2 <= height;
      return isLarge && (x2 - x1) * (y2 - y1) >= this.minArea && isInside;
    });
    return keepObjects(sample, keep);
  }
}
