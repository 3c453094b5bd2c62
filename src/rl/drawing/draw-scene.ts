import type { Frame } from "../frame.ts";
import type { Camera, Vector } from "./camera.ts";
import { drawMesh } from "./draw-mesh.ts";
import { SampleGrid, dot, turnedBack } from "./sample-grid.ts";
import { intersections, reachOf } from "./solid.ts";
import type { Hit, Solid } from "./solid.ts";

const skyTop: Vector = [0.55, 0.71, 0.88];
const horizon: Vector = [0.93, 0.95, 0.97];
const light: Vector = unit([-0.35, -0.55, 1]);
const ambient = 0.42;
const diffuse = 0.5;
const facing = 0.16;
const shine = 0.18;
const inShadow = 0.66;
const darkTile = 0.86;

/**
 * Draws solids as a camera sees them: rays against each solid within its own window of the
 * picture, the nearest surface per sample, four samples per point. Planes are chequered and take
 * the shadows of what stands above them.
 */
export function drawScene(
  solids: readonly Solid[],
  camera: Camera,
  size: readonly [number, number],
): Frame {
  const grid = SampleGrid.ofSize(size, camera);
  drawSky(grid);
  const planes = solids.filter((solid) => solid.kind === "plane");
  const things = solids.filter((solid) => solid.kind !== "plane");
  for (const [i, plane] of planes.entries()) drawPlane(grid, plane, i + 1);
  for (const thing of things) {
    if (thing.kind === "mesh") drawMesh(grid, thing, light, shade);
    else drawSolid(grid, thing);
  }
  for (const [i, plane] of planes.entries()) {
    for (const thing of things) if (thing.kind !== "mesh") castShadow(grid, plane, i + 1, thing);
  }
  return grid.toFrame();
}

function drawSky(grid: SampleGrid): void {
  const { width, height, camera } = grid;
  for (let row = 0; row < height; row++) {
    const v = grid.v(row);
    const slope = camera.forward[2] + v * camera.up[2];
    const share = Math.min(1, Math.max(0, 1.6 * slope));
    grid.colour.fill(packed(mixed(horizon, skyTop, share), 1), row * width, (row + 1) * width);
  }
}

function drawPlane(grid: SampleGrid, plane: Solid, owner: number): void {
  const { width, height, camera, depth, colour } = grid;
  const [ox, oy, oz] = turnedBack(plane, minus(camera.eye, plane.position));
  if (oz <= 0) return;
  const forward = turnedBack(plane, camera.forward);
  const right = turnedBack(plane, camera.right);
  const up = turnedBack(plane, camera.up);
  const [limitX, limitY] = plane.size.map((half) => (half > 0 ? half : Infinity));
  // A power of two near a sixth of the way to what is looked at.
  const tile = 2 ** Math.round(Math.log2(camera.distance / 6));
  const far = 7 * camera.distance;
  const lit = ambient + diffuse * light[2] + facing;
  for (let row = 0; row < height; row++) {
    const v = grid.v(row);
    for (let column = 0; column < width; column++) {
      const u = grid.u(column);
      const dz = forward[2] + u * right[2] + v * up[2];
      if (dz >= 0) continue;
      const at = -oz / dz;
      const index = row * width + column;
      if (at >= depth[index]) continue;
      const x = ox + at * (forward[0] + u * right[0] + v * up[0]);
      const y = oy + at * (forward[1] + u * right[1] + v * up[1]);
      if (Math.abs(x) > limitX || Math.abs(y) > limitY) continue;
      const isDark = ((Math.floor(x / tile) + Math.floor(y / tile)) & 1) === 1;
      const bright = lit * (isDark ? darkTile : 1);
      const haze = Math.min(1, at / far);
      depth[index] = at;
      grid.owner[index] = owner;
      colour[index] = blended(plane.colour, bright, haze * haze);
    }
  }
}

function drawSolid(grid: SampleGrid, solid: Solid): void {
  if (solid.kind === "plane" || solid.kind === "mesh") return;
  const intersect = intersections[solid.kind];
  const { width, camera, depth, colour, owner } = grid;
  const [ox, oy, oz] = turnedBack(solid, minus(camera.eye, solid.position));
  const forward = turnedBack(solid, camera.forward);
  const right = turnedBack(solid, camera.right);
  const up = turnedBack(solid, camera.up);
  const lamp = turnedBack(solid, light);
  const hit: Hit = { at: 0, nx: 0, ny: 0, nz: 0 };
  const window = grid.windowOf(cornersOf(solid));
  for (let row = window.top; row < window.bottom; row++) {
    const v = grid.v(row);
    for (let column = window.left; column < window.right; column++) {
      const u = grid.u(column);
      const dx = forward[0] + u * right[0] + v * up[0];
      const dy = forward[1] + u * right[1] + v * up[1];
      const dz = forward[2] + u * right[2] + v * up[2];
      if (!intersect(solid.size, ox, oy, oz, dx, dy, dz, hit)) continue;
      const index = row * width + column;
      if (hit.at >= depth[index]) continue;
      const lit = hit.nx * lamp[0] + hit.ny * lamp[1] + hit.nz * lamp[2];
      const long = Math.sqrt(dx * dx + dy * dy + dz * dz);
      const seen = -(hit.nx * dx + hit.ny * dy + hit.nz * dz) / long;
      depth[index] = hit.at;
      owner[index] = 0;
      colour[index] = shade(solid.colour, lit, seen);
    }
  }
}

/** The colour of a surface by the cosines of its direction with the light and with the view. */
function shade(colour: Vector, lit: number, seen: number): number {
  const bright = ambient + diffuse * Math.max(0, lit) + facing * Math.max(0, seen);
  const glint = shine * Math.max(0, lit) ** 12;
  return bytes(colour[0] * bright + glint, colour[1] * bright + glint, colour[2] * bright + glint);
}

/** Darkens the samples of a plane from which a solid stands before the light. */
function castShadow(grid: SampleGrid, plane: Solid, owner: number, solid: Solid): void {
  if (solid.kind === "plane" || solid.kind === "mesh") return;
  const corners = cornersOf(solid).map((corner) => shadowOf(corner, plane));
  if (corners.some((corner) => corner === null)) return;
  const window = grid.windowOf(corners.filter((corner) => corner !== null));
  const intersect = intersections[solid.kind];
  const { width, camera, depth, colour } = grid;
  const eye = turnedBack(solid, minus(camera.eye, solid.position));
  const forward = turnedBack(solid, camera.forward);
  const right = turnedBack(solid, camera.right);
  const up = turnedBack(solid, camera.up);
  const [lx, ly, lz] = turnedBack(solid, light);
  const hit: Hit = { at: 0, nx: 0, ny: 0, nz: 0 };
  for (let row = window.top; row < window.bottom; row++) {
    const v = grid.v(row);
    for (let column = window.left; column < window.right; column++) {
      const index = row * width + column;
      if (grid.owner[index] !== owner) continue;
      const u = grid.u(column);
      const at = depth[index];
      const x = eye[0] + at * (forward[0] + u * right[0] + v * up[0]);
      const y = eye[1] + at * (forward[1] + u * right[1] + v * up[1]);
      const z = eye[2] + at * (forward[2] + u * right[2] + v * up[2]);
      if (!intersect(solid.size, x, y, z, lx, ly, lz, hit)) continue;
      colour[index] = darkened(colour[index]);
      // A sample darkens once, however many solids stand before it.
      grid.owner[index] = 0;
    }
  }
}

/** Where the light throws a point onto a plane; null for a point below it. */
function shadowOf(point: Vector, plane: Solid): Vector | null {
  const normal: Vector = [plane.rotation[2], plane.rotation[5], plane.rotation[8]];
  const height = dot(minus(point, plane.position), normal);
  const fall = dot(light, normal);
  if (fall <= 0) return null;
  const at = Math.max(0, height) / fall;
  return [point[0] - at * light[0], point[1] - at * light[1], point[2] - at * light[2]];
}

/** The corners of the box around a solid. */
function cornersOf(solid: Solid): Vector[] {
  const reach = reachOf(solid);
  const { position, rotation } = solid;
  return Array.from({ length: 8 }, (_, i): Vector => {
    const local = [0, 1, 2].map((axis) => (i & (1 << axis) ? reach[axis] : -reach[axis]));
    const turned = [0, 1, 2].map(
      (axis) =>
        position[axis] +
        rotation[3 * axis] * local[0] +
        rotation[3 * axis + 1] * local[1] +
        rotation[3 * axis + 2] * local[2],
    );
    return [turned[0], turned[1], turned[2]];
  });
}

function minus(a: Vector, b: Vector): Vector {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

function unit(v: Vector): Vector {
  const length = Math.hypot(...v);
  return [v[0] / length, v[1] / length, v[2] / length];
}

function mixed(a: Vector, b: Vector, share: number): Vector {
  const part = (i: 0 | 1 | 2): number => a[i] + share * (b[i] - a[i]);
  return [part(0), part(1), part(2)];
}

function blended(colour: Vector, bright: number, haze: number): number {
  const clear = 1 - haze;
  return bytes(
    colour[0] * bright * clear + horizon[0] * haze,
    colour[1] * bright * clear + horizon[1] * haze,
    colour[2] * bright * clear + horizon[2] * haze,
  );
}

function packed(colour: Vector, bright: number): number {
  return bytes(colour[0] * bright, colour[1] * bright, colour[2] * bright);
}

/** Three parts from 0 to 1 as one number, red lowest. */
function bytes(red: number, green: number, blue: number): number {
  return byte(red) | (byte(green) << 8) | (byte(blue) << 16);
}

function byte(part: number): number {
  return part >= 1 ? 255 : part <= 0 ? 0 : (part * 255 + 0.5) | 0;
}

function darkened(colour: number): number {
  return bytes(
    ((colour & 255) / 255) * inShadow,
    (((colour >> 8) & 255) / 255) * inShadow,
    (((colour >> 16) & 255) / 255) * inShadow,
  );
}
