import { describe, expect, it } from "vitest";
import type { Frame } from "../frame.ts";
import { Canvas } from "./canvas.ts";
import { drawCartPole } from "./cart-pole.ts";
import { frameText } from "./frame-text.ts";
import { drawMountainCar } from "./mountain-car.ts";
import { drawPendulum } from "./pendulum.ts";

const white = [255, 255, 255] as const;
const black = [0, 0, 0] as const;

/** How much of a white picture has become black, in points. */
function ink(frame: Frame): number {
  let sum = 0;
  for (let i = 0; i < frame.data.length; i += 3) sum += (255 - frame.data[i]) / 255;
  return sum;
}

function drawn(draw: (canvas: Canvas) => void): number {
  const canvas = new Canvas(100, 100, white);
  draw(canvas);
  return ink(canvas.toFrame());
}

describe("Canvas", () => {
  it("covers the areas of its shapes", () => {
    expect(drawn((canvas) => canvas.disc([50, 50], 20, black))).toBeCloseTo(Math.PI * 400, -1);
    expect(drawn((canvas) => canvas.line([20, 50], [70, 50], 10, black))).toBeCloseTo(
      500 + Math.PI * 25,
      -1,
    );
    const corners = [
      [20, 20],
      [80, 20],
      [80, 60],
    ] as const;
    expect(Math.abs(drawn((canvas) => canvas.polygon(corners, black)) - 1200)).toBeLessThan(12);
    expect(
      Math.abs(drawn((canvas) => canvas.polygon(corners.toReversed(), black)) - 1200),
    ).toBeLessThan(12);
    expect(drawn((canvas) => canvas.fillBelow(() => 74.5, black))).toBeCloseTo(2550, -1);
  });

  it("clips what lies outside", () => {
    expect(drawn((canvas) => canvas.disc([0, 0], 20, black))).toBeCloseTo(Math.PI * 100, -1);
    expect(drawn((canvas) => canvas.disc([-50, 300], 20, black))).toBe(0);
  });
});

function frameOf(picture: Frame | string): Frame {
  expect(picture).toBeTypeOf("object");
  return picture as Frame;
}

/** The mean place of points whose colour is near one. */
function placeOf(frame: Frame, colour: readonly number[]): readonly [number, number] {
  let [x, y, count] = [0, 0, 0];
  for (let i = 0; i < frame.data.length; i += 3) {
    if (colour.some((part, channel) => Math.abs(frame.data[i + channel] - part) > 12)) continue;
    x += (i / 3) % frame.width;
    y += Math.floor(i / 3 / frame.width);
    count++;
  }
  expect(count).toBeGreaterThan(0);
  return [x / count, y / count];
}

describe("pictures of classic tasks", () => {
  const red = [204, 82, 74];

  it("hang the pendulum's rod by its angle, and show torque by an arrow", () => {
    const up = placeOf(frameOf(drawPendulum({ angle: 0, torque: 0 }, "rgb_array")), red);
    expect(up[0]).toBeCloseTo(239.5, 0);
    expect(up[1]).toBeLessThan(200);
    const left = placeOf(frameOf(drawPendulum({ angle: 1.57, torque: 0 }, "rgb_array")), red);
    expect(left[0]).toBeLessThan(200);
    const blue = [44, 104, 176];
    const push = frameOf(drawPendulum({ angle: 0, torque: 2 }, "rgb_array"));
    const pull = frameOf(drawPendulum({ angle: 0, torque: -2 }, "rgb_array"));
    expect(placeOf(push, blue)[0]).toBeGreaterThan(240);
    expect(placeOf(pull, blue)[0]).toBeLessThan(240);
  });

  it("put the mountain car on the slope", () => {
    const bottom = frameOf(drawMountainCar({ position: -0.52, goal: 0.45 }, "rgb_array"));
    const top = frameOf(drawMountainCar({ position: 0.45, goal: 0.45 }, "rgb_array"));
    expect(placeOf(bottom, red)[1]).toBeGreaterThan(placeOf(top, red)[1] + 150);
    expect(placeOf(bottom, red)[0]).toBeLessThan(placeOf(top, red)[0] - 250);
  });

  it("move the cart and lean the pole clockwise", () => {
    const wood = [202, 152, 101];
    const right = frameOf(drawCartPole({ position: 1, angle: 0.2 }, "rgb_array"));
    const straight = frameOf(drawCartPole({ position: 1, angle: 0 }, "rgb_array"));
    expect(placeOf(straight, [52, 60, 74])[0]).toBeCloseTo(300 + 125, -1);
    expect(placeOf(right, wood)[0]).toBeGreaterThan(placeOf(straight, wood)[0] + 5);
  });

  it("are text for terminals", () => {
    const text = drawCartPole({ position: 0, angle: 0 }, "ansi") as string;
    const lines = text.split("\n");
    expect(lines.length).toBe(27);
    expect(lines[0].split("▀").length).toBe(81);
  });
});

describe("frameText", () => {
  it("shows two points in each character", () => {
    const data = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9);
    expect(frameText({ width: 2, height: 2, data }, 2)).toBe(
      "\u001B[38;2;255;0;0m\u001B[48;2;0;0;255m▀\u001B[38;2;0;255;0m\u001B[48;2;9;9;9m▀\u001B[0m",
    );
  });

  it("refuses no columns", () => {
    const frame = { width: 1, height: 1, data: new Uint8Array(3) };
    expect(() => frameText(frame, 0)).toThrow(/columns must be a positive integer, got 0/);
  });
});
