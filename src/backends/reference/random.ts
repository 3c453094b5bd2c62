const rotations = [13, 15, 26, 6, 17, 29, 16, 24];
const parity = 0x1bd11bda;

/**
 * Threefry-2x32 with 20 rounds.
 * @param out - receives the two output words.
 * @see Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.2
 */
export function threefry2x32(
  key0: number,
  key1: number,
  counter0: number,
  counter1: number,
  out: Uint32Array,
): void {
  const key2 = key0 ^ key1 ^ parity;
  let x = (counter0 + key0) | 0;
  let y = (counter1 + key1) | 0;
  for (let group = 1; group <= 5; group++) {
    const first = group % 2 === 1 ? 0 : 4;
    for (let i = first; i < first + 4; i++) {
      x = (x + y) | 0;
      y = ((y << rotations[i]) | (y >>> (32 - rotations[i]))) ^ x;
    }
    // The key words rotate by one per group: (k1, k2), (k2, k0), (k0, k1), …
    x = (x + (group % 3 === 1 ? key1 : group % 3 === 2 ? key2 : key0)) | 0;
    y = (y + (group % 3 === 1 ? key2 : group % 3 === 2 ? key0 : key1) + group) | 0;
  }
  out[0] = x;
  out[1] = y;
}

/** First Threefry word of the counters (0, 0) … (count−1, 0). */
export function randomWords(key0: number, key1: number, count: number): Uint32Array {
  const words = new Uint32Array(count);
  const pair = new Uint32Array(2);
  for (let i = 0; i < count; i++) {
    threefry2x32(key0, key1, i, 0, pair);
    words[i] = pair[0];
  }
  return words;
}
