import type { Frame } from "../frame.ts";
import type { Camera, Vector } from "./camera.ts";
import type { Solid } from "./solid.ts";

/** A part of a picture, in samples; right and bottom are excluded. */
export interface Window {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Samples per point of the frame, along each side. */
const fineness = 2;

/** What a camera sees at each sample of a picture: how far off, in which colour, of whom. */
export class SampleGrid {
  readonly width: number;
  readonly height: number;
  readonly camera: Camera;
  /** Distance along the camera's forward axis; Infinity is the sky. */
  readonly depth: Float32Array;
  /** Red, green and blue bytes, red lowest. */
  readonly colour: Uint32Array;
  /** Number of the plane that is seen there, 0 for anything else. */
  readonly owner: Uint8Array;
  readonly #step: number;

  /** A grid for a frame of width × height points. */
  static ofSize([width, height]: readonly [number, number], camera: Camera): SampleGrid {
    return new SampleGrid(width * fineness, height * fineness, camera);
  }

  private constructor(width: number, height: number, camera: Camera) {
    this.width = width;
    this.height = height;
    this.camera = camera;
    this.depth = new Float32Array(width * height).fill(Infinity);
    this.colour = new Uint32Array(width * height);
    this.owner = new Uint8Array(width * height);
    this.#step = camera.span / height;
  }

  /** How far right of the middle a column looks, one unit ahead. */
  u(column: number): number {
    return (column + 0.5 - this.width / 2) * this.#step;
  }

  /** How far above the middle a row looks, one unit ahead. */
  v(row: number): number {
    return (this.height / 2 - row - 0.5) * this.#step;
  }

  /** A point's column and row with fractions, and its depth. */
  project(point: Vector): Vector {
    const { eye, right, up, forward } = this.camera;
    const way: Vector = [point[0] - eye[0], point[1] - eye[1], point[2] - eye[2]];
    const depth = dot(way, forward);
    const scale = 1 / (depth * this.#step);
    return [
      this.width / 2 + dot(way, right) * scale,
      this.height / 2 - dot(way, up) * scale,
      depth,
    ];
  }

  /** The window that holds what lies between points; all of the picture if one is behind. */
  windowOf(points: readonly Vector[]): Window {
    const seen = points.map((point) => this.project(point));
    const whole = { left: 0, top: 0, right: this.width, bottom: this.height };
    if (seen.some(([, , depth]) => depth < 1e-3)) return whole;
    const columns = seen.map(([column]) => column);
    const rows = seen.map(([, row]) => row);
    return {
      left: Math.max(0, Math.floor(Math.min(...columns))),
      top: Math.max(0, Math.floor(Math.min(...rows))),
      right: Math.min(this.width, Math.ceil(Math.max(...columns)) + 1),
      bottom: Math.min(this.height, Math.ceil(Math.max(...rows)) + 1),
    };
  }

  /** The mean of each point's samples. */
  toFrame(): Frame {
    const width = this.width / fineness;
    const height = this.height / fineness;
    const data = new Uint8Array(width * height * 3);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) this.#average(x, y, data, 3 * (y * width + x));
    }
    return { width, height, data };
  }

  #average(x: number, y: number, data: Uint8Array, to: number): void {
    const { width, colour } = this;
    // Red and blue add up in one number, with room between them for four bytes each.
    let redBlue = 0;
    let green = 0;
    for (let i = 0; i < fineness; i++) {
      for (let j = 0; j < fineness; j++) {
        const sample = colour[(y * fineness + i) * width + x * fineness + j];
        redBlue += sample & 0xff00ff;
        green += (sample >> 8) & 0xff;
      }
    }
    const count = fineness * fineness;
    data[to] = ((redBlue & 0xffff) + count / 2) / count;
    data[to + 1] = (green + count / 2) / count;
    data[to + 2] = ((redBlue >>> 16) + count / 2) / count;
  }
}

export function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

export function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** A direction of the world in a solid's own axes. */
export function turnedBack({ rotation }: Solid, [x, y, z]: Vector): Vector {
  return [
    rotation[0] * x + rotation[3] * y + rotation[6] * z,
    rotation[1] * x + rotation[4] * y + rotation[7] * z,
    rotation[2] * x + rotation[5] * y + rotation[8] * z,
  ];
}
