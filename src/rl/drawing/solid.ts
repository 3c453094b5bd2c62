import type { Vector } from "./camera.ts";

/** Kinds of solids, by MuJoCo's names. */
export type SolidKind = "plane" | "sphere" | "capsule" | "ellipsoid" | "cylinder" | "box" | "mesh";

/** A surface of triangles: corners as x, y, z, and three corners' numbers per triangle. */
export interface Mesh {
  readonly corners: Float32Array;
  readonly faces: Int32Array;
}

/** Something to draw. */
export interface Solid {
  readonly kind: SolidKind;
  readonly position: Vector;
  /** Its own axes as the columns of a matrix, row by row. */
  readonly rotation: ArrayLike<number>;
  /**
   * As MuJoCo has them: a sphere's radius; a capsule's or cylinder's radius and half length along
   * z; half sizes of box and ellipsoid; half sizes of a plane, where 0 is endless.
   */
  readonly size: Vector;
  /** Red, green and blue from 0 to 1. */
  readonly colour: Vector;
  readonly mesh?: Mesh;
}

/** A hit of a ray: how far along, and the surface's direction there. */
export interface Hit {
  at: number;
  nx: number;
  ny: number;
  nz: number;
}

/** Where rays hit a solid at the origin; false without a hit ahead. Writes into `hit`. */
export type Intersect = (
  size: Vector,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
  hit: Hit,
) => boolean;

const nearest = 1e-6;

/** Half sizes of the box around a solid in its own axes. */
export function reachOf({ kind, size }: Solid): Vector {
  const [a, b, c] = size;
  if (kind === "sphere") return [a, a, a];
  if (kind === "capsule") return [a, a, b + a];
  if (kind === "cylinder") return [a, a, b];
  return [a, b, c];
}

/** Rays against each kind that is drawn by rays. */
export const intersections: Readonly<Record<Exclude<SolidKind, "plane" | "mesh">, Intersect>> = {
  sphere: ([r], ox, oy, oz, dx, dy, dz, hit) => hitBall(r, 0, ox, oy, oz, dx, dy, dz, hit),
  capsule: (size, ox, oy, oz, dx, dy, dz, hit) => {
    const [r, half] = size;
    if (hitTube(r, half, ox, oy, oz, dx, dy, dz, hit)) return true;
    // The cap that faces the ray comes first.
    const near = dz > 0 ? -half : half;
    if (hitBall(r, near, ox, oy, oz, dx, dy, dz, hit)) return true;
    return hitBall(r, -near, ox, oy, oz, dx, dy, dz, hit);
  },
  cylinder: (size, ox, oy, oz, dx, dy, dz, hit) => {
    const [r, half] = size;
    if (hitTube(r, half, ox, oy, oz, dx, dy, dz, hit)) return true;
    if (dz === 0) return false;
    const side = dz > 0 ? -half : half;
    const at = (side - oz) / dz;
    const [x, y] = [ox + at * dx, oy + at * dy];
    if (at < nearest || x * x + y * y > r * r) return false;
    return settle(hit, at, 0, 0, Math.sign(side));
  },
  ellipsoid: ([a, b, c], ox, oy, oz, dx, dy, dz, hit) => {
    if (!hitBall(1, 0, ox / a, oy / b, oz / c, dx / a, dy / b, dz / c, hit)) return false;
    return settle(hit, hit.at, hit.nx / a, hit.ny / b, hit.nz / c);
  },
  box: hitBox,
};

function settle(hit: Hit, at: number, nx: number, ny: number, nz: number): true {
  const length = Math.sqrt(nx * nx + ny * ny + nz * nz);
  hit.at = at;
  hit.nx = nx / length;
  hit.ny = ny / length;
  hit.nz = nz / length;
  return true;
}

function hitBall(
  r: number,
  height: number,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
  hit: Hit,
): boolean {
  const z = oz - height;
  const a = dx * dx + dy * dy + dz * dz;
  const b = ox * dx + oy * dy + z * dz;
  const c = ox * ox + oy * oy + z * z - r * r;
  const root = b * b - a * c;
  if (root < 0) return false;
  const at = (-b - Math.sqrt(root)) / a;
  if (at < nearest) return false;
  return settle(hit, at, ox + at * dx, oy + at * dy, z + at * dz);
}

function hitTube(
  r: number,
  half: number,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
  hit: Hit,
): boolean {
  const a = dx * dx + dy * dy;
  if (a === 0) return false;
  const b = ox * dx + oy * dy;
  const root = b * b - a * (ox * ox + oy * oy - r * r);
  if (root < 0) return false;
  const at = (-b - Math.sqrt(root)) / a;
  if (at < nearest || Math.abs(oz + at * dz) > half) return false;
  return settle(hit, at, ox + at * dx, oy + at * dy, 0);
}

function hitBox(
  size: Vector,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
  hit: Hit,
): boolean {
  const origin = [ox, oy, oz];
  const way = [dx, dy, dz];
  let enter = -Infinity;
  let leave = Infinity;
  let side = 0;
  for (let axis = 0; axis < 3; axis++) {
    if (way[axis] === 0) {
      if (Math.abs(origin[axis]) > size[axis]) return false;
      continue;
    }
    const half = way[axis] > 0 ? size[axis] : -size[axis];
    const from = (-half - origin[axis]) / way[axis];
    if (from > enter) [enter, side] = [from, axis];
    leave = Math.min(leave, (half - origin[axis]) / way[axis]);
  }
  if (enter > leave || enter < nearest) return false;
  const normal = [0, 0, 0];
  normal[side] = -Math.sign(way[side]);
  return settle(hit, enter, normal[0], normal[1], normal[2]);
}
