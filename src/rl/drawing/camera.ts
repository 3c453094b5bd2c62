import { ConfigError } from "../../base/errors.ts";

/** Three numbers: x, y and z, where z is up. */
export type Vector = readonly [number, number, number];

/** From where a scene is seen, with MuJoCo's names and meanings. */
export interface CameraOptions {
  /** A body the camera goes along with, but not up and down; it replaces `lookat`'s x and y. */
  readonly trackBody?: string | null;
  /** The point in the middle of the picture. */
  readonly lookat?: Vector;
  /** From the eye to that point. */
  readonly distance?: number;
  /** Degrees about the vertical: 90 looks along y. */
  readonly azimuth?: number;
  /** Degrees: negative looks down. */
  readonly elevation?: number;
  /** Vertical field of view in degrees. */
  readonly fovy?: number;
}

/** The names of {@link CameraOptions}. */
export const cameraOptionNames: readonly string[] = [
  "trackBody",
  "lookat",
  "distance",
  "azimuth",
  "elevation",
  "fovy",
];

/** An eye: where it is, and the directions it calls forward, right and up. */
export interface Camera {
  readonly eye: Vector;
  readonly forward: Vector;
  readonly right: Vector;
  readonly up: Vector;
  /** Height of the picture one unit ahead of the eye. */
  readonly span: number;
  readonly distance: number;
}

const radians = Math.PI / 180;

/** @throws {ConfigError} if distance or field of view cannot be. */
export function cameraAt(options: CameraOptions, tracked: Vector | null = null): Camera {
  const { lookat = tracked ?? [0, 0, 0], distance = 4, azimuth = 90 } = options;
  const { elevation = -20, fovy = 45 } = options;
  const numbers = [...lookat, azimuth, elevation];
  if (lookat.length !== 3 || !numbers.every(Number.isFinite)) {
    throw new ConfigError(
      `camera: lookat must be three numbers, azimuth and elevation numbers, got ` +
        `[${lookat.join(", ")}], ${azimuth} and ${elevation}`,
    );
  }
  if (!(distance > 0 && distance < Infinity)) {
    throw new ConfigError(`camera: distance must be positive, got ${distance}`);
  }
  if (!(fovy > 0 && fovy < 180)) {
    throw new ConfigError(`camera: fovy must be between 0 and 180 degrees, got ${fovy}`);
  }
  const [ca, sa] = [Math.cos(azimuth * radians), Math.sin(azimuth * radians)];
  const [ce, se] = [Math.cos(elevation * radians), Math.sin(elevation * radians)];
  const forward: Vector = [ce * ca, ce * sa, se];
  const middle: Vector = tracked === null ? lookat : [tracked[0], tracked[1], lookat[2]];
  return {
    eye: along(middle, forward, -distance),
    forward,
    right: [sa, -ca, 0],
    up: [-se * ca, -se * sa, ce],
    span: 2 * Math.tan((fovy * radians) / 2),
    distance,
  };
}

/** `point + way · length`. */
function along(point: Vector, way: Vector, length: number): Vector {
  return [point[0] + length * way[0], point[1] + length * way[1], point[2] + length * way[2]];
}
