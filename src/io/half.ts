/** Value of the bits of a half (IEEE 754 binary16). */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Bits of the half nearest to a value, ties to even; what is too large becomes infinite. */
export function numberToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(magnitude)) return 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  // The distance of neighbours is 2^-24 below 2^-13 and doubles with each power of two.
  let exponent = Math.max(-14, Math.floor(Math.log2(Math.max(magnitude, 2 ** -14))));
  if (magnitude < 2 ** exponent) exponent = Math.max(-14, exponent - 1);
  const steps = magnitude / 2 ** (exponent - 10);
  const floor = Math.floor(steps);
  const rest = steps - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  // A full count of 2048 carries into the exponent by itself.
  return sign | (((exponent + 14) << 10) + rounded);
}
