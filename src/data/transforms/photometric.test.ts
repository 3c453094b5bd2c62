import { describe, expect, it } from "vitest";
import { HostRandom } from "../../base/host-random.ts";
import { hostTensor } from "../host-tensor.ts";
import { AutoAugment, RandAugment, TrivialAugmentWide } from "./auto-augment.ts";
import { GaussianBlur } from "./blur.ts";
import { Normalize, ToDtype, ToImage } from "./convert.ts";
import { GaussianNoise, RandomChannelPermutation, RandomPhotometricDistort } from "./distort.ts";
import { RandomErasing } from "./erase.ts";
import { CutMix, MixUp } from "./mix.ts";
import {
  ColorJitter,
  Grayscale,
  RandomAdjustSharpness,
  RandomAutocontrast,
  RandomEqualize,
  RandomGrayscale,
  RandomInvert,
  RandomPosterize,
  RandomSolarize,
} from "./photometric.ts";
import type { Transform } from "./sample.ts";

const bytes = hostTensor(
  Uint8Array.from({ length: 3 * 16 * 20 }, (_, i) => 20 + ((i * 37) % 211)),
  [3, 16, 20],
);
const floats = new ToDtype("f32", { scale: true }).forward({ image: bytes }).image;
const boxes = hostTensor(Float32Array.of(1, 2, 9, 8), [1, 4]);

const always: Readonly<Record<string, Transform>> = {
  ColorJitter: new ColorJitter({ brightness: 0.4, contrast: [0.5, 2], saturation: 0.3, hue: 0.2 }),
  Grayscale: new Grayscale({ numOutputChannels: 3 }),
  GaussianBlur: new GaussianBlur([5, 3]),
  RandomGrayscale: new RandomGrayscale({ p: 1 }),
  RandomInvert: new RandomInvert({ p: 1 }),
  RandomPosterize: new RandomPosterize(2, { p: 1 }),
  RandomSolarize: new RandomSolarize(0.4, { p: 1 }),
  RandomAdjustSharpness: new RandomAdjustSharpness(2, { p: 1 }),
  RandomAutocontrast: new RandomAutocontrast({ p: 1 }),
  RandomEqualize: new RandomEqualize({ p: 1 }),
  RandomPhotometricDistort: new RandomPhotometricDistort({ p: 1 }),
  GaussianNoise: new GaussianNoise({ sigma: 0.05 }),
  RandomErasing: new RandomErasing({ p: 1, value: 0.5 }),
};

describe("photometric transforms", () => {
  it.each(Object.entries(always))(
    "%s changes the image alone, by the random numbers",
    (_, transform) => {
      for (const image of [bytes, floats]) {
        const before = image.data.slice();
        const result = transform.forward({ image, boxes }, new HostRandom(1));
        expect([result.image.shape, result.image.dtype]).toEqual([image.shape, image.dtype]);
        expect(result.boxes).toBe(boxes);
        // As texts, because comparing element by element takes the test runner seconds.
        expect(String(result.image.data)).not.toBe(String(image.data));
        expect(String(image.data)).toBe(String(before));
        const again = transform.forward({ image, boxes }, new HostRandom(1));
        expect(String(again.image.data)).toBe(String(result.image.data));
        const white = image.dtype === "u8" ? 255 : 1;
        expect([...result.image.data].every((value) => value >= 0 && value <= white)).toBe(true);
      }
    },
  );

  it("give bytes and shares alike", () => {
    for (const [name, transform] of Object.entries(always)) {
      // Thresholds and fills differ between the ranges; the others differ by roundings alone.
      if (["RandomSolarize", "RandomErasing", "RandomEqualize", "RandomPosterize"].includes(name))
        continue;
      const a = transform.forward({ image: bytes }, new HostRandom(5)).image.data;
      const b = transform.forward({ image: floats }, new HostRandom(5)).image.data;
      const apart = Math.max(...[...a].map((value, i) => Math.abs(value - b[i] * 255)));
      expect(apart, name).toBeLessThan(6);
    }
  });

  it("happen with their probability", () => {
    const count = (transform: Transform): number =>
      Array.from({ length: 400 }, (_, seed) =>
        transform.forward({ image: bytes }, new HostRandom(seed)),
      ).filter(({ image }) => image !== bytes).length;
    expect(count(new RandomInvert({ p: 0 }))).toBe(0);
    expect(Math.abs(count(new RandomInvert()) - 200)).toBeLessThan(50);
    expect(Math.abs(count(new RandomGrayscale()) - 40)).toBeLessThan(25);
  });

  it("refuse values out of range", () => {
    expect(() => new ColorJitter({ hue: 0.6 })).toThrow("hue must lie in -0.5 … 0.5, got 0.6");
    expect(() => new ColorJitter({ brightness: -1 })).toThrow("got -1");
    expect(() => new ColorJitter({ contrast: [2, 1] })).toThrow("got [2,1]");
    expect(() => new GaussianBlur(4)).toThrow("odd and positive");
    expect(() => new GaussianBlur(3, { sigma: 0 })).toThrow("sigma positive");
    expect(() => new RandomErasing({ scale: [0, 2] })).toThrow("scale must lie in 0 … 1");
    const two = { image: hostTensor(new Uint8Array(8), [2, 2, 2]) };
    expect(() => new Grayscale().forward(two)).toThrow("1 or 3 channels, got 2");
    expect(new ColorJitter().forward({ image: bytes }, new HostRandom(0)).image).toBe(bytes);
  });

  it("put channels in any order", () => {
    const image = hostTensor(Uint8Array.of(1, 2, 3), [3, 1, 1]);
    const orders = Array.from({ length: 60 }, (_, seed) =>
      new RandomChannelPermutation().forward({ image }, new HostRandom(seed)).image.data.join(""),
    );
    expect(new Set(orders)).toEqual(new Set(["123", "132", "213", "231", "312", "321"]));
  });

  it("add noise of the given size", () => {
    const image = hostTensor(new Float32Array(10_000).fill(0.5), [1, 100, 100]);
    const noise = new GaussianNoise({ mean: 0.1, sigma: 0.2, clip: false });
    const data = Float64Array.from(noise.forward({ image }, new HostRandom(1)).image.data);
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
    const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
    expect(mean).toBeCloseTo(0.6, 2);
    expect(Math.sqrt(variance)).toBeCloseTo(0.2, 2);
    expect(() => new GaussianNoise({ sigma: -1 })).toThrow("at least 0, got -1");
  });

  it("erase one rectangle", () => {
    const image = hostTensor(new Uint8Array(3 * 400).fill(9), [3, 20, 20]);
    for (let seed = 0; seed < 20; seed++) {
      const { data } = new RandomErasing({ p: 1, value: [1, 2, 3] }).forward(
        { image },
        new HostRandom(seed),
      ).image;
      const erased = [0, 1, 2].map(
        (c) => data.subarray(400 * c, 400 * c + 400).filter((v) => v === c + 1).length,
      );
      expect(
        erased[0] > 0 && erased[0] <= 150 && erased[0] === erased[1] && erased[1] === erased[2],
      ).toBe(true);
    }
    const noise = new RandomErasing({ p: 1, value: "random" }).forward(
      { image: floats },
      new HostRandom(0),
    );
    expect(new Set(noise.image.data).size).toBeGreaterThan(new Set(floats.data).size);
  });
});

describe("conversions", () => {
  it("move channels to the front", () => {
    const { image } = new ToImage().forward({
      image: hostTensor(Uint8Array.of(1, 2, 3, 4, 5, 6), [1, 2, 3]),
    });
    expect([image.shape, [...image.data]]).toEqual([
      [3, 1, 2],
      [1, 4, 2, 5, 3, 6],
    ]);
    expect(
      new ToImage().forward({ image: hostTensor(new Uint8Array(6), [2, 3]) }).image.shape,
    ).toEqual([1, 2, 3]);
    expect(() => new ToImage().forward({ image: hostTensor(new Uint8Array(6)) })).toThrow(
      "got [6]",
    );
  });

  it("convert bytes to shares and back without loss", () => {
    const all = hostTensor(
      Uint8Array.from({ length: 256 }, (_, i) => i),
      [1, 16, 16],
    );
    const shares = new ToDtype("f32", { scale: true }).forward({ image: all });
    expect(shares.image.data[255]).toBe(1);
    expect(new ToDtype("u8", { scale: true }).forward(shares).image.data).toEqual(all.data);
    expect(new ToDtype("f32").forward({ image: all }).image.data[200]).toBe(200);
    expect(() => new ToDtype("i32" as "u8")).toThrow("must be u8 or f32, got i32");
  });

  it("normalise floats", () => {
    const image = hostTensor(Float32Array.of(1, 2, 3, 4), [2, 1, 2]);
    expect([...new Normalize([1, 2], [2, 4]).forward({ image }).image.data]).toEqual([
      0, 0.5, 0.25, 0.5,
    ]);
    expect([...new Normalize([1], [1]).forward({ image }).image.data]).toEqual([0, 1, 2, 3]);
    expect(() => new Normalize([0], [1]).forward({ image: bytes })).toThrow(
      "images must be f32, got u8",
    );
    expect(() => new Normalize([0, 0, 0], [1]).forward({ image })).toThrow(
      "1 or 2 values, got 3 and 1",
    );
    expect(() => new Normalize([0], [0])).toThrow("std must not be 0");
  });
});

describe("learned and random policies", () => {
  const policies: Readonly<Record<string, Transform>> = {
    RandAugment: new RandAugment({ numOps: 3 }),
    TrivialAugmentWide: new TrivialAugmentWide({ interpolation: "bilinear" }),
    "AutoAugment imagenet": new AutoAugment(),
    "AutoAugment cifar10": new AutoAugment({ policy: "cifar10", fill: 128 }),
    "AutoAugment svhn": new AutoAugment({ policy: "svhn" }),
  };
  it.each(Object.entries(policies))("%s", (_, policy) => {
    const results = Array.from({ length: 60 }, (__, seed) => {
      const result = policy.forward({ image: bytes, boxes }, new HostRandom(seed));
      expect([result.image.shape, result.image.dtype, result.boxes.shape]).toEqual([
        [3, 16, 20],
        "u8",
        [1, 4],
      ]);
      return result.image.data.join();
    });
    expect(new Set(results).size).toBeGreaterThan(20);
    expect(policy.forward({ image: floats }, new HostRandom(0)).image.dtype).toBe("f32");
  });

  it("refuse unknown settings", () => {
    expect(() => new RandAugment({ magnitude: 31 })).toThrow("got 31 of 31");
    expect(() => new AutoAugment({ policy: "coco" as "svhn" })).toThrow("got coco");
  });
});

describe("mixtures of a batch", () => {
  const images = hostTensor(
    Float32Array.from({ length: 3 * 2 * 16 }, (_, i) => Math.floor(i / 32) + 1),
    [3, 2, 4, 4],
  );
  const labels = hostTensor(Int32Array.of(0, 1, 2));

  it("mix each image and label with the one before it", () => {
    const mixed = new MixUp({ numClasses: 3 }).forward({ images, labels }, new HostRandom(2));
    const share = mixed.labels.data[0];
    expect(share > 0 && share < 1).toBe(true);
    const shares = [share, 0, 1 - share, 1 - share, share, 0, 0, 1 - share, share];
    mixed.labels.data.forEach((value, i) => expect(value).toBeCloseTo(shares[i], 6));
    expect(mixed.images.data[0]).toBeCloseTo(share * 1 + (1 - share) * 3, 5);
    expect(mixed.images.data[95]).toBeCloseTo(share * 3 + (1 - share) * 2, 5);
  });

  it("paste rectangles and share labels by area", () => {
    const shares = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const mixed = new CutMix({ numClasses: 3 }).forward({ images, labels }, new HostRandom(seed));
      const first = [...mixed.images.data.subarray(0, 32)];
      expect(new Set(first).size).toBeLessThanOrEqual(2);
      const own = first.filter((value) => value === 1).length / 32;
      expect(mixed.labels.data[0]).toBeCloseTo(own, 6);
      expect(mixed.labels.data[2]).toBeCloseTo(1 - own, 6);
      shares.add(own);
    }
    expect(shares.size).toBeGreaterThan(3);
  });

  it("draw the share from Beta(alpha, alpha)", () => {
    for (const alpha of [0.2, 1, 4]) {
      const mix = new MixUp({ alpha, numClasses: 3 });
      const draws = Array.from(
        { length: 2_000 },
        (_, seed) => mix.forward({ images, labels }, new HostRandom(seed)).labels.data[0],
      );
      const mean = draws.reduce((sum, value) => sum + value) / draws.length;
      const variance = draws.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws.length;
      expect(Math.abs(mean - 0.5)).toBeLessThan(0.03);
      expect(variance).toBeCloseTo(1 / (4 * (2 * alpha + 1)), 2);
    }
  });

  it("refuse what they cannot mix", () => {
    const random = new HostRandom(0);
    expect(() => new MixUp().forward({ images, labels }, random)).toThrow("numClasses is required");
    expect(() => new MixUp({ numClasses: 2 }).forward({ images, labels }, random)).toThrow(
      "below 2, got 2",
    );
    const u8 = hostTensor(new Uint8Array(96), [3, 2, 4, 4]);
    expect(() => new CutMix({ numClasses: 3 }).forward({ images: u8, labels }, random)).toThrow(
      "must be f32",
    );
    expect(() => new MixUp({ alpha: 0 })).toThrow("alpha must be positive, got 0");
  });
});
