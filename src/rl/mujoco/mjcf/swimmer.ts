import { element } from "./element.ts";

const skin = [0.85, 0.58, 0.3, 1];

/** Three links that swim in a thick fluid: 5 positions, 2 torques, 0.01 s per step. */
export function swimmerMjcf(): string {
  return element(
    "mujoco",
    { model: "swimmer" },
    element("compiler", { angle: "degree", inertiafromgeom: true }),
    element("size", { memory: "200K" }),
    element("option", { integrator: "RK4", timestep: 0.01, density: 4000, viscosity: 0.1 }),
    element(
      "default",
      {},
      element("joint", { armature: 0.1 }),
      element("geom", { contype: 0, conaffinity: 0, condim: 1, rgba: skin }),
    ),
    element("worldbody", {}, bottom(), swimmer()),
    element("actuator", {}, motor("motor1_rot"), motor("motor2_rot")),
  );
}

function bottom(): string {
  return element("geom", {
    name: "floor",
    type: "plane",
    pos: [0, 0, -0.1],
    size: [40, 40, 0.1],
    rgba: [0.72, 0.83, 0.9, 1],
  });
}

function swimmer(): string {
  const link = { type: "capsule", size: 0.1, density: 1000 };
  const bend = { type: "hinge", axis: [0, 0, 1], limited: true, range: [-100, 100] };
  const back = element(
    "body",
    { name: "back", pos: [-1, 0, 0] },
    element("geom", { ...link, fromto: [0, 0, 0, -1, 0, 0] }),
    element("joint", { name: "motor2_rot", ...bend }),
  );
  const middle = element(
    "body",
    { name: "mid", pos: [0.5, 0, 0] },
    element("geom", { ...link, fromto: [0, 0, 0, -1, 0, 0] }),
    element("joint", { name: "motor1_rot", ...bend }),
    back,
  );
  return element(
    "body",
    { name: "torso" },
    element("geom", { ...link, fromto: [1.5, 0, 0, 0.5, 0, 0] }),
    element("joint", { name: "slider1", type: "slide", axis: [1, 0, 0] }),
    element("joint", { name: "slider2", type: "slide", axis: [0, 1, 0] }),
    element("joint", { name: "free_body_rot", type: "hinge", axis: [0, 0, 1] }),
    middle,
  );
}

function motor(joint: string): string {
  return element("motor", { joint, gear: 150, ctrllimited: true, ctrlrange: [-1, 1] });
}
