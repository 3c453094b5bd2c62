import type { HostRandom } from "../base/host-random.ts";

/** The size of the images that {@link shiftImages} moves. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Moves each image of a batch by whole pixels, at most `distance` in either direction and
 * independently for each image; what enters is 0.
 *
 * @param images - pixels in rows, image after image.
 * @returns new images of the same layout.
 */
export function shiftImages(
  images: Uint8Array,
  { width, height }: ImageSize,
  distance: number,
  random: HostRandom,
): Uint8Array {
  const result = new Uint8Array(images.length);
  const pixels = width * height;
  for (let start = 0; start < images.length; start += pixels) {
    const right = random.integer(2 * distance + 1) - distance;
    const down = random.integer(2 * distance + 1) - distance;
    const first = Math.max(0, -right);
    const last = Math.min(width, width - right);
    for (let y = Math.max(0, -down); y < Math.min(height, height - down); y++) {
      const row = start + y * width;
      const target = row + down * width + first + right;
      result.set(images.subarray(row + first, row + last), target);
    }
  }
  return result;
}
