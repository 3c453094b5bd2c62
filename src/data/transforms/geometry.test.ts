import { describe, expect, it } from "vitest";
import { HostRandom } from "../../base/host-random.ts";
import type { HostTensor } from "../host-tensor.ts";
import { hostTensor } from "../host-tensor.ts";
import { RandomAffine, RandomPerspective, RandomRotation, rotateSample } from "./affine.ts";
import {
  ClampBoundingBoxes,
  ConvertBoundingBoxFormat,
  SanitizeBoundingBoxes,
} from "./bounding-boxes.ts";
import { Compose, RandomApply, RandomChoice, RandomOrder } from "./compose.ts";
import { CenterCrop, RandomCrop, RandomIoUCrop, RandomResizedCrop } from "./crop.ts";
import { RandomHorizontalFlip, RandomVerticalFlip } from "./flip.ts";
import { Pad, RandomZoomOut } from "./pad.ts";
import { RandomResize, RandomShortestSize, Resize, ScaleJitter } from "./resize.ts";
import type { BoxFormat, Sample, Transform } from "./sample.ts";

const size = [60, 80] as const;
const box = [20, 15, 50, 40] as const;

/** A white rectangle on black, with its box, mask and corners as key points. */
function rectangle(
  boxFormat: BoxFormat = "xyxy",
): Required<Sample> & { readonly name: string; readonly labels: HostTensor } {
  const [x1, y1, x2, y2] = box;
  const plane = Uint8Array.from({ length: size[0] * size[1] }, (_, i) => {
    const [x, y] = [i % size[1], Math.floor(i / size[1])];
    return x >= x1 && x < x2 && y >= y1 && y < y2 ? 255 : 0;
  });
  const boxes = {
    xyxy: [x1, y1, x2, y2],
    xywh: [x1, y1, x2 - x1, y2 - y1],
    cxcywh: [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1],
  };
  return {
    image: hostTensor(plane, [1, ...size]),
    masks: hostTensor(
      plane.map((value) => Number(value > 0)),
      [1, ...size],
    ),
    boxes: hostTensor(Float32Array.from(boxes[boxFormat]), [1, 4]),
    boxFormat,
    keypoints: hostTensor(Float32Array.of(x1, y1, 2, x2, y1, 2, x2, y2, 1, x1, y2, 0), [1, 4, 3]),
    labels: hostTensor(Int32Array.of(7), [1]),
    name: "kept",
  };
}

/** The rectangle around all pixels above a value. */
function extent(planes: HostTensor, above: number): number[] {
  const [, height, width] = planes.shape;
  const result = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < height * width; i++) {
    if (planes.data[i] <= above) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    result[0] = Math.min(result[0], x);
    result[1] = Math.min(result[1], y);
    result[2] = Math.max(result[2], x + 1);
    result[3] = Math.max(result[3], y + 1);
  }
  return result;
}

function between(value: number, most: number): number {
  return Math.min(most, Math.max(0, value));
}

type Rectangle = ReturnType<typeof rectangle>;

/** Whether a moved rectangle can be seen, and whether all of it. */
function visibility({ masks, keypoints }: Rectangle): "none" | "part" | "whole" {
  const [, height, width] = masks.shape;
  if (extent(masks, 0)[0] === Infinity) return "none";
  const isInside = (value: number, most: number): boolean => value >= 0 && value <= most;
  const corners = [0, 3, 6, 9].map((i) => keypoints.data.subarray(i, i + 2));
  const isWhole = corners.every(([x, y]) => isInside(x, width) && isInside(y, height));
  return isWhole ? "whole" : "part";
}

/** Largest distance of two rectangles' sides. */
function distance(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((side, i) => Math.abs(side - b[i])));
}

/** The rectangle around the key points, cut off at the border. */
function hull({ keypoints, image }: Rectangle): number[] {
  const [, height, width] = image.shape;
  const xs = [0, 3, 6, 9].map((i) => between(keypoints.data[i], width));
  const ys = [1, 4, 7, 10].map((i) => between(keypoints.data[i], height));
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

function isEqual(a: Sample, b: Sample): boolean {
  // Comparing arrays element by element takes the test runner seconds.
  const parts = (sample: Sample) => [sample.image, sample.masks, sample.boxes, sample.keypoints];
  const others = parts(b);
  return parts(a).every((part, i) => String(part?.data) === String(others[i]?.data));
}

const transforms: Readonly<Record<string, Transform>> = {
  Resize: new Resize([33, 47]),
  RandomShortestSize: new RandomShortestSize([30, 50, 90], { maxSize: 100 }),
  RandomResize: new RandomResize(25, 70),
  ScaleJitter: new ScaleJitter([60, 60], { scaleRange: [0.7, 1.5] }),
  CenterCrop: new CenterCrop([50, 90]),
  RandomCrop: new RandomCrop([50, 70], { padding: [3, 1, 0, 2] }),
  RandomResizedCrop: new RandomResizedCrop([64, 48], { scale: [0.4, 1] }),
  RandomIoUCrop: new RandomIoUCrop(),
  RandomHorizontalFlip: new RandomHorizontalFlip(),
  RandomVerticalFlip: new RandomVerticalFlip(),
  Pad: new Pad([1, 2, 3, 4], { fill: 9 }),
  RandomZoomOut: new RandomZoomOut({ p: 0.8 }),
  RandomRotation: new RandomRotation(70),
  "RandomRotation expanding": new RandomRotation([10, 40], {
    expand: true,
    interpolation: "bilinear",
  }),
  RandomAffine: new RandomAffine(20, {
    translate: [0.1, 0.1],
    scale: [0.7, 1.2],
    shear: [-9, 9, -5, 5],
  }),
  RandomPerspective: new RandomPerspective({ distortionScale: 0.3, p: 0.9 }),
};

describe("geometric transforms", () => {
  it.each(Object.entries(transforms))("%s moves all parts of a sample alike", (_, transform) => {
    const seen = { none: 0, part: 0, whole: 0 };
    for (const format of ["xyxy", "xywh", "cxcywh"] as const) {
      for (let seed = 0; seed < 8; seed++) {
        const sample = rectangle(format);
        const moved = transform.forward(sample, new HostRandom(seed));
        expect([moved.boxFormat, moved.name, moved.labels]).toEqual([
          format,
          "kept",
          sample.labels,
        ]);
        expect(isEqual(transform.forward(sample, new HostRandom(seed)), moved)).toBe(true);
        expect(isEqual(sample, rectangle(format))).toBe(true);

        expect(moved.masks.shape).toEqual(moved.image.shape);
        expect([2, 5, 8, 11].map((i) => moved.keypoints.data[i])).toEqual([2, 2, 1, 0]);
        const corners = [...new ConvertBoundingBoxFormat("xyxy").forward(moved).boxes.data];
        const [, height, width] = moved.image.shape;
        const inside = corners.map((side, i) => between(side, i % 2 === 0 ? width : height));
        expect(distance(inside, hull(moved))).toBeLessThan(0.01);

        const state = visibility(moved);
        seen[state]++;
        const mask = extent(moved.masks, 0);
        const apart = state === "none" ? 0 : distance(extent(moved.image, 127), mask);
        expect(apart).toBeLessThanOrEqual(1.5);
        // Of a rectangle that is cut, less may be seen than the box around its corners holds.
        expect(state === "whole" ? distance(hull(moved), mask) : 0).toBeLessThanOrEqual(1.5);
      }
    }
    expect(seen.whole).toBeGreaterThan(0);
  });

  it("take images alone and f32", () => {
    const image = hostTensor(new Float32Array(3 * 60 * 80).fill(0.5), [3, 60, 80]);
    for (const [name, transform] of Object.entries(transforms)) {
      if (name === "RandomIoUCrop") continue;
      const moved = transform.forward({ image }, new HostRandom(3));
      expect(moved.image.dtype).toBe("f32");
      expect(Object.keys(moved)).toEqual(["image"]);
    }
  });

  it("refuse what is no image", () => {
    const flat = { image: hostTensor(new Uint8Array(12), [3, 4]) };
    expect(() => new Resize(4).forward(flat)).toThrow(
      "images must have shape [C, H, W], got [3, 4]",
    );
    const integers = { image: hostTensor(new Int32Array(12), [3, 2, 2]) };
    expect(() => new Resize(4).forward(integers)).toThrow("images must be u8 or f32, got i32");
    const boxes = hostTensor(new Float32Array(5), [5]);
    const sample = { image: hostTensor(new Uint8Array(12), [3, 2, 2]), boxes };
    expect(() => new Resize(4).forward(sample)).toThrow("shape must be [N, 4], got [5]");
  });
});

describe("Resize", () => {
  const shapeOf = (
    size: number | number[] | null,
    maxSize?: number,
    shape = [1, 30, 40],
  ): number[] => {
    const image = hostTensor(new Uint8Array(shape[1] * shape[2]), shape);
    const resized = new Resize(size, maxSize === undefined ? {} : { maxSize }).forward({ image });
    return resized.image.shape.slice(1);
  };

  it("computes the size as torchvision does", () => {
    expect(shapeOf(15)).toEqual([15, 20]);
    expect(shapeOf([7])).toEqual([7, 9]);
    expect(shapeOf(15, undefined, [1, 40, 30])).toEqual([20, 15]);
    expect(shapeOf(20, 24)).toEqual([18, 24]);
    expect(shapeOf(20, 24, [1, 40, 30])).toEqual([24, 18]);
    expect(shapeOf(null, 20)).toEqual([15, 20]);
    expect(shapeOf([3, 5])).toEqual([3, 5]);
    expect(shapeOf(1, undefined, [1, 1, 40])).toEqual([1, 40]);
  });

  it("refuses contradictions", () => {
    expect(() => new Resize([3, 5], { maxSize: 9 })).toThrow("maxSize must be above size");
    expect(() => new Resize(9, { maxSize: 9 })).toThrow("got size 9 and maxSize 9");
    expect(() => new Resize(null)).toThrow("required without a size");
    expect(() => new RandomResize(5, 5)).toThrow("1 ≤ minSize < maxSize, got 5 and 5");
    expect(() => new Resize(2.5)).toThrow("positive integer or [height, width], got 2.5");
  });
});

describe("crops and flips", () => {
  const ramp = {
    image: hostTensor(
      Uint8Array.from({ length: 12 }, (_, i) => i),
      [1, 3, 4],
    ),
  };

  it("take the middle, with zeros where the image ends", () => {
    expect([...new CenterCrop([1, 2]).forward(ramp).image.data]).toEqual([5, 6]);
    expect([...new CenterCrop([4, 1]).forward(ramp).image.data]).toEqual([2, 6, 10, 0]);
    expect([...new CenterCrop([1, 7]).forward(ramp).image.data]).toEqual([0, 4, 5, 6, 7, 0, 0]);
  });

  it("need room, or make it", () => {
    expect(() => new RandomCrop(4).forward(ramp, new HostRandom(0))).toThrow(
      "got 3 × 4; set padIfNeeded",
    );
    const wide = new RandomCrop(4, { padIfNeeded: true, fill: 7 }).forward(ramp, new HostRandom(1));
    expect(wide.image.shape).toEqual([1, 4, 4]);
    expect([...wide.image.data].filter((value) => value === 7).length).toBeGreaterThanOrEqual(4);
    expect(() => new Pad([1, 2, 3])).toThrow("1, 2 or 4 integers");
    expect(() => new Pad(3, { paddingMode: "reflect" }).forward(ramp)).toThrow(
      "smaller than the image",
    );
  });

  it("swap key points that mean left and right", () => {
    const flip = new RandomHorizontalFlip({ p: 1, flipPairs: [[0, 2]] });
    const keypoints = hostTensor(Float32Array.of(0, 1, 1, 1, 4, 2), [3, 2]);
    const flipped = flip.forward({ ...ramp, keypoints }, new HostRandom(0));
    expect([...flipped.keypoints.data]).toEqual([0, 2, 3, 1, 4, 1]);
    expect(() => new RandomHorizontalFlip({ p: 2 })).toThrow("probability from 0 to 1, got 2");
    expect(new RandomVerticalFlip({ p: 0 }).forward(ramp, new HostRandom(0))).toBe(ramp);
  });

  it("turn by right angles exactly", () => {
    const square = { image: hostTensor(Uint8Array.of(1, 2, 3, 4), [1, 2, 2]) };
    for (const interpolation of ["nearest", "bilinear"] as const) {
      expect([...rotateSample(square, 90, { interpolation }).image.data]).toEqual([2, 4, 1, 3]);
      expect([...rotateSample(square, 180, { interpolation }).image.data]).toEqual([4, 3, 2, 1]);
    }
    expect(rotateSample(ramp, 90, { expand: true }).image.shape).toEqual([1, 4, 3]);
    expect([...rotateSample(ramp, 90, { expand: true }).image.data]).toEqual([
      3, 7, 11, 2, 6, 10, 1, 5, 9, 0, 4, 8,
    ]);
  });
});

describe("boxes", () => {
  const image = hostTensor(new Uint8Array(100), [1, 10, 10]);
  const boxes = hostTensor(
    Float32Array.of(0, 0, 5, 5, 2, 2, 2.5, 9, -1, 0, 5, 5, 1, 1, 20, 9),
    [4, 4],
  );
  const labels = hostTensor(Int32Array.of(1, 2, 3, 4));
  const masks = hostTensor(new Uint8Array(400), [4, 10, 10]);

  it("are cut off at the border, or removed with all that belongs to them", () => {
    const clamped = new ClampBoundingBoxes().forward({ image, boxes });
    expect([...clamped.boxes.data.subarray(8)]).toEqual([0, 0, 5, 5, 1, 1, 10, 9]);
    const clean = new SanitizeBoundingBoxes().forward({ image, boxes, labels, masks });
    expect([[...clean.boxes.data], clean.boxes.shape]).toEqual([
      [0, 0, 5, 5],
      [1, 4],
    ]);
    expect([[...clean.labels.data], clean.masks.shape]).toEqual([[1], [1, 10, 10]]);
    const none = new SanitizeBoundingBoxes({ minArea: 99 }).forward({ image, boxes, labels });
    expect([none.boxes.shape, none.labels.shape]).toEqual([[0, 4], [0]]);
    expect(new SanitizeBoundingBoxes().forward(none)).toEqual(none);
    expect(() => new SanitizeBoundingBoxes({ minSize: 0 })).toThrow("at least 1, got 0");
  });

  it("stay with their labels in crops", () => {
    const crop = new RandomIoUCrop({ samplerOptions: [0.1], minScale: 0.5 });
    const inner = hostTensor(Float32Array.of(1, 1, 6, 6, 3, 3, 10, 10), [2, 4]);
    const two = hostTensor(Int32Array.of(1, 2));
    const counts = new Set<number>();
    for (let seed = 0; seed < 60; seed++) {
      const cropped = crop.forward({ image, boxes: inner, labels: two }, new HostRandom(seed));
      expect(cropped.labels.shape[0]).toBe(cropped.boxes.shape[0]);
      counts.add(cropped.boxes.shape[0]);
      const [, height, width] = cropped.image.shape;
      expect([height / width <= 2, width / height <= 2]).toEqual([true, true]);
    }
    expect(counts).toEqual(new Set([1, 2]));
    expect(() => crop.forward({ image }, new HostRandom(0))).toThrow("must have boxes, got none");
  });
});

describe("compositions", () => {
  const image = hostTensor(Uint8Array.of(1, 2, 3, 4), [1, 2, 2]);
  const flip = new RandomHorizontalFlip({ p: 1 });
  const turn = new RandomVerticalFlip({ p: 1 });
  const pixels = (transform: Transform, seed: number): string =>
    transform.forward({ image }, new HostRandom(seed)).image.data.join("");
  const outcomes = (transform: Transform): Set<string> =>
    new Set(Array.from({ length: 40 }, (_, seed) => pixels(transform, seed)));

  it("apply all, some, one, or in any order", () => {
    expect(outcomes(new Compose([flip, turn]))).toEqual(new Set(["4321"]));
    expect(outcomes(new RandomApply([flip, turn]))).toEqual(new Set(["1234", "4321"]));
    expect(outcomes(new RandomChoice([flip, turn]))).toEqual(new Set(["2143", "3412"]));
    expect(outcomes(new RandomChoice([flip, turn], { p: [0, 5] }))).toEqual(new Set(["3412"]));
    const order = new RandomOrder([new Pad([1, 0, 0, 0]), new CenterCrop([1, 1])]);
    const sizes = [0, 1, 2, 3, 4, 5].map(
      (seed) => order.forward({ image }, new HostRandom(seed)).image.shape[2],
    );
    expect(new Set(sizes)).toEqual(new Set([1, 2]));
    expect(() => new RandomChoice([flip], { p: [1, 2] })).toThrow(
      "one weight of at least 0 per transform",
    );
    expect(() => new RandomChoice([])).toThrow("for 0 transforms");
  });
});
