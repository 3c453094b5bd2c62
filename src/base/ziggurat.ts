/**
 * A density that falls on [0, ∞), cut into 256 layers of equal area. Layer i reaches to
 * `width[i] * 2^bits`; a draw below `inside[i]`, of `bits` bits, lies under the curve for certain.
 *
 * @see Marsaglia and Tsang 2000, "The Ziggurat Method for Generating Random Variables".
 */
export interface Ziggurat {
  /** Where the lowest layer ends and the tail begins. */
  readonly tail: number;
  /** From a draw to a place. */
  readonly width: Float64Array;
  /** Draws below are accepted at once. */
  readonly inside: Float64Array;
  /** The density, 1 at 0, at the right end of each layer. */
  readonly density: Float64Array;
}

const layers = 256;

interface Curve {
  readonly tail: number;
  /** The area of a layer. */
  readonly area: number;
  readonly density: (x: number) => number;
  readonly inverse: (y: number) => number;
}

function cut({ tail, area, density, inverse }: Curve, bits: number): Ziggurat {
  const scale = 2 ** bits;
  const table = (): Float64Array => new Float64Array(layers);
  const result = { tail, width: table(), inside: table(), density: table() };
  const base = area / density(tail);
  const last = layers - 1;
  result.inside[0] = Math.floor((tail / base) * scale);
  result.width[0] = base / scale;
  result.width[last] = tail / scale;
  result.density[0] = 1;
  result.density[last] = density(tail);
  let right = tail;
  for (let i = last - 1; i >= 1; i--) {
    const x = inverse(area / right + density(right));
    result.inside[i + 1] = Math.floor((x / right) * scale);
    result.width[i] = x / scale;
    result.density[i] = density(x);
    right = x;
  }
  return result;
}

/** ∫ exp(-x²/2) from r to ∞ by its continued fraction, which converges fast for r > 3. */
function normalTail(r: number): number {
  let fraction = r;
  for (let k = 100; k >= 1; k--) fraction = r + k / fraction;
  return Math.exp(-0.5 * r * r) / fraction;
}

/** Layers of exp(-x²/2) for draws of 52 bits. */
export function normalZiggurat(): Ziggurat {
  const tail = 3.6541528853610088;
  const density = (x: number): number => Math.exp(-0.5 * x * x);
  return cut(
    {
      tail,
      area: tail * density(tail) + normalTail(tail),
      density,
      inverse: (y) => Math.sqrt(-2 * Math.log(y)),
    },
    52,
  );
}

/** Layers of exp(-x) for draws of 53 bits. */
export function exponentialZiggurat(): Ziggurat {
  const tail = 7.69711747013105;
  const density = (x: number): number => Math.exp(-x);
  return cut({ tail, area: (tail + 1) * density(tail), density, inverse: (y) => -Math.log(y) }, 53);
}
