import type { HostTensor } from "../host-tensor.ts";

/** Rounds halves to the even neighbour, as torch does. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The white of an image: 255 or 1. */
export function whiteOf(image: HostTensor): number {
  return image.dtype === "u8" ? 255 : 1;
}

/** An image's values as floats; f32 is not copied. */
export function floatsOf(image: HostTensor): Float32Array {
  return image.data instanceof Float32Array ? image.data : new Float32Array(image.data);
}

/** Floats as an image of `like`'s dtype and another shape; u8 is rounded and clamped. */
export function imageOf(
  values: Float32Array,
  like: HostTensor,
  shape: readonly number[] = like.shape,
): HostTensor {
  if (like.dtype !== "u8") return { data: values, shape, dtype: "f32" };
  const data = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    data[i] = roundHalfEven(Math.min(255, Math.max(0, values[i])));
  }
  return { data, shape, dtype: "u8" };
}

/** As {@link imageOf} with u8 cut off instead of rounded and all values clamped to the range. */
export function clampedImageOf(
  values: Float32Array,
  like: HostTensor,
  shape: readonly number[] = like.shape,
): HostTensor {
  const white = whiteOf(like);
  const data = like.dtype === "u8" ? new Uint8Array(values.length) : values;
  // Writing a float into bytes cuts its fraction off.
  for (let i = 0; i < values.length; i++) data[i] = Math.min(white, Math.max(0, values[i]));
  return { data, shape, dtype: like.dtype };
}
