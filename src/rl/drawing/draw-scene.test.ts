import { describe, expect, it } from "vitest";
import type { Frame } from "../frame.ts";
import { cameraAt } from "./camera.ts";
import { drawScene } from "./draw-scene.ts";
import type { Mesh, Solid, SolidKind } from "./solid.ts";

const upright = [1, 0, 0, 0, 1, 0, 0, 0, 1];
const camera = cameraAt({ distance: 4, azimuth: 90, elevation: 0, lookat: [0, 0, 1] });

function solid(kind: SolidKind, rest: Partial<Solid> = {}): Solid {
  return {
    kind,
    position: [0, 0, 1],
    rotation: upright,
    size: [0.3, 0.5, 0.4],
    colour: [1, 0, 0],
    ...rest,
  };
}

function pointOf({ width, data }: Frame, x: number, y: number): readonly number[] {
  return [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
}

const isRed = ([red, green, blue]: readonly number[]): boolean =>
  red > 60 && red > 2 * green && red > 2 * blue;

/** Rows and columns that a solid of pure red covers. */
function extent(frame: Frame): { readonly width: number; readonly height: number } {
  const columns = new Set<number>();
  const rows = new Set<number>();
  for (let y = 0; y < frame.height; y++) {
    for (let x = 0; x < frame.width; x++) {
      if (!isRed(pointOf(frame, x, y))) continue;
      columns.add(x);
      rows.add(y);
    }
  }
  return { width: columns.size, height: rows.size };
}

/** Points per unit in the middle of a picture of 200 points, 4 units off. */
const perUnit = 200 / (4 * camera.span);

const cube: Mesh = {
  corners: Float32Array.from([
    -0.3, -0.5, -0.4, 0.3, -0.5, -0.4, 0.3, 0.5, -0.4, -0.3, 0.5, -0.4, -0.3, -0.5, 0.4, 0.3, -0.5,
    0.4, 0.3, 0.5, 0.4, -0.3, 0.5, 0.4,
  ]),
  faces: Int32Array.of(
    0,
    1,
    2,
    0,
    2,
    3,
    4,
    6,
    5,
    4,
    7,
    6,
    0,
    5,
    1,
    0,
    4,
    5,
    1,
    6,
    2,
    1,
    5,
    6,
    2,
    7,
    3,
    2,
    6,
    7,
    3,
    4,
    0,
    3,
    7,
    4,
  ),
};

describe("drawScene", () => {
  // Half widths and heights as seen along y; near faces look larger than the middle.
  it.each<[SolidKind, number, number]>([
    ["sphere", 0.3, 0.3],
    ["capsule", 0.3, 0.8],
    ["cylinder", 0.3, 0.5],
    ["ellipsoid", 0.3, 0.4],
    ["box", (0.3 * 4) / 3.5, (0.4 * 4) / 3.5],
    ["mesh", (0.3 * 4) / 3.5, (0.4 * 4) / 3.5],
  ])("draws a %s in its size", (kind, halfWidth, halfHeight) => {
    const rest = kind === "mesh" ? { mesh: cube } : {};
    const seen = extent(drawScene([solid(kind, rest)], camera, [200, 200]));
    expect(Math.abs(seen.width - 2 * halfWidth * perUnit)).toBeLessThan(2.5);
    expect(Math.abs(seen.height - 2 * halfHeight * perUnit)).toBeLessThan(4);
  });

  it.each([-90, 90])("shows the near end of a capsule at an elevation of %i", (elevation) => {
    const along = cameraAt({ distance: 4, azimuth: 90, elevation, lookat: [0, 0, 1] });
    const within = solid("sphere", { size: [0.1, 0, 0], colour: [0, 0, 1] });
    const frame = drawScene([solid("capsule"), within], along, [200, 200]);
    expect(isRed(pointOf(frame, 100, 100))).toBe(true);
    // Half a unit nearer than the middle.
    expect(Math.abs(extent(frame).width - ((0.6 * 4) / 3.5) * perUnit)).toBeLessThan(2.5);
  });

  it("turns solids with their axes", () => {
    // z of the capsule along x of the world.
    const lying = solid("capsule", { rotation: [0, 0, 1, 0, 1, 0, -1, 0, 0] });
    const seen = extent(drawScene([lying], camera, [200, 200]));
    expect(Math.abs(seen.width - 1.6 * perUnit)).toBeLessThan(2.5);
    expect(Math.abs(seen.height - 0.6 * perUnit)).toBeLessThan(2.5);
  });

  it("shows what is nearest, in whatever order", () => {
    const near = solid("sphere", { position: [0, -1, 1] });
    const far = solid("box", { size: [1, 0.1, 1], colour: [0, 0, 1] });
    for (const solids of [
      [near, far],
      [far, near],
    ]) {
      const frame = drawScene(solids, camera, [80, 80]);
      expect(isRed(pointOf(frame, 40, 40))).toBe(true);
      const [red, , blue] = pointOf(frame, 25, 40);
      expect(blue).toBeGreaterThan(red + 60);
    }
  });

  it("throws shadows on a chequered floor", () => {
    const above = cameraAt({ distance: 4, azimuth: 90, elevation: -60, lookat: [0, 0, 0] });
    const floor = solid("plane", { position: [0, 0, 0], size: [0, 0, 1], colour: [0.8, 0.8, 0.8] });
    const ball = solid("sphere", { position: [0, 0, 0.6], size: [0.2, 0, 0] });
    const bare = drawScene([floor], above, [120, 120]);
    const frame = drawScene([floor, ball], above, [120, 120]);
    let darker = 0;
    for (let i = 0; i < bare.data.length; i += 3) {
      if (!isRed([...frame.data.subarray(i, i + 3)]) && frame.data[i] < 0.75 * bare.data[i])
        darker++;
    }
    expect(darker).toBeGreaterThan(60);
    const floors = new Set(Array.from({ length: 40 }, (_, x) => pointOf(bare, 3 * x, 100)[0]));
    expect(floors.size).toBeGreaterThan(1);
  });

  it("draws nothing of what lies behind the eye", () => {
    const empty = drawScene([], camera, [40, 40]);
    const behind = solid("box", { position: [0, -9, 1] });
    const mesh = solid("mesh", { position: [0, -9, 1], mesh: cube });
    expect(drawScene([behind, mesh], camera, [40, 40]).data).toEqual(empty.data);
  });

  it.each([
    [{ distance: 0 }, /distance must be positive, got 0/],
    [{ fovy: 180 }, /fovy must be between 0 and 180 degrees, got 180/],
  ])("refuses the camera %o", (options, message) => {
    expect(() => cameraAt(options)).toThrow(message);
  });
});
