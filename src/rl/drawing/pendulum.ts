import type { Frame, RenderMode } from "../frame.ts";
import { Canvas } from "./canvas.ts";
import type { Colour, Place } from "./canvas.ts";
import { shown } from "./shown.ts";

/** What a picture of the pendulum shows. */
export interface PendulumScene {
  /** From upright, counter-clockwise. */
  readonly angle: number;
  /** Of the last step, within ±2. */
  readonly torque: number;
}

const size = 480;
const middle: Place = [size / 2, size / 2];
const rodLength = 150;
const paper: Colour = [250, 250, 248];
const ring: Colour = [226, 228, 232];
const rod: Colour = [204, 82, 74];
const axle: Colour = [40, 44, 52];
const arrow: Colour = [44, 104, 176];

/** The rod, and an arc whose length and arrow show the torque. */
export function drawPendulum({ angle, torque }: PendulumScene, mode: RenderMode): Frame | string {
  const canvas = new Canvas(size, size, paper);
  canvas.disc(middle, rodLength + 26, ring);
  canvas.disc(middle, rodLength + 22, paper);
  canvas.line(middle, at(angle, rodLength), 34, rod);
  canvas.disc(middle, 9, axle);
  drawTorque(canvas, torque);
  return shown(canvas.toFrame(), mode);
}

/** An arc about the axle, from below, of 3/4 of a right angle per unit of torque. */
function drawTorque(canvas: Canvas, torque: number): void {
  if (Math.abs(torque) < 0.02) return;
  const radius = 62;
  const way = Math.sign(torque);
  const length = (Math.abs(torque) * 3 * Math.PI) / 8;
  const from = Math.PI;
  const arc = Array.from({ length: 33 }, (_, i) => at(from + (way * length * i) / 32, radius));
  const width = 3 + 2 * Math.abs(torque);
  canvas.path(arc, width, arrow);
  const end = from + way * length;
  const head = 0.1 + 0.09 * Math.abs(torque);
  const corners = [at(end + way * head, radius), at(end, radius - 12), at(end, radius + 12)];
  canvas.polygon(corners, arrow);
}

/** A place about the axle: angle 0 is up, and angles grow counter-clockwise. */
function at(angle: number, radius: number): Place {
  return [middle[0] - radius * Math.sin(angle), middle[1] - radius * Math.cos(angle)];
}
