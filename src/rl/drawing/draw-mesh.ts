import type { Vector } from "./camera.ts";
import { cross, dot } from "./sample-grid.ts";
import type { SampleGrid } from "./sample-grid.ts";
import type { Solid } from "./solid.ts";

/** A colour by the cosines of a surface's direction with the light and with the view. */
type Shade = (colour: Vector, lit: number, seen: number) => number;

/** Draws the triangles of a mesh, each in one shade. */
export function drawMesh(grid: SampleGrid, solid: Solid, light: Vector, shade: Shade): void {
  const { mesh } = solid;
  if (mesh === undefined) return;
  const corners = placedCorners(solid, mesh.corners);
  const seen = corners.map((corner) => grid.project(corner));
  for (let face = 0; face < mesh.faces.length; face += 3) {
    const [a, b, c] = mesh.faces.subarray(face, face + 3);
    const triangle = [seen[a], seen[b], seen[c]] as const;
    if (triangle.some(([, , depth]) => depth < 1e-3)) continue;
    const normal = normalOf(corners[a], corners[b], corners[c]);
    const sight = minus(grid.camera.eye, corners[a]);
    const toEye = dot(normal, sight) / Math.hypot(...sight);
    // Both sides of a surface are drawn: which is the outer one, a mesh need not say.
    const side = Math.sign(toEye);
    fillTriangle(grid, triangle, shade(solid.colour, side * dot(normal, light), side * toEye));
  }
}

function fillTriangle(
  grid: SampleGrid,
  [a, b, c]: readonly [Vector, Vector, Vector],
  colour: number,
): void {
  const area = edge(a, b, c[0], c[1]);
  if (area === 0) return;
  const { width, height, depth } = grid;
  const top = Math.max(0, Math.floor(Math.min(a[1], b[1], c[1])));
  const bottom = Math.min(height, Math.ceil(Math.max(a[1], b[1], c[1])) + 1);
  const left = Math.max(0, Math.floor(Math.min(a[0], b[0], c[0])));
  const right = Math.min(width, Math.ceil(Math.max(a[0], b[0], c[0])) + 1);
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const shareA = edge(b, c, column + 0.5, row + 0.5) / area;
      const shareB = edge(c, a, column + 0.5, row + 0.5) / area;
      const shareC = 1 - shareA - shareB;
      if (shareA < 0 || shareB < 0 || shareC < 0) continue;
      // In the picture it is the inverse of the depth that changes evenly.
      const at = 1 / (shareA / a[2] + shareB / b[2] + shareC / c[2]);
      const index = row * width + column;
      if (at >= depth[index]) continue;
      depth[index] = at;
      grid.owner[index] = 0;
      grid.colour[index] = colour;
    }
  }
}

/** Twice the area between an edge and a point, with a sign for the side. */
function edge(from: Vector, to: Vector, x: number, y: number): number {
  return (to[0] - from[0]) * (y - from[1]) - (to[1] - from[1]) * (x - from[0]);
}

function placedCorners({ position, rotation }: Solid, corners: Float32Array): Vector[] {
  return Array.from({ length: corners.length / 3 }, (_, i): Vector => {
    const [x, y, z] = corners.subarray(3 * i, 3 * i + 3);
    const part = (axis: 0 | 1 | 2): number =>
      position[axis] +
      rotation[3 * axis] * x +
      rotation[3 * axis + 1] * y +
      rotation[3 * axis + 2] * z;
    return [part(0), part(1), part(2)];
  });
}

function normalOf(a: Vector, b: Vector, c: Vector): Vector {
  const normal = cross(minus(b, a), minus(c, a));
  const length = Math.hypot(...normal) || 1;
  return [normal[0] / length, normal[1] / length, normal[2] / length];
}

function minus(a: Vector, b: Vector): Vector {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}
