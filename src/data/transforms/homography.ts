/**
 * A projective map of the plane, 3 × 3 in rows:
 * x' = (m0 x + m1 y + m2) / (m6 x + m7 y + m8), y' = (m3 x + m4 y + m5) / (m6 x + m7 y + m8).
 */
export type Homography = readonly number[];

/** A point of the plane. */
export type Point = readonly [x: number, y: number];

/** Where a point goes. */
export function mapPoint(m: Homography, [x, y]: Point): Point {
  const depth = m[6] * x + m[7] * y + m[8];
  return [(m[0] * x + m[1] * y + m[2]) / depth, (m[3] * x + m[4] * y + m[5]) / depth];
}

/** First `inner`, then `outer`. */
export function chain(outer: Homography, inner: Homography): Homography {
  const product = new Array<number>(9).fill(0);
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 3; column++) {
      for (let k = 0; k < 3; k++) {
        product[3 * row + column] += outer[3 * row + k] * inner[3 * k + column];
      }
    }
  }
  return product;
}

/** The map back. */
export function invert(m: Homography): Homography {
  const minor = (a: number, b: number, c: number, d: number): number => m[a] * m[d] - m[b] * m[c];
  const cofactors = [
    minor(4, 5, 7, 8),
    -minor(1, 2, 7, 8),
    minor(1, 2, 4, 5),
    -minor(3, 5, 6, 8),
    minor(0, 2, 6, 8),
    -minor(0, 2, 3, 5),
    minor(3, 4, 6, 7),
    -minor(0, 1, 6, 7),
    minor(0, 1, 3, 4),
  ];
  const determinant = m[0] * cofactors[0] + m[1] * cofactors[3] + m[2] * cofactors[6];
  return cofactors.map((value) => value / determinant);
}

/** A shift. */
export function translation(x: number, y: number): Homography {
  return [1, 0, x, 0, 1, y, 0, 0, 1];
}

/** Rotation, scale, shear and shift; angles in degrees, clockwise as y points down. */
export interface AffineParameters {
  readonly angle: number;
  readonly translate: readonly [x: number, y: number];
  readonly scale: number;
  readonly shear: readonly [x: number, y: number];
}

/** The affine map T · C · R(angle) · Shear(shear) · scale · C⁻¹ around a centre C. */
export function affineMap(center: Point, parameters: AffineParameters): Homography {
  const { angle, translate, scale, shear } = parameters;
  const [rotation, shearX, shearY] = [angle, ...shear].map((degrees) => (degrees * Math.PI) / 180);
  const cosine = Math.cos(rotation - shearY) / Math.cos(shearY);
  const sine = Math.sin(rotation - shearY) / Math.cos(shearY);
  const linear = [
    cosine * scale,
    (-cosine * Math.tan(shearX) - Math.sin(rotation)) * scale,
    0,
    sine * scale,
    (-sine * Math.tan(shearX) + Math.cos(rotation)) * scale,
    0,
    0,
    0,
    1,
  ];
  const [x, y] = center;
  return chain(translation(x + translate[0], y + translate[1]), chain(linear, translation(-x, -y)));
}

/** The projective map that takes four points to four others. */
export function perspectiveMap(from: readonly Point[], to: readonly Point[]): Homography {
  const rows = from.flatMap(([x, y], i) => {
    const [u, v] = to[i];
    return [
      [x, y, 1, 0, 0, 0, -u * x, -u * y, u],
      [0, 0, 0, x, y, 1, -v * x, -v * y, v],
    ];
  });
  return [...solve(rows), 1];
}

/** Gauss elimination with pivots; each row ends in its right-hand side. */
function solve(rows: number[][]): number[] {
  const size = rows.length;
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let row = column + 1; row < size; row++) {
      if (Math.abs(rows[row][column]) > Math.abs(rows[pivot][column])) pivot = row;
    }
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    for (let row = 0; row < size; row++) {
      if (row === column) continue;
      const factor = rows[row][column] / rows[column][column];
      for (let k = column; k <= size; k++) rows[row][k] -= factor * rows[column][k];
    }
  }
  return rows.map((row, i) => row[size] / row[i]);
}
