import { element } from "./element.ts";
import { leg, legMotors, torsoGeom } from "./legged.ts";
import { floor, planarRoot } from "./planar-root.ts";

const skin = [0.85, 0.58, 0.3, 1];

/** One leg that hops in a plane: 6 positions, 3 torques, 15.8 kg, 0.002 s per step. */
export function hopperMjcf(): string {
  return element(
    "mujoco",
    { model: "hopper" },
    element("compiler", { angle: "degree", inertiafromgeom: true }),
    element("size", { memory: "200K" }),
    element("option", { integrator: "RK4", timestep: 0.002 }),
    element(
      "default",
      {},
      element("joint", { armature: 1, damping: 1, limited: true }),
      element("geom", {
        contype: 1,
        conaffinity: 1,
        condim: 1,
        margin: 0.001,
        solimp: [0.8, 0.8, 0.01],
        solref: [0.02, 1],
        rgba: skin,
      }),
    ),
    element(
      "worldbody",
      {},
      floor({ conaffinity: 1, condim: 3, size: [20, 20, 0.125] }),
      element(
        "body",
        { name: "torso", pos: [0, 0, 1.25] },
        ...planarRoot(1.25),
        torsoGeom(skin),
        leg({ suffix: "", footAhead: 0.13, footHalf: 0.195, footFriction: 2, colour: skin }),
      ),
    ),
    element("actuator", {}, ...legMotors("", 200)),
  );
}
