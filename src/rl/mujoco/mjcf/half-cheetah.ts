import { element } from "./element.ts";
import { floor, planarRoot } from "./planar-root.ts";

/** Position in the plane of the run, x and z. */
type Point = readonly [number, number];

interface Limb {
  readonly name: string;
  /** Of the joint, seen from the parent. */
  readonly body: Point;
  /** Of the capsule's middle, seen from the joint. */
  readonly geom: Point;
  /** Of the capsule about y, in radians. */
  readonly angle: number;
  readonly half: number;
  readonly stiffness: number;
  readonly damping: number;
  readonly range: readonly [number, number];
  readonly gear: number;
  readonly colour: readonly number[];
}

const radius = 0.046;
const skin = [0.85, 0.58, 0.3, 1];
const paw = [0.86, 0.42, 0.38, 1];

const hindLeg: readonly Limb[] = [
  limb("bthigh", [-0.5, 0], [0.1, -0.13], -3.8, 0.145, 240, 6, [-0.52, 1.05], 120, skin),
  limb("bshin", [0.16, -0.25], [-0.14, -0.07], -2.03, 0.15, 180, 4.5, [-0.785, 0.785], 90, paw),
  limb("bfoot", [-0.28, -0.14], [0.03, -0.097], -0.27, 0.094, 120, 3, [-0.4, 0.785], 60, paw),
];
const foreLeg: readonly Limb[] = [
  limb("fthigh", [0.5, 0], [-0.07, -0.12], 0.52, 0.133, 180, 4.5, [-1, 0.7], 120, skin),
  limb("fshin", [-0.14, -0.24], [0.065, -0.09], -0.6, 0.106, 120, 3, [-1.2, 0.87], 60, paw),
  limb("ffoot", [0.13, -0.18], [0.045, -0.07], -0.6, 0.07, 60, 1.5, [-0.5, 0.5], 30, paw),
];

/** A two-legged cheetah that runs in a plane: 9 positions, 6 torques, 14 kg, 0.01 s per step. */
export function halfCheetahMjcf(): string {
  return element(
    "mujoco",
    { model: "half-cheetah" },
    element("compiler", { angle: "radian", inertiafromgeom: true, settotalmass: 14 }),
    element("size", { memory: "200K" }),
    element("option", { timestep: 0.01, gravity: [0, 0, -9.81] }),
    element(
      "default",
      {},
      element("joint", {
        armature: 0.1,
        damping: 0.01,
        stiffness: 8,
        limited: true,
        solimplimit: [0, 0.8, 0.03],
        solreflimit: [0.02, 1],
      }),
      element("geom", {
        contype: 1,
        conaffinity: 0,
        condim: 3,
        friction: [0.4, 0.1, 0.1],
        solimp: [0, 0.8, 0.01],
        solref: [0.02, 1],
        rgba: skin,
      }),
      element("motor", { ctrllimited: true, ctrlrange: [-1, 1] }),
    ),
    element(
      "worldbody",
      {},
      floor({ conaffinity: 1, condim: 3 }),
      element("body", { name: "torso", pos: [0, 0, 0.7] }, ...torso(), leg(hindLeg), leg(foreLeg)),
    ),
    element("actuator", {}, ...[...hindLeg, ...foreLeg].map(motor)),
  );
}

function torso(): readonly string[] {
  const capsule = { type: "capsule" };
  return [
    ...planarRoot(),
    element("geom", { name: "torso", ...capsule, fromto: [-0.5, 0, 0, 0.5, 0, 0], size: radius }),
    element("geom", {
      name: "head",
      ...capsule,
      pos: [0.6, 0, 0.1],
      axisangle: [0, 1, 0, 0.87],
      size: [radius, 0.15],
    }),
  ];
}

function leg([first, ...rest]: readonly Limb[]): string {
  const { name, body, geom, angle, half, stiffness, damping, range, colour } = first;
  return element(
    "body",
    { name, pos: [body[0], 0, body[1]] },
    element("joint", { name, type: "hinge", axis: [0, 1, 0], damping, stiffness, range }),
    element("geom", {
      name,
      type: "capsule",
      pos: [geom[0], 0, geom[1]],
      axisangle: [0, 1, 0, angle],
      size: [radius, half],
      rgba: colour,
    }),
    ...(rest.length > 0 ? [leg(rest)] : []),
  );
}

function motor({ name, gear }: Limb): string {
  return element("motor", { name, joint: name, gear });
}

function limb(
  name: string,
  body: Point,
  geom: Point,
  angle: number,
  half: number,
  stiffness: number,
  damping: number,
  range: readonly [number, number],
  gear: number,
  colour: readonly number[],
): Limb {
  return { name, body, geom, angle, half, stiffness, damping, range, gear, colour };
}
