import { element } from "./element.ts";

const armColour = [0.1, 0.42, 0.62, 1];
const frameColour = [0.78, 0.42, 0.55, 1];

/** An arm of two links on a table and a target: 4 positions, 2 torques, 0.01 s per step. */
export function reacherMjcf(): string {
  return element(
    "mujoco",
    { model: "reacher" },
    element("compiler", { angle: "radian", inertiafromgeom: true }),
    element("size", { memory: "200K" }),
    element("option", { integrator: "RK4", timestep: 0.01, gravity: [0, 0, -9.81] }),
    element(
      "default",
      {},
      element("joint", { armature: 1, damping: 1, limited: true }),
      // Nothing touches anything.
      element("geom", { contype: 0, conaffinity: 0, friction: [1, 0.1, 0.1] }),
    ),
    element("worldbody", {}, ...arena(), arm(), target()),
    element("actuator", {}, motor("joint0"), motor("joint1")),
  );
}

function arena(): readonly string[] {
  const sides = [
    ["sideS", -1, -1, 1, -1],
    ["sideE", 1, -1, 1, 1],
    ["sideN", -1, 1, 1, 1],
    ["sideW", -1, -1, -1, 1],
  ] as const;
  const r = 0.3;
  return [
    element("geom", {
      name: "ground",
      type: "plane",
      size: [1, 1, 10],
      rgba: [0.82, 0.85, 0.86, 1],
    }),
    ...sides.map(([name, x0, y0, x1, y1]) =>
      element("geom", {
        name,
        type: "capsule",
        fromto: [x0 * r, y0 * r, 0.01, x1 * r, y1 * r, 0.01],
        size: 0.02,
        rgba: frameColour,
      }),
    ),
    element("geom", {
      name: "root",
      type: "cylinder",
      fromto: [0, 0, 0, 0, 0, 0.02],
      size: 0.011,
      rgba: frameColour,
    }),
  ];
}

function arm(): string {
  const hinge = { type: "hinge", axis: [0, 0, 1] };
  const link = { type: "capsule", fromto: [0, 0, 0, 0.1, 0, 0], size: 0.01, rgba: armColour };
  const fingertip = element(
    "body",
    { name: "fingertip", pos: [0.11, 0, 0] },
    element("geom", { name: "fingertip", type: "sphere", size: 0.01, rgba: [0.1, 0.75, 0.6, 1] }),
  );
  const forearm = element(
    "body",
    { name: "body1", pos: [0.1, 0, 0] },
    element("joint", { name: "joint1", ...hinge, range: [-3, 3] }),
    element("geom", { name: "link1", ...link }),
    fingertip,
  );
  return element(
    "body",
    { name: "body0", pos: [0, 0, 0.01] },
    element("joint", { name: "joint0", ...hinge, limited: false }),
    element("geom", { name: "link0", ...link }),
    forearm,
  );
}

function target(): string {
  const slide = { type: "slide", armature: 0, damping: 0, stiffness: 0, range: [-0.27, 0.27] };
  return element(
    "body",
    { name: "target", pos: [0.1, -0.1, 0.01] },
    element("joint", { name: "target_x", ...slide, axis: [1, 0, 0], ref: 0.1 }),
    element("joint", { name: "target_y", ...slide, axis: [0, 1, 0], ref: -0.1 }),
    element("geom", { name: "target", type: "sphere", size: 0.009, rgba: [0.9, 0.2, 0.2, 1] }),
  );
}

function motor(joint: string): string {
  return element("motor", { joint, gear: 200, ctrllimited: true, ctrlrange: [-1, 1] });
}
