import { numberToHalf } from "../half.ts";

const { fround } = Math;
const blockElements = 32;

/** Types that f32 can be packed into when it is written. */
export type GgufPackedType = "Q8_0" | "Q4_0";

/** Packs elements in blocks of 32 that share one scale. The count must be a multiple of 32. */
export function quantize(type: GgufPackedType, values: Float32Array): Uint8Array {
  return type === "Q8_0" ? packQ8(values) : packQ4(values);
}

/** 8 bits: q = round(x / d) with d = max |x| / 127. */
function packQ8(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array((values.length / blockElements) * 34);
  for (let from = 0, to = 0; from < values.length; from += blockElements, to += 34) {
    let max = 0;
    for (let i = 0; i < blockElements; i++) max = Math.max(max, Math.abs(values[from + i]));
    const d = fround(max / 127);
    const inverse = d === 0 ? 0 : fround(1 / d);
    writeHalf(bytes, to, d);
    for (let i = 0; i < blockElements; i++) {
      const scaled = fround(values[from + i] * inverse);
      // Halves are rounded away from zero, as roundf does.
      bytes[to + 2 + i] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5);
    }
  }
  return bytes;
}

/** 4 bits: q = x / d + 8, where the element of largest magnitude becomes 0, that is -8 d. */
function packQ4(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array((values.length / blockElements) * 18);
  for (let from = 0, to = 0; from < values.length; from += blockElements, to += 18) {
    let extreme = 0;
    for (let i = 0; i < blockElements; i++) {
      if (Math.abs(values[from + i]) > Math.abs(extreme)) extreme = values[from + i];
    }
    const d = fround(extreme / -8);
    const inverse = d === 0 ? 0 : fround(1 / d);
    writeHalf(bytes, to, d);
    const level = (value: number): number =>
      Math.min(15, Math.trunc(fround(fround(value * inverse) + 8.5)));
    for (let i = 0; i < 16; i++) {
      bytes[to + 2 + i] = level(values[from + i]) | (level(values[from + 16 + i]) << 4);
    }
  }
  return bytes;
}

function writeHalf(bytes: Uint8Array, at: number, value: number): void {
  const bits = numberToHalf(value);
  bytes[at] = bits & 255;
  bytes[at + 1] = bits >> 8;
}
