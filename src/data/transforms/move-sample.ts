import type { HostTensor } from "../host-tensor.ts";
import { clampBoundingBoxes, mapCorners } from "./boxes.ts";
import type { Point } from "./homography.ts";
import type { ImageSize, Sample } from "./sample.ts";
import { imageSize } from "./sample.ts";

/** What a geometric change does to the parts of a sample. */
export interface Movement {
  image(image: HostTensor): HostTensor;
  masks(masks: HostTensor): HostTensor;
  /** Where a position goes. */
  point(point: Point): Point;
  /** Whether boxes are cut off at the border of the new image. */
  readonly clamp?: boolean;
}

function moveKeypoints(keypoints: HostTensor, point: Movement["point"]): HostTensor {
  const size = keypoints.shape[keypoints.shape.length - 1];
  const data = new Float32Array(keypoints.data);
  for (let i = 0; i < data.length; i += size) data.set(point([data[i], data[i + 1]]), i);
  return { data, shape: keypoints.shape, dtype: "f32" };
}

/** The rectangle around the four moved corners of each box. */
function moveBoxes(
  sample: Sample,
  boxes: HostTensor,
  movement: Movement,
  size: ImageSize,
): HostTensor {
  const { boxFormat = "xyxy" } = sample;
  const moved = mapCorners(boxes, boxFormat, ([x1, y1, x2, y2]) => {
    const corners = [
      movement.point([x1, y1]),
      movement.point([x2, y1]),
      movement.point([x2, y2]),
      movement.point([x1, y2]),
    ];
    const xs = corners.map(([x]) => x);
    const ys = corners.map(([, y]) => y);
    return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  });
  return movement.clamp === true ? clampBoundingBoxes(moved, boxFormat, size) : moved;
}

/** Moves image, boxes, masks and key points of a sample alike. */
export function moveSample<S extends Sample>(sample: S, movement: Movement): S {
  const image = movement.image(sample.image);
  const { boxes, masks, keypoints } = sample;
  return {
    ...sample,
    image,
    ...(boxes && { boxes: moveBoxes(sample, boxes, movement, imageSize(image)) }),
    ...(masks && { masks: movement.masks(masks) }),
    ...(keypoints && { keypoints: moveKeypoints(keypoints, (point) => movement.point(point)) }),
  };
}
