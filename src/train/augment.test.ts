import { expect, it } from "vitest";
import { HostRandom } from "../base/host-random.ts";
import { shiftImages } from "./augment.ts";

it("moves each image by whole pixels and fills with 0", () => {
  const size = { width: 3, height: 4 };
  const image = Uint8Array.from({ length: 12 }, (_, i) => i + 1);
  const count = 400;
  const batch = new Uint8Array(12 * count);
  for (let i = 0; i < count; i++) batch.set(image, 12 * i);
  const moved = shiftImages(batch, size, 2, new HostRandom(1));
  const seen = new Set<string>();
  for (let i = 0; i < count; i++) {
    const found = moved.subarray(12 * i, 12 * i + 12);
    const matches: string[] = [];
    for (let down = -2; down <= 2; down++) {
      for (let right = -2; right <= 2; right++) {
        const expected = image.map((_, at) => {
          const [x, y] = [(at % 3) - right, Math.floor(at / 3) - down];
          return x < 0 || x > 2 || y < 0 || y > 3 ? 0 : image[y * 3 + x];
        });
        if (String(expected) === String(found)) matches.push(`${right},${down}`);
      }
    }
    expect(matches).toHaveLength(1);
    seen.add(matches[0]);
  }
  expect(seen.size).toBe(25);
});

it("depends on the random numbers alone", () => {
  const images = new HostRandom(0).shuffle(Uint8Array.from({ length: 200 }, (_, i) => i));
  const shift = (seed: number): Uint8Array =>
    shiftImages(images, { width: 10, height: 10 }, 2, new HostRandom(seed));
  expect(shift(1)).toEqual(shift(1));
  expect(shift(1)).not.toEqual(shift(2));
  expect(shiftImages(images, { width: 10, height: 10 }, 0, new HostRandom(1))).toEqual(images);
});
