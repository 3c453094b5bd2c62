import type { Frame, RenderMode } from "../frame.ts";
import { Canvas } from "./canvas.ts";
import type { Colour, Place } from "./canvas.ts";
import { shown } from "./shown.ts";

/** What a picture of the cart with a pole shows. */
export interface CartPoleScene {
  /** Of the cart, within ±2.4. */
  readonly position: number;
  /** Of the pole from upright, clockwise. */
  readonly angle: number;
}

const width = 600;
const height = 400;
const limit = 2.4;
const perUnit = width / (2 * limit);
const railRow = 300;
const poleLength = 125;
const paper: Colour = [250, 250, 248];
const rail: Colour = [120, 124, 132];
const stop: Colour = [204, 82, 74];
const cart: Colour = [52, 60, 74];
const pole: Colour = [202, 152, 101];
const axle: Colour = [129, 132, 203];

/** The rail with its ends, the cart and the pole. */
export function drawCartPole({ position, angle }: CartPoleScene, mode: RenderMode): Frame | string {
  const canvas = new Canvas(width, height, paper);
  const x = width / 2 + position * perUnit;
  const hinge: Place = [x, railRow - 12];
  const tip: Place = [
    hinge[0] + poleLength * Math.sin(angle),
    hinge[1] - poleLength * Math.cos(angle),
  ];
  canvas.line([0, railRow], [width, railRow], 2, rail);
  for (const end of [4, width - 4]) canvas.line([end, railRow - 14], [end, railRow + 14], 4, stop);
  canvas.polygon(
    [
      [x - 30, railRow - 20],
      [x + 30, railRow - 20],
      [x + 30, railRow + 12],
      [x - 30, railRow + 12],
    ],
    cart,
  );
  canvas.line(hinge, tip, 12, pole);
  canvas.disc(hinge, 5, axle);
  return shown(canvas.toFrame(), mode);
}
