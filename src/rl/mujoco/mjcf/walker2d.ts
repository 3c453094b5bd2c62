import { element } from "./element.ts";
import { leg, legMotors, torsoGeom } from "./legged.ts";
import { floor, planarRoot } from "./planar-root.ts";

const skin = [0.85, 0.58, 0.3, 1];
const leftSkin = [0.66, 0.3, 0.56, 1];
const foot = { footAhead: 0.2, footHalf: 0.1, footFriction: 1.9 };

/** Two legs that walk in a plane: 9 positions, 6 torques, 0.002 s per step. */
export function walker2dMjcf(): string {
  return element(
    "mujoco",
    { model: "walker2d" },
    element("compiler", { angle: "degree", inertiafromgeom: true }),
    element("size", { memory: "400K" }),
    element("option", { integrator: "RK4", timestep: 0.002 }),
    element(
      "default",
      {},
      element("joint", { armature: 0.01, damping: 0.1, limited: true }),
      element("geom", {
        contype: 1,
        conaffinity: 0,
        condim: 3,
        density: 1000,
        friction: [0.7, 0.1, 0.1],
        rgba: skin,
      }),
    ),
    element(
      "worldbody",
      {},
      floor({ conaffinity: 1, condim: 3 }),
      element(
        "body",
        { name: "torso", pos: [0, 0, 1.25] },
        ...planarRoot(1.25),
        torsoGeom(skin),
        leg({ suffix: "", ...foot, colour: skin }),
        leg({ suffix: "_left", ...foot, colour: leftSkin }),
      ),
    ),
    element("actuator", {}, ...legMotors("", 100), ...legMotors("_left", 100)),
  );
}
