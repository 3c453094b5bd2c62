import type { Frame, RenderMode } from "../frame.ts";
import { Canvas } from "./canvas.ts";
import type { Colour, Place } from "./canvas.ts";
import { shown } from "./shown.ts";

/** What a picture of the mountain car shows. */
export interface MountainCarScene {
  /** Of the car, from -1.2 to 0.6. */
  readonly position: number;
  /** Where the flag stands. */
  readonly goal: number;
}

const width = 600;
const height = 400;
const left = -1.2;
const right = 0.6;
const perUnit = width / (right - left);
const sky: Colour = [233, 241, 248];
const earth: Colour = [142, 166, 122];
const turf: Colour = [90, 122, 78];
const body: Colour = [204, 82, 74];
const wheel: Colour = [40, 44, 52];
const pole: Colour = [90, 90, 90];
const cloth: Colour = [240, 180, 30];

/** The valley, the flag, and the car along the slope. */
export function drawMountainCar(
  { position, goal }: MountainCarScene,
  mode: RenderMode,
): Frame | string {
  const canvas = new Canvas(width, height, sky);
  canvas.fillBelow((x) => ground(left + x / perUnit), earth);
  const crest = Array.from({ length: 61 }, (_, i) => onGround(left + (i * (right - left)) / 60));
  canvas.path(crest, 4, turf);
  drawFlag(canvas, goal);
  drawCar(canvas, position);
  return shown(canvas.toFrame(), mode);
}

function drawFlag(canvas: Canvas, goal: number): void {
  const [x, y] = onGround(goal);
  canvas.line([x, y], [x, y - 54], 3, pole);
  canvas.polygon(
    [
      [x, y - 54],
      [x + 26, y - 45],
      [x, y - 36],
    ],
    cloth,
  );
}

function drawCar(canvas: Canvas, position: number): void {
  const [x, y] = onGround(position);
  const slope = Math.atan2(ground(position + 1e-3) - ground(position - 1e-3), 2e-3 * perUnit);
  const [cos, sin] = [Math.cos(slope), Math.sin(slope)];
  // Along the slope and up from it.
  const place = (along: number, up: number): Place => [
    x + along * cos + up * sin,
    y + along * sin - up * cos,
  ];
  canvas.polygon([place(-24, 9), place(24, 9), place(24, 20), place(-24, 20)], body);
  canvas.polygon([place(-14, 19), place(12, 19), place(6, 30), place(-9, 30)], body);
  for (const along of [-14, 14]) canvas.disc(place(along, 9), 8, wheel);
}

/** The row of the ground at a position; the valley is sin 3p. */
function ground(position: number): number {
  return height - 70 - (Math.sin(3 * position) * 0.45 + 0.45) * 270;
}

function onGround(position: number): Place {
  return [(position - left) * perUnit, ground(position)];
}
