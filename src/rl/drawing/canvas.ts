import type { Frame } from "../frame.ts";

/** Red, green and blue from 0 to 255. */
export type Colour = readonly [number, number, number];

/** A place in points, from the top left. */
export type Place = readonly [number, number];

/**
 * A picture to draw flat shapes on. A shape is its signed distance: what lies within it by half a
 * point or more is covered, and the edge in between smoothly.
 */
export class Canvas {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;

  constructor(width: number, height: number, background: Colour) {
    this.width = width;
    this.height = height;
    this.data = new Uint8Array(width * height * 3);
    this.data.set(background);
    // Doubles what is filled: a call for each point takes longer than all shapes.
    for (let done = 3; done < this.data.length; done *= 2) this.data.copyWithin(done, 0, done);
  }

  /** A filled circle. */
  disc([x, y]: Place, radius: number, colour: Colour): void {
    this.#fill([x - radius, y - radius], [x + radius, y + radius], colour, (px, py) => {
      return lengthOf(px - x, py - y) - radius;
    });
  }

  /** A line with round ends. */
  line(from: Place, to: Place, width: number, colour: Colour): void {
    const half = width / 2;
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    const squared = dx * dx + dy * dy;
    const distance = (px: number, py: number): number => {
      const [x, y] = [px - from[0], py - from[1]];
      const share = squared === 0 ? 0 : Math.min(1, Math.max(0, (x * dx + y * dy) / squared));
      return lengthOf(x - share * dx, y - share * dy) - half;
    };
    const low: Place = [Math.min(from[0], to[0]) - half, Math.min(from[1], to[1]) - half];
    const high: Place = [Math.max(from[0], to[0]) + half, Math.max(from[1], to[1]) + half];
    this.#fill(low, high, colour, distance);
  }

  /** Lines from each place to the next. */
  path(places: readonly Place[], width: number, colour: Colour): void {
    for (let i = 1; i < places.length; i++) this.line(places[i - 1], places[i], width, colour);
  }

  /** A filled shape without dents, its corners in either order round. */
  polygon(corners: readonly Place[], colour: Colour): void {
    const sides = corners.map((from, i) => sideOf(from, corners[(i + 1) % corners.length]));
    const middle = [0, 1].map((axis) => mean(corners.map((corner) => corner[axis])));
    const inner = sides.map((side) => -Math.sign(side(middle[0], middle[1])));
    const columns = corners.map(([x]) => x);
    const rows = corners.map(([, y]) => y);
    const low: Place = [Math.min(...columns), Math.min(...rows)];
    const high: Place = [Math.max(...columns), Math.max(...rows)];
    this.#fill(low, high, colour, (px, py) => {
      let distance = -Infinity;
      for (const [i, side] of sides.entries()) {
        distance = Math.max(distance, inner[i] * side(px, py));
      }
      return distance;
    });
  }

  /** A share of the picture under a curve: everything below `heightAt(column)`. */
  fillBelow(heightAt: (x: number) => number, colour: Colour): void {
    for (let x = 0; x < this.width; x++) {
      const top = heightAt(x + 0.5);
      for (let y = Math.max(0, Math.floor(top - 1)); y < this.height; y++) {
        this.#blend(x, y, colour, y + 0.5 - top + 0.5);
      }
    }
  }

  /** What was drawn. */
  toFrame(): Frame {
    const { width, height, data } = this;
    return { width, height, data };
  }

  #fill(low: Place, high: Place, colour: Colour, distance: (x: number, y: number) => number): void {
    const left = Math.max(0, Math.floor(low[0] - 1));
    const top = Math.max(0, Math.floor(low[1] - 1));
    const right = Math.min(this.width, Math.ceil(high[0] + 1));
    const bottom = Math.min(this.height, Math.ceil(high[1] + 1));
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        this.#blend(x, y, colour, 0.5 - distance(x + 0.5, y + 0.5));
      }
    }
  }

  #blend(x: number, y: number, colour: Colour, cover: number): void {
    if (!(cover > 0)) return;
    const { data } = this;
    const share = Math.min(1, cover);
    const to = 3 * (y * this.width + x);
    for (let i = 0; i < 3; i++) {
      const old = data[to + i];
      data[to + i] = Math.round(old + share * (colour[i] - old));
    }
  }
}

/** Of a vector in a picture: `Math.hypot` guards against overflow and takes many times as long. */
function lengthOf(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}

/** How far a point lies to one side of a line. */
function sideOf(from: Place, to: Place): (x: number, y: number) => number {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy);
  return (x, y) => ((x - from[0]) * dy - (y - from[1]) * dx) / length;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
