import { halfToNumber } from "../half.ts";
import type { GgufType } from "./gguf-types.ts";
import { ggufLayout } from "./gguf-types.ts";

/** Writes the elements of the block at `at` to `y`, from `to` on. */
type Decode = (b: Uint8Array, at: number, y: Float32Array, to: number) => void;

const { fround } = Math;

function half(b: Uint8Array, at: number): number {
  return halfToNumber(b[at] | (b[at + 1] << 8));
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}

/** 32 elements: the low and high halves of 16 bytes, looked up and scaled. */
function nibbles(
  table: readonly number[],
  data: number,
  scale: (b: Uint8Array, at: number) => number,
): Decode {
  return (b, at, y, to) => {
    const d = scale(b, at);
    for (let i = 0; i < 16; i++) {
      const byte = b[at + data + i];
      y[to + i] = d * table[byte & 15];
      y[to + 16 + i] = d * table[byte >> 4];
    }
  };
}

/** Values of 4 bits in IQ4, spread as weights are. */
const unevenValues = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
const centredValues = Array.from({ length: 16 }, (_, i) => i - 8);
/** Twice the values of a 4-bit float. */
const floatValues = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/** Half of the power of two that one byte gives. */
function halfPower(b: Uint8Array, at: number): number {
  return 2 ** (b[at] - 128);
}

function q4With1(b: Uint8Array, at: number, y: Float32Array, to: number): void {
  const [d, m] = [half(b, at), half(b, at + 2)];
  for (let i = 0; i < 16; i++) {
    const byte = b[at + 4 + i];
    y[to + i] = fround(d * (byte & 15)) + m;
    y[to + 16 + i] = fround(d * (byte >> 4)) + m;
  }
}

/** Five bits: four in nibbles, the fifth in a mask of 32 bits. */
function fiveBits(header: number, shift: number): Decode {
  return (b, at, y, to) => {
    const d = half(b, at);
    // Adding −0 changes nothing, not even the sign of a zero.
    const m = header === 4 ? half(b, at + 2) : -0;
    for (let i = 0; i < 32; i++) {
      const byte = b[at + header + 4 + (i & 15)];
      const low = i < 16 ? byte & 15 : byte >> 4;
      const high = (b[at + header + (i >> 3)] >> (i & 7)) & 1;
      y[to + i] = fround(d * ((low | (high << 4)) - shift)) + m;
    }
  };
}

function q8(b: Uint8Array, at: number, y: Float32Array, to: number): void {
  const d = half(b, at);
  for (let i = 0; i < 32; i++) y[to + i] = d * signed(b[at + 2 + i]);
}

/** 16 groups of 16 elements of 2 bits, each with a 4-bit scale and a 4-bit minimum. */
function q2K(b: Uint8Array, at: number, y: Float32Array, to: number): void {
  const [d, dmin] = [half(b, at + 80), half(b, at + 82)];
  for (let group = 0; group < 16; group++) {
    const scale = b[at + group];
    const dl = fround(d * (scale & 15));
    const ml = fround(dmin * (scale >> 4));
    const [base, shift] = pairsOf(group);
    for (let i = 0; i < 16; i++) {
      const q = (b[at + 16 + base + i] >> shift) & 3;
      y[to + 16 * group + i] = fround(dl * q) - ml;
    }
  }
}

/** First byte and shift of a group of 16 elements whose pairs of bits lie 32 bytes apart. */
function pairsOf(group: number): readonly [number, number] {
  return [32 * (group >> 3) + 16 * (group & 1), 2 * ((group >> 1) & 3)];
}

/** 16 groups of 16 elements of 3 bits (two and a mask), each with a 6-bit scale. */
function q3K(b: Uint8Array, at: number, y: Float32Array, to: number): void {
  const d = half(b, at + 108);
  for (let group = 0; group < 16; group++) {
    const low = b[at + 96 + (group & 7)] >> (group < 8 ? 0 : 4);
    const high = b[at + 104 + (group & 3)] >> (2 * (group >> 2));
    const dl = fround(d * (((low & 15) | ((high & 3) << 4)) - 32));
    const [base, shift] = pairsOf(group);
    for (let i = 0; i < 16; i++) {
      const bit = (b[at + 16 * (group & 1) + i] >> (group >> 1)) & 1;
      y[to + 16 * group + i] = dl * (((b[at + 32 + base + i] >> shift) & 3) - (bit ? 0 : 4));
    }
  }
}

/** Scale and minimum of one of 8 groups, 6 bits each in 12 bytes. */
function scaleAndMin(b: Uint8Array, at: number, group: number): readonly [number, number] {
  if (group < 4) return [b[at + group] & 63, b[at + group + 4] & 63];
  const low = b[at + group + 4];
  return [(low & 15) | ((b[at + group - 4] >> 6) << 4), (low >> 4) | ((b[at + group] >> 6) << 4)];
}

/** 8 groups of 32 elements of 4 or 5 bits; the fifth bits lie in 32 bytes of their own. */
function q4or5K(hasFifth: boolean): Decode {
  const data = hasFifth ? 48 : 16;
  return (b, at, y, to) => {
    const [d, dmin] = [half(b, at), half(b, at + 2)];
    for (let group = 0; group < 8; group++) {
      const [scale, min] = scaleAndMin(b, at + 4, group);
      const dl = fround(d * scale);
      const ml = fround(dmin * min);
      for (let i = 0; i < 32; i++) {
        const byte = b[at + data + 32 * (group >> 1) + i];
        const low = group & 1 ? byte >> 4 : byte & 15;
        const fifth = hasFifth ? (b[at + 16 + i] >> group) & 1 : 0;
        y[to + 32 * group + i] = fround(dl * (low | (fifth << 4))) - ml;
      }
    }
  };
}

/** 16 groups of 16 elements of 6 bits (four and two), each with an 8-bit scale. */
function q6K(b: Uint8Array, at: number, y: Float32Array, to: number): void {
  const d = half(b, at + 208);
  for (let i = 0; i < 256; i++) {
    const part = i >> 7;
    const quarter = (i >> 5) & 3;
    const low = b[at + 64 * part + 32 * (quarter & 1) + (i & 31)] >> (quarter < 2 ? 0 : 4);
    const high = b[at + 128 + 32 * part + (i & 31)] >> (2 * quarter);
    const dl = fround(d * signed(b[at + 192 + (i >> 4)]));
    y[to + i] = dl * (((low & 15) | ((high & 3) << 4)) - 32);
  }
}

/** 8 groups of 32 elements of 4 uneven bits, each with a 6-bit scale. */
function iq4Xs(b: Uint8Array, at: number, y: Float32Array, to: number): void {
  const d = half(b, at);
  const highs = b[at + 2] | (b[at + 3] << 8);
  for (let group = 0; group < 8; group++) {
    const low = b[at + 4 + (group >> 1)] >> (group & 1 ? 4 : 0);
    const dl = fround(d * (((low & 15) | (((highs >> (2 * group)) & 3) << 4)) - 32));
    for (let i = 0; i < 16; i++) {
      const byte = b[at + 8 + 16 * group + i];
      y[to + 32 * group + i] = dl * unevenValues[byte & 15];
      y[to + 32 * group + 16 + i] = dl * unevenValues[byte >> 4];
    }
  }
}

const decoders: Readonly<Partial<Record<GgufType, Decode>>> = {
  Q4_0: nibbles(centredValues, 2, half),
  Q4_1: q4With1,
  Q5_0: fiveBits(2, 16),
  Q5_1: fiveBits(4, 0),
  Q8_0: q8,
  Q2_K: q2K,
  Q3_K: q3K,
  Q4_K: q4or5K(false),
  Q5_K: q4or5K(true),
  Q6_K: q6K,
  IQ4_NL: nibbles(unevenValues, 2, half),
  IQ4_XS: iq4Xs,
  MXFP4: nibbles(floatValues, 1, halfPower),
};

/** Packed types that can be read. */
export const dequantizedTypes: readonly string[] = Object.keys(decoders);

/**
 * The elements of packed blocks as f32; undefined for a type that cannot be read.
 *
 * @param bytes - whole blocks.
 * @see https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h, the block structures.
 */
export function dequantize(type: GgufType, bytes: Uint8Array): Float32Array | undefined {
  const decode = decoders[type];
  if (decode === undefined) return undefined;
  const { blockElements, blockBytes } = ggufLayout(type);
  const count = bytes.byteLength / blockBytes;
  const values = new Float32Array(count * blockElements);
  for (let i = 0; i < count; i++) decode(bytes, i * blockBytes, values, i * blockElements);
  return values;
}
