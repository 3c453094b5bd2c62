import { element } from "./element.ts";
import type { MjcfAttributes } from "./element.ts";

/** A leg of thigh, shin and foot, as Hopper has one and Walker2d two. */
export interface LegShape {
  /** Appended to the names of bodies, joints and geoms. */
  readonly suffix: string;
  /** Of the foot's body ahead of the shin, and as far behind it its joint. */
  readonly footAhead: number;
  readonly footHalf: number;
  readonly footFriction: number;
  readonly colour: readonly number[];
}

// These are the sums that upstream's numbers come from; with 0.2 in place of the first, a
// trajectory leaves upstream's by 1e-14.
const torsoHalf = 0.19999999999999996;
const thighMiddle = -0.22500000000000009;
const thighHalf = 0.22500000000000003;
const shinDrop = -0.7000000000000001;

/** The upright capsule all legs hang from. */
export function torsoGeom(colour: readonly number[]): string {
  return capsule("torso_geom", { size: [0.05, torsoHalf], friction: 0.9, rgba: colour });
}

/** The body of a thigh with all that hangs from it. */
export function leg({ suffix, ...shape }: LegShape): string {
  const { footAhead, footHalf, footFriction, colour } = shape;
  const friction = 0.9;
  const rgba = colour;
  const foot = element(
    "body",
    { name: `foot${suffix}`, pos: [footAhead, 0, -0.35] },
    hinge(`foot${suffix}_joint`, [-45, 45], [-footAhead, 0, 0.1]),
    capsule(`foot${suffix}_geom`, {
      pos: [-footAhead / 2, 0, 0.1],
      quat: [0.7071067811865476, 0, -0.7071067811865475, 0],
      size: [0.06, footHalf],
      friction: footFriction,
      rgba,
    }),
  );
  const shin = element(
    "body",
    { name: `leg${suffix}`, pos: [0, 0, shinDrop] },
    hinge(`leg${suffix}_joint`, [-150, 0], [0, 0, 0.25]),
    capsule(`leg${suffix}_geom`, { size: [0.04, 0.25], friction, rgba }),
    foot,
  );
  return element(
    "body",
    { name: `thigh${suffix}`, pos: [0, 0, -torsoHalf] },
    hinge(`thigh${suffix}_joint`, [-150, 0], [0, 0, 0]),
    capsule(`thigh${suffix}_geom`, {
      pos: [0, 0, thighMiddle],
      size: [0.05, thighHalf],
      friction,
      rgba,
    }),
    shin,
  );
}

/** Motors of the three joints of a leg. */
export function legMotors(suffix: string, gear: number): readonly string[] {
  return ["thigh", "leg", "foot"].map((name) =>
    element("motor", {
      joint: `${name}${suffix}_joint`,
      gear,
      ctrllimited: true,
      ctrlrange: [-1, 1],
    }),
  );
}

function hinge(name: string, range: readonly number[], pos: readonly number[]): string {
  return element("joint", { name, type: "hinge", axis: [0, -1, 0], range, pos });
}

function capsule(name: string, attributes: MjcfAttributes): string {
  return element("geom", { name, type: "capsule", ...attributes });
}
